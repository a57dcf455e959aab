//! Moments on the page: the time of day, and the day where it is another one.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};

/// What moments are told by.
#[derive(Debug, Clone)]
pub struct PageClock {
    now: Timestamp,
    zone: TimeZone,
}

impl PageClock {
    /// Of a page that is made now.
    pub fn new(now: Timestamp, zone: TimeZone) -> Self {
        Self { now, zone }
    }

    /// `14:02:10`, on another day `28 Nov 14:02`, in another year `2025-11-28`.
    pub fn words(&self, at: Timestamp) -> String {
        let (at, now) = (at.to_zoned(self.zone.clone()), self.now.to_zoned(self.zone.clone()));
        let form = match (at.date() == now.date(), at.year() == now.year()) {
            (true, _) => "%H:%M:%S",
            (false, true) => "%-d %b %H:%M",
            (false, false) => "%Y-%m-%d",
        };
        at.strftime(form).to_string()
    }

    /// The same with the whole moment for programs, and for whoever points at it.
    pub fn moment(&self, at: Timestamp) -> Markup {
        let whole = format!("{at:.0}");
        html! { time datetime=(whole) title=(whole) { (self.words(at)) } }
    }

    /// The zone's name, or its distance from UTC.
    pub fn zone(&self) -> String {
        let offset = self.now.to_zoned(self.zone.clone()).strftime("UTC%:z").to_string();
        match self.zone.iana_name() {
            Some(name) => format!("{name} ({offset})"),
            None => offset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_as_short_as_it_may_be() {
        let now = "2026-11-29T23:30:00Z".parse().unwrap();
        let clock = PageClock::new(now, TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap());
        for (at, words) in [
            ("2026-11-29T23:02:10Z", "00:02:10"),
            ("2026-11-29T22:02:10Z", "29 Nov 23:02"),
            ("2026-12-01T13:00:00Z", "1 Dec 14:00"),
            ("2027-03-02T00:00:00Z", "2027-03-02"),
        ] {
            assert_eq!(clock.words(at.parse().unwrap()), words, "{at}");
        }
        assert_eq!(clock.zone(), "UTC+01:00");
        let moment = clock.moment(now).into_string();
        assert!(
            moment.starts_with("<time datetime=\"2026-11-29T23:30:00Z\""),
            "{moment}"
        );
    }
}
