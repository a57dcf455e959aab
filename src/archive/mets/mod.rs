//! METS read as a stream: its MARC record, and the digests of the files it lists.

mod attributes;
mod bounded;
mod described;
mod encoding;
mod fields;
mod file_digest;
mod iso2709;
mod record;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};

use crate::archive::digest::ChecksumList;
use crate::archive::findings::{FindingCode, FindingList};
use crate::archive::limits::ArchiveLimits;
use crate::archive::mets::bounded::BoundedReader;
use crate::archive::mets::encoding::{AsUtf8, EncodingOddity};
use crate::archive::mets::record::MarcRecord;
pub use crate::archive::mets::record::RecordParts;
use crate::archive::mets::walk::{MetsWalk, WalkEnd};
use crate::vocabulary::MarcFields;

/// What came of the search for a MARC record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// There is a record.
    Found,
    /// There is no METS.
    NoMets,
    /// There is a METS without a MARC record.
    NoMarc,
    /// The METS is not well-formed XML, or in no known encoding.
    Malformed,
    /// The METS holds a DTD, or more than the limits allow.
    Refused,
}

/// What a METS says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MetsSummary {
    /// The folder that it stands in, if it is a file of an archive.
    pub(super) folder: String,
    pub(super) record: RecordKind,
    pub(super) marc: Option<MarcFields>,
    pub(super) marc_xml: Option<String>,
    pub(super) record_parts: Option<RecordParts>,
    /// OBJID of the root element, which names the book.
    pub(super) object: Option<String>,
    /// MD5 digests of the files listed.
    pub(super) digests: ChecksumList,
    /// Files listed without an MD5 digest.
    pub(super) named: BTreeSet<String>,
    /// Files of both kinds that are page images by the group they are listed in.
    pub(super) images: BTreeSet<String>,
    /// How many files have a digest that is not compared, by its type.
    pub(super) not_compared: BTreeMap<String, u64>,
    /// Files that it speaks of and of which it tells no place.
    pub(super) unplaced_files: u64,
    /// Pages that its map of the volume has; 0 without one.
    pub(super) mapped_pages: u64,
    /// There are several MARC records.
    pub(super) more_records: bool,
    /// Characters that XML 1.0 forbids, removed from the record.
    pub(super) forbidden: usize,
    /// In what form a record is that could not be read.
    pub(super) unread: Option<String>,
    /// Something was not valid UTF-8 and was replaced.
    pub(super) replaced: bool,
    /// Texts that are longer than what is read, such as an image; they are passed over.
    pub(super) long_texts: u64,
    /// It has UTF-8 where another encoding is declared.
    pub(super) has_utf8: bool,
    /// Why it is malformed or refused.
    pub(super) because: Option<String>,
}

impl MetsSummary {
    /// Reads a document. `None`: it is well-formed as far as its root element, and that is not METS's.
    ///
    /// An error is the input's own; what is wrong with the document stands in the answer.
    pub(super) fn read(input: impl BufRead, limits: &ArchiveLimits) -> io::Result<Option<Self>> {
        let mut walk = MetsWalk::default();
        let mut oddity = EncodingOddity::default();
        let stop = match AsUtf8::of(input)? {
            Err(unknown) => WalkEnd::Malformed(format!("its encoding {:?} is not known", unknown.0)),
            Ok(mut text) => {
                let bounded = BoundedReader::new(&mut text, limits.mets_event_bytes, limits.mets_bytes);
                let stop = walk.run(bounded, limits.mets_depth)?;
                oddity = text.oddity();
                stop
            }
        };
        if matches!(stop, WalkEnd::OtherRoot) {
            return Ok(None);
        }
        walk.replaced |= oddity.replaced;
        let summary = Self::of(walk, stop);
        Ok(Some(Self {
            has_utf8: oddity.has_utf8,
            ..summary
        }))
    }

    fn of(walk: MetsWalk, stop: WalkEnd) -> Self {
        let found = walk.best_record;
        let (kind, because) = match stop {
            WalkEnd::Malformed(because) => (RecordKind::Malformed, Some(because)),
            WalkEnd::Refused(because) => (RecordKind::Refused, Some(because)),
            _ if found.is_some() => (RecordKind::Found, None),
            _ => (RecordKind::NoMarc, None),
        };
        let mut record = found.filter(|_| kind == RecordKind::Found);
        let forbidden = record.as_mut().map_or(0, MarcRecord::remove_forbidden);
        Self {
            folder: String::new(),
            record: kind,
            marc: record.as_ref().map(MarcFields::of),
            marc_xml: record.as_ref().map(MarcRecord::to_xml),
            record_parts: record.as_ref().map(MarcRecord::parts),
            unplaced_files: walk.described.unplaced_files(),
            mapped_pages: walk.described.pages(),
            object: walk.object,
            digests: walk.digests,
            named: walk.named,
            images: walk.images,
            not_compared: walk.not_compared,
            more_records: walk.more_records,
            forbidden,
            unread: walk.unread,
            replaced: walk.replaced,
            long_texts: walk.long_texts,
            has_utf8: false,
            because,
        }
    }

    /// Says what is missing or odd in it.
    pub(super) fn note(&self, findings: &mut FindingList) {
        let because = self.because.as_deref().unwrap_or_default();
        match self.record {
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
        if !self.not_compared.is_empty() {
            let types = self
                .not_compared
                .iter()
                .map(|(kind, count)| format!("{kind} ({count})"));
            let types = types.collect::<Vec<_>>().join(", ");
            let text = format!("its METS gives digests that are not compared and prove nothing here: {types}");
            findings.note(FindingCode::DigestNotCompared, None, text);
        }
        self.note_unplaced_files(findings);
        if self.more_records {
            findings.note(
                FindingCode::MarcRepeated,
                None,
                "its METS has several MARC records, the first bibliographic one counts",
            );
        }
        if let Some(form) = &self.unread {
            let text = format!("its METS has a MARC record in a form that is not read: {form}");
            findings.note(FindingCode::MarcUnread, None, text);
        }
        if self.forbidden > 0 {
            let text = format!(
                "{} characters that XML forbids are removed from the MARC record",
                self.forbidden
            );
            findings.note(FindingCode::ForbiddenChars, None, text);
        }
        if self.replaced {
            findings.note(
                FindingCode::BadUtf8,
                None,
                "its METS has bytes that are not UTF-8, or not of the encoding that it declares",
            );
        }
        if self.long_texts > 0 {
            let count = self.long_texts;
            let text =
                format!("its METS holds {count} texts, or images as text, that are too long and are passed over");
            findings.note(FindingCode::MetsTextSkipped, None, text);
        }
        if self.has_utf8 {
            let text = "its METS declares another encoding and has UTF-8 in it, which is read as such";
            findings.note(FindingCode::MetsEncodingDiffers, None, text);
        }
    }

    /// Says that there are files which it does not name.
    pub(super) fn note_unplaced_files(&self, findings: &mut FindingList) {
        if self.unplaced_files > 0 {
            let text = format!(
                "its METS speaks of {} files and does not tell where they are; the volume is not verified",
                self.unplaced_files
            );
            findings.note(FindingCode::MetsNamesMore, None, text);
        }
    }
}
