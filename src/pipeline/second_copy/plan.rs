//! When books are copied, and what follows from a failure.

use std::num::NonZeroU64;
use std::time::Duration;

use jiff::Zoned;

use crate::pipeline::second_copy::transfer::CopyFault;
use crate::session::RetryBackoff;
use crate::settings::DailyHours;
use crate::storage::{StorageError, StorageErrorClass};

/// How long a book waits after failures; what is damaged waits longest from the beginning.
const WAITS: RetryBackoff = RetryBackoff {
    base: Duration::from_secs(10),
    cap: Duration::from_hours(24),
    attempts: u32::MAX,
};
/// How often it is looked whether the hours have begun: the clock may have been set.
const LOOK_AGAIN: Duration = Duration::from_hours(1);

/// How many books are copied at once, how much a day, and at which hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecondCopyPlan {
    /// Books at once.
    pub transfers: usize,
    /// `None`: no limit.
    pub bytes_a_day: Option<NonZeroU64>,
    /// At which hours.
    pub hours: DailyHours,
}

/// Whose fault is it that a book was not copied?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CopyBlame {
    /// Nobody's: the program ends.
    Nobody,
    /// That of one of the places: no book can be copied now.
    Place,
    /// The book's own: others can be copied.
    Book,
    /// The book's own: what is stored of it may be damaged.
    Doubt,
}

impl SecondCopyPlan {
    /// How long nothing is copied from now on; `None`: it may begin.
    pub(crate) fn wait(&self, now: &Zoned) -> Option<Duration> {
        let begin = self.hours.begin(now)?;
        let wait = begin.duration_since(now).unsigned_abs();
        Some(wait.clamp(Duration::from_secs(1), LOOK_AGAIN))
    }

    /// Bytes a second; `None`: no limit.
    pub(crate) fn speed(&self) -> Option<NonZeroU64> {
        let a_day = self.bytes_a_day?.get();
        NonZeroU64::new((a_day / self.hours.seconds()).max(1))
    }
}

/// A place that gives and takes other objects is not to blame for one; one that is full may still take a small one.
pub(super) fn blame(fault: &CopyFault, places_answer: bool) -> CopyBlame {
    match fault {
        CopyFault::Cut => CopyBlame::Nobody,
        CopyFault::Doubtful(_) => CopyBlame::Doubt,
        CopyFault::Unproven => CopyBlame::Book,
        CopyFault::Main(StorageError::Full { .. }) | CopyFault::Copy(StorageError::Full { .. }) => CopyBlame::Place,
        CopyFault::Main(error) | CopyFault::Copy(error) => match error.class() {
            StorageErrorClass::Permanent => CopyBlame::Book,
            _ if places_answer => CopyBlame::Book,
            _ => CopyBlame::Place,
        },
    }
}

/// Whether the second place has said that it does not hold what was stored of a book. One that does not answer, or answers otherwise, has
/// said nothing, and is asked again later. `places_answer`: after that, it was still the one that the catalog knows.
pub(super) fn is_not_held(fault: &CopyFault, places_answer: bool) -> bool {
    places_answer
        && match fault {
            CopyFault::Doubtful(_) | CopyFault::Unproven => true,
            // Here it is what is read.
            CopyFault::Main(error) => error.class() == StorageErrorClass::Permanent,
            CopyFault::Copy(_) | CopyFault::Cut => false,
        }
}

/// How long a book waits after so many failures in a row, this one included: twice as long each time, up to a day.
pub(super) fn wait_after(failures: u32, blame: CopyBlame) -> Duration {
    match blame {
        CopyBlame::Nobody | CopyBlame::Place => Duration::ZERO,
        CopyBlame::Doubt => WAITS.cap,
        CopyBlame::Book => WAITS.bound(failures),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::ObjectKey;

    #[test]
    fn a_second_place_that_is_away_has_not_said_that_it_lacks_a_book() {
        let detail = || "x".to_owned();
        let key = || ObjectKey::parse("raw/x").unwrap();
        let away = || StorageError::store("reading".to_owned(), &"503");
        let denied = || StorageError::Denied {
            place: detail(),
            detail: detail(),
        };
        for (fault, is_said) in [
            (CopyFault::Doubtful(detail()), true),
            (CopyFault::Unproven, true),
            (CopyFault::Main(StorageError::NotFound(key())), true),
            (CopyFault::Main(StorageError::NotAFile { place: detail() }), true),
            (CopyFault::Main(away()), false),
            (CopyFault::Main(denied()), false),
            // Nothing can be written to the storage.
            (CopyFault::Copy(away()), false),
            (CopyFault::Copy(StorageError::NotFound(key())), false),
            (CopyFault::Cut, false),
        ] {
            assert_eq!(is_not_held(&fault, true), is_said, "{fault}");
            assert!(!is_not_held(&fault, false), "{fault}");
        }
    }

    #[test]
    fn a_place_that_answers_is_not_to_blame_for_one_book() {
        use CopyBlame as B;
        let place = || "s3://b".to_owned();
        let detail = || "x".to_owned();
        let store = || StorageError::store("writing".to_owned(), &"503");
        let full = || StorageError::Full {
            place: place(),
            detail: detail(),
        };
        let denied = || StorageError::Denied {
            place: place(),
            detail: detail(),
        };
        let missing = || StorageError::NotFound(ObjectKey::parse("raw/x").unwrap());
        for (fault, if_they_answer, if_not) in [
            (CopyFault::Cut, B::Nobody, B::Nobody),
            (CopyFault::Doubtful(detail()), B::Doubt, B::Doubt),
            (CopyFault::Unproven, B::Book, B::Book),
            (CopyFault::Copy(store()), B::Book, B::Place),
            (CopyFault::Main(store()), B::Book, B::Place),
            (CopyFault::Copy(denied()), B::Book, B::Place),
            (CopyFault::Copy(full()), B::Place, B::Place),
            (CopyFault::Copy(missing()), B::Book, B::Book),
        ] {
            assert_eq!(blame(&fault, true), if_they_answer, "{fault}");
            assert_eq!(blame(&fault, false), if_not, "{fault}");
        }
    }

    #[test]
    fn each_wait_of_a_book_is_twice_as_long_up_to_a_day() {
        for (failures, blame, seconds) in [
            (1, CopyBlame::Book, 10),
            (2, CopyBlame::Book, 20),
            (9, CopyBlame::Book, 2_560),
            (u32::MAX, CopyBlame::Book, 86_400),
            (1, CopyBlame::Doubt, 86_400),
            (1, CopyBlame::Place, 0),
            (1, CopyBlame::Nobody, 0),
        ] {
            assert_eq!(wait_after(failures, blame), Duration::from_secs(seconds), "{failures}");
        }
    }

    #[test]
    fn books_are_copied_in_their_hours_and_the_bytes_of_a_day_are_spread_over_them() {
        let now: Zoned = "2026-11-29T12:00:00Z[UTC]".parse().unwrap();
        for (hours, bytes, wait, speed) in [
            ("always", None, None, None),
            ("06:00-22:00", Some(57_600_000), None, Some(1_000)),
            ("12:10-06:00", None, Some(600), None),
            ("22:00-06:00", Some(28_800_000), Some(3_600), Some(1_000)),
        ] {
            let plan = SecondCopyPlan {
                transfers: 1,
                bytes_a_day: bytes.and_then(NonZeroU64::new),
                hours: hours.parse().unwrap(),
            };
            assert_eq!(plan.wait(&now), wait.map(Duration::from_secs), "{hours}");
            assert_eq!(plan.speed().map(NonZeroU64::get), speed, "{hours}");
        }
    }
}
