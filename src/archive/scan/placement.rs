//! Which files of an archive are this volume's, and which of them are pages: decided when all of them are known.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::book_names::names_book;
use crate::archive::digest::{base_name, folder_of};
use crate::archive::findings::{FindingCode, FindingList};
use crate::archive::folder_owners::FolderOwners;
use crate::archive::names::MemberRole;
use crate::archive::page_names::PageNames;
use crate::archive::page_number::PageKind;
use crate::archive::scan::{FileSeen, FileStanding};
use crate::archive::verify::DigestSources;
use crate::grin::Barcode;

/// Sets files aside that are not this volume's, and finds the pages among the others.
pub(super) fn place<'b>(
    files: &mut [FileSeen],
    owners: FolderOwners,
    barcode: Option<&'b Barcode>,
    findings: &mut FindingList,
) -> PageNames<'b> {
    set_repeated_aside(files, findings);
    let mut foreign: BTreeMap<&str, u64> = BTreeMap::new();
    for file in files.iter_mut() {
        if let Some(folder) = owners.foreign_folder(&file.name) {
            *foreign.entry(folder).or_default() += 1;
            file.set_aside(FileStanding::Foreign);
        }
    }
    for (folder, count) in foreign {
        let text = format!("the METS in this folder is another book's; its {count} files are not counted");
        findings.note(FindingCode::AnotherBookBeside, Some(folder), text);
    }
    let mut names = PageNames::of(files, barcode);
    names.owners = owners;
    place_candidates(files, &names);
    for file in files.iter() {
        if let MemberRole::Unplaced { .. } = file.role {
            let text = if file.is_empty {
                "nothing tells which page it is, and it has not a single byte; it is not counted"
            } else {
                "nothing tells which page it is, or it is in no form that is known; it is not counted"
            };
            findings.note(FindingCode::UnplacedPageFile, Some(&file.name), text);
        }
    }
    names
}

/// Makes pages of the files of the series that counts, and of those with a page's number in full that no other file has.
fn place_candidates(files: &mut [FileSeen], names: &PageNames<'_>) {
    let parts = |file: &FileSeen| match file.role {
        MemberRole::Candidate(..) => names.part(&file.name),
        role => role.page_part(),
    };
    let mut taken: BTreeSet<MemberRole> = files.iter().filter_map(parts).collect();
    for file in files.iter_mut() {
        let MemberRole::Candidate(kind, page) = file.role else {
            continue;
        };
        let page_like = names.is_page_like(&file.name);
        file.role = match names.part(&file.name) {
            Some(part) => part,
            None if names.is_likely_page(&file.name) && taken.insert(kind.of_page(page)) => kind.of_page(page),
            None if kind == PageKind::Image || page_like => MemberRole::Unplaced { page_like },
            None => MemberRole::Other,
        };
    }
}

/// The same name again is a newer file, as `tar -r` adds it: unpacked, it takes the place of the older one.
fn set_repeated_aside(files: &mut [FileSeen], findings: &mut FindingList) {
    let mut later = BTreeSet::new();
    let mut older = Vec::new();
    for (id, file) in files.iter().enumerate().rev() {
        if !later.insert(file.name.as_str()) {
            older.push(id);
        }
    }
    for id in older.into_iter().rev() {
        let text = "there is another file of this name behind it, which counts";
        findings.note(FindingCode::MemberRepeated, Some(&files[id].name), text);
        files[id].set_aside(FileStanding::Superseded);
    }
}

/// Sets aside the pages of folders that hold pages of the volume's main folder once more and others, too, which nothing names: nothing
/// says that they are this book's. Gives the main folder.
pub(super) fn set_copies_aside(
    files: &mut [FileSeen],
    sources: &DigestSources<'_>,
    findings: &mut FindingList,
) -> String {
    let mut images: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for file in files.iter() {
        if let MemberRole::Image(page) = file.role {
            let folder = folder_of(&file.name).to_owned();
            images.entry(folder).or_default().insert(page);
        }
    }
    let (names, mets_pages) = (&sources.page_names, sources.mets_pages());
    let named = named_folders(files, sources);
    let rank = |(folder, pages): &(&String, &BTreeSet<u32>)| {
        let segment = base_name(folder.trim_end_matches('/'));
        FolderRank {
            has_mets: names.owners.is_ours(folder),
            is_named: named.contains(*folder),
            is_called_so: names.barcode.is_some_and(|barcode| names_book(segment, barcode)),
            has_pages_of_mets: **pages == mets_pages,
            pages: pages.len(),
        }
    };
    let Some((main, own)) = images.iter().rev().max_by_key(rank) else {
        return String::new();
    };
    let mut aside = BTreeSet::new();
    for (folder, pages) in &images {
        let surplus = pages.difference(own).count();
        // Two parts of a volume have hardly a page in common.
        let is_copy = 2 * pages.intersection(own).count() >= pages.len().min(own.len());
        if folder == main || named.contains(folder) || surplus == 0 || !is_copy {
            continue;
        }
        let text =
            format!("it has pages that {main:?} has, too, and {surplus} more that no METS names; they are not counted");
        findings.note(FindingCode::PagesElsewhere, Some(folder), text);
        aside.insert(folder.as_str());
    }
    let listed = sources.whole_list_names(files);
    for file in files.iter_mut() {
        if file.role.page().is_some() && aside.contains(folder_of(&file.name)) {
            file.role = MemberRole::Unplaced { page_like: true };
            // What the volume's own list names is perhaps the volume's.
            if !listed.contains(&file.name) {
                file.standing = FileStanding::Beside;
            }
        }
    }
    main.clone()
}

/// Which of several folders with the same pages is the volume's: the greatest, by the first that tells them apart.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct FolderRank {
    /// This book's METS stands in it.
    has_mets: bool,
    /// The METS or the checksum list names its files.
    is_named: bool,
    /// It has the book's name.
    is_called_so: bool,
    /// Its pages are the ones that the METS names.
    has_pages_of_mets: bool,
    pages: usize,
}

/// Folders with page files that the METS names; where it names none, those that the list does.
fn named_folders(files: &[FileSeen], sources: &DigestSources<'_>) -> BTreeSet<String> {
    let folders_of = |names: BTreeSet<String>| -> BTreeSet<String> {
        let named = files
            .iter()
            .filter(|file| file.role.page().is_some() && names.contains(&file.name));
        named.map(|file| folder_of(&file.name).to_owned()).collect()
    };
    let by_mets = folders_of(sources.whole_mets_names(files));
    if by_mets.is_empty() {
        folders_of(sources.whole_list_names(files))
    } else {
        by_mets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::acceptance::BookIdentity;
    use crate::archive::digest::ChecksumList;
    use crate::archive::limits::ArchiveLimits;
    use crate::archive::mets::MetsSummary;
    use crate::archive::scan::{list_in, seen};
    use crate::archive::verify::{ListRange, RangedList};

    #[test]
    fn a_number_in_full_that_no_other_file_has_is_a_page() {
        let mut files = seen(
            &[
                "00000001.jp2",
                "x_00000002.jp2",
                "x_00000001.jp2",
                "y_00000002.jp2",
                "x_3.jp2",
                "00000003a.jp2",
            ],
            None,
        );
        place(&mut files, FolderOwners::default(), None, &mut FindingList::default());
        let pages: Vec<Option<u32>> = files.iter().map(|file| file.role.page()).collect();
        assert_eq!(pages, [Some(1), Some(2), None, None, None, None]);
    }

    #[test]
    fn of_one_name_the_last_file_counts() {
        let mut files = seen(&["1.jp2", "2.jp2", "1.jp2", "a/1.jp2", "1.jp2"], None);
        let mut findings = FindingList::default();
        place(&mut files, FolderOwners::default(), None, &mut findings);
        let own: Vec<bool> = files.iter().map(|file| file.standing == FileStanding::Own).collect();
        assert_eq!(own, [false, true, false, true, true]);
        assert_eq!(findings.finish().len(), 2);
    }

    /// What the files are, what the list names, what the METS at the top names; which pages are the volume's.
    type FolderCase = (
        &'static str,
        &'static [&'static str],
        [&'static [&'static str]; 2],
        &'static [u32],
    );

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn pages_of_a_second_folder_are_no_more_pages_of_the_first() {
        let barcode = Barcode::parse("TL0001").unwrap();
        let cases: [FolderCase; 11] = [
            ("a copy", &["a/1.jp2", "b/1.jp2"], [&[], &[]], &[1]),
            ("a longer one", &["b/1.jp2", "b/2.jp2", "a/1.jp2"], [&[], &[]], &[1]),
            (
                "one that is named",
                &["b/1.jp2", "b/2.jp2", "a/1.jp2"],
                [&["b/2.jp2"], &[]],
                &[1, 2],
            ),
            ("a second part", &["a/1.jp2", "b/2.jp2"], [&[], &[]], &[1, 2]),
            (
                "parts with one page in common",
                &["a/1.jp2", "a/2.jp2", "a/3.jp2", "b/3.jp2", "b/4.jp2", "b/5.jp2"],
                [&[], &[]],
                &[1, 2, 3, 4, 5],
            ),
            ("at the top", &["1.jp2", "2.jp2", "a/1.jp2"], [&[], &[]], &[1]),
            (
                "away from the METS",
                &["b/1.jp2", "c/1.jp2", "c/2.jp2"],
                [&[], &[]],
                &[1, 2],
            ),
            (
                "the METS's pages",
                &["b/1.jp2", "c/1.jp2", "c/2.jp2"],
                [&[], &["1.jp2"]],
                &[1],
            ),
            (
                "the book's name",
                &["TL0001/1.jp2", "c/1.jp2", "c/2.jp2"],
                [&[], &[]],
                &[1],
            ),
            (
                "a list of both and a METS of one",
                &["b/1.jp2", "c/1.jp2", "c/2.jp2"],
                [&["b/1.jp2", "c/1.jp2", "c/2.jp2"], &["b/1.jp2"]],
                &[1],
            ),
            (
                "texts of their own folder",
                &["a/1.jp2", "t/1.txt", "t/2.txt"],
                [&[], &[]],
                &[1, 2],
            ),
        ];
        for (what, names, [listed, by_mets], expected) in cases {
            let mut files = seen(names, None);
            let mut list = ChecksumList::default();
            listed.iter().for_each(|name| list.insert(name, [7; 16]));
            let found = list_in("", list);
            let located: String = by_mets
                .iter()
                .map(|name| format!("<file><FLocat href=\"{name}\"/></file>"))
                .collect();
            let mets = format!("<mets><fileSec>{located}</fileSec></mets>");
            let mets = MetsSummary::read(mets.as_bytes(), &ArchiveLimits::default());
            let mets = mets.unwrap().unwrap();
            let mut owners = FolderOwners::default();
            owners.note("a/", BookIdentity::Requested);
            let sources = DigestSources {
                lists: vec![RangedList {
                    found: &found,
                    range: ListRange::Volume,
                }],
                mets: vec![&mets],
                page_names: place(&mut files, owners, Some(&barcode), &mut FindingList::default()),
            };
            set_copies_aside(&mut files, &sources, &mut FindingList::default());
            let pages: BTreeSet<u32> = files.iter().filter_map(|file| file.role.page()).collect();
            assert_eq!(pages.into_iter().collect::<Vec<_>>(), expected, "{what}");
        }
    }
}
