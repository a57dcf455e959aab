//! What becomes of a book when GRIN says something new about it.

use crate::grin::{GrinState, ListKind};
use crate::vocabulary::BookState;

/// What a list or a barcode search says about the whereabouts of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GrinSignal {
    /// The archive is ready.
    Ready,
    /// It is being converted.
    InProcess,
    /// Its conversion failed, and we had not heard of this failure.
    ConversionFailed,
    /// It is not given out.
    NotAvailable,
    /// It is there, and nothing is going on.
    Idle,
    /// Nothing.
    Silent,
}

/// What being in this list means, beside GRIN's state if the list has it.
pub(crate) fn word_of_list(list: ListKind, grin_state: Option<&str>, new_failure: bool) -> GrinSignal {
    match list {
        ListKind::Converted => GrinSignal::Ready,
        ListKind::InProcess => GrinSignal::InProcess,
        ListKind::Failed if new_failure => GrinSignal::ConversionFailed,
        ListKind::Failed => GrinSignal::Silent,
        ListKind::Available => GrinSignal::Idle,
        ListKind::AllBooks => word_of_state(grin_state),
    }
}

/// What GRIN's state means (src/grin/PROTOCOL.md, section 6).
pub(crate) fn word_of_state(grin_state: Option<&str>) -> GrinSignal {
    match grin_state.and_then(GrinState::read) {
        None => GrinSignal::Silent,
        Some(GrinState::Converted) => GrinSignal::Ready,
        Some(GrinState::InProcess) => GrinSignal::InProcess,
        Some(GrinState::NotAvailableForDownload) => GrinSignal::NotAvailable,
        Some(_) => GrinSignal::Idle,
    }
}

/// The state that follows. States that we decide about stay as they are.
///
/// `Idle` moves a book only out of `unavailable`: a list may be older than our request for conversion, and an archive
/// may be there although GRIN calls the book previously downloaded. What was pushed out, or never came, is found by
/// complete passes over `_converted` and by 404.
pub(crate) fn follow(state: BookState, word: GrinSignal) -> BookState {
    use BookState as S;
    if !state.follows_grin() {
        return state;
    }
    match (word, state) {
        (GrinSignal::Ready, _) => S::Available,
        (GrinSignal::InProcess, _) => S::InProcess,
        (GrinSignal::NotAvailable, _) => S::Unavailable,
        (GrinSignal::ConversionFailed, S::Known | S::Requested | S::InProcess) => S::ConversionFailed,
        (GrinSignal::Idle, S::Unavailable) => S::Known,
        (GrinSignal::ConversionFailed | GrinSignal::Idle | GrinSignal::Silent, _) => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use BookState as S;

    #[test]
    fn what_follows_from_what_grin_says() {
        let cases = [
            (S::Known, GrinSignal::Ready, S::Available),
            (S::Requested, GrinSignal::Ready, S::Available),
            (S::ConversionFailed, GrinSignal::Ready, S::Available),
            (S::Unavailable, GrinSignal::Ready, S::Available),
            (S::Known, GrinSignal::InProcess, S::InProcess),
            (S::Requested, GrinSignal::InProcess, S::InProcess),
            (S::Requested, GrinSignal::Idle, S::Requested),
            (S::InProcess, GrinSignal::Idle, S::InProcess),
            (S::Available, GrinSignal::Idle, S::Available),
            (S::Unavailable, GrinSignal::Idle, S::Known),
            (S::Available, GrinSignal::NotAvailable, S::Unavailable),
            (S::InProcess, GrinSignal::ConversionFailed, S::ConversionFailed),
            (S::Known, GrinSignal::ConversionFailed, S::ConversionFailed),
            (S::Available, GrinSignal::ConversionFailed, S::Available),
            (S::Known, GrinSignal::Silent, S::Known),
        ];
        for (state, word, after) in cases {
            assert_eq!(follow(state, word), after, "{state} {word:?}");
        }
    }

    #[test]
    fn what_is_ours_does_not_follow_grin() {
        for state in [S::Checking, S::Downloading, S::Stored, S::Failed] {
            for word in [
                GrinSignal::Ready,
                GrinSignal::InProcess,
                GrinSignal::ConversionFailed,
                GrinSignal::NotAvailable,
                GrinSignal::Idle,
            ] {
                assert_eq!(follow(state, word), state);
            }
        }
    }

    #[test]
    fn what_lists_say() {
        let cases = [
            (ListKind::AllBooks, Some("CONVERTED"), GrinSignal::Ready),
            (
                ListKind::AllBooks,
                Some("NOT_AVAILABLE_FOR_DOWNLOAD"),
                GrinSignal::NotAvailable,
            ),
            (ListKind::AllBooks, Some("SOMETHING_NEW"), GrinSignal::Idle),
            (ListKind::AllBooks, None, GrinSignal::Silent),
            (ListKind::Converted, None, GrinSignal::Ready),
            (ListKind::InProcess, None, GrinSignal::InProcess),
            (ListKind::Available, None, GrinSignal::Idle),
        ];
        for (list, state, word) in cases {
            assert_eq!(word_of_list(list, state, false), word, "{list:?} {state:?}");
        }
        assert_eq!(word_of_list(ListKind::Failed, None, true), GrinSignal::ConversionFailed);
        assert_eq!(
            word_of_list(ListKind::Failed, None, false),
            GrinSignal::Silent,
            "old news"
        );
    }
}
