//! Keeps one place in the code from flooding the log.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use xxhash_rust::xxh3::xxh3_64;

/// So many warnings of one place are written in each window; the rest is counted.
const OF_A_PLACE: LimitRule = LimitRule {
    most: 20,
    window: Duration::from_secs(10),
};
/// So many that say the same, as a fault that lasts does at each attempt.
const THE_SAME: LimitRule = LimitRule {
    most: 2,
    window: Duration::from_secs(300),
};
/// Texts that are remembered; what is beyond is limited by its place alone.
const MOST_TEXTS: usize = 256;

/// How much may be written before the rest is counted, and for how long.
#[derive(Debug, Clone, Copy)]
struct LimitRule {
    most: u32,
    window: Duration,
}

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

/// Counts by place in the code, of which there are few, and by what is said there.
#[derive(Debug, Default)]
pub struct RepeatLimit {
    places: HashMap<Identifier, Written>,
    texts: HashMap<(Identifier, u64), Written>,
}

#[derive(Debug)]
struct Written {
    since: Instant,
    times: u32,
    left_out: u32,
}

impl Written {
    fn at(since: Instant) -> Self {
        Self {
            since,
            times: 0,
            left_out: 0,
        }
    }

    fn judge(&mut self, rule: LimitRule, now: Instant) -> LimitVerdict {
        let mut left_out = 0;
        if now.duration_since(self.since) >= rule.window {
            left_out = std::mem::replace(self, Self::at(now)).left_out;
        }
        if self.times == rule.most {
            self.left_out = self.left_out.saturating_add(1);
            return LimitVerdict::LeaveOut;
        }
        self.times += 1;
        LimitVerdict::Write { left_out }
    }
}

impl RepeatLimit {
    /// Judges the next message of a place, which says this.
    pub fn judge(&mut self, place: Identifier, text: &str, now: Instant) -> LimitVerdict {
        let text = (place.clone(), xxh3_64(text.as_bytes()));
        let LimitVerdict::Write { left_out: same } = self.judge_text(text.clone(), now) else {
            return LimitVerdict::LeaveOut;
        };
        let written = self.places.entry(place).or_insert_with(|| Written::at(now));
        match written.judge(OF_A_PLACE, now) {
            LimitVerdict::Write { left_out } => LimitVerdict::Write {
                left_out: left_out + same,
            },
            LimitVerdict::LeaveOut => {
                written.left_out = written.left_out.saturating_add(same);
                // It was not written, so it is none of the times that the same was.
                if let Some(unwritten) = self.texts.get_mut(&text) {
                    unwritten.times = unwritten.times.saturating_sub(1);
                }
                LimitVerdict::LeaveOut
            }
        }
    }

    fn judge_text(&mut self, text: (Identifier, u64), now: Instant) -> LimitVerdict {
        if self.texts.len() >= MOST_TEXTS && !self.texts.contains_key(&text) {
            self.texts
                .retain(|_, written| now.duration_since(written.since) < THE_SAME.window);
            if self.texts.len() >= MOST_TEXTS {
                return LimitVerdict::Write { left_out: 0 };
            }
        }
        let written = self.texts.entry(text).or_insert_with(|| Written::at(now));
        written.judge(THE_SAME, now)
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
        let mut said = 0;
        let mut judge = |place, now| {
            said += 1;
            limit.judge(place, &said.to_string(), now)
        };
        let here = || Identifier(&HERE.0);
        let written = (0..50)
            .filter(|_| judge(here(), start) != LimitVerdict::LeaveOut)
            .count();
        assert_eq!(written, 20);
        assert_eq!(judge(Identifier(&THERE.0), start), LimitVerdict::Write { left_out: 0 });
        let later = start + OF_A_PLACE.window;
        assert_eq!(judge(here(), later), LimitVerdict::Write { left_out: 30 });
        assert_eq!(judge(here(), later), LimitVerdict::Write { left_out: 0 });
    }

    #[test]
    fn what_lasts_is_said_twice_and_then_counted_for_minutes() {
        let (mut limit, start) = (RepeatLimit::default(), Instant::now());
        let minutes = |minutes: u32| start + Duration::from_secs(60) * minutes;
        let mut judge = |text, minute| limit.judge(Identifier(&HERE.0), text, minutes(minute));
        let write = |left_out| LimitVerdict::Write { left_out };
        assert_eq!([judge("signed out", 0), judge("signed out", 1)], [write(0); 2]);
        assert_eq!(judge("signed out", 2), LimitVerdict::LeaveOut);
        assert_eq!(judge("another list", 2), write(0));
        assert_eq!(judge("signed out", 3), LimitVerdict::LeaveOut);
        assert_eq!(judge("signed out", 5), write(2));
    }

    #[test]
    fn what_a_flood_of_its_place_hides_is_written_after_it_with_the_whole_count() {
        let (mut limit, start) = (RepeatLimit::default(), Instant::now());
        let mut judge = |text: &str, seconds| {
            let now = start + Duration::from_secs(seconds);
            limit.judge(Identifier(&HERE.0), text, now)
        };
        for _ in 0..3 {
            judge("disk full", 0);
        }
        for number in 0..20 {
            judge(&number.to_string(), 300);
        }
        assert_eq!(
            [judge("disk full", 301), judge("disk full", 301)],
            [LimitVerdict::LeaveOut; 2]
        );
        assert_eq!(judge("disk full", 310), LimitVerdict::Write { left_out: 3 });
    }

    #[test]
    fn a_fault_with_ever_other_words_takes_no_memory_without_end() {
        let (mut limit, start) = (RepeatLimit::default(), Instant::now());
        for number in 0..5_000 {
            limit.judge(Identifier(&HERE.0), &number.to_string(), start);
        }
        assert_eq!(limit.texts.len(), MOST_TEXTS);
        limit.judge(Identifier(&HERE.0), "later", start + THE_SAME.window);
        assert_eq!(limit.texts.len(), 1);
    }
}
