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
    /// Files that the METS name with their folders.
    pub(in crate::archive) fn whole_mets_names(&self, files: &[FileSeen]) -> BTreeSet<String> {
        whole_names(self.mets_names(), files)
    }

    /// Files that the volume's lists name with their folders.
    pub(in crate::archive) fn whole_list_names(&self, files: &[FileSeen]) -> BTreeSet<String> {
        whole_names(self.list_names(), files)
    }

    /// Pages in the volume's checksum lists.
    pub(in crate::archive) fn list_pages(&self) -> BTreeSet<u32> {
        self.pages_of(self.list_names())
    }

    /// Pages in the METS.
    pub(in crate::archive) fn mets_pages(&self) -> BTreeSet<u32> {
        self.pages_of(self.mets_names())
    }

    fn list_names(&self) -> impl Iterator<Item = NameGiven<'_>> {
        let lists = self.lists.iter().filter(|list| list.range == ListRange::Volume);
        lists.flat_map(|RangedList { found, .. }| {
            let folder = found.folder.as_str();
            found.list.entries().map(move |(name, _)| NameGiven { folder, name })
        })
    }

    fn mets_names(&self) -> impl Iterator<Item = NameGiven<'_>> {
        self.mets.iter().flat_map(|mets| {
            let folder = mets.folder.as_str();
            let digested = mets.digests.entries().map(|(name, _)| name);
            let names = digested.chain(mets.named.iter().map(String::as_str));
            names.map(move |name| NameGiven { folder, name })
        })
    }

    fn pages_of<'n>(&self, names: impl Iterator<Item = NameGiven<'n>>) -> BTreeSet<u32> {
        names
            .filter_map(|given| self.page_names.part(given.name)?.page())
            .collect()
    }
}

/// A name, and the folder of what gives it.
struct NameGiven<'n> {
    folder: &'n str,
    name: &'n str,
}

/// Files that are meant by their names with folders: from the folder of what names them, else from the top, as they are compared.
fn whole_names<'n>(names: impl Iterator<Item = NameGiven<'n>>, files: &[FileSeen]) -> BTreeSet<String> {
    let known: BTreeSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
    let meant = names.filter_map(|NameGiven { folder, name }| {
        let inner = format!("{folder}{name}");
        let found = known.get(inner.as_str()).or_else(|| known.get(name));
        found.map(|name| (*name).to_owned())
    });
    meant.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::digest::ChecksumList;
    use crate::archive::scan::{list_in, seen};

    #[test]
    fn a_name_means_a_file_of_its_own_folder_before_one_from_the_top() {
        let files = seen(&["1.jp2", "vol/1.jp2", "vol/2.jp2"], None);
        for (folder, name, expected) in [
            ("", "1.jp2", Some("1.jp2")),
            ("vol/", "1.jp2", Some("vol/1.jp2")),
            ("vol/", "vol/2.jp2", Some("vol/2.jp2")),
            ("md5/", "1.jp2", Some("1.jp2")),
            ("md5/", "2.jp2", None),
        ] {
            let names = whole_names([NameGiven { folder, name }].into_iter(), &files);
            assert_eq!(names.first().map(String::as_str), expected, "{folder} {name}");
        }
    }

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
