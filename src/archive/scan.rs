//! Room `archive`: one walk over the members: digests, METS, page texts; then the judgement.

use std::io::{self, BufRead, Read};

use super::digest::{ChecksumList, LaneDigests};
use super::error::{Fault, Limit};
use super::findings::{Code, Findings};
use super::members::{End, Kind, Member, Members};
use super::mets::Mets;
use super::names::{Role, role};
use super::pages::Pages;
use super::verify::{Compared, compare};
use super::volume::Options;
use crate::grin::Barcode;

/// A file that was seen, under the number its digest has.
pub(super) struct FileSeen {
    pub(super) name: String,
    pub(super) role: Role,
}

/// The walk, and what it gathered.
pub(super) struct Scan<'o> {
    options: &'o Options,
    barcode: Option<&'o Barcode>,
    digests: LaneDigests,
    files: Vec<FileSeen>,
    list: Option<ChecksumList>,
    mets: Option<FoundMets>,
    in_folder: bool,
    pub(super) pages: Pages,
    pub(super) findings: Findings,
    pub(super) text_failure: Option<io::Error>,
}

struct FoundMets {
    mets: Mets,
    by_name: bool,
}

/// What a whole archive came to.
pub(super) struct Contents {
    pub(super) compared: Compared,
    pub(super) mets: Option<Mets>,
    pub(super) pages: Pages,
    pub(super) findings: Findings,
}

impl<'o> Scan<'o> {
    pub(super) fn new(options: &'o Options, barcode: Option<&'o Barcode>) -> Self {
        Self {
            options,
            barcode,
            digests: LaneDigests::default(),
            files: Vec::new(),
            list: None,
            mets: None,
            in_folder: false,
            pages: Pages::new(),
            findings: Findings::default(),
            text_failure: None,
        }
    }

    /// Walks over all members of a tar.
    pub(super) fn walk<B: BufRead>(&mut self, members: &mut Members<'_, B>) -> io::Result<()> {
        while let Some(member) = members.next()? {
            match member.kind {
                Kind::File => self.file(&member, members)?,
                Kind::Folder => {}
                Kind::Odd => self
                    .findings
                    .note(Code::OddEntry, Some(&member.name), "an entry of no kind that is read"),
            }
        }
        if members.end() == Some(End::Unmarked) {
            self.findings
                .note(Code::TarUnterminated, None, "the tar has no end mark");
        }
        if members.has_foreign_tail()? {
            self.findings
                .note(Code::TrailingData, None, "there are bytes behind the tar's end mark");
        }
        Ok(())
    }

    /// One file: its name decides what is done with its bytes; all of them go through the digest.
    pub(super) fn file(&mut self, member: &Member, data: &mut impl BufRead) -> io::Result<()> {
        let role = role(member.base_name(), self.barcode);
        self.note_name(member);
        let digested = self.options.verify_checksums && role != Role::ChecksumList;
        if digested {
            self.digests.begin(self.files.len(), member.size);
        }
        self.files.push(FileSeen {
            name: member.name.clone(),
            role,
        });
        match role {
            Role::Image(page) => self.image(page, member),
            Role::Text(page) => self.text(page, member, data)?,
            Role::ChecksumList => self.checksum_list(member, data)?,
            Role::Xml { named_as_mets } => self.xml(named_as_mets, member, data)?,
            Role::Coordinates(_) | Role::Other => {}
        }
        if digested {
            self.pass_over(data)?;
            self.digests.end();
        }
        Ok(())
    }

    fn note_name(&mut self, member: &Member) {
        if member.name.contains('/') && !std::mem::replace(&mut self.in_folder, true) {
            self.findings
                .note(Code::FolderInArchive, Some(&member.name), "its files lie in a folder");
        }
        if member.name.contains(char::REPLACEMENT_CHARACTER) {
            self.findings
                .note(Code::OddEntry, Some(&member.name), "its name is not UTF-8");
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

    fn image(&mut self, page: u32, member: &Member) {
        if !self.pages.image(page) {
            self.findings.note(
                Code::DuplicatePage,
                Some(&member.name),
                format!("page {page} has an image already"),
            );
        }
    }

    fn text(&mut self, page: u32, member: &Member, data: &mut impl BufRead) -> io::Result<()> {
        if self.pages.has_text(page) {
            let what = format!("page {page} has a text already, this one is left out");
            self.findings.note(Code::DuplicatePage, Some(&member.name), what);
            return Ok(());
        }
        if !self.options.extract_text {
            self.pages.text_unread(page);
            return Ok(());
        }
        let bytes = self.whole(member, data, (Limit::PageText, self.options.limits.page_text_bytes))?;
        self.pages.text(page, &bytes).map_err(|error| {
            self.text_failure = Some(error);
            Fault::Text.into()
        })
    }

    fn checksum_list(&mut self, member: &Member, data: &mut impl BufRead) -> io::Result<()> {
        let bytes = self.whole(
            member,
            data,
            (Limit::ChecksumList, self.options.limits.checksum_list_bytes),
        )?;
        let list = ChecksumList::parse(&bytes);
        for warning in &list.warnings {
            self.findings
                .note(Code::ChecksumListMalformed, Some(&member.name), warning.clone());
        }
        if self.list.as_ref().is_none_or(ChecksumList::is_empty) {
            self.list = Some(list);
        }
        Ok(())
    }

    /// All of a file that is small by its nature.
    fn whole(&mut self, member: &Member, data: &mut impl BufRead, limit: (Limit, u64)) -> io::Result<Vec<u8>> {
        if member.size > limit.1 {
            let detail = format!("{} has {} bytes", member.name, member.size);
            return Err(Fault::Hostile(limit.0, detail).into());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(member.size).unwrap_or(0));
        data.read_to_end(&mut bytes)?;
        self.digests.update(&bytes);
        Ok(bytes)
    }

    /// An XML file that may be the METS: one named so counts before one that has only the root element.
    fn xml(&mut self, by_name: bool, member: &Member, data: &mut impl BufRead) -> io::Result<()> {
        let is_better = self.mets.as_ref().is_none_or(|found| by_name && !found.by_name);
        let mets = Mets::read(
            Digested {
                data,
                digests: &mut self.digests,
            },
            &self.options.limits,
        )?;
        match mets {
            Some(mets) if is_better => {
                if self.mets.replace(FoundMets { mets, by_name }).is_some() {
                    self.findings
                        .note(Code::MetsRepeated, Some(&member.name), "this one is read, by its name");
                }
                if !by_name && self.barcode.is_some() {
                    self.findings.note(
                        Code::MetsMisnamed,
                        Some(&member.name),
                        "METS by its root element, not its name",
                    );
                }
            }
            Some(_) => self
                .findings
                .note(Code::MetsRepeated, Some(&member.name), "another METS counts"),
            None => {}
        }
        Ok(())
    }

    /// Compares the digests and says everything that does not fit.
    pub(super) fn judge(mut self) -> Contents {
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
            Compared::default()
        };
        Contents {
            compared,
            mets,
            pages: self.pages,
            findings: self.findings,
        }
    }

    fn note_mets(&mut self) {
        use super::mets::RecordKind;
        let findings = &mut self.findings;
        let Some(FoundMets { mets, .. }) = &self.mets else {
            return findings.note(Code::NoMets, None, "there is no METS in it");
        };
        let because = mets.because.as_deref().unwrap_or_default();
        match mets.record {
            RecordKind::NoMarc => findings.note(Code::NoMarc, None, "its METS has no MARC record"),
            RecordKind::Malformed => {
                findings.note(Code::MetsMalformed, None, format!("its METS is malformed: {because}"))
            }
            RecordKind::Refused => findings.note(Code::MetsRefused, None, format!("its METS is not read: {because}")),
            RecordKind::Found | RecordKind::NoMets => {}
        }
        if mets.more_records {
            findings.note(
                Code::MarcRepeated,
                None,
                "its METS has several MARC records, the first one counts",
            );
        }
        if mets.replaced {
            findings.note(
                Code::BadUtf8,
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
