//! Whether what a complete pass over a list did not name is believed to be gone.

use jiff::SignedDuration;

use crate::grin::ListKind;

/// A list that lost at least so many books, and of which hardly anything is left, is looked at twice: a page for maintenance, or the answer
/// of a server in trouble, looks just so.
const MANY: u64 = 100;
/// Hardly anything: less than one of so many books.
const HARDLY: u64 = 10;
/// The second look comes at least so much later than the first.
const CONFIRMED_AFTER: SignedDuration = SignedDuration::from_mins(10);

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
