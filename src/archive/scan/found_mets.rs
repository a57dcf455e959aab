//! The METS of an archive: which of several counts, and which book it names.

use std::io::{self, BufRead, Read};

use crate::archive::acceptance::BookIdentity;
use crate::archive::digest::LaneDigests;
use crate::archive::findings::FindingCode;
use crate::archive::members::TarMember;
use crate::archive::mets::{MetsSummary, RecordKind};
use crate::archive::names::{names_book, names_some_book};
use crate::archive::scan::TarScan;

/// A METS, and which book it names.
pub(super) struct FoundMets {
    pub(super) mets: MetsSummary,
    by_name: bool,
    /// It has this book's file name and another book's OBJID.
    pub(super) contradicts_itself: bool,
    pub(super) identity: BookIdentity,
}

impl FoundMets {
    /// Of several METS the greatest counts, of equal ones the first: never another book's before one that may be ours, nor one whose
    /// OBJID is another book's before one that is ours throughout; a readable one with a record before one without.
    fn rank(&self) -> impl Ord + use<> {
        (
            self.identity != BookIdentity::Another,
            self.identity == BookIdentity::Requested && !self.contradicts_itself,
            self.mets.record == RecordKind::Found,
            self.identity == BookIdentity::Requested,
            self.by_name,
        )
    }
}

impl TarScan<'_> {
    /// An XML file that may be a METS, by its name or by its root element.
    pub(super) fn xml(&mut self, by_name: bool, member: &TarMember, data: &mut impl BufRead) -> io::Result<()> {
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
        let names_this_book = |object: &String| self.barcode.is_some_and(|barcode| names_book(object, barcode));
        let found = FoundMets {
            identity: self.identity_of(&mets, by_name, member),
            contradicts_itself: mets.object.as_ref().is_some_and(|object| !names_this_book(object)),
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
            Some(object) if names_book(object, barcode) => BookIdentity::Requested,
            Some(_) => BookIdentity::Another,
            None if names_some_book(member.base_name()) => BookIdentity::Another,
            None => BookIdentity::Unnamed,
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
