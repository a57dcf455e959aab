//! The state of a book over time (src/grin/PROTOCOL.md, section 10), and the state in which each book starts.

use super::dates::{DAY, Minutes, START};
use super::seed::{Draw, Purpose};

/// GRIN's words for states (src/grin/PROTOCOL.md, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Scanned, never converted for this library.
    New,
    /// Conversion asked for.
    InProcess,
    /// In the pool, ready to download.
    Converted,
    /// Fetched once; can be asked for again.
    PreviouslyDownloaded,
    /// At Google, not scanned.
    CheckedIn,
    /// Never to be had.
    NotAvailable,
}

impl State {
    /// The word GRIN uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::InProcess => "IN_PROCESS",
            Self::Converted => "CONVERTED",
            Self::PreviouslyDownloaded => "PREVIOUSLY_DOWNLOADED",
            Self::CheckedIn => "CHECKED_IN",
            Self::NotAvailable => "NOT_AVAILABLE_FOR_DOWNLOAD",
        }
    }

    /// May its conversion be asked for?
    pub fn can_be_requested(self) -> bool {
        matches!(self, Self::New | Self::PreviouslyDownloaded)
    }
}

/// How many of the books begin in each state, as weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// Weight of [`State::New`].
    pub new: u32,
    /// Weight of [`State::InProcess`].
    pub in_process: u32,
    /// Weight of [`State::Converted`].
    pub converted: u32,
    /// Weight of [`State::PreviouslyDownloaded`].
    pub previously_downloaded: u32,
    /// Weight of [`State::CheckedIn`].
    pub checked_in: u32,
    /// Weight of [`State::NotAvailable`].
    pub not_available: u32,
}

impl Mix {
    /// Every book in the pool: everything can be brought home at once.
    pub const CONVERTED: Self = Self {
        new: 0,
        in_process: 0,
        converted: 1,
        previously_downloaded: 0,
        checked_in: 0,
        not_available: 0,
    };
    /// Every book still to be converted.
    pub const NEW: Self = Self {
        new: 1,
        converted: 0,
        ..Self::CONVERTED
    };
    /// The counts of Harvard's sample run (src/grin/PROTOCOL.md, section 6).
    pub const HARVARD: Self = Self {
        new: 120,
        in_process: 2_019,
        converted: 6_995,
        previously_downloaded: 91_673,
        checked_in: 6_970,
        not_available: 60,
    };

    fn weights(&self) -> [(State, u32); 6] {
        [
            (State::New, self.new),
            (State::InProcess, self.in_process),
            (State::Converted, self.converted),
            (State::PreviouslyDownloaded, self.previously_downloaded),
            (State::CheckedIn, self.checked_in),
            (State::NotAvailable, self.not_available),
        ]
    }

    fn draw(&self, draw: &mut Draw) -> State {
        let weights = self.weights();
        let mut left = draw.below(weights.iter().map(|(_, weight)| u64::from(*weight)).sum());
        for (state, weight) in weights {
            if left < u64::from(weight) {
                return state;
            }
            left -= u64::from(weight);
        }
        State::Converted
    }
}

/// What changes in a book's life; the rest of it is a pure function of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Life {
    pub state: State,
    /// Grows when GRIN makes the archive anew; another generation is another archive with another tag.
    pub generation: u16,
    /// Conversions begun so far.
    pub conversions: u16,
    pub converted: Minutes,
    pub downloaded: Minutes,
    /// When the last conversion failed; 0 = it did not.
    pub failed: Minutes,
}

/// The dates that never change (0 = none).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Dates {
    pub checked_in: Minutes,
    pub scanned: Minutes,
    pub processed: Minutes,
    pub analyzed: Minutes,
    pub ocr: Minutes,
}

/// Where book number `index` begins.
pub(super) fn beginning(seed: u64, mix: &Mix, index: u32) -> Life {
    let mut draw = Draw::new(seed, Purpose::State, u64::from(index));
    let state = mix.draw(&mut draw);
    let converted = START - 200 * DAY + draw.below32(190 * DAY);
    let mut life = Life {
        state,
        generation: 0,
        conversions: 0,
        converted: 0,
        downloaded: 0,
        failed: 0,
    };
    if matches!(state, State::Converted | State::PreviouslyDownloaded) {
        life.converted = converted;
        life.conversions = 1;
    }
    if state == State::PreviouslyDownloaded {
        life.downloaded = converted + 3 * DAY + draw.below32(3 * DAY);
    }
    life
}

/// The steps a book went through at Google; a few were analysed again after their conversion.
pub(super) fn dates(seed: u64, index: u32, state: State) -> Dates {
    let mut draw = Draw::new(seed, Purpose::Dates, u64::from(index));
    let checked_in = 12_800 * DAY + draw.below32(5_000 * DAY);
    if state == State::CheckedIn {
        return Dates {
            checked_in,
            ..Dates::default()
        };
    }
    let scanned = checked_in + DAY + draw.below32(30 * DAY);
    let processed = scanned + 60 + draw.below32(90 * DAY);
    let again = if draw.once_in(50) {
        START - 5 * DAY - processed
    } else {
        0
    };
    let analyzed = processed + again + draw.below32(2 * DAY);
    let ocr = if draw.once_in(40) {
        0
    } else {
        processed + draw.below32(DAY)
    };
    Dates {
        checked_in,
        scanned,
        processed,
        analyzed,
        ocr,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_of_one_state_gives_only_that_state() {
        assert!((0..500).all(|index| beginning(1, &Mix::CONVERTED, index).state == State::Converted));
        assert!((0..500).all(|index| beginning(1, &Mix::NEW, index).state == State::New));
    }

    #[test]
    fn harvards_mix_is_mostly_downloaded() {
        let count = |state| {
            (0..10_000)
                .filter(|&index| beginning(1, &Mix::HARVARD, index).state == state)
                .count()
        };
        assert!(count(State::PreviouslyDownloaded) > 8_000);
        assert!(count(State::CheckedIn) > 400);
        assert!(count(State::NotAvailable) > 0);
    }

    #[test]
    fn steps_follow_each_other_and_some_books_changed_after_conversion() {
        let mut changed = 0;
        for index in 0..2_000 {
            let life = beginning(3, &Mix::CONVERTED, index);
            let dates = dates(3, index, life.state);
            assert!(dates.checked_in < dates.scanned && dates.scanned < dates.processed);
            assert!(dates.processed <= dates.analyzed && life.converted < START);
            changed += u32::from(dates.analyzed > life.converted);
        }
        assert!((10..100).contains(&changed), "{changed}");
    }
}
