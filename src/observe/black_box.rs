//! The last messages of an actor as text: what `grind actors --blackbox` prints, and what is written when something went wrong.

use std::fmt;

use crate::actor::{BlackBoxDump, MessageInHand};
use crate::log::{CountedNoun, ShortDuration};

/// What is in hand, then what has ended: a line for each message, the oldest first. Hardly one is longer than 80 characters.
pub struct BlackBoxText<'a>(pub &'a BlackBoxDump);

impl fmt::Display for BlackBoxText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BlackBoxDump {
            actor,
            at,
            why,
            in_hand,
            events,
        } = self.0;
        let last = CountedNoun(events.len() as u64, "message");
        let handled = in_hand.len();
        writeln!(
            f,
            "{actor}, {handled} in hand, the last {last}, read at {at:.0} ({why})"
        )?;
        write_in_hand(f, in_hand)?;
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

/// A heading and a line for each; nothing where nothing is in hand.
fn write_in_hand(f: &mut fmt::Formatter<'_>, in_hand: &[MessageInHand]) -> fmt::Result {
    if !in_hand.is_empty() {
        writeln!(
            f,
            "{:<18} {:<12} {:>7} {:>7} WAITS FOR",
            "IN HAND", "FROM", "AGE", "BEGUN"
        )?;
    }
    for message in in_hand {
        let [age, begun] = [message.age_seconds, message.handle_seconds].map(ShortDuration);
        write!(f, "{:<18} {:<12} {age:>7} {begun:>7} ", message.message, message.from)?;
        match &message.waits_for {
            Some(wait) => writeln!(f, "{} for {}", wait.what, ShortDuration(wait.seconds))?,
            None => writeln!(f, "-")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::{ActorName, MessageEvent, ProtectedWait};
    use jiff::Timestamp;

    #[test]
    fn what_is_in_hand_stands_before_what_has_ended() {
        let in_hand = |waits_for| MessageInHand {
            message: "settle".into(),
            from: "supervisor".into(),
            age_seconds: 75.0,
            handle_seconds: 60.0,
            waits_for,
        };
        let wait = ProtectedWait {
            what: "permit(bulk)".into(),
            seconds: 30.0,
        };
        let dump = BlackBoxDump {
            actor: ActorName::Downloader,
            at: Timestamp::UNIX_EPOCH,
            why: "request".into(),
            in_hand: vec![in_hand(Some(wait)), in_hand(None)],
            events: Vec::new(),
        };
        let text = BlackBoxText(&dump).to_string();
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[0].starts_with("downloader, 2 in hand, the last 0 messages, "),
            "{text}"
        );
        assert_eq!(
            lines[2],
            "settle             supervisor    1m 15s   1m 0s permit(bulk) for 30.0s"
        );
        assert!(
            lines[3].ends_with(" 1m 0s -") && lines[4].starts_with("ENDED AT"),
            "{text}"
        );
    }

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
            in_hand: Vec::new(),
            events: vec![event],
        };
        let text = BlackBoxText(&dump).to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "catalog, 0 in hand, the last 1 message, read at 1970-01-01T00:00:00Z (stall)"
        );
        assert_eq!(
            lines[2],
            "1970-01-01 00:00:01.500 doubtful_publication session_owner   450µs   1h 1m cancelled"
        );
    }
}
