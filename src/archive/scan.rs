//! One walk over the members: digests, METS, page texts; then the judgement.

use std::io::{self, BufRead, Read};

use crate::archive::digest::{ChecksumList, LaneDigests};
use crate::archive::error::{ArchiveLimit, LayerFault};
use crate::archive::findings::{FindingCode, FindingList};
use crate::archive::members::{MemberKind, TarEnd, TarMember, TarMembers};
use crate::archive::mets::MetsSummary;
use crate::archive::names::{MemberRole, role};
use crate::archive::pages::VolumePages;
use crate::archive::verify::{DigestComparison, compare};
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
    pub(super) pages: VolumePages,
    pub(super) findings: FindingList,
    pub(super) text_failure: Option<io::Error>,
}

struct FoundMets {
    mets: MetsSummary,
    by_name: bool,
}

/// What a whole archive came to.
pub(super) struct ScanResult {
    pub(super) compared: DigestComparison,
    pub(super) mets: Option<MetsSummary>,
    pub(super) pages: VolumePages,
    pub(super) findings: FindingList,
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
            pages: VolumePages::new(),
            findings: FindingList::default(),
            text_failure: None,
        }
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
        if members.end() == Some(TarEnd::Unmarked) {
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
        let role = role(member.base_name(), self.barcode);
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
            MemberRole::Coordinates(_) | MemberRole::Other => {}
        }
        if digested {
            self.pass_over(data)?;
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
    fn pass_over(&mut self, data: &mut impl BufRead) -> io::Result<()> {
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

    /// An XML file that may be the METS: one named so counts before one that has only the root element.
    fn xml(&mut self, by_name: bool, member: &TarMember, data: &mut impl BufRead) -> io::Result<()> {
        let is_better = self.mets.as_ref().is_none_or(|found| by_name && !found.by_name);
        let mets = MetsSummary::read(
            Digested {
                data,
                digests: &mut self.digests,
            },
            &self.options.limits,
        )?;
        match mets {
            Some(mets) if is_better => {
                if self.mets.replace(FoundMets { mets, by_name }).is_some() {
                    self.findings.note(
                        FindingCode::MetsRepeated,
                        Some(&member.name),
                        "this one is read, by its name",
                    );
                }
                if !by_name && self.barcode.is_some() {
                    self.findings.note(
                        FindingCode::MetsMisnamed,
                        Some(&member.name),
                        "METS by its root element, not its name",
                    );
                }
            }
            Some(_) => self
                .findings
                .note(FindingCode::MetsRepeated, Some(&member.name), "another METS counts"),
            None => {}
        }
        Ok(())
    }

    /// Compares the digests and says everything that does not fit.
    pub(super) fn judge(mut self) -> ScanResult {
        self.note_mets();
        let mets = self.mets.map(|found| found.mets);
        let compared = if self.options.verify_checksums {
            let listed = mets.as_ref().map(|mets| &mets.digests);
            compare(
                &self.files,
                self.digests,
                self.list.as_ref(),
                listed,
                &mut self.findings,
            )
        } else {
            DigestComparison::default()
        };
        ScanResult {
            compared,
            mets,
            pages: self.pages,
            findings: self.findings,
        }
    }

    fn note_mets(&mut self) {
        use crate::archive::mets::RecordKind;
        let findings = &mut self.findings;
        let Some(FoundMets { mets, .. }) = &self.mets else {
            return findings.note(FindingCode::NoMets, None, "there is no METS in it");
        };
        let because = mets.because.as_deref().unwrap_or_default();
        match mets.record {
            RecordKind::NoMarc => findings.note(FindingCode::NoMarc, None, "its METS has no MARC record"),
            RecordKind::Malformed => findings.note(
                FindingCode::MetsMalformed,
                None,
                format!("its METS is malformed: {because}"),
            ),
            RecordKind::Refused => findings.note(
                FindingCode::MetsRefused,
                None,
                format!("its METS is not read: {because}"),
            ),
            RecordKind::Found | RecordKind::NoMets => {}
        }
        if mets.more_records {
            findings.note(
                FindingCode::MarcRepeated,
                None,
                "its METS has several MARC records, the first one counts",
            );
        }
        if mets.replaced {
            findings.note(
                FindingCode::BadUtf8,
                None,
                "its METS has bytes that are not UTF-8 in the MARC record",
            );
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
