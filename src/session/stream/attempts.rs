//! How often a cut body is continued: as long as the attempts bring enough.

/// After this many new bytes the waits between attempts begin again with the shortest. Connections that are cut every few kilobytes
/// complete an archive slowly; beginning anew never completes it.
const PROGRESS: u64 = 1 << 10;

/// So many answers one after another may bring less than that.
const MOST_MORSELS: u32 = 12;

/// So many answers may go on with an archive, and one more for each [`LEAST_SHARE`] bytes that they brought.
const MOST_ANSWERS: u64 = 64;
const LEAST_SHARE: u64 = 4 << 10;

/// So many times an archive is read again from its first byte to go on behind what is there already. More would load the server, and
/// the line, more than they can bring.
const WHOLE_ANSWERS: u32 = 2;

/// Attempts to continue one body. Each has to bring something, and all together enough; the waits grow where one brings hardly
/// anything, so that such a body costs the server little.
#[derive(Debug, Default)]
pub(super) struct ResumeAttempts {
    /// Attempts one after another that brought nothing.
    in_vain: u32,
    /// Attempts since the last one that brought much.
    with_little: u32,
    /// Bytes there were before the last attempt.
    began_with: u64,
    /// Answers one after another that brought hardly anything.
    morsels: u32,
    /// Answers that brought something, and the bytes of those after the first.
    answers: u64,
    continued: u64,
    /// Bytes there were when an answer fell silent last.
    silent_at: Option<u64>,
}

impl ResumeAttempts {
    /// Whether the last attempt brought hardly anything, with `got` bytes there now.
    pub(super) const fn brought_little(&self, got: u64) -> bool {
        got - self.began_with < PROGRESS
    }

    /// Notes an attempt with `got` bytes there; which wait comes before it, 1 for the shortest; `None`: more than `most` were in vain.
    pub(super) fn next(&mut self, got: u64, most: u32) -> Option<u32> {
        let brought = got - self.began_with;
        self.began_with = got;
        if self.answers > 0 {
            self.continued += brought;
        }
        self.answers += u64::from(brought > 0);
        self.morsels = match brought {
            0 => self.morsels,
            1..PROGRESS => self.morsels + 1,
            PROGRESS.. => 0,
        };
        self.in_vain = if brought > 0 { 1 } else { self.in_vain + 1 };
        self.with_little = if brought >= PROGRESS { 1 } else { self.with_little + 1 };
        (self.in_vain <= most).then_some(self.with_little)
    }

    /// Notes an answer that began, and fell silent with `got` bytes there; whether one did so before at the same place. That is this
    /// archive's trouble: the server answers, and the line brings the answers.
    pub(super) fn fell_silent(&mut self, got: u64) -> bool {
        self.silent_at.replace(got) == Some(got)
    }

    /// Whether the answers so far brought so little that the archive would take requests without end.
    pub(super) const fn are_morsels(&self) -> bool {
        self.morsels > MOST_MORSELS || self.answers > MOST_ANSWERS + self.continued / LEAST_SHARE
    }
}

/// Answers that begin with the archive's first byte. A line that is cut here and there may bring the rest with the next one; where two
/// end at the same place the server ends them there, whatever length it names.
#[derive(Debug, Default)]
pub(super) struct WholeAnswers {
    /// Those after the first answer.
    again: u32,
    /// The last answer is one of them.
    pub(super) is_last: bool,
    /// Where the last of them ended, or the first answer.
    ended_at: Option<u64>,
    same_place: bool,
}

impl WholeAnswers {
    /// Notes an answer that begins; `whole`: with the first byte.
    pub(super) fn note_answer(&mut self, whole: bool) {
        self.again += u32::from(whole);
        self.is_last = whole;
    }

    /// Notes where the last answer ended.
    pub(super) fn note_end(&mut self, place: u64) {
        if self.is_last || self.ended_at.is_none() {
            self.same_place |= place > 0 && self.ended_at == Some(place);
            self.ended_at = Some(place);
        }
    }

    /// Whether another one would bring no more.
    pub(super) const fn are_in_vain(&self) -> bool {
        self.same_place || self.again >= WHOLE_ANSWERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_go_on_as_long_as_they_bring_something() {
        type Case = (&'static str, &'static [u64], &'static [Option<u32>]);
        let cases: [Case; 5] = [
            ("nothing comes", &[0, 0, 0, 0], &[Some(1), Some(2), Some(3), None]),
            ("much comes", &[5_000, 9_000, 13_000, 17_000, 21_000], &[Some(1); 5]),
            (
                "a byte each",
                &[1, 2, 3, 4, 5],
                &[Some(1), Some(2), Some(3), Some(4), Some(5)],
            ),
            (
                "a byte in between",
                &[0, 0, 1, 1, 1, 1],
                &[Some(1), Some(2), Some(3), Some(4), Some(5), None],
            ),
            (
                "much, then nothing",
                &[9_000, 9_000, 9_000, 9_000],
                &[Some(1), Some(2), Some(3), None],
            ),
        ];
        for (what, got, expected) in cases {
            let mut attempts = ResumeAttempts::default();
            let found: Vec<_> = got.iter().map(|got| attempts.next(*got, 3)).collect();
            assert_eq!(found, expected, "{what}");
        }
    }

    #[test]
    fn silence_at_the_same_place_is_told_from_silence_further_on() {
        for (places, expected) in [
            (&[300, 300][..], &[false, true][..]),
            (&[0, 0], &[false, true]),
            (&[300, 301, 9_000], &[false, false, false]),
            (&[300, 400, 400, 400], &[false, false, true, true]),
        ] {
            let mut attempts = ResumeAttempts::default();
            let found: Vec<_> = places.iter().map(|got| attempts.fell_silent(*got)).collect();
            assert_eq!(found, expected, "{places:?}");
        }
    }

    #[test]
    fn answers_that_bring_too_little_are_bounded() {
        let bounds = |share: u64| {
            let mut attempts = ResumeAttempts::default();
            (1..=1_000_u64).find(|answer| {
                attempts.next(100_000 + answer * share, 3);
                attempts.are_morsels()
            })
        };
        for (share, most) in [
            (1, Some(14)),
            (300, Some(14)),
            (1_100, Some(88)),
            (4_000, None),
            (1_000_000, None),
        ] {
            let found = bounds(share);
            assert!(found <= most && found.is_some() == most.is_some(), "{share}: {found:?}");
        }
        // Little, with nothing and much in between.
        let mut attempts = ResumeAttempts::default();
        for round in 0..30 {
            for got in [300, 300, 10_000] {
                attempts.next(round * 10_000 + got, 3);
                assert!(!attempts.are_morsels(), "{round}");
            }
        }
    }

    #[test]
    fn answers_from_the_first_byte_end_where_they_bring_no_more() {
        type Case = (&'static str, &'static [(bool, u64)], bool);
        // Whether an answer begins with the first byte, and where it ends.
        let cases: [Case; 9] = [
            ("the first answer", &[(false, 300)], false),
            ("the same place again", &[(false, 300), (true, 300)], true),
            ("before it", &[(false, 300), (true, 200)], false),
            ("behind it", &[(false, 300), (true, 500)], false),
            ("twice before it", &[(false, 300), (true, 200), (true, 250)], true),
            (
                "the same place twice, not the first",
                &[(false, 300), (true, 200), (true, 200)],
                true,
            ),
            (
                "parts may end at one place",
                &[(false, 300), (false, 300), (false, 300)],
                false,
            ),
            ("a part in between", &[(false, 300), (false, 400), (true, 300)], true),
            // Before its first byte any line may be cut twice.
            ("nothing twice", &[(false, 0), (true, 0)], false),
        ];
        for (what, answers, expected) in cases {
            let mut wholes = WholeAnswers::default();
            for (number, (whole, ended_at)) in answers.iter().enumerate() {
                if number > 0 {
                    wholes.note_answer(*whole);
                }
                wholes.note_end(*ended_at);
            }
            assert_eq!(wholes.are_in_vain(), expected, "{what}");
        }
    }
}
