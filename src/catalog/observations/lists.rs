//! How GRIN's lists are named and numbered in the catalog.

use crate::grin::ListKind;

/// The list's number in `sightings`.
pub(crate) const fn number(list: ListKind) -> i64 {
    match list {
        ListKind::AllBooks => 0,
        ListKind::Available => 1,
        ListKind::InProcess => 2,
        ListKind::Converted => 3,
        ListKind::Failed => 4,
    }
}

/// The list's name in `list_passes`, in histories and in reports.
pub const fn name(list: ListKind) -> &'static str {
    match list {
        ListKind::AllBooks => "all_books",
        ListKind::Available => "available",
        ListKind::InProcess => "in_process",
        ListKind::Converted => "converted",
        ListKind::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_told_apart() {
        for (at, list) in ListKind::ALL.into_iter().enumerate() {
            assert_eq!(number(list), i64::try_from(at).unwrap());
            assert!(list.path().ends_with(name(list)));
        }
    }
}
