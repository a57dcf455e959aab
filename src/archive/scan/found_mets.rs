//! The METS of an archive: which of several counts, and which book it names.

use std::io::{self, BufRead, Read};

use crate::archive::acceptance::BookIdentity;
use crate::archive::book_names::{may_name_book, names_book_of, names_some_book};
use crate::archive::digest::{LaneDigests, base_name, folder_of};
use crate::archive::findings::FindingCode;
use crate::archive::members::TarMember;
use crate::archive::mets::{MetsSummary, RecordKind};
use crate::archive::object_names::{may_name_another, object_holds, object_names_book};
use crate::archive::scan::TarScan;
use crate::grin::Barcode;

/// METS beside the first one whose files are compared; each may name as many as an archive has.
const MOST_METS: usize = 4;

/// A METS, and which book it names.
pub(super) struct FoundMets {
    pub(super) mets: MetsSummary,
    /// Its file.
    name: String,
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

    /// It may be this book's, and could not be read to its end or does not tell where its files are, so that some of them are
    /// perhaps not known.
    pub(super) fn is_unread(&self) -> bool {
        let is_cut = matches!(self.mets.record, RecordKind::Malformed | RecordKind::Refused);
        self.identity != BookIdentity::Another && (is_cut || self.mets.unplaced_files > 0)
    }

    /// Keeps the names of the files, and neither what their bytes should be nor that some had no place: a newer one of its name tells that,
    /// as it does after one that was cut.
    fn forget_digests(&mut self) {
        let digests = std::mem::take(&mut self.mets.digests);
        self.mets.named.extend(digests.into_names());
        self.mets.unplaced_files = 0;
    }

    /// May its list of files be held against the volume?
    fn speaks_of_this_book(&self) -> bool {
        self.identity == BookIdentity::Requested
            && !self.contradicts_itself
            && matches!(self.mets.record, RecordKind::Found | RecordKind::NoMarc)
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
        let Some(mut mets) = mets else { return Ok(()) };
        folder_of(&member.name).clone_into(&mut mets.folder);
        if !by_name
            && self
                .barcode
                .is_some_and(|barcode| !self.is_called_as(&member.name, barcode).may_be())
        {
            let text = "METS by its root element, not its name";
            self.findings.note(FindingCode::MetsMisnamed, Some(&member.name), text);
        }
        let holds_this_book = |object: &String| {
            self.barcode
                .is_some_and(|barcode| self.object_names(object, barcode) || object_holds(object, barcode))
        };
        let found = FoundMets {
            identity: self.identity_of(&mets, by_name, member),
            contradicts_itself: mets.object.as_ref().is_some_and(|object| !holds_this_book(object)),
            mets,
            name: member.name.clone(),
            by_name,
        };
        self.folder_owners.note(&found.mets.folder, found.identity);
        self.add_mets(found, member);
        Ok(())
    }

    /// The best METS gives record and identity; what any of this book says of its files counts.
    fn add_mets(&mut self, found: FoundMets, member: &TarMember) {
        let Some(known) = &mut self.mets else {
            self.mets = Some(found);
            return;
        };
        // What an older file of this name says of the files' bytes is of older files; that there are such files stays said.
        self.unread.remove(&found.name);
        for older in self.more_mets.iter_mut().filter(|older| older.name == found.name) {
            older.forget_digests();
        }
        let is_newer = found.name == known.name && found.rank() >= known.rank();
        let is_better = is_newer || found.rank() > known.rank();
        let text = if is_better {
            "this one counts: it is newer, readable, has a record or names this book"
        } else {
            "another METS counts"
        };
        self.findings.note(FindingCode::MetsRepeated, Some(&member.name), text);
        let mut other = if is_better {
            std::mem::replace(known, found)
        } else {
            found
        };
        if is_newer {
            other.forget_digests();
        }
        let is_full = self.more_mets.len() == MOST_METS;
        if other.speaks_of_this_book() && !is_full {
            self.more_mets.push(other);
        } else if other.speaks_of_this_book()
            || !is_newer && other.identity == BookIdentity::Requested && other.is_unread()
        {
            self.unread.insert(other.name);
        }
    }

    /// Which book a METS names. Its name or its OBJID is enough.
    fn identity_of(&self, mets: &MetsSummary, by_name: bool, member: &TarMember) -> BookIdentity {
        let Some(barcode) = self.barcode else {
            return BookIdentity::NotRequested;
        };
        let called = self.is_called_as(&member.name, barcode);
        match &mets.object {
            _ if by_name => BookIdentity::Requested,
            Some(object) if self.object_names(object, barcode) => BookIdentity::Requested,
            Some(object) if may_name_another(object, barcode) => BookIdentity::Another,
            Some(_) if called == FileNaming::ThisBook => BookIdentity::Requested,
            None if called.may_be() => BookIdentity::Requested,
            _ if names_some_book(base_name(&member.name)) => BookIdentity::Another,
            _ => BookIdentity::Unnamed,
        }
    }

    fn object_names(&self, object: &str, barcode: &Barcode) -> bool {
        object_names_book(object, barcode, self.options.library.as_ref())
    }

    /// Whether the file of a METS has this book's name, behind a library's with an underscore.
    fn is_called_as(&self, name: &str, barcode: &Barcode) -> FileNaming {
        let base_name = base_name(name);
        let stem = base_name.rsplit_once('.').map_or(base_name, |(stem, _)| stem);
        match may_name_book(stem, barcode) {
            true if names_book_of(stem, barcode, self.options.library.as_ref()) => FileNaming::ThisBook,
            true => FileNaming::PerhapsThisBook,
            false => FileNaming::Other,
        }
    }
}

/// Whose name the file of a METS has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileNaming {
    ThisBook,
    /// Or that of one whose barcode ends with this one's.
    PerhapsThisBook,
    Other,
}

impl FileNaming {
    fn may_be(self) -> bool {
        self != Self::Other
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::findings::ArchiveFinding;
    use crate::archive::members::MemberKind;
    use crate::archive::volume::PassOptions;
    use crate::grin::LibraryDirectory;

    /// What a METS of this name and OBJID, alone in an archive, says of the book, and whether it contradicts itself.
    fn found(barcode: &str, library: Option<&str>, name: &str, object: Option<&str>) -> (BookIdentity, bool) {
        let barcode = Barcode::parse(barcode).unwrap();
        let options = PassOptions {
            library: library.map(|library| LibraryDirectory::parse(library).unwrap()),
            ..PassOptions::default()
        };
        let mut scan = TarScan::new(&options, Some(&barcode));
        let object = object.map_or_else(String::new, |object| format!(" OBJID=\"{object}\""));
        let content = format!("<mets{object}></mets>");
        let member = TarMember {
            name: name.to_owned(),
            size: content.len() as u64,
            offset: 0,
            kind: MemberKind::File,
        };
        scan.file(&member, &mut content.as_bytes()).unwrap();
        let found = scan.mets.as_ref().unwrap();
        (found.identity, found.contradicts_itself)
    }

    #[test]
    fn a_name_behind_a_library_with_underscores_names_the_book() {
        use BookIdentity::{Another, Requested, Unnamed};
        const BOOK: &str = "TL0000000001";
        for (barcode, library, name, object, expected) in [
            (BOOK, None, "LI_B_TL0000000001.xml", None, Requested),
            (
                BOOK,
                None,
                "LI_B_TL0000000001.xml",
                Some("LI_B:TL0000000001"),
                Requested,
            ),
            (
                BOOK,
                None,
                "LI_B_TL0000000001.xml",
                Some("LI_B_TL0000000001"),
                Requested,
            ),
            (BOOK, None, "LI_B_TL0000000001.xml", Some("qQaAAAAAZZ51"), Requested),
            (BOOK, None, "mets.xml", Some("LI_B_TL0000000001"), Requested),
            (BOOK, None, "LI_B_TL0000000001.xml", Some("LI_B:TL0000000002"), Another),
            (BOOK, None, "LI_B_TL0000000001.xml", Some("LI_B_TL0000000002"), Another),
            (BOOK, None, "LI_B_TL0000000002.xml", Some("LI_B_TL0000000002"), Another),
            (BOOK, None, "LI_B_TL0000000002.xml", None, Another),
            (
                BOOK,
                None,
                "LI_B_TL0000000002.xml",
                Some("LI_B:TL0000000001"),
                Requested,
            ),
            (BOOK, None, "mets.xml", Some("LI_B_TL0000000002"), Another),
            (BOOK, None, "volume.xml", None, Unnamed),
            (
                "123456",
                Some("LI_B"),
                "LI_B_123456.xml",
                Some("LI_B_123456"),
                Requested,
            ),
            ("123456", Some("LI_B"), "mets.xml", Some("LI_B_123456"), Requested),
            (
                "123456",
                Some("TESTLIB"),
                "TESTLIB_AB_123456.xml",
                Some("TESTLIB_AB_123456"),
                Another,
            ),
            (
                "123456",
                None,
                "TESTLIB_AB_123456.xml",
                Some("TESTLIB_AB_123456"),
                Another,
            ),
            ("123456", None, "TESTLIB_AB_123456.xml", None, Requested),
        ] {
            let (identity, _) = found(barcode, library, name, object);
            assert_eq!(identity, expected, "{name} {object:?} for {barcode} of {library:?}");
        }
    }

    #[test]
    fn an_objid_that_holds_the_barcode_contradicts_no_file_name() {
        use BookIdentity::{Another, Requested, Unnamed};
        let odd = "GOOGLE:TESTLIB_TL0000000001";
        for (name, object, identity, contradicts) in [
            ("TESTLIB_TL0000000001.xml", odd, Requested, false),
            ("TESTLIB_TL0000000001.xml", "TESTLIB:TL0000000002", Requested, true),
            ("TESTLIB_TL0000000001.xml", "qQaAAAAAZZ51", Requested, true),
            ("LI_B_TL0000000001.xml", "LI_B_TL0000000001", Requested, false),
            ("mets.xml", "TESTLIB_TL0000000001.tar.gz", Requested, false),
            ("mets.xml", odd, Unnamed, false),
            ("mets.xml", "qQaAAAAAZZ51", Unnamed, true),
            ("mets.xml", "TESTLIB:TL0000000002", Another, true),
            ("TESTLIB_TL0000000002.xml", "qQaAAAAAZZ51", Another, true),
        ] {
            let said = found("TL0000000001", None, name, Some(object));
            assert_eq!(said, (identity, contradicts), "{name} {object}");
        }
    }

    #[test]
    fn every_mets_of_this_book_names_its_pages() {
        const OURS: &str = "TESTLIB:TL0000000001";
        let barcode = Barcode::parse("TL0000000001").unwrap();
        let mets = |object: &str, pages: &[&str]| {
            let files: String = pages
                .iter()
                .map(|name| format!("<file><FLocat href=\"{name}\"/></file>"))
                .collect();
            format!("<mets OBJID=\"{object}\"><fileSec><fileGrp>{files}</fileGrp></fileSec></mets>")
        };
        let whole = mets(OURS, &["1.jp2", "2%2Ejp2"]);
        let short = mets(OURS, &["1.jp2"]);
        let another = mets("TESTLIB:TL0000000002", &["1.jp2", "2.jp2"]);
        let zero = mets(OURS, &["0.jp2", "1.jp2"]);
        let cases: [(&[&str], &[&str]); 6] = [
            (&[&short], &[]),
            (&[&whole], &["2%2Ejp2"]),
            (&[&short, &whole], &["2%2Ejp2"]),
            (&[&whole, &short], &["2%2Ejp2"]),
            (&[&short, &another], &[]),
            (&[&short, &zero], &["0.jp2"]),
        ];
        for (documents, expected) in cases {
            let options = PassOptions::default();
            let mut scan = TarScan::new(&options, Some(&barcode));
            let mut add = |name: &str, content: &[u8]| {
                let member = TarMember {
                    name: name.to_owned(),
                    size: content.len() as u64,
                    offset: 0,
                    kind: MemberKind::File,
                };
                scan.file(&member, &mut &content[..]).unwrap();
            };
            add("1.jp2", b"an image");
            for (number, document) in documents.iter().enumerate() {
                add(&format!("{number}.mets.xml"), document.as_bytes());
            }
            let judged = scan.judge().decide();
            assert_eq!(judged.failed, expected, "{documents:?}");
            let is_absent = |finding: &ArchiveFinding| finding.code == FindingCode::ListedNotDelivered;
            assert!(!judged.findings.iter().any(is_absent), "1.jp2 is there, {documents:?}");
        }
    }
}
