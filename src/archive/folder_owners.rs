//! Which folders of an archive are this book's and which are another's, by the METS in them.

use std::collections::BTreeMap;
use std::iter::successors;

use crate::archive::acceptance::BookIdentity;
use crate::archive::digest::folder_of;

/// Folders that have a METS of some book.
#[derive(Debug, Default)]
pub(super) struct FolderOwners {
    /// True where one of the METS is this book's.
    folders: BTreeMap<String, bool>,
    has_ours: bool,
}

impl FolderOwners {
    /// Notes a METS in a folder. One that names no book says nothing.
    pub(super) fn note(&mut self, folder: &str, identity: BookIdentity) {
        let is_ours = match identity {
            BookIdentity::Requested => true,
            BookIdentity::Another => false,
            BookIdentity::NotRequested | BookIdentity::Unnamed => return,
        };
        self.has_ours |= is_ours;
        *self.folders.entry(folder.to_owned()).or_default() |= is_ours;
    }

    /// Has this folder a METS of this book?
    pub(super) fn is_ours(&self, folder: &str) -> bool {
        self.folders.get(folder) == Some(&true)
    }

    /// The folder of another book in which a file lies: the innermost one round it that has a METS has none of this book. Nowhere, if
    /// no METS at all is this book's.
    pub(super) fn foreign_folder(&self, name: &str) -> Option<&str> {
        let (folder, is_ours) = around(name).find_map(|folder| self.folders.get_key_value(folder))?;
        (self.has_ours && !is_ours).then_some(folder.as_str())
    }
}

/// The folders round a file, the innermost first; the last is the top.
fn around(name: &str) -> impl Iterator<Item = &str> {
    successors(Some(folder_of(name)), |folder| {
        let folder = folder.strip_suffix('/')?;
        Some(&folder[..folder.rfind('/').map_or(0, |slash| slash + 1)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is tried, whose METS lie in which folders, and which files are another book's.
    type OwnerCase = (
        &'static str,
        &'static [(&'static str, BookIdentity)],
        &'static [&'static str],
    );

    #[test]
    fn the_innermost_mets_tells_whose_a_folder_is() {
        use BookIdentity::{Another, Requested, Unnamed};
        const FILES: [&str; 5] = ["1.jp2", "a/1.jp2", "b/1.jp2", "b/c/2.jp2", "bc/2.jp2"];
        let cases: [OwnerCase; 9] = [
            ("no METS", &[], &[]),
            ("ours at the top", &[("", Requested)], &[]),
            ("another alone", &[("b/", Another)], &[]),
            (
                "two folders",
                &[("a/", Requested), ("b/", Another)],
                &["b/1.jp2", "b/c/2.jp2"],
            ),
            (
                "theirs in ours",
                &[("", Requested), ("b/", Another)],
                &["b/1.jp2", "b/c/2.jp2"],
            ),
            (
                "ours in theirs",
                &[("", Another), ("b/", Requested)],
                &["1.jp2", "a/1.jp2", "bc/2.jp2"],
            ),
            (
                "ours in the middle",
                &[("b/", Requested), ("b/c/", Another)],
                &["b/c/2.jp2"],
            ),
            ("both in one folder", &[("b/", Another), ("b/", Requested)], &[]),
            ("a METS of no book", &[("", Requested), ("b/", Unnamed)], &[]),
        ];
        for (what, mets, expected) in cases {
            let mut owners = FolderOwners::default();
            mets.iter()
                .for_each(|(folder, identity)| owners.note(folder, *identity));
            let foreign = FILES.iter().filter(|name| owners.foreign_folder(name).is_some());
            assert_eq!(foreign.copied().collect::<Vec<_>>(), expected, "{what}");
        }
    }
}
