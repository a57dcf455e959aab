//! Which files of an archive are this volume's, and which of them are pages: decided when all of them are known.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::acceptance::BookIdentity;
use crate::archive::digest::folder_of;
use crate::archive::findings::{FindingCode, FindingList};
use crate::archive::names::MemberRole;
use crate::archive::page_names::PageNames;
use crate::archive::page_number::PageKind;
use crate::archive::scan::{FileSeen, FileStanding};
use crate::grin::Barcode;

/// A folder that a METS stands in, and the book that the METS names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MetsPlace {
    pub(super) folder: String,
    pub(super) identity: BookIdentity,
}

/// Sets files aside that are not this volume's, and finds the pages among the others.
pub(super) fn place<'b>(
    files: &mut [FileSeen],
    mets: &[MetsPlace],
    barcode: Option<&'b Barcode>,
    findings: &mut FindingList,
) -> PageNames<'b> {
    set_repeated_aside(files, findings);
    let foreign = foreign_folders(mets);
    for folder in &foreign {
        let in_folder = files
            .iter_mut()
            .filter(|file| nearest(&file.name, mets) == Some(folder));
        let count = in_folder.map(|file| file.set_aside(FileStanding::Foreign)).count();
        let text = format!("the METS in this folder is another book's; its {count} files are not counted");
        findings.note(FindingCode::AnotherBookBeside, Some(folder), text);
    }
    let mut names = PageNames::of(files, barcode);
    // A folder of ours may lie in theirs.
    names.foreign = foreign;
    names.ours = folders_of(mets, BookIdentity::Requested).into_iter().cloned().collect();
    place_candidates(files, &names);
    for file in files.iter() {
        if let MemberRole::Unplaced { .. } = file.role {
            let text = "nothing tells which page it is; it is not counted";
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

/// Folders with another book's METS and none of this book's; none where no METS is this book's.
fn foreign_folders(mets: &[MetsPlace]) -> BTreeSet<String> {
    let ours = folders_of(mets, BookIdentity::Requested);
    let theirs = folders_of(mets, BookIdentity::Another);
    let foreign = theirs.difference(&ours).filter(|_| !ours.is_empty());
    foreign.map(|folder| (*folder).clone()).collect()
}

fn folders_of(mets: &[MetsPlace], identity: BookIdentity) -> BTreeSet<&String> {
    let of_book = mets.iter().filter(|place| place.identity == identity);
    of_book.map(|place| &place.folder).collect()
}

/// The innermost folder round a file that has a METS of some book.
fn nearest<'m>(name: &str, mets: &'m [MetsPlace]) -> Option<&'m String> {
    let tells = |place: &&MetsPlace| matches!(place.identity, BookIdentity::Requested | BookIdentity::Another);
    let around = mets
        .iter()
        .filter(tells)
        .filter(|place| name.starts_with(&place.folder));
    around.map(|place| &place.folder).max_by_key(|folder| folder.len())
}

/// Sets aside the pages of folders that hold pages of the volume's main folder once more, unless something names them: nothing says
/// that they are this book's. `is_named` tells of a whole name whether the checksum list or the METS has it.
pub(super) fn set_copies_aside(
    files: &mut [FileSeen],
    mets: &[MetsPlace],
    is_named: impl Fn(&str) -> bool,
    findings: &mut FindingList,
) -> String {
    let mut images: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    let mut named = BTreeSet::new();
    for file in files.iter() {
        let folder = folder_of(&file.name);
        if let MemberRole::Image(page) = file.role {
            images.entry(folder.to_owned()).or_default().insert(page);
        }
        if file.role.page().is_some() && is_named(&file.name) {
            named.insert(folder.to_owned());
        }
    }
    let is_ours = |folder: &String| {
        mets.iter()
            .any(|place| place.identity == BookIdentity::Requested && place.folder == *folder)
    };
    let rank = |(folder, pages): &(&String, &BTreeSet<u32>)| (is_ours(folder), named.contains(*folder), pages.len());
    let Some((main, own)) = images.iter().rev().max_by_key(rank) else {
        return String::new();
    };
    for (folder, pages) in &images {
        let surplus = pages.difference(own).count();
        // Two parts of a volume have hardly a page in common.
        let is_copy = 2 * pages.intersection(own).count() >= pages.len().min(own.len());
        if folder == main || named.contains(folder) || surplus == 0 || !is_copy {
            continue;
        }
        let text =
            format!("it has pages that {main:?} has, too, and {surplus} more that nothing names; they are not counted");
        findings.note(FindingCode::PagesElsewhere, Some(folder), text);
        for file in files.iter_mut().filter(|file| folder_of(&file.name) == folder) {
            if file.role.page().is_some() {
                file.role = MemberRole::Unplaced { page_like: true };
                file.standing = FileStanding::Beside;
            }
        }
    }
    main.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::scan::seen;

    fn places(given: &[(&str, BookIdentity)]) -> Vec<MetsPlace> {
        let place = |(folder, identity): &(&str, BookIdentity)| MetsPlace {
            folder: (*folder).to_owned(),
            identity: *identity,
        };
        given.iter().map(place).collect()
    }

    #[test]
    fn another_books_folder_is_told_by_its_mets() {
        use BookIdentity::{Another, Requested, Unnamed};
        const FILES: [&str; 5] = ["1.jp2", "a/1.jp2", "b/1.jp2", "b/c/2.jp2", "bc/2.jp2"];
        let cases: [(&str, &[(&str, BookIdentity)], &[&str]); 9] = [
            ("no METS", &[], &FILES),
            ("ours at the top", &[("", Requested)], &FILES),
            ("another alone", &[("b/", Another)], &FILES),
            (
                "two folders",
                &[("a/", Requested), ("b/", Another)],
                &["1.jp2", "a/1.jp2", "bc/2.jp2"],
            ),
            (
                "theirs in ours",
                &[("", Requested), ("b/", Another)],
                &["1.jp2", "a/1.jp2", "bc/2.jp2"],
            ),
            (
                "ours in theirs",
                &[("", Another), ("b/", Requested)],
                &["b/1.jp2", "b/c/2.jp2"],
            ),
            (
                "ours in the middle",
                &[("b/", Requested), ("b/c/", Another)],
                &["1.jp2", "a/1.jp2", "b/1.jp2", "bc/2.jp2"],
            ),
            ("both in one folder", &[("b/", Another), ("b/", Requested)], &FILES),
            ("a METS of no book", &[("", Requested), ("b/", Unnamed)], &FILES),
        ];
        for (what, mets, expected) in cases {
            let mut files = seen(&FILES, None);
            place(&mut files, &places(mets), None, &mut FindingList::default());
            let own = files.iter().filter(|file| file.standing == FileStanding::Own);
            let own: Vec<&str> = own.map(|file| file.name.as_str()).collect();
            assert_eq!(own, expected, "{what}");
        }
    }

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
        place(&mut files, &[], None, &mut FindingList::default());
        let pages: Vec<Option<u32>> = files.iter().map(|file| file.role.page()).collect();
        assert_eq!(pages, [Some(1), Some(2), None, None, None, None]);
    }

    #[test]
    fn of_one_name_the_last_file_counts() {
        let mut files = seen(&["1.jp2", "2.jp2", "1.jp2", "a/1.jp2", "1.jp2"], None);
        let mut findings = FindingList::default();
        place(&mut files, &[], None, &mut findings);
        let own: Vec<bool> = files.iter().map(|file| file.standing == FileStanding::Own).collect();
        assert_eq!(own, [false, true, false, true, true]);
        assert_eq!(findings.finish().len(), 2);
    }

    #[test]
    fn pages_of_a_second_folder_are_no_more_pages_of_the_first() {
        let ours = places(&[("a/", BookIdentity::Requested)]);
        let cases: [(&str, &[&str], &[&str], &[u32]); 8] = [
            ("a copy", &["a/1.jp2", "b/1.jp2"], &[], &[1]),
            ("a longer one", &["b/1.jp2", "b/2.jp2", "a/1.jp2"], &[], &[1]),
            (
                "a longer one that is named",
                &["b/1.jp2", "b/2.jp2", "a/1.jp2"],
                &["b/2.jp2"],
                &[1, 2],
            ),
            ("a second part", &["a/1.jp2", "b/2.jp2"], &[], &[1, 2]),
            (
                "parts with one page in common",
                &["a/1.jp2", "a/2.jp2", "a/3.jp2", "b/3.jp2", "b/4.jp2", "b/5.jp2"],
                &[],
                &[1, 2, 3, 4, 5],
            ),
            ("at the top", &["1.jp2", "2.jp2", "a/1.jp2"], &[], &[1]),
            ("away from the METS", &["b/1.jp2", "c/1.jp2", "c/2.jp2"], &[], &[1, 2]),
            (
                "texts of their own folder",
                &["a/1.jp2", "t/1.txt", "t/2.txt"],
                &[],
                &[1, 2],
            ),
        ];
        for (what, names, named, expected) in cases {
            let mut files = seen(names, None);
            set_copies_aside(
                &mut files,
                &ours,
                |name| named.contains(&name),
                &mut FindingList::default(),
            );
            let pages: BTreeSet<u32> = files.iter().filter_map(|file| file.role.page()).collect();
            assert_eq!(pages.into_iter().collect::<Vec<_>>(), expected, "{what}");
        }
    }
}
