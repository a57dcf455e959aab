//! Whether what a complete pass over a list did not name is believed to be gone.

use jiff::{SignedDuration, Timestamp};

use crate::clock::read_stamp;
use crate::grin::ListKind;

/// A list that lost at least so many books, and of which hardly anything is left, is looked at twice: a page for maintenance, or the answer
/// of a server in trouble, looks just so.
const MANY: u64 = 100;
/// Hardly anything: less than one of so many books.
const HARDLY: u64 = 10;
/// The second look comes at least so much later than the first.
const CONFIRMED_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// So many odd rows are few in any list; of a long one, fewer than one of [`HARDLY`] books.
const FEW_ODD: u64 = 10;
/// So many passes over so much time must have been silent about a book before odd rows are no doubt about it any more.
const SILENT_PASSES: usize = 3;
const SILENT_FOR: SignedDuration = SignedDuration::from_hours(48);

/// A pass that was read to its end, with odd rows: it is not known which books they are about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OddPass {
    pub started: Timestamp,
    /// Books that it named.
    pub named: u64,
    /// Odd rows.
    pub odd: u64,
}

impl OddPass {
    /// `None` where it is not known when it began.
    pub(crate) fn read(started_at: &str, named: u64, odd: u64) -> Option<Self> {
        let started = read_stamp(started_at)?;
        Some(Self { started, named, odd })
    }

    fn has_few(&self) -> bool {
        self.odd <= FEW_ODD || self.odd * HARDLY <= self.named
    }
}

/// From when on a book must have been named to be listed still, by passes that were read to their end, the last one first. `None`: nothing is
/// concluded. A book may stand behind an odd row; one that is behind such a row in each pass for days is asked for again, by which nothing is
/// lost, while of a book that is gone each pass with an odd row would say nothing for ever.
pub(crate) fn gone_before(passes: &[OddPass]) -> Option<Timestamp> {
    let last = passes.first().filter(|last| last.has_few())?;
    let silent = passes.iter().filter(|pass| pass.has_few()).skip(SILENT_PASSES - 1);
    let mut began = silent.map(|pass| pass.started);
    began.find(|began| last.started.duration_since(*began) >= SILENT_FOR)
}

/// What is known when a pass was complete.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PassEvidence {
    pub list: ListKind,
    /// Books that it named.
    pub seen: u64,
    /// Those of them that were known before it, and before the passes directly before it that were not believed.
    pub known: u64,
    /// Books that earlier passes named and it did not.
    pub missing: u64,
    /// Percentage of the list of all books that has to be named.
    pub believable_percent: u64,
    /// How long ago the first of the passes directly before it found the list just so and was not believed.
    pub doubtful_for: Option<SignedDuration>,
}

impl PassEvidence {
    /// The list of all books never shrinks by half overnight; where other books come in place of known ones, it may be another list, and
    /// is believed only if a later pass finds it so too. The others may well shrink, but a long one of which hardly anything is left is
    /// believed only if a later pass finds it so too.
    pub(crate) fn is_believable(&self) -> bool {
        let is_confirmed = self.doubtful_for.is_some_and(|since| since >= CONFIRMED_AFTER);
        if self.list == ListKind::AllBooks {
            let is_share = |books: u64| books * 100 >= (books + self.missing) * self.believable_percent;
            return self.missing == 0 || is_share(self.known) || is_confirmed && is_share(self.seen);
        }
        self.seen * HARDLY >= self.seen + self.missing || self.missing < MANY || is_confirmed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_rows_are_no_doubt_about_a_book_that_passes_over_days_did_not_name() {
        let pass = |hour: i64, named, odd| OddPass {
            started: Timestamp::from_second(hour * 3_600).unwrap(),
            named,
            odd,
        };
        let day = |day: i64, odd| pass(day * 24, 1_000, odd);
        for (passes, expected) in [
            (vec![day(9, 1)], None),
            (vec![day(9, 1), day(8, 1)], None),
            // Two passes, however far from each other.
            (vec![day(9, 1), day(2, 1)], None),
            // Many passes of one day.
            ((0..40).map(|hour| pass(200 - hour, 1_000, 1)).collect(), None),
            (vec![day(9, 1), day(8, 1), day(7, 1), day(6, 1)], Some(7)),
            (vec![day(9, 1), pass(9 * 24 - 1, 1_000, 1), day(7, 1)], Some(7)),
            // Whether the odd rows are the same ones or others, and whether some passes had none.
            (vec![day(9, 7), day(8, 0), day(7, 3)], Some(7)),
            // Few in themselves.
            (vec![pass(216, 0, 10), pass(192, 5, 10), pass(168, 0, 10)], Some(7)),
            // A part of the list that is no longer read.
            (vec![pass(216, 1_000, 101), day(8, 1), day(7, 1), day(6, 1)], None),
            (vec![day(9, 1), pass(192, 1_000, 101), day(7, 1), day(6, 1)], Some(6)),
            (vec![], None),
        ] {
            let expected = expected.map(|number| day(number, 0).started);
            assert_eq!(gone_before(&passes), expected, "{passes:?}");
        }
    }

    #[test]
    fn a_list_of_other_books_is_believed_at_the_second_look() {
        let minutes = |minutes| Some(SignedDuration::from_mins(minutes));
        for (seen, known, missing, doubtful_for, believed) in [
            (200, 0, 200, None, false),
            (200, 0, 200, minutes(1), false),
            (200, 0, 200, minutes(10), true),
            (200, 99, 101, None, false),
            (200, 100, 100, None, true),
            (5_000, 0, 1, None, false),
            // However often: half of the books are gone, and none has come.
            (40, 40, 60, minutes(600), false),
        ] {
            let evidence = PassEvidence {
                list: ListKind::AllBooks,
                seen,
                known,
                missing,
                believable_percent: 50,
                doubtful_for,
            };
            assert_eq!(evidence.is_believable(), believed, "{evidence:?}");
        }
    }

    #[test]
    fn a_list_of_which_hardly_anything_is_left_is_believed_at_the_second_look() {
        let minutes = |minutes| Some(SignedDuration::from_mins(minutes));
        for (list, seen, missing, doubtful_for, believed) in [
            (ListKind::Converted, 0, 5_000, None, false),
            (ListKind::Converted, 0, 5_000, minutes(1), false),
            (ListKind::Converted, 0, 5_000, minutes(10), true),
            (ListKind::Converted, 0, 99, None, true),
            (ListKind::Converted, 1, 5_000, None, false),
            (ListKind::Converted, 1, 5_000, minutes(10), true),
            (ListKind::Converted, 555, 5_000, None, false),
            (ListKind::Converted, 556, 5_000, None, true),
            (ListKind::Converted, 1, 99, None, true),
            (ListKind::InProcess, 0, 100, None, false),
            (ListKind::AllBooks, 100, 0, None, true),
            (ListKind::AllBooks, 50, 50, None, true),
            (ListKind::AllBooks, 49, 51, None, false),
            (ListKind::AllBooks, 0, 50, minutes(600), false),
        ] {
            let evidence = PassEvidence {
                list,
                seen,
                known: seen,
                missing,
                believable_percent: 50,
                doubtful_for,
            };
            assert_eq!(evidence.is_believable(), believed, "{evidence:?}");
        }
    }
}
