//! The state of a book over time (src/grin/PROTOCOL.md, section 10), and the state in which each book starts.

use crate::lab::simulator::grin::dates::{DAY, EpochMinutes, START};
use crate::lab::simulator::seed::{DrawPurpose, SeedDraw};

/// GRIN's words for states (src/grin/PROTOCOL.md, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SimulatedState {
    /// Scanned, never converted for this library.
    New,
    /// Its conversion was requested.
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

impl SimulatedState {
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
pub struct StateMix {
    /// Weight of [`SimulatedState::New`].
    pub new: u32,
    /// Weight of [`SimulatedState::InProcess`].
    pub in_process: u32,
    /// Weight of [`SimulatedState::Converted`].
    pub converted: u32,
    /// Weight of [`SimulatedState::PreviouslyDownloaded`].
    pub previously_downloaded: u32,
    /// Weight of [`SimulatedState::CheckedIn`].
    pub checked_in: u32,
    /// Weight of [`SimulatedState::NotAvailable`].
    pub not_available: u32,
}

impl StateMix {
    /// Every book in the pool: everything can be downloaded at once.
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

    fn weights(&self) -> [(SimulatedState, u32); 6] {
        [
            (SimulatedState::New, self.new),
            (SimulatedState::InProcess, self.in_process),
            (SimulatedState::Converted, self.converted),
            (SimulatedState::PreviouslyDownloaded, self.previously_downloaded),
            (SimulatedState::CheckedIn, self.checked_in),
            (SimulatedState::NotAvailable, self.not_available),
        ]
    }

    fn draw(&self, draw: &mut SeedDraw) -> SimulatedState {
        let weights = self.weights();
        let mut left = draw.below(weights.iter().map(|(_, weight)| u64::from(*weight)).sum());
        for (state, weight) in weights {
            if left < u64::from(weight) {
                return state;
            }
            left -= u64::from(weight);
        }
        SimulatedState::Converted
    }
}

/// What changes in a book's life; the rest of it is a pure function of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BookLife {
    pub state: SimulatedState,
    /// Grows when GRIN makes the archive anew; another generation is another archive with another tag.
    pub generation: u16,
    /// Conversions begun so far.
    pub conversions: u16,
    pub converted: EpochMinutes,
    pub downloaded: EpochMinutes,
    /// When the last conversion failed; 0 = it did not.
    pub failed: EpochMinutes,
}

/// The dates that never change (0 = none).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FixedDates {
    pub checked_in: EpochMinutes,
    pub scanned: EpochMinutes,
    pub processed: EpochMinutes,
    pub analyzed: EpochMinutes,
    pub ocr: EpochMinutes,
}

/// Where book number `index` begins.
pub(crate) fn beginning(seed: u64, mix: &StateMix, index: u32) -> BookLife {
    let mut draw = SeedDraw::new(seed, DrawPurpose::State, u64::from(index));
    let state = mix.draw(&mut draw);
    let converted = START - 200 * DAY + draw.below32(190 * DAY);
    let mut life = BookLife {
        state,
        generation: 0,
        conversions: 0,
        converted: 0,
        downloaded: 0,
        failed: 0,
    };
    if matches!(state, SimulatedState::Converted | SimulatedState::PreviouslyDownloaded) {
        life.converted = converted;
        life.conversions = 1;
    }
    if state == SimulatedState::PreviouslyDownloaded {
        life.downloaded = converted + 3 * DAY + draw.below32(3 * DAY);
    }
    life
}

/// The steps a book went through at Google; a few were analysed again after their conversion.
pub(crate) fn dates(seed: u64, index: u32, state: SimulatedState) -> FixedDates {
    let mut draw = SeedDraw::new(seed, DrawPurpose::Dates, u64::from(index));
    let checked_in = 12_800 * DAY + draw.below32(5_000 * DAY);
    if state == SimulatedState::CheckedIn {
        return FixedDates {
            checked_in,
            ..FixedDates::default()
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
    FixedDates {
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
        assert!((0..500).all(|index| beginning(1, &StateMix::CONVERTED, index).state == SimulatedState::Converted));
        assert!((0..500).all(|index| beginning(1, &StateMix::NEW, index).state == SimulatedState::New));
    }

    #[test]
    fn harvards_mix_is_mostly_downloaded() {
        let count = |state| {
            (0..10_000)
                .filter(|&index| beginning(1, &StateMix::HARVARD, index).state == state)
                .count()
        };
        assert!(count(SimulatedState::PreviouslyDownloaded) > 8_000);
        assert!(count(SimulatedState::CheckedIn) > 400);
        assert!(count(SimulatedState::NotAvailable) > 0);
    }

    #[test]
    fn steps_follow_each_other_and_some_books_changed_after_conversion() {
        let mut changed = 0;
        for index in 0..2_000 {
            let life = beginning(3, &StateMix::CONVERTED, index);
            let dates = dates(3, index, life.state);
            assert!(dates.checked_in < dates.scanned && dates.scanned < dates.processed);
            assert!(dates.processed <= dates.analyzed && life.converted < START);
            changed += u32::from(dates.analyzed > life.converted);
        }
        assert!((10..100).contains(&changed), "{changed}");
    }
}
