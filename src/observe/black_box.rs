//! The last messages of an actor as text: what `grind actors --blackbox` prints, and what is written when something went wrong.

use std::fmt;

use crate::actor::BlackBoxDump;
use crate::log::ShortDuration;

/// A heading and a line for each message, oldest first; none is longer than 80 characters.
pub struct BlackBoxText<'a>(pub &'a BlackBoxDump);

impl fmt::Display for BlackBoxText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BlackBoxDump { actor, at, why, events } = self.0;
        let count = events.len();
        writeln!(f, "{actor}, the last {count} messages, read at {at:.0} ({why})")?;
        writeln!(
            f,
            "{:<24}{:<19}{:<13}{:>7} {:>7} OUTCOME",
            "ENDED AT (UTC)", "MESSAGE", "FROM", "WAITED", "TOOK"
        )?;
        for event in events {
            let at = event.at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string();
            let message = format!("{:<18} ", event.message);
            let from = format!("{:<12} ", event.from);
            let [waited, took] = [event.wait_seconds, event.handle_seconds].map(ShortDuration);
            writeln!(f, "{at:<24}{message}{from}{waited:>7} {took:>7} {}", event.outcome)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::{ActorName, MessageEvent};
    use jiff::Timestamp;

    #[test]
    fn a_line_tells_one_message() {
        let event = MessageEvent {
            at: Timestamp::from_millisecond(1_500).unwrap(),
            message: "doubtful_publication".into(),
            from: "session_owner".into(),
            wait_seconds: 0.000_45,
            handle_seconds: 3_700.0,
            outcome: "cancelled".into(),
        };
        let dump = BlackBoxDump {
            actor: ActorName::Catalog,
            at: Timestamp::UNIX_EPOCH,
            why: "stall".into(),
            events: vec![event],
        };
        let text = BlackBoxText(&dump).to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "catalog, the last 1 messages, read at 1970-01-01T00:00:00Z (stall)"
        );
        assert_eq!(
            lines[2],
            "1970-01-01 00:00:01.500 doubtful_publication session_owner   450µs   1h 1m cancelled"
        );
    }
}
