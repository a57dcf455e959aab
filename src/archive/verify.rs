//! The files against the digests listed for them, wherever the lists stood.

mod file_names;
mod given;
mod sources;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use crate::archive::verify::sources::{DigestSources, ListRange, RangedList, list_ranges};

use crate::archive::digest::{Md5Digest, base_name};
use crate::archive::error::shortened;
use crate::archive::findings::{FindingCode, FindingList};
use crate::archive::mets::MetsSummary;
use crate::archive::names::{MemberRole, is_desktop_litter, page_zero, plain_name, unknown_form};
use crate::archive::page_names::PageNames;
use crate::archive::scan::{FileSeen, FileStanding};
use crate::archive::verify::file_names::{FileNames, ListedFiles};
use crate::archive::verify::given::{DigestVerdict, GivenDigests};

/// Names of failed members that are kept.
const FAILED: usize = 100;

/// What the comparison came to.
#[derive(Debug, Default)]
pub(super) struct DigestComparison {
    /// The checksum list or the METS had MD5 digests, and they were compared.
    pub(super) has_source: bool,
    /// Page files for which no digest is listed.
    pub(super) unlisted_pages: usize,
    /// Files that are, or may be, a page's and differ from the digest listed for them; the first hundred.
    pub(super) mismatched: Vec<String>,
    /// Files that are no page's and differ from the digest listed for them.
    pub(super) others_differing: u64,
    /// Listed pages that are not in the archive; the first hundred.
    pub(super) missing: Vec<String>,
    /// Page files that are equal to the digest listed for them.
    pub(super) proven_files: u64,
    /// Files of any kind that are, by their numbers.
    pub(super) listed: BTreeSet<usize>,
}

/// Compares every file with its digest, if there are `digests`, and looks for listed pages that are missing. `delivered` are the parts of
/// pages that are there.
pub(super) fn compare(
    files: &[FileSeen],
    delivered: BTreeSet<MemberRole>,
    digests: Option<&BTreeMap<usize, Md5Digest>>,
    sources: &DigestSources<'_>,
    findings: &mut FindingList,
) -> DigestComparison {
    let names = FileNames::of(files);
    let lists: Vec<_> = sources.lists.iter().map(|list| names.find_list(list)).collect();
    let digested = sources.mets.iter().filter(|mets| !mets.digests.is_empty());
    let mets: Vec<_> = digested
        .map(|mets| names.find(&mets.folder, mets.digests.entries()))
        .collect();
    // Each METS by itself: what two of them name is meant by both.
    let named_by =
        |mets: &&MetsSummary| names.find(&mets.folder, mets.named.iter().map(|name| (name.as_str(), &[][..])));
    let named: Vec<_> = sources.mets.iter().map(named_by).collect();
    let mut compared = DigestComparison {
        has_source: digests.is_some() && !(lists.is_empty() && mets.is_empty()),
        ..DigestComparison::default()
    };
    match digests {
        Some(digests) if compared.has_source => {
            let links = links_of(files);
            for (source, digest) in digests {
                let names = [&[*source][..], links.get(source).map_or(&[], Vec::as_slice)].concat();
                // What is given for one name of a file is given for all that have nothing of their own.
                let of_all = GivenDigests::of(&names, &lists, &mets);
                for id in names {
                    let own = GivenDigests::of(&[id], &lists, &mets);
                    let given = if own.is_empty() { &of_all } else { &own };
                    if compared.compare_file(&files[id], given, *digest, findings) {
                        compared.listed.insert(id);
                    }
                }
            }
        }
        Some(_) => {
            let text = "neither a checksum list nor MD5 digests in the METS: the files could not be compared";
            findings.note(FindingCode::PagesUnverified, None, text);
        }
        None => {}
    }
    let listed = lists.iter().chain(&mets).chain(&named);
    let evidence = PageEvidence::of(files, delivered, sources);
    compared.note_names(&evidence, listed, findings);
    compared
}

/// The further names of files that have some.
fn links_of(files: &[FileSeen]) -> BTreeMap<usize, Vec<usize>> {
    let mut links: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (id, file) in files.iter().enumerate() {
        if let Some(source) = file.same_as {
            links.entry(source).or_default().push(id);
        }
    }
    links
}

impl DigestComparison {
    /// True if the file is equal to every digest given for it.
    fn compare_file(
        &mut self,
        file: &FileSeen,
        given: &GivenDigests,
        digest: Md5Digest,
        findings: &mut FindingList,
    ) -> bool {
        if matches!(file.standing, FileStanding::Foreign | FileStanding::Superseded) {
            return false;
        }
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
                if file.role.may_be_page() {
                    note(findings, FindingCode::ChecksumMismatch, text);
                    keep(&mut self.mismatched, &file.name);
                } else {
                    // The METS, or what accompanies the book, may be newer than the list; the pages are compared one by one.
                    note(findings, FindingCode::OtherFileDiffers, text);
                    self.others_differing += 1;
                }
            }
            DigestVerdict::NotGiven if is_page || file.role == (MemberRole::Unplaced { page_like: true }) => {
                note(findings, FindingCode::MemberNotListed, "no digest is listed for it");
                self.unlisted_pages += 1;
            }
            DigestVerdict::NotGiven => {}
        }
        false
    }

    /// A missing page is a fault. A listed file that is no page, or another form of a part of a page that is there, is only worth a word: it
    /// may be a master, or another source that is not delivered.
    fn note_names<'l>(
        &mut self,
        evidence: &PageEvidence<'_>,
        lists: impl Iterator<Item = &'l ListedFiles>,
        findings: &mut FindingList,
    ) {
        let mut said = BTreeSet::new();
        for listed in lists {
            for (name, id) in &listed.respelled {
                if said.insert(name) {
                    let text = format!("it is listed in another spelling: {name}");
                    findings.note(FindingCode::ListedNameDiffers, Some(&evidence.files[*id].name), text);
                }
            }
            for name in &listed.absent {
                if !said.insert(name) {
                    continue;
                }
                if evidence.is_missing(name) {
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

/// What tells whether a listed file that is not there is a missing page.
struct PageEvidence<'e> {
    files: &'e [FileSeen],
    /// Parts of page zero that are there.
    zeros: BTreeSet<MemberRole>,
    /// Parts of pages of which a file is there, in any form. Whether a digest proves it is asked elsewhere.
    delivered: BTreeSet<MemberRole>,
    names: &'e PageNames<'e>,
    /// What the METS have among the page images, each where it names at least one that is there: else its names are no files'.
    images: BTreeSet<&'e str>,
}

impl<'e> PageEvidence<'e> {
    fn of(files: &'e [FileSeen], delivered: BTreeSet<MemberRole>, sources: &'e DigestSources<'e>) -> Self {
        let names = &sources.page_names;
        let known: BTreeSet<String> = files.iter().map(|file| base_name(&file.name).to_lowercase()).collect();
        let is_there = |name: &String| {
            let plain = plain_name(name);
            let part = names.image_part(&plain);
            known.contains(&base_name(&plain).to_lowercase()) || part.is_some_and(|part| delivered.contains(&part))
        };
        let describing = sources.mets.iter().filter(|mets| mets.images.iter().any(is_there));
        let images = describing.flat_map(|mets| &mets.images).map(String::as_str).collect();
        Self {
            files,
            zeros: files.iter().filter_map(|file| page_zero(&file.name)).collect(),
            delivered,
            names,
            images,
        }
    }

    /// Is a file that a list names and the archive lacks one of a page? By its name, or because the METS has it among the page images.
    /// Not where another form of it is there. Page zero is not counted, and as much a page of the book as the others.
    fn is_missing(&self, name: &str) -> bool {
        let plain = plain_name(name);
        if self.names.is_foreign(&plain) {
            return false;
        }
        if let Some(part) = self.names.part(&plain) {
            return !self.delivered.contains(&part);
        }
        if let Some(zero) = page_zero(&plain) {
            return !self.zeros.contains(&zero);
        }
        if let Some(page) = unknown_form(&plain, self.names.barcode) {
            // Without an extension it may be any of the page's files.
            let is_any = !base_name(&plain).contains('.');
            let is_it = |part: &MemberRole| *part == MemberRole::Image(page) || is_any && part.page() == Some(page);
            return !self.delivered.iter().any(is_it);
        }
        let is_image = self.images.contains(name) && !is_desktop_litter(&plain);
        let image_part = is_image.then(|| self.names.image_part(&plain)).flatten();
        let part = image_part.or_else(|| self.names.other_part(&plain));
        (is_image || self.names.is_page_like(&plain)) && !part.is_some_and(|part| self.delivered.contains(&part))
    }
}

fn keep(names: &mut Vec<String>, name: &str) {
    if names.len() < FAILED {
        names.push(shortened(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::limits::ArchiveLimits;
    use crate::archive::scan::seen;

    #[test]
    fn a_page_that_is_named_and_not_there_is_missing() {
        const METS: &str = "<mets><fileSec><fileGrp USE=\"image\"><file><FLocat href=\"cover.tif\"/></file>\
                            <file><FLocat href=\"page_7.tif\"/></file><file><FLocat href=\"page_1.tif\"/></file>\
                            <file><FLocat href=\"00000001\"/></file><file><FLocat href=\"00000007\"/></file></fileGrp></fileSec></mets>";
        let mets = MetsSummary::read(METS.as_bytes(), &ArchiveLimits::default());
        let mets = mets.unwrap().unwrap();
        let files = seen(&["00000001.jp2", "00000000.tif"], None);
        let sources = DigestSources {
            lists: Vec::new(),
            mets: vec![&mets],
            page_names: PageNames::of(&files, None),
        };
        let delivered = BTreeSet::from([MemberRole::Image(1), MemberRole::Coordinates(1)]);
        let evidence = PageEvidence::of(&files, delivered, &sources);
        let cases = [
            ("00000001.jp2", false),
            ("00000001.tif", false),
            ("00000001.pdf", false),
            ("00000001.xml", false),
            ("00000001.txt", true),
            ("00000002.jp2", true),
            ("00000002.jpx", true),
            ("00000002.j2k", true),
            ("00000002.gif", true),
            ("00000002.pdf", true),
            ("00000002.xml", true),
            ("00000002a.jp2", true),
            ("00000001a.jp2", true),
            ("scan_00000001.jp2", false),
            ("scan_00000002.jp2", true),
            ("cover.tif", true),
            ("page_7.tif", true),
            ("page_1.tif", false),
            ("00000001", false),
            ("00000007", true),
            ("00000003", true),
            ("00000003.heic", true),
            ("00000003.jp2.gz", true),
            ("00000001.heic", false),
            ("00000003.json", false),
            ("20240101.zip", false),
            ("._cover.tif", false),
            ("cover.jpg", false),
            ("map_2.tif", false),
            ("00000000.jp2", false),
            ("00000000.txt", true),
            ("readme.txt", false),
            ("readme_1920.txt", false),
        ];
        for (name, expected) in cases {
            assert_eq!(evidence.is_missing(name), expected, "{name}");
        }
    }
}
