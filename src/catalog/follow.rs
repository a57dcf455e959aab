//! Room `catalog`: what becomes of a book when GRIN says something new about it.

use super::BookState;
use crate::grin::{GrinState, ListKind};

/// What a list or a barcode search says about the whereabouts of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
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
pub(crate) fn word_of_list(list: ListKind, grin_state: Option<&str>, new_failure: bool) -> Word {
    match list {
        ListKind::Converted => Word::Ready,
        ListKind::InProcess => Word::InProcess,
        ListKind::Failed if new_failure => Word::ConversionFailed,
        ListKind::Failed => Word::Silent,
        ListKind::Available => Word::Idle,
        ListKind::AllBooks => word_of_state(grin_state),
    }
}

/// What GRIN's state means (src/grin/PROTOCOL.md, section 6).
pub(crate) fn word_of_state(grin_state: Option<&str>) -> Word {
    match grin_state.and_then(GrinState::read) {
        None => Word::Silent,
        Some(GrinState::Converted) => Word::Ready,
        Some(GrinState::InProcess) => Word::InProcess,
        Some(GrinState::NotAvailableForDownload) => Word::NotAvailable,
        Some(_) => Word::Idle,
    }
}

/// The state that follows. States that we decide about stay as they are.
///
/// `Idle` moves a book only out of `unavailable`: a list may be older than our request for conversion, and an archive
/// may be there although GRIN calls the book previously downloaded. What was pushed out, or never came, is found by
/// complete passes over `_converted` and by 404.
pub(crate) fn follow(state: BookState, word: Word) -> BookState {
    use BookState as S;
    if !state.follows_grin() {
        return state;
    }
    match (word, state) {
        (Word::Ready, _) => S::Available,
        (Word::InProcess, _) => S::InProcess,
        (Word::NotAvailable, _) => S::Unavailable,
        (Word::ConversionFailed, S::Known | S::Requested | S::InProcess) => S::ConversionFailed,
        (Word::Idle, S::Unavailable) => S::Known,
        (Word::ConversionFailed | Word::Idle | Word::Silent, _) => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use BookState as S;

    #[test]
    fn what_follows_from_what_grin_says() {
        let cases = [
            (S::Known, Word::Ready, S::Available),
            (S::Requested, Word::Ready, S::Available),
            (S::ConversionFailed, Word::Ready, S::Available),
            (S::Unavailable, Word::Ready, S::Available),
            (S::Known, Word::InProcess, S::InProcess),
            (S::Requested, Word::InProcess, S::InProcess),
            (S::Requested, Word::Idle, S::Requested),
            (S::InProcess, Word::Idle, S::InProcess),
            (S::Available, Word::Idle, S::Available),
            (S::Unavailable, Word::Idle, S::Known),
            (S::Available, Word::NotAvailable, S::Unavailable),
            (S::InProcess, Word::ConversionFailed, S::ConversionFailed),
            (S::Known, Word::ConversionFailed, S::ConversionFailed),
            (S::Available, Word::ConversionFailed, S::Available),
            (S::Known, Word::Silent, S::Known),
        ];
        for (state, word, after) in cases {
            assert_eq!(follow(state, word), after, "{state} {word:?}");
        }
    }

    #[test]
    fn what_is_ours_does_not_follow_grin() {
        for state in [S::Checking, S::Downloading, S::Stored, S::Failed] {
            for word in [
                Word::Ready,
                Word::InProcess,
                Word::ConversionFailed,
                Word::NotAvailable,
                Word::Idle,
            ] {
                assert_eq!(follow(state, word), state);
            }
        }
    }

    #[test]
    fn what_lists_say() {
        let cases = [
            (ListKind::AllBooks, Some("CONVERTED"), Word::Ready),
            (
                ListKind::AllBooks,
                Some("NOT_AVAILABLE_FOR_DOWNLOAD"),
                Word::NotAvailable,
            ),
            (ListKind::AllBooks, Some("SOMETHING_NEW"), Word::Idle),
            (ListKind::AllBooks, None, Word::Silent),
            (ListKind::Converted, None, Word::Ready),
            (ListKind::InProcess, None, Word::InProcess),
            (ListKind::Available, None, Word::Idle),
        ];
        for (list, state, word) in cases {
            assert_eq!(word_of_list(list, state, false), word, "{list:?} {state:?}");
        }
        assert_eq!(word_of_list(ListKind::Failed, None, true), Word::ConversionFailed);
        assert_eq!(word_of_list(ListKind::Failed, None, false), Word::Silent, "old news");
    }
}
