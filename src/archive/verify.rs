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
    /// The checksum list or the METS had digests, and they were compared.
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
    /// `checksum.md5`; it counts before the METS.
    pub(super) list: Option<&'s ChecksumList>,
    /// The METS's digests.
    pub(super) mets: Option<&'s ChecksumList>,
    /// Files that the METS names without a digest.
    pub(super) named: &'s BTreeSet<String>,
}

impl DigestSources<'_> {
    /// Every name in any of them.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let listed = self.list.into_iter().chain(self.mets);
        let listed = listed.flat_map(|list| list.entries().map(|(name, _)| name));
        listed.chain(self.named.iter().map(String::as_str))
    }
}

/// Which file each name of one list means.
struct ListedFiles {
    /// The digest for each file, by the file's number.
    digests: BTreeMap<usize, Md5Digest>,
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
    let named = names.find(sources.named.iter().map(|name| (name.as_str(), None)));
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
                let expected = [&list, &mets].map(|listed| listed_digest(listed.as_ref(), id));
                if compared.compare_file(&files[id], expected, digest, findings) {
                    proven.extend(files[id].role.page_part());
                }
            }
        }
        Some(_) => {
            let text = "neither a checksum list nor digests in the METS: the files could not be compared";
            findings.note(FindingCode::PagesUnverified, None, text);
        }
        None => {}
    }
    let listed = [list, mets, Some(named)];
    compared.note_names(files, listed.iter().flatten(), &proven, findings);
    compared
}

fn listed_digest(listed: Option<&ListedFiles>, id: usize) -> Option<Md5Digest> {
    listed.and_then(|listed| listed.digests.get(&id)).copied()
}

impl DigestComparison {
    /// True if the file is equal to the digest listed for it. The list's digest counts before the METS's.
    fn compare_file(
        &mut self,
        file: &FileSeen,
        [by_list, by_mets]: [Option<Md5Digest>; 2],
        digest: Md5Digest,
        findings: &mut FindingList,
    ) -> bool {
        let note = |findings: &mut FindingList, code, text: &str| findings.note(code, Some(&file.name), text);
        if let (Some(one), Some(other)) = (by_list, by_mets)
            && one != other
        {
            let text = "the METS lists another digest than the checksum list";
            note(findings, FindingCode::MetsDigestDiffers, text);
        }
        let is_page = file.role.page_part().is_some();
        match by_list.or(by_mets) {
            Some(expected) if expected == digest => {
                self.proven_files += u64::from(is_page);
                return true;
            }
            Some(_) if is_desktop_litter(&file.name) => {
                note(
                    findings,
                    FindingCode::ListedNameDiffers,
                    "a desktop's file, and not the one listed",
                );
            }
            Some(_) => {
                note(findings, FindingCode::ChecksumMismatch, "its MD5 is not the one listed");
                keep(&mut self.mismatched, &file.name);
            }
            None if is_page => {
                note(findings, FindingCode::MemberNotListed, "no digest is listed for it");
                self.unlisted_pages += 1;
            }
            None => {}
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
    fn find<'l>(&self, entries: impl Iterator<Item = (&'l str, Option<Md5Digest>)>) -> ListedFiles {
        let mut listed = ListedFiles {
            digests: BTreeMap::new(),
            absent: Vec::new(),
            respelled: Vec::new(),
        };
        let mut taken = vec![false; self.files.len()];
        let mut open: Vec<(&str, Option<Md5Digest>)> = entries.collect();
        for (number, form) in self.forms.iter().enumerate() {
            open.retain(|(name, digest)| {
                let key = &forms_of(name)[number];
                let ids = form.get(key).map_or(&[][..], Vec::as_slice);
                let Some(first) = ids.iter().find(|id| !taken[**id]) else {
                    return true;
                };
                let is_meant = |id: &&usize| self.files[**id].name == self.files[*first].name;
                for id in ids.iter().filter(is_meant) {
                    taken[*id] = true;
                    listed.digests.extend(digest.map(|digest| (*id, digest)));
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
