//! A link of a chain in words.

use std::fmt;

use jiff::tz::TimeZone;

use crate::log::DisplayDuration;
use crate::observe::chain::ChainLink;
use crate::vocabulary::in_zone;

/// `12 wait, the longest for 31 s; until 2026-11-29 14:02:10 UTC; GRIN answered 429`.
impl fmt::Display for ChainLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        match (self.waiting, self.longest_seconds > 0.0) {
            (0, false) => {}
            (0, true) => parts.push(format!("for {}", DisplayDuration(self.longest_seconds))),
            (1, _) => parts.push(format!("1 waits, for {}", DisplayDuration(self.longest_seconds))),
            (waiting, _) => parts.push(format!(
                "{waiting} wait, the longest for {}",
                DisplayDuration(self.longest_seconds)
            )),
        }
        parts.extend(
            self.until
                .map(|until| format!("until {}", in_zone(until, TimeZone::system()))),
        );
        parts.extend(self.why.clone());
        f.write_str(&parts.join("; "))
    }
}
