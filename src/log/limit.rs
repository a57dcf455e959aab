//! Keeps one place in the code from flooding the log.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;

/// So many warnings of one place are written in each [`WINDOW`]; the rest is counted.
const MOST: u32 = 20;
/// How long counting goes on before the place may speak again.
const WINDOW: Duration = Duration::from_secs(10);

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitVerdict {
    /// Write it; so many like it were left out before it.
    Write {
        /// Left out since the last one written.
        left_out: u32,
    },
    /// Leave it out.
    LeaveOut,
}

/// Counts by place in the code, so it holds at most as many entries as there are such places.
#[derive(Debug, Default)]
pub struct RepeatLimit {
    places: HashMap<Identifier, Place>,
}

#[derive(Debug)]
struct Place {
    since: Instant,
    written: u32,
    left_out: u32,
}

impl RepeatLimit {
    /// Judges the next message of a place.
    pub fn judge(&mut self, place: Identifier, now: Instant) -> LimitVerdict {
        let place = self.places.entry(place).or_insert(Place {
            since: now,
            written: 0,
            left_out: 0,
        });
        let mut left_out = 0;
        if now.duration_since(place.since) >= WINDOW {
            left_out = place.left_out;
            *place = Place {
                since: now,
                written: 0,
                left_out: 0,
            };
        }
        if place.written == MOST {
            place.left_out = place.left_out.saturating_add(1);
            return LimitVerdict::LeaveOut;
        }
        place.written += 1;
        LimitVerdict::Write { left_out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Callsite;

    struct Somewhere;

    impl Callsite for Somewhere {
        fn set_interest(&self, _: tracing::subscriber::Interest) {}

        fn metadata(&self) -> &tracing::Metadata<'_> {
            unreachable!("only its address is used")
        }
    }

    static HERE: (Somewhere, u8) = (Somewhere, 1);
    static THERE: (Somewhere, u8) = (Somewhere, 2);

    #[test]
    fn a_flood_is_cut_and_counted_and_others_are_still_heard() {
        let (mut limit, start) = (RepeatLimit::default(), Instant::now());
        let here = || Identifier(&HERE.0);
        let written = (0..50)
            .filter(|_| limit.judge(here(), start) != LimitVerdict::LeaveOut)
            .count();
        assert_eq!(written, 20);
        assert_eq!(
            limit.judge(Identifier(&THERE.0), start),
            LimitVerdict::Write { left_out: 0 }
        );
        assert_eq!(
            limit.judge(here(), start + WINDOW),
            LimitVerdict::Write { left_out: 30 }
        );
        assert_eq!(limit.judge(here(), start + WINDOW), LimitVerdict::Write { left_out: 0 });
    }
}
