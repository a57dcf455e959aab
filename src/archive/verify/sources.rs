//! What names the files of a volume, and which of several checksum lists is the volume's.

use std::collections::BTreeSet;

use crate::archive::digest::folder_of;
use crate::archive::mets::MetsSummary;
use crate::archive::page_names::PageNames;
use crate::archive::scan::{FileSeen, FoundList};

/// What names files and their digests.
pub(in crate::archive) struct DigestSources<'s> {
    /// Every `checksum.md5`.
    pub(in crate::archive) lists: Vec<RangedList<'s>>,
    /// Every METS of this book.
    pub(in crate::archive) mets: Vec<&'s MetsSummary>,
    /// How pages are told by their names.
    pub(in crate::archive) page_names: PageNames<'s>,
}

/// A checksum list, and for which files it counts.
pub(in crate::archive) struct RangedList<'s> {
    pub(in crate::archive) found: &'s FoundList,
    pub(in crate::archive) range: ListRange,
}

/// For which files a checksum list counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::archive) enum ListRange {
    /// For every file; a page that it names and that is not there is missing.
    Volume,
    /// For the files of its own folder.
    OwnFolder,
}

/// The volume's lists are the one at the top and the one of the folder with the most pages; without either it is the first. The order
/// in the archive says nothing.
pub(in crate::archive) fn list_ranges(lists: &[FoundList], files: &[FileSeen]) -> Vec<ListRange> {
    let pages_in = |folder: &str| {
        let is_in = |file: &&FileSeen| file.role.page().is_some() && folder_of(&file.name) == folder;
        files.iter().filter(is_in).count()
    };
    let rank = |found: &FoundList| (pages_in(&found.folder), found.folder.is_empty());
    // Of equal ones the last is the greatest to `max_by_key`.
    let best = lists.iter().rev().max_by_key(|found| rank(found));
    let best = best.map(|found| found.folder.as_str());
    let range = |found: &FoundList| match found.folder.as_str() {
        "" => ListRange::Volume,
        folder if Some(folder) == best => ListRange::Volume,
        _ => ListRange::OwnFolder,
    };
    lists.iter().map(range).collect()
}

impl DigestSources<'_> {
    /// The names that the METS give, from the top of the archive.
    pub(in crate::archive) fn whole_mets_names(&self) -> BTreeSet<String> {
        self.mets_names().map(str::to_owned).collect()
    }

    /// The names that the volume's lists give, from the top of the archive.
    pub(in crate::archive) fn whole_list_names(&self) -> BTreeSet<String> {
        let lists = self.lists.iter().filter(|list| list.range == ListRange::Volume);
        let listed = lists.flat_map(|list| {
            let names = list.found.list.entries();
            names.map(|(name, _)| format!("{}{name}", list.found.folder))
        });
        listed.collect()
    }

    /// Pages in the volume's checksum lists.
    pub(in crate::archive) fn list_pages(&self) -> BTreeSet<u32> {
        let lists = self.lists.iter().filter(|list| list.range == ListRange::Volume);
        let names = lists.flat_map(|list| list.found.list.entries().map(|(name, _)| name));
        self.pages_of(names)
    }

    /// Pages in the METS.
    pub(in crate::archive) fn mets_pages(&self) -> BTreeSet<u32> {
        self.pages_of(self.mets_names())
    }

    fn mets_names(&self) -> impl Iterator<Item = &str> {
        self.mets.iter().flat_map(|mets| {
            let digested = mets.digests.entries().map(|(name, _)| name);
            digested.chain(mets.named.iter().map(String::as_str))
        })
    }

    fn pages_of<'n>(&self, names: impl Iterator<Item = &'n str>) -> BTreeSet<u32> {
        names.filter_map(|name| self.page_names.part(name)?.page()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::digest::ChecksumList;
    use crate::archive::scan::{list_in, seen};

    #[test]
    fn the_lists_at_the_top_and_beside_the_pages_are_the_volumes() {
        use ListRange::{OwnFolder, Volume};
        let cases: [(&[&str], &[&str], &[ListRange]); 7] = [
            (&[""], &["1.jp2"], &[Volume]),
            (&["md5/"], &["1.jp2"], &[Volume]),
            (&["sub/", ""], &["1.jp2"], &[OwnFolder, Volume]),
            (
                &["copy/", "vol/"],
                &["vol/1.jp2", "vol/1.txt", "copy/1.jp2"],
                &[OwnFolder, Volume],
            ),
            (&["", "vol/"], &["vol/1.jp2"], &[Volume, Volume]),
            (&["a/", "b/"], &["1.jp2"], &[Volume, OwnFolder]),
            (&["a/", ""], &[], &[OwnFolder, Volume]),
        ];
        for (folders, files, expected) in cases {
            let list = |folder: &&str| list_in(folder, ChecksumList::default());
            let lists: Vec<_> = folders.iter().map(list).collect();
            assert_eq!(
                list_ranges(&lists, &seen(files, None)),
                expected,
                "{folders:?} {files:?}"
            );
        }
    }
}
