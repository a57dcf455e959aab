//! The files against the digests listed for them, wherever the lists stood.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::digest::{ChecksumList, LaneDigests, Md5Digest, base_name};
use crate::archive::findings::{FindingCode, FindingList};
use crate::archive::names::{MemberRole, is_desktop_litter, percent_decoded, role};
use crate::archive::scan::FileSeen;

/// Names of failed members that are kept.
const FAILED: usize = 100;

/// What the comparison came to.
#[derive(Debug, Default)]
pub(super) struct DigestComparison {
    /// The checksum list or the METS had MD5 digests, and they were compared.
    pub(super) has_source: bool,
    /// Page files for which no digest is listed.
    pub(super) unlisted_pages: usize,
    /// Files that differ from the digest listed for them; the first hundred.
    pub(super) mismatched: Vec<String>,
    /// Listed pages that are not in the archive; the first hundred.
    pub(super) missing: Vec<String>,
    /// Page files that are equal to the digest listed for them.
    pub(super) proven_files: u64,
}

/// What names files and their digests.
pub(super) struct DigestSources<'s> {
    /// `checksum.md5`.
    pub(super) list: Option<&'s ChecksumList>,
    /// The METS's digests.
    pub(super) mets: Option<&'s ChecksumList>,
    /// Files that the METS names without an MD5 digest.
    pub(super) named: &'s BTreeSet<String>,
}

impl DigestSources<'_> {
    /// Pages in the checksum list.
    pub(super) fn list_pages(&self) -> BTreeSet<u32> {
        pages_in(self.list)
    }

    /// Pages in the METS.
    pub(super) fn mets_pages(&self) -> BTreeSet<u32> {
        let named = self.named.iter().filter_map(|name| role(name, None).page());
        pages_in(self.mets).into_iter().chain(named).collect()
    }
}

fn pages_in(list: Option<&ChecksumList>) -> BTreeSet<u32> {
    let entries = list.into_iter().flat_map(ChecksumList::entries);
    entries.filter_map(|(name, _)| role(name, None).page()).collect()
}

/// Which file each name of one list means.
struct ListedFiles {
    /// The digests for each file, by the file's number.
    digests: BTreeMap<usize, Vec<Md5Digest>>,
    /// Names that mean no file.
    absent: Vec<String>,
    /// Names that mean a file only if letter case or percent-encoding is put aside.
    respelled: Vec<(String, usize)>,
}

/// Compares every file with its digest, if there are `digests`, and looks for listed pages that are missing.
pub(super) fn compare(
    files: &[FileSeen],
    digests: Option<LaneDigests>,
    sources: &DigestSources<'_>,
    findings: &mut FindingList,
) -> DigestComparison {
    let names = FileNames::of(files);
    let list = sources
        .list
        .filter(|list| !list.is_empty())
        .map(|list| names.find(list.entries()));
    let mets = sources
        .mets
        .filter(|mets| !mets.is_empty())
        .map(|mets| names.find(mets.entries()));
    let named = names.find(sources.named.iter().map(|name| (name.as_str(), &[][..])));
    let mut compared = DigestComparison {
        has_source: digests.is_some() && (list.is_some() || mets.is_some()),
        ..DigestComparison::default()
    };
    let mut proven = BTreeSet::new();
    if !compared.has_source {
        proven.extend(files.iter().filter_map(|file| file.role.page_part()));
    }
    match digests {
        Some(digests) if compared.has_source => {
            for (id, digest) in digests.finish() {
                let given = GivenDigests {
                    by_list: listed_digests(list.as_ref(), id),
                    by_mets: listed_digests(mets.as_ref(), id),
                };
                if compared.compare_file(&files[id], given, digest, findings) {
                    proven.extend(files[id].role.page_part());
                }
            }
        }
        Some(_) => {
            let text = "neither a checksum list nor MD5 digests in the METS: the files could not be compared";
            findings.note(FindingCode::PagesUnverified, None, text);
        }
        None => {}
    }
    let listed = [list, mets, Some(named)];
    compared.note_names(files, listed.iter().flatten(), &proven, findings);
    compared
}

fn listed_digests(listed: Option<&ListedFiles>, id: usize) -> &[Md5Digest] {
    let digests = listed.and_then(|listed| listed.digests.get(&id));
    digests.map_or(&[], Vec::as_slice)
}

/// Every digest that is given for one file.
#[derive(Debug, Clone, Copy)]
struct GivenDigests<'d> {
    by_list: &'d [Md5Digest],
    by_mets: &'d [Md5Digest],
}

/// What the given digests say of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DigestVerdict {
    /// It is equal to all of them.
    Equal,
    /// It differs from one of the checksum list's.
    DiffersFromList,
    /// It differs from one of the METS's.
    DiffersFromMets,
    /// There is none.
    NotGiven,
}

impl GivenDigests<'_> {
    /// A page must be equal to every digest: where two contradict each other one is wrong, and nothing says which. Of other files the
    /// METS speaks only where the list does not: a METS can hardly hold its own digest.
    fn judge(self, is_page: bool, digest: Md5Digest) -> DigestVerdict {
        let Self { by_list, by_mets } = self;
        let by_mets = if is_page || by_list.is_empty() { by_mets } else { &[] };
        let differs = |digests: &[Md5Digest]| digests.iter().any(|given| *given != digest);
        match () {
            () if differs(by_list) => DigestVerdict::DiffersFromList,
            () if differs(by_mets) => DigestVerdict::DiffersFromMets,
            () if by_list.is_empty() && by_mets.is_empty() => DigestVerdict::NotGiven,
            () => DigestVerdict::Equal,
        }
    }

    fn contradict_each_other(self) -> bool {
        let known = |digest| self.by_list.is_empty() || self.by_list.contains(digest);
        !self.by_mets.iter().all(known)
    }
}

impl DigestComparison {
    /// True if the file is equal to every digest given for it.
    fn compare_file(
        &mut self,
        file: &FileSeen,
        given: GivenDigests<'_>,
        digest: Md5Digest,
        findings: &mut FindingList,
    ) -> bool {
        let note = |findings: &mut FindingList, code, text: &str| findings.note(code, Some(&file.name), text);
        if given.contradict_each_other() {
            let text = "the METS lists another digest than the checksum list";
            note(findings, FindingCode::MetsDigestDiffers, text);
        }
        let is_page = file.role.page_part().is_some();
        let verdict = given.judge(is_page, digest);
        match verdict {
            DigestVerdict::Equal => {
                self.proven_files += u64::from(is_page);
                return true;
            }
            DigestVerdict::DiffersFromList | DigestVerdict::DiffersFromMets if is_desktop_litter(&file.name) => {
                note(
                    findings,
                    FindingCode::ListedNameDiffers,
                    "a desktop's file, and not the one listed",
                );
            }
            DigestVerdict::DiffersFromList | DigestVerdict::DiffersFromMets => {
                let text = match verdict {
                    DigestVerdict::DiffersFromMets => "its MD5 is not the one that the METS names",
                    _ => "its MD5 is not the one listed",
                };
                note(findings, FindingCode::ChecksumMismatch, text);
                keep(&mut self.mismatched, &file.name);
            }
            DigestVerdict::NotGiven if is_page => {
                note(findings, FindingCode::MemberNotListed, "no digest is listed for it");
                self.unlisted_pages += 1;
            }
            DigestVerdict::NotGiven => {}
        }
        false
    }

    /// A missing page is a fault. A listed file that is no page, or another form of a page that is there and proven, is
    /// only worth a word.
    fn note_names<'l>(
        &mut self,
        files: &[FileSeen],
        lists: impl Iterator<Item = &'l ListedFiles>,
        proven: &BTreeSet<MemberRole>,
        findings: &mut FindingList,
    ) {
        let mut said = BTreeSet::new();
        for listed in lists {
            for (name, id) in &listed.respelled {
                if said.insert(name) {
                    let text = format!("it is listed in another spelling: {name}");
                    findings.note(FindingCode::ListedNameDiffers, Some(&files[*id].name), text);
                }
            }
            for name in &listed.absent {
                if !said.insert(name) {
                    continue;
                }
                let part = role(name, None).page_part();
                if part.is_some_and(|part| !proven.contains(&part)) {
                    let text = "it is listed and not in the archive";
                    findings.note(FindingCode::ChecksumMissingMember, Some(name), text);
                    keep(&mut self.missing, name);
                } else {
                    let text = "it is listed and not in the archive; no page depends on it";
                    findings.note(FindingCode::ListedNotDelivered, Some(name), text);
                }
            }
        }
    }
}

fn keep(names: &mut Vec<String>, name: &str) {
    if names.len() < FAILED {
        names.push(name.to_owned());
    }
}

/// The files by their names: whole, without folders, and without letter case and percent-encoding.
struct FileNames<'f> {
    forms: [BTreeMap<String, Vec<usize>>; 3],
    files: &'f [FileSeen],
}

impl<'f> FileNames<'f> {
    fn of(files: &'f [FileSeen]) -> Self {
        let mut forms: [BTreeMap<String, Vec<usize>>; 3] = Default::default();
        for (id, file) in files.iter().enumerate() {
            for (form, name) in forms.iter_mut().zip(forms_of(&file.name)) {
                form.entry(name).or_default().push(id);
            }
        }
        Self { forms, files }
    }

    /// Finds the files that a list means. The closest form of a name counts first, and a file is meant only once, so that
    /// `1.txt` never speaks for `copy/1.txt` where both are there. Files of one and the same name are all meant: unpacked, the last
    /// takes the place of the first.
    fn find<'l>(&self, entries: impl Iterator<Item = (&'l str, &'l [Md5Digest])>) -> ListedFiles {
        let mut listed = ListedFiles {
            digests: BTreeMap::new(),
            absent: Vec::new(),
            respelled: Vec::new(),
        };
        let mut taken = vec![false; self.files.len()];
        let mut open: Vec<(&str, &[Md5Digest])> = entries.collect();
        for (number, form) in self.forms.iter().enumerate() {
            open.retain(|(name, digests)| {
                let key = &forms_of(name)[number];
                let ids = form.get(key).map_or(&[][..], Vec::as_slice);
                let Some(first) = ids.iter().find(|id| !taken[**id]) else {
                    return true;
                };
                let is_meant = |id: &&usize| self.files[**id].name == self.files[*first].name;
                for id in ids.iter().filter(is_meant) {
                    taken[*id] = true;
                    listed.digests.entry(*id).or_default().extend(*digests);
                }
                if number == 2 {
                    listed.respelled.push(((*name).to_owned(), *first));
                }
                false
            });
        }
        listed.absent = open.into_iter().map(|(name, _)| name.to_owned()).collect();
        listed
    }
}

fn forms_of(name: &str) -> [String; 3] {
    let base = base_name(name);
    [name.to_owned(), base.to_owned(), percent_decoded(base).to_lowercase()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_equal_to_every_digest_that_is_given() {
        use DigestVerdict::{DiffersFromList, DiffersFromMets, Equal, NotGiven};
        const FILE: Md5Digest = [7; 16];
        const OTHER: Md5Digest = [8; 16];
        let cases: [(&[Md5Digest], &[Md5Digest], [DigestVerdict; 2]); 10] = [
            (&[], &[], [NotGiven, NotGiven]),
            (&[FILE], &[], [Equal, Equal]),
            (&[], &[FILE], [Equal, Equal]),
            (&[FILE], &[FILE], [Equal, Equal]),
            (&[OTHER], &[], [DiffersFromList, DiffersFromList]),
            (&[], &[OTHER], [DiffersFromMets, DiffersFromMets]),
            (&[OTHER], &[FILE], [DiffersFromList, DiffersFromList]),
            (&[FILE], &[OTHER], [DiffersFromMets, Equal]),
            (&[FILE, OTHER], &[FILE], [DiffersFromList, DiffersFromList]),
            (&[], &[FILE, OTHER], [DiffersFromMets, DiffersFromMets]),
        ];
        for (by_list, by_mets, expected) in cases {
            let given = GivenDigests { by_list, by_mets };
            let judged = [true, false].map(|is_page| given.judge(is_page, FILE));
            assert_eq!(judged, expected, "{given:?}");
        }
    }
}
