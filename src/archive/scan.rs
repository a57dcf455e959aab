//! One walk over the members: digests, METS, page texts; then the judgement.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Read};

use crate::archive::acceptance::{BookIdentity, VolumeAcceptance, VolumeFacts, decide, has_all_digests, worst_of};
use crate::archive::digest::{ChecksumList, LaneDigests};
use crate::archive::error::{ArchiveLimit, LayerFault};
use crate::archive::findings::{ArchiveFinding, FindingCode, FindingList};
use crate::archive::members::{MemberKind, TarEnd, TarMember, TarMembers};
use crate::archive::mets::{MetsSummary, RecordKind};
use crate::archive::names::{MemberRole, names_some_book, object_names, role};
use crate::archive::pages::VolumePages;
use crate::archive::verify::{DigestComparison, DigestSources, compare};
use crate::archive::volume::PassOptions;
use crate::grin::Barcode;

/// A file that was seen, under the number its digest has.
pub(super) struct FileSeen {
    pub(super) name: String,
    pub(super) role: MemberRole,
}

/// The walk, and what it gathered.
pub(super) struct TarScan<'o> {
    options: &'o PassOptions,
    barcode: Option<&'o Barcode>,
    digests: LaneDigests,
    files: Vec<FileSeen>,
    list: Option<ChecksumList>,
    mets: Option<FoundMets>,
    in_folder: bool,
    terminated: bool,
    authenticated: bool,
    pub(super) pages: VolumePages,
    pub(super) findings: FindingList,
    pub(super) text_failure: Option<io::Error>,
}

struct FoundMets {
    mets: MetsSummary,
    by_name: bool,
    identity: BookIdentity,
}

impl FoundMets {
    /// Of several METS the greatest counts, of equal ones the first: never another book's before one that may be ours, a
    /// readable one with a record before one without.
    fn rank(&self) -> impl Ord + use<> {
        (
            self.identity != BookIdentity::Another,
            self.mets.record == RecordKind::Found,
            self.identity == BookIdentity::Requested,
            self.by_name,
        )
    }
}

/// What a whole archive came to.
pub(super) struct ScanResult {
    compared: DigestComparison,
    identity: BookIdentity,
    terminated: bool,
    authenticated: bool,
    /// Pages that the METS or the checksum list names.
    named_pages: BTreeSet<u32>,
    pub(super) mets: Option<MetsSummary>,
    pub(super) pages: VolumePages,
    findings: FindingList,
}

/// The decision about an archive with what it rests on.
pub(super) struct JudgedArchive {
    pub(super) acceptance: VolumeAcceptance,
    pub(super) findings: Vec<ArchiveFinding>,
    /// Files that differ from their digests, then pages that are missing.
    pub(super) failed: Vec<String>,
}

impl ScanResult {
    /// Counts the pages and decides whether this is a volume.
    pub(super) fn decide(&mut self) -> JudgedArchive {
        let mut findings = std::mem::take(&mut self.findings);
        let count = self.pages.judge(&self.named_pages, &mut findings);
        let compared = std::mem::take(&mut self.compared);
        let refusal = decide(VolumeFacts {
            pages: count.pages,
            terminated: self.terminated,
            identity: self.identity,
            proven: self.authenticated || has_all_digests(&compared),
            mismatched: compared.mismatched.len(),
            missing: compared.missing.len(),
        });
        let findings = findings.finish();
        let acceptance = VolumeAcceptance {
            refusal,
            verified: refusal.is_none() && has_all_digests(&compared),
            pages: count.pages,
            text_pages: count.text_pages,
            first_page: count.first_page,
            proven_files: compared.proven_files,
            worst_finding: worst_of(&findings),
        };
        let failed = [compared.mismatched, compared.missing].concat();
        JudgedArchive {
            acceptance,
            findings,
            failed,
        }
    }
}

impl<'o> TarScan<'o> {
    pub(super) fn new(options: &'o PassOptions, barcode: Option<&'o Barcode>) -> Self {
        Self {
            options,
            barcode,
            digests: LaneDigests::default(),
            files: Vec::new(),
            list: None,
            mets: None,
            in_folder: false,
            terminated: true,
            authenticated: true,
            pages: VolumePages::new(),
            findings: FindingList::default(),
            text_failure: None,
        }
    }

    /// Notes that the archive came in a message without an integrity check.
    pub(super) fn set_unauthenticated(&mut self) {
        self.authenticated = false;
        let text = "the message has no integrity check; only the checksums of the files prove them";
        self.findings.note(FindingCode::Unauthenticated, None, text);
    }

    /// Walks over all members of a tar.
    pub(super) fn walk<B: BufRead>(&mut self, members: &mut TarMembers<'_, B>) -> io::Result<()> {
        while let Some(member) = members.next()? {
            match member.kind {
                MemberKind::File => self.file(&member, members)?,
                MemberKind::Folder => {}
                MemberKind::Odd => self.findings.note(
                    FindingCode::OddEntry,
                    Some(&member.name),
                    "an entry of no kind that is read",
                ),
            }
        }
        self.terminated = members.end() == Some(TarEnd::Marked);
        if !self.terminated {
            self.findings
                .note(FindingCode::TarUnterminated, None, "the tar has no end mark");
        }
        if members.has_foreign_tail()? {
            self.findings.note(
                FindingCode::TrailingData,
                None,
                "there are bytes behind the tar's end mark",
            );
        }
        Ok(())
    }

    /// One file: its name decides what is done with its bytes; all of them go through the digest.
    pub(super) fn file(&mut self, member: &TarMember, data: &mut impl BufRead) -> io::Result<()> {
        let role = role(&member.name, self.barcode);
        self.note_name(member);
        let digested = self.options.verify_checksums && role != MemberRole::ChecksumList;
        if digested {
            self.digests.begin(self.files.len(), member.size);
        }
        self.files.push(FileSeen {
            name: member.name.clone(),
            role,
        });
        match role {
            MemberRole::Image(page) => self.image(page, member),
            MemberRole::Text(page) => self.text(page, member, data)?,
            MemberRole::ChecksumList => self.checksum_list(member, data)?,
            MemberRole::Xml { named_as_mets } => self.xml(named_as_mets, member, data)?,
            MemberRole::Coordinates(page) => self.coordinates(page, member),
            MemberRole::Other => {}
        }
        if digested {
            self.skip(data)?;
            self.digests.end();
        }
        Ok(())
    }

    fn note_name(&mut self, member: &TarMember) {
        if member.name.contains('/') && !std::mem::replace(&mut self.in_folder, true) {
            self.findings.note(
                FindingCode::FolderInArchive,
                Some(&member.name),
                "its files lie in a folder",
            );
        }
        if member.name.contains(char::REPLACEMENT_CHARACTER) {
            self.findings
                .note(FindingCode::OddEntry, Some(&member.name), "its name is not UTF-8");
        }
    }

    /// The rest of a file's bytes, through the digest.
    fn skip(&mut self, data: &mut impl BufRead) -> io::Result<()> {
        loop {
            let bytes = data.fill_buf()?;
            let have = bytes.len();
            if have == 0 {
                return Ok(());
            }
            self.digests.update(bytes);
            data.consume(have);
        }
    }

    fn image(&mut self, page: u32, member: &TarMember) {
        if !self.pages.image(page) {
            self.findings.note(
                FindingCode::DuplicatePage,
                Some(&member.name),
                format!("page {page} has an image already"),
            );
        }
    }

    fn coordinates(&mut self, page: u32, member: &TarMember) {
        if !self.pages.coordinates(page) {
            let text = format!("page {page} has hOCR already");
            self.findings.note(FindingCode::DuplicatePage, Some(&member.name), text);
        }
    }

    fn text(&mut self, page: u32, member: &TarMember, data: &mut impl BufRead) -> io::Result<()> {
        if self.pages.has_text(page) {
            let what = format!("page {page} has a text already, this one is left out");
            self.findings.note(FindingCode::DuplicatePage, Some(&member.name), what);
            return Ok(());
        }
        if !self.options.extract_text {
            self.pages.text_unread(page);
            return Ok(());
        }
        let bytes = self.whole(
            member,
            data,
            (ArchiveLimit::PageText, self.options.limits.page_text_bytes),
        )?;
        self.pages.text(page, &bytes).map_err(|error| {
            self.text_failure = Some(error);
            LayerFault::Text.into()
        })
    }

    fn checksum_list(&mut self, member: &TarMember, data: &mut impl BufRead) -> io::Result<()> {
        let bytes = self.whole(
            member,
            data,
            (ArchiveLimit::ChecksumList, self.options.limits.checksum_list_bytes),
        )?;
        let list = ChecksumList::parse(&bytes);
        for warning in &list.warnings {
            self.findings
                .note(FindingCode::ChecksumListMalformed, Some(&member.name), warning.clone());
        }
        if self.list.as_ref().is_none_or(ChecksumList::is_empty) {
            self.list = Some(list);
        }
        Ok(())
    }

    /// All of a file that is small by its nature.
    fn whole(
        &mut self,
        member: &TarMember,
        data: &mut impl BufRead,
        limit: (ArchiveLimit, u64),
    ) -> io::Result<Vec<u8>> {
        if member.size > limit.1 {
            let detail = format!("{} has {} bytes", member.name, member.size);
            return Err(LayerFault::Hostile(limit.0, detail).into());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(member.size).unwrap_or(0));
        data.read_to_end(&mut bytes)?;
        self.digests.update(&bytes);
        Ok(bytes)
    }

    /// An XML file that may be a METS, by its name or by its root element.
    fn xml(&mut self, by_name: bool, member: &TarMember, data: &mut impl BufRead) -> io::Result<()> {
        let mets = MetsSummary::read(
            Digested {
                data,
                digests: &mut self.digests,
            },
            &self.options.limits,
        )?;
        let Some(mets) = mets else { return Ok(()) };
        if !by_name && self.barcode.is_some() {
            let text = "METS by its root element, not its name";
            self.findings.note(FindingCode::MetsMisnamed, Some(&member.name), text);
        }
        let found = FoundMets {
            identity: self.identity_of(&mets, by_name, member),
            mets,
            by_name,
        };
        let is_better = self.mets.as_ref().is_none_or(|known| found.rank() > known.rank());
        let text = match (&self.mets, is_better) {
            (None, _) => None,
            (Some(_), true) => Some("this one counts: it is readable, has a record or names this book"),
            (Some(_), false) => Some("another METS counts"),
        };
        if let Some(text) = text {
            self.findings.note(FindingCode::MetsRepeated, Some(&member.name), text);
        }
        if is_better {
            self.mets = Some(found);
        }
        Ok(())
    }

    /// Which book a METS names. Its name or its OBJID is enough.
    fn identity_of(&self, mets: &MetsSummary, by_name: bool, member: &TarMember) -> BookIdentity {
        let Some(barcode) = self.barcode else {
            return BookIdentity::NotRequested;
        };
        match &mets.object {
            _ if by_name => BookIdentity::Requested,
            Some(object) if object_names(object, barcode) => BookIdentity::Requested,
            Some(_) => BookIdentity::Another,
            None if names_some_book(member.base_name()) => BookIdentity::Another,
            None => BookIdentity::Unnamed,
        }
    }

    /// Compares the digests and says everything that does not fit.
    pub(super) fn judge(mut self) -> ScanResult {
        match &self.mets {
            Some(found) => found.mets.note(&mut self.findings),
            None => self.findings.note(FindingCode::NoMets, None, "there is no METS in it"),
        }
        let identity = match (&self.mets, self.barcode) {
            (Some(found), _) => found.identity,
            (None, None) => BookIdentity::NotRequested,
            (None, Some(_)) => BookIdentity::Unnamed,
        };
        self.note_identity(identity);
        let mets = self.mets.map(|found| found.mets);
        let none = BTreeSet::new();
        let sources = DigestSources {
            list: self.list.as_ref(),
            mets: mets.as_ref().map(|mets| &mets.digests),
            named: mets.as_ref().map_or(&none, |mets| &mets.named),
        };
        let named_pages = sources.names().filter_map(|name| role(name, None).page()).collect();
        let digests = self.options.verify_checksums.then_some(self.digests);
        ScanResult {
            compared: compare(&self.files, digests, &sources, &mut self.findings),
            identity,
            terminated: self.terminated,
            authenticated: self.authenticated,
            named_pages,
            mets,
            pages: self.pages,
            findings: self.findings,
        }
    }

    fn note_identity(&mut self, identity: BookIdentity) {
        let object = self.mets.as_ref().and_then(|found| found.mets.object.as_deref());
        match identity {
            BookIdentity::Another => {
                let text = format!(
                    "its METS is another book's; its OBJID is {}",
                    object.unwrap_or("not given")
                );
                self.findings.note(FindingCode::AnotherBook, None, text);
            }
            BookIdentity::Unnamed => {
                let text = "neither the name of a METS nor an OBJID says which book it is";
                self.findings.note(FindingCode::UnnamedBook, None, text);
            }
            BookIdentity::Requested | BookIdentity::NotRequested => {}
        }
    }
}

/// Bytes on their way to the METS reader, each through the digest once.
struct Digested<'a, B> {
    data: &'a mut B,
    digests: &'a mut LaneDigests,
}

impl<B: BufRead> BufRead for Digested<'_, B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.data.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // What was filled is still there; asking again cannot fail or change it.
        if let Ok(bytes) = self.data.fill_buf() {
            self.digests.update(&bytes[..amount.min(bytes.len())]);
        }
        self.data.consume(amount);
    }
}

impl<B: BufRead> Read for Digested<'_, B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buf)?;
        self.consume(got);
        Ok(got)
    }
}
