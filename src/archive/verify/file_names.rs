//! Which files the names of a list mean.

use std::collections::BTreeMap;

use crate::archive::digest::{Md5Digest, base_name};
use crate::archive::names::plain_name;
use crate::archive::scan::{FileSeen, FileStanding};
use crate::archive::verify::sources::{ListRange, RangedList};

/// The form that puts letter case and encoding aside.
const RESPELLED: usize = 2;

/// Which file each name of one list means.
#[derive(Default)]
pub(super) struct ListedFiles {
    /// The digests for each file, by the file's number.
    pub(super) digests: BTreeMap<usize, Vec<Md5Digest>>,
    /// Names that mean no file.
    pub(super) absent: Vec<String>,
    /// Names that mean a file only if letter case or percent-encoding is put aside.
    pub(super) respelled: Vec<(String, usize)>,
}

/// The files by their names: whole, without folders, and without letter case and percent-encoding.
pub(super) struct FileNames<'f> {
    forms: [BTreeMap<String, Vec<usize>>; 3],
    files: &'f [FileSeen],
}

impl<'f> FileNames<'f> {
    pub(super) fn of(files: &'f [FileSeen]) -> Self {
        let mut forms: [BTreeMap<String, Vec<usize>>; 3] = Default::default();
        for (id, file) in files.iter().enumerate() {
            // What is not the volume's is meant by its whole name only; another book's file at the top, by none.
            let counted = match file.standing {
                FileStanding::Own => forms.len(),
                FileStanding::Foreign if !file.name.contains('/') => 0,
                FileStanding::Foreign | FileStanding::Superseded | FileStanding::Beside => 1,
            };
            for (form, name) in forms.iter_mut().take(counted).zip(forms_of(&file.name)) {
                form.entry(name).or_default().push(id);
            }
        }
        Self { forms, files }
    }

    /// The files that a checksum list means, as far as it counts.
    pub(super) fn find_list(&self, list: &RangedList<'_>) -> ListedFiles {
        let entries = list.found.list.entries();
        match list.range {
            ListRange::Volume => self.find(&list.found.folder, entries),
            ListRange::OwnFolder => {
                let mut search = NameSearch::of(self, entries);
                search.pass(|name| format!("{}{name}", list.found.folder), 0);
                search.listed
            }
        }
    }

    /// Finds the files that a list in `folder` means. The closest form of a name counts first, that in the list's own folder before the
    /// others, and a file is meant only once, so that `1.txt` never speaks for `copy/1.txt` where both are there.
    pub(super) fn find<'l>(
        &self,
        folder: &str,
        entries: impl Iterator<Item = (&'l str, &'l [Md5Digest])>,
    ) -> ListedFiles {
        let mut search = NameSearch::of(self, entries);
        search.pass(|name| format!("{folder}{name}"), 0);
        for form in 0..self.forms.len() {
            search.pass(|name| forms_of(name)[form].clone(), form);
        }
        search.listed.absent = search.open.iter().map(|(name, _)| (*name).to_owned()).collect();
        search.listed
    }
}

/// The search for the files that the names of one list mean.
struct NameSearch<'n, 'l> {
    names: &'n FileNames<'n>,
    taken: Vec<bool>,
    /// Names for which no file is found yet.
    open: Vec<(&'l str, &'l [Md5Digest])>,
    listed: ListedFiles,
}

impl<'n, 'l> NameSearch<'n, 'l> {
    fn of(names: &'n FileNames<'_>, entries: impl Iterator<Item = (&'l str, &'l [Md5Digest])>) -> Self {
        Self {
            names,
            taken: vec![false; names.files.len()],
            open: entries.collect(),
            listed: ListedFiles::default(),
        }
    }

    /// Looks for the names that are still open among one form of the files' names. Files of one and the same name are all meant:
    /// unpacked, the last takes the place of the first.
    fn pass(&mut self, key_of: impl Fn(&str) -> String, form: usize) {
        let Self {
            names,
            taken,
            open,
            listed,
        } = self;
        let FileNames { forms, files } = names;
        open.retain(|(name, digests)| {
            let ids = forms[form].get(&key_of(name)).map_or(&[][..], Vec::as_slice);
            let Some(first) = ids.iter().find(|id| !taken[**id]) else {
                return true;
            };
            for id in ids.iter().filter(|id| files[**id].name == files[*first].name) {
                taken[*id] = true;
                listed.digests.entry(*id).or_default().extend(*digests);
            }
            if form == RESPELLED {
                listed.respelled.push(((*name).to_owned(), *first));
            }
            false
        });
    }
}

fn forms_of(name: &str) -> [String; 3] {
    let plain = plain_name(name);
    [
        name.trim_start_matches("./").to_owned(),
        base_name(name).to_owned(),
        base_name(&plain).to_lowercase(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::digest::ChecksumList;
    use crate::archive::scan::{list_in, seen};

    #[test]
    fn a_list_in_a_folder_means_the_files_of_its_folder_first() {
        let list = |folder: &str, name: &str| {
            let mut list = ChecksumList::default();
            list.insert(name, [7; 16]);
            list_in(folder, list)
        };
        let files = seen(&["1.jp2", "./vol/1.jp2", "vol/2.jp2", "3.JP2"], None);
        let cases: [(&str, &str, ListRange, &[usize]); 9] = [
            ("", "1.jp2", ListRange::Volume, &[0]),
            ("", "vol/1.jp2", ListRange::Volume, &[1]),
            ("vol/", "1.jp2", ListRange::Volume, &[1]),
            ("vol/", "2.jp2", ListRange::OwnFolder, &[2]),
            ("md5/", "2.jp2", ListRange::Volume, &[2]),
            ("md5/", "2.jp2", ListRange::OwnFolder, &[]),
            ("", "%33%2Ejp2?v=1", ListRange::Volume, &[3]),
            ("", "x%5C3.jp2", ListRange::Volume, &[3]),
            ("", "4.jp2", ListRange::Volume, &[]),
        ];
        for (folder, name, range, expected) in cases {
            let found = &list(folder, name);
            let listed = FileNames::of(&files).find_list(&RangedList { found, range });
            assert_eq!(
                listed.digests.into_keys().collect::<Vec<_>>(),
                expected,
                "{folder} {name}"
            );
        }
    }
}
