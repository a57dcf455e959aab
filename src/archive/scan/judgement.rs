//! What a whole archive came to, and the decision about it.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::acceptance::{
    BookIdentity, ProofGaps, VolumeAcceptance, VolumeFacts, decide, has_all_digests, is_proven_whole,
};
use crate::archive::digest::{Md5Digest, hex};
use crate::archive::findings::{ArchiveFinding, FindingCode, FindingList};
use crate::archive::folder_owners::FolderOwners;
use crate::archive::inflate::RestartPoint;
use crate::archive::member_index::ArchiveMember;
use crate::archive::mets::MetsSummary;
use crate::archive::names::MemberRole;
use crate::archive::page_names::PageNames;
use crate::archive::page_numbers::PageNumbers;
use crate::archive::pages::{VolumePages, note_duplicates};
use crate::archive::scan::found_mets::FoundMets;
use crate::archive::scan::placement::{place, set_copies_aside};
use crate::archive::scan::{FileSeen, FileStanding, FoundList, TarScan};
use crate::archive::verify::{DigestComparison, DigestSources, ListRange, RangedList, compare, list_ranges};

/// What a whole archive came to.
pub(in crate::archive) struct ScanResult {
    compared: DigestComparison,
    identity: BookIdentity,
    terminated: bool,
    authenticated: bool,
    /// Pages that the METS or the checksum list names.
    named_pages: BTreeSet<u32>,
    /// Both name pages, and the same ones.
    sources_agree: bool,
    /// Pages that are there and that neither names, where the METS names others.
    unnamed_pages: u64,
    /// Second files of one part of a page whose bytes differ from the first one's.
    differing_duplicates: u64,
    /// Pages that the METS's map of the volume has.
    mapped_pages: u64,
    /// Something of them could not be read.
    has_unread: bool,
    /// Images of which nothing tells the page.
    unplaced_images: u64,
    /// The pages' files have another book's name.
    have_another_name: bool,
    /// Pages that have a file of ALTO.
    alto_numbers: PageNumbers,
    pub(in crate::archive) mets: Option<MetsSummary>,
    pub(in crate::archive) pages: VolumePages,
    /// All files but those that a newer one of their name replaces.
    pub(in crate::archive) members: Vec<ArchiveMember>,
    /// From where the archive can be inflated.
    pub(in crate::archive) restarts: Vec<RestartPoint>,
    findings: FindingList,
}

/// The decision about an archive with what it rests on.
pub(in crate::archive) struct JudgedArchive {
    pub(in crate::archive) acceptance: VolumeAcceptance,
    pub(in crate::archive) findings: Vec<ArchiveFinding>,
    /// Files that differ from their digests, then pages that are missing.
    pub(in crate::archive) failed: Vec<String>,
}

impl ScanResult {
    /// Counts the pages and decides whether this is a volume.
    pub(in crate::archive) fn decide(&mut self) -> JudgedArchive {
        let mut findings = std::mem::take(&mut self.findings);
        let count = self.pages.judge(&self.named_pages, &mut findings);
        let undelivered_pages = self.undelivered_pages(count.pages, &mut findings);
        let compared = std::mem::take(&mut self.compared);
        let refusal = decide(VolumeFacts {
            pages: count.pages,
            terminated: self.terminated,
            identity: self.identity,
            proven: self.authenticated || has_all_digests(&compared),
            has_images: count.images > 0,
            empty_images: count.empty_images,
            has_words: count.nonblank_texts > 0 || count.hocr_numbers.count() > 0,
            mismatched: compared.mismatched.len(),
            missing: compared.missing.len(),
        });
        let gaps = ProofGaps {
            empty_images: count.empty_images,
            unplaced_images: self.unplaced_images + count.implausible_images,
            parts_without_image: count.parts_without_image,
            unexplained_gaps: if self.sources_agree { 0 } else { count.gaps },
            unnamed_pages: self.unnamed_pages,
            differing_duplicates: self.differing_duplicates,
            others_differing: compared.others_differing,
            have_another_name: self.have_another_name,
            undelivered_pages,
            has_unread: self.has_unread,
        };
        let findings = findings.finish();
        let acceptance = VolumeAcceptance {
            refusal,
            verified: refusal.is_none() && is_proven_whole(&compared, gaps),
            pages: count.pages,
            page_numbers: count.page_numbers,
            text_pages: count.text_pages,
            nonblank_texts: count.nonblank_texts,
            worded_texts: count.worded_texts,
            text_characters: count.text_characters,
            record_parts: self.mets.as_ref().and_then(|mets| mets.record_parts),
            images: count.images,
            image_numbers: count.image_numbers,
            further_images: gaps.unplaced_images,
            hocr_pages: count.hocr_numbers.count(),
            hocr_numbers: count.hocr_numbers,
            alto_numbers: std::mem::take(&mut self.alto_numbers),
            first_page: count.first_page,
            image_bytes: count.image_bytes,
            hocr_bytes: count.hocr_bytes,
            proven_files: compared.proven_files,
            worst_finding: findings.iter().map(|finding| finding.level).max(),
        };
        let failed = [compared.mismatched, compared.missing].concat();
        JudgedArchive {
            acceptance,
            findings,
            failed,
        }
    }

    /// Pages that the METS's map has beyond those of the archive.
    fn undelivered_pages(&self, pages: u64, findings: &mut FindingList) -> u64 {
        let undelivered = self.mapped_pages.saturating_sub(pages);
        if undelivered > 0 {
            let mapped = self.mapped_pages;
            let text = format!("its METS maps {mapped} pages, the archive has {pages}; the volume is not verified");
            findings.note(FindingCode::MetsNamesMore, None, text);
        }
        undelivered
    }
}

impl TarScan<'_> {
    /// Compares the digests and says everything that does not fit.
    pub(in crate::archive) fn judge(mut self) -> ScanResult {
        self.note_mets();
        let identity = match (&self.mets, self.barcode) {
            (Some(found), _) => found.identity,
            (None, None) => BookIdentity::NotRequested,
            (None, Some(_)) => BookIdentity::Unnamed,
        };
        self.note_identity(identity);
        let page_names = place(&mut self.files, self.folder_owners, self.barcode, &mut self.findings);
        set_long_texts_aside(&mut self.files, &self.long_texts, &mut self.findings);
        let owners = &page_names.owners;
        self.lists.iter_mut().for_each(|found| found.keep_names_of(owners));
        let has_unread = !self.unread.is_empty()
            || self.lists.iter().any(|found| found.list.has_unread)
            || self.mets.iter().chain(&self.more_mets).any(FoundMets::is_unread);
        self.lists.retain(|found| !found.list.is_empty());
        let ranges = list_ranges(&self.lists, &self.files);
        note_lists_elsewhere(&self.lists, &ranges, &mut self.findings);
        let mets = self.mets.map(|found| found.mets);
        let more = self.more_mets.iter().map(|found| &found.mets);
        let sources = DigestSources {
            lists: ranged(&self.lists, ranges),
            mets: mets.iter().chain(more).collect(),
            page_names,
        };
        let mapped_pages = sources.mets.iter().map(|mets| mets.mapped_pages).max();
        let (list_pages, mets_pages) = (sources.list_pages(), sources.mets_pages());
        let main = set_copies_aside(&mut self.files, &sources, &mut self.findings);
        let duplicates = self.pages.place(&self.files, &main);
        note_unnamed_pages(&list_pages, &mets_pages, &mut self.findings);
        let digests: BTreeMap<_, _> = self.digests.finish().into_iter().collect();
        let compared_by = self.options.verify_checksums.then_some(&digests);
        let compared = compare(
            &self.files,
            self.pages.parts(),
            compared_by,
            &sources,
            &mut self.findings,
        );
        ScanResult {
            differing_duplicates: note_duplicates(&duplicates, &self.files, &digests, &mut self.findings),
            members: members(&self.files, &digests, &compared),
            compared,
            identity,
            terminated: self.terminated,
            authenticated: self.authenticated,
            sources_agree: !list_pages.is_empty() && list_pages == mets_pages,
            unnamed_pages: unnamed_pages(&self.files, &list_pages, &mets_pages),
            mapped_pages: mapped_pages.unwrap_or_default(),
            has_unread,
            have_another_name: note_another_name(&sources.page_names, &mut self.findings),
            unplaced_images: self.files.iter().filter(|file| file.is_unplaced_image()).count() as u64,
            alto_numbers: alto_numbers(&self.files, &sources.page_names),
            named_pages: &list_pages | &mets_pages,
            mets,
            pages: self.pages,
            restarts: self.restarts,
            findings: self.findings,
        }
    }

    fn note_mets(&mut self) {
        match &self.mets {
            Some(found) => found.mets.note(&mut self.findings),
            None => self.findings.note(FindingCode::NoMets, None, "there is no METS in it"),
        }
        let more = self.more_mets.iter();
        more.for_each(|found| found.mets.note_unplaced_files(&mut self.findings));
        if self.mets.is_none() && self.lists.is_empty() {
            self.pages.set_nothing_names_pages();
        }
    }

    fn note_identity(&mut self, identity: BookIdentity) {
        let found = self.mets.as_ref();
        let object = found.and_then(|found| found.mets.object.as_deref());
        let object = object.unwrap_or("not given");
        let (code, text) = match identity {
            BookIdentity::Another => {
                let text = format!("its METS is another book's; its OBJID is {object}");
                (FindingCode::AnotherBook, text)
            }
            BookIdentity::Unnamed => {
                let text = "neither the name of a METS nor an OBJID says which book it is";
                (FindingCode::UnnamedBook, text.to_owned())
            }
            // The file name is enough for the identity; what the OBJID says beside it is for a person to look at.
            BookIdentity::Requested if found.is_some_and(|found| found.contradicts_itself) => {
                let text = format!("the METS has this book's file name, and the OBJID {object}");
                (FindingCode::ObjidDiffers, text)
            }
            BookIdentity::Requested | BookIdentity::NotRequested => return,
        };
        self.findings.note(code, None, text);
    }
}

fn alto_numbers(files: &[FileSeen], names: &PageNames<'_>) -> PageNumbers {
    let filled = files
        .iter()
        .filter(|file| file.standing == FileStanding::Own && !file.is_empty);
    let pages: BTreeSet<u32> = filled.filter_map(|file| alto_page(&file.name, names)).collect();
    pages.into_iter().collect()
}

/// The page of which a file holds the text with its places in XML, as ALTO does: it has the name that hOCR of the page has.
fn alto_page(name: &str, names: &PageNames<'_>) -> Option<u32> {
    let (stem, extension) = name.rsplit_once('.')?;
    let is_xml = extension.eq_ignore_ascii_case("xml");
    let part = is_xml.then(|| names.part(&format!("{stem}.html"))).flatten();
    part.and_then(MemberRole::page)
}

/// Where each file lies, and what its bytes were.
fn members(
    files: &[FileSeen],
    digests: &BTreeMap<usize, Md5Digest>,
    compared: &DigestComparison,
) -> Vec<ArchiveMember> {
    let counting = files.iter().enumerate();
    let counting = counting.filter(|(_, file)| file.standing != FileStanding::Superseded);
    let member = |(id, file): (usize, &FileSeen)| {
        let source = file.same_as.unwrap_or(id);
        ArchiveMember {
            name: file.name.clone(),
            offset: files[source].offset,
            bytes: files[source].bytes,
            md5: digests.get(&source).map(|digest| hex(digest)),
            listed: compared.listed.contains(&id),
        }
    };
    counting.map(member).collect()
}

impl FoundList {
    /// Of a list in another book's folder only what it says of this book's folders below it counts.
    fn keep_names_of(&mut self, owners: &FolderOwners) {
        let Self { folder, list, .. } = self;
        if owners.foreign_folder(folder).is_none() {
            return;
        }
        list.retain(|name| owners.foreign_folder(&format!("{folder}{name}")).is_none());
        list.has_unread &= !list.is_empty();
    }
}

/// What was too long to be kept cannot be a page's text, although the other files' names say so.
fn set_long_texts_aside(files: &mut [FileSeen], long: &[usize], findings: &mut FindingList) {
    for id in long {
        let file = &mut files[*id];
        if let MemberRole::Text(_) = file.role {
            let text = "it is longer than the text of a page ever is; it is not counted";
            findings.note(FindingCode::UnplacedPageFile, Some(&file.name), text);
            file.role = MemberRole::Unplaced { page_like: true };
        }
    }
}

/// Says that the pages' files are named after another book; whether they are.
fn note_another_name(names: &PageNames<'_>, findings: &mut FindingList) -> bool {
    let another = names.another_book();
    if let Some(name) = another {
        let text = format!("the pages' files are named {name}, which may be another book's barcode");
        findings.note(FindingCode::PagesOfAnotherName, None, text);
    }
    another.is_some()
}

fn ranged(lists: &[FoundList], ranges: Vec<ListRange>) -> Vec<RangedList<'_>> {
    let pairs = lists.iter().zip(ranges);
    pairs.map(|(found, range)| RangedList { found, range }).collect()
}

fn note_lists_elsewhere(lists: &[FoundList], ranges: &[ListRange], findings: &mut FindingList) {
    for (found, range) in lists.iter().zip(ranges) {
        if *range == ListRange::OwnFolder {
            let text = "another checksum list is the volume's; this one counts for the files of its own folder";
            findings.note(FindingCode::ChecksumListMalformed, Some(&found.folder), text);
        }
    }
}

/// A METS that names pages, and fewer than the checksum list does, is not the whole description of this volume.
fn note_unnamed_pages(list: &BTreeSet<u32>, mets: &BTreeSet<u32>, findings: &mut FindingList) {
    let unnamed = pages_without_mets(list, mets);
    if unnamed > 0 {
        let text = format!("the checksum list has {unnamed} pages that the METS does not name");
        findings.note(FindingCode::MetsLacksPages, None, text);
    }
}

/// How many pages are there that neither the list nor a METS that names pages has.
fn unnamed_pages(files: &[FileSeen], list: &BTreeSet<u32>, mets: &BTreeSet<u32>) -> u64 {
    let present: BTreeSet<u32> = files.iter().filter_map(|file| file.role.page()).collect();
    if mets.is_empty() {
        0
    } else {
        present.difference(&(list | mets)).count() as u64
    }
}

/// How many of the list's pages the METS leaves out; 0 for a METS that names no page at all.
fn pages_without_mets(list: &BTreeSet<u32>, mets: &BTreeSet<u32>) -> usize {
    if mets.is_empty() {
        0
    } else {
        list.difference(mets).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::scan::seen;
    use crate::grin::Barcode;

    #[test]
    fn a_mets_that_names_pages_names_them_all() {
        let cases: [(&[u32], &[u32], usize); 5] = [
            (&[1, 2, 3], &[1, 2, 3], 0),
            (&[1, 2, 3], &[1], 2),
            (&[1, 2, 3], &[], 0),
            (&[], &[1, 2], 0),
            (&[1, 2], &[1, 2, 3], 0),
        ];
        for (list, mets, expected) in cases {
            let [listed, named] = [list, mets].map(|pages| pages.iter().copied().collect());
            assert_eq!(pages_without_mets(&listed, &named), expected, "{list:?} {mets:?}");
        }
    }

    #[test]
    fn a_page_may_have_alto() {
        let barcode = Barcode::parse("TL0000000001").unwrap();
        let names = PageNames::of(&seen(&["00000001.jp2"], Some(&barcode)), Some(&barcode));
        for (name, expected) in [
            ("00000001.xml", Some(1)),
            ("alto/00000002.XML", Some(2)),
            ("TESTLIB_TL0000000001_00000003.xml", Some(3)),
            ("TESTLIB_TL0000000001.xml", None),
            ("TL0000000001.mets.xml", None),
            ("00000000.xml", None),
            ("notes.xml", None),
            ("._00000001.xml", None),
            ("00000001.html", None),
        ] {
            assert_eq!(alto_page(name, &names), expected, "{name}");
        }
    }
}
