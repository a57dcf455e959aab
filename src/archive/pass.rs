//! The one pass: decrypt, digest, write on, gunzip, walk the tar, compare, extract.

use std::io::{self, BufRead, BufReader, Read, Write};

use crate::archive::error::{ArchiveError, DamageKind, LayerFault, SeenArchive, shortened};
use crate::archive::findings::{FindingCode, FindingList};
use crate::archive::inflate::InflateReader;
use crate::archive::members::TarMembers;
use crate::archive::mets::RecordKind;
use crate::archive::openpgp;
use crate::archive::openpgp::{ArchiveKeys, OpenedMessage};
use crate::archive::scan::{JudgedArchive, ScanResult, TarScan};
use crate::archive::source::{ArchiveSource, PAGE, in_words, looks_like};
use crate::archive::tee::TeeReader;
use crate::archive::volume::{PassOptions, ProvenVolume, ReadVolume};
use crate::grin::{Barcode, refusal_in_place_of_content};

/// Reads an encrypted archive once and gives the volume in it.
///
/// The decrypted `.tar.gz` goes to `archive` as it comes, the page texts go to `text` at the end. What was written may be
/// published only after `Ok`: the proof stands at the end of the archive. After [`ArchiveError::Refused`] and damage that
/// was encrypted with the archive, `archive` has received all of it, so that it can be kept in quarantine. Without a
/// barcode the METS is found by its root element.
pub fn process<'b, R, W, T>(
    input: R,
    archive: W,
    text: T,
    barcode: impl Into<Option<&'b Barcode>>,
    options: &PassOptions,
) -> Result<ProvenVolume, ArchiveError>
where
    R: Read + Send,
    W: Write,
    T: Write,
{
    with_text(read_encrypted(input, archive, barcode.into(), options)?, text, options)
}

/// The same for an archive that is not encrypted (any more): verification, import, `grind parse`. Without a barcode the
/// METS is found by its root element.
pub fn process_plain<R, W, T>(
    input: R,
    archive: W,
    text: T,
    barcode: Option<&Barcode>,
    options: &PassOptions,
) -> Result<ProvenVolume, ArchiveError>
where
    R: Read,
    W: Write,
    T: Write,
{
    with_text(read_plain(input, archive, barcode, options)?, text, options)
}

/// As [`process`]; the texts are written afterwards.
pub fn read_encrypted(
    input: impl Read + Send,
    archive: impl Write,
    barcode: Option<&Barcode>,
    options: &PassOptions,
) -> Result<ReadVolume, ArchiveError> {
    let mut source = ArchiveSource::new(input);
    let keys = ArchiveKeys::of(options);
    let passed = match openpgp::open(&mut source, &keys, &options.limits) {
        Ok(message) => {
            let is_authenticated = message.authenticated;
            let passed = through(message, archive, barcode, options);
            if is_authenticated { passed.of_message() } else { passed }
        }
        Err(fault) => Passed::at_head(fault),
    };
    conclude(source, passed, options)
}

/// As [`process_plain`]; the texts are written afterwards.
pub fn read_plain(
    input: impl Read,
    archive: impl Write,
    barcode: Option<&Barcode>,
    options: &PassOptions,
) -> Result<ReadVolume, ArchiveError> {
    let mut source = ArchiveSource::new(input);
    let plain = BufReader::with_capacity(64 << 10, &mut source);
    let passed = through(Unsealed(plain), archive, barcode, options);
    conclude(source, passed, options)
}

fn with_text(mut read: ReadVolume, text: impl Write, options: &PassOptions) -> Result<ProvenVolume, ArchiveError> {
    if options.extract_text {
        read.write_lines(text, options.compress_text)?;
    }
    Ok(read.volume)
}

/// A stream of archive bytes that may know of bytes after its end.
trait Archive: BufRead {
    fn trailing(&self) -> u64;

    /// Does the end of the stream prove its content?
    fn is_authenticated(&self) -> bool;
}

impl Archive for OpenedMessage<'_> {
    fn trailing(&self) -> u64 {
        self.plain.trailing()
    }

    fn is_authenticated(&self) -> bool {
        self.authenticated
    }
}

/// Archive bytes that were not encrypted.
struct Unsealed<B>(B);

impl<B: BufRead> BufRead for Unsealed<B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

impl<B: BufRead> Read for Unsealed<B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl<B: BufRead> Archive for Unsealed<B> {
    fn trailing(&self) -> u64 {
        0
    }

    fn is_authenticated(&self) -> bool {
        true
    }
}

/// How far the bytes came, and what was in them.
struct Passed {
    /// The archive was read to its end, and the end was good.
    proven: Result<(), LayerFault>,
    /// What the walk over the tar gave.
    scanned: Result<ScanResult, LayerFault>,
    /// Findings of a walk that failed.
    findings: FindingList,
    sha256: Option<[u8; 32]>,
    bytes: u64,
    sink_failure: Option<io::Error>,
    text_failure: Option<io::Error>,
}

impl Passed {
    fn at_head(fault: LayerFault) -> Self {
        Self {
            proven: Err(fault.clone()),
            scanned: Err(fault),
            findings: FindingList::default(),
            sha256: None,
            bytes: 0,
            sink_failure: None,
            text_failure: None,
        }
    }

    /// What a message held whole is no page that came in place of an archive.
    fn of_message(self) -> Self {
        let look = match (&self.proven, &self.scanned) {
            (Ok(()), Err(LayerFault::NotAnArchive(look))) => *look,
            _ => return self,
        };
        Self {
            scanned: Err(LayerFault::OtherContent(look)),
            ..self
        }
    }
}

fn through(plain: impl Archive, sink: impl Write, barcode: Option<&Barcode>, options: &PassOptions) -> Passed {
    let mut tee = TeeReader::new(plain, sink);
    let mut scan = TarScan::new(options, barcode);
    let walked = walk(&mut tee, &mut scan, options);
    // Whatever the walk met: only the end of the message says whether its bytes are what was encrypted.
    let proven = tee.drain().map_err(|error| LayerFault::of(&error, DamageKind::Packets));
    if tee.input().trailing() > 0 {
        let text = format!("{} bytes follow the encrypted message", tee.input().trailing());
        scan.findings.note(FindingCode::TrailingData, None, text);
    }
    if !tee.input().is_authenticated() {
        scan.set_unauthenticated();
    }
    let sha256 = proven.is_ok().then(|| tee.sha256());
    let (bytes, sink_failure) = (tee.count(), tee.take_failure());
    let text_failure = scan.text_failure.take();
    let (scanned, findings) = match walked {
        Ok(()) => (Ok(scan.judge()), FindingList::default()),
        Err(error) => (Err(LayerFault::of(&error, DamageKind::Tar)), scan.findings),
    };
    Passed {
        proven,
        scanned,
        findings,
        sha256,
        bytes,
        sink_failure,
        text_failure,
    }
}

fn walk<B: BufRead>(tee: &mut B, scan: &mut TarScan<'_>, options: &PassOptions) -> io::Result<()> {
    let first = tee.fill_buf()?;
    if !(first.starts_with(&[0x1f, 0x8b]) || first == [0x1f]) {
        return Err(LayerFault::NotAnArchive(looks_like(first)).into());
    }
    let mut members = TarMembers::new(InflateReader::with_restarts(tee, &options.limits), &options.limits);
    scan.walk(&mut members)?;
    scan.restarts = members.input_mut().take_restarts();
    if members.input_mut().has_trailing_data() {
        scan.findings.note(
            FindingCode::TrailingData,
            None,
            "there are bytes behind the gzip stream",
        );
    }
    Ok(())
}

fn conclude<R: Read>(
    mut source: ArchiveSource<R>,
    mut passed: Passed,
    options: &PassOptions,
) -> Result<ReadVolume, ArchiveError> {
    if let Some(error) = passed.sink_failure.take() {
        return Err(ArchiveError::Sink(error));
    }
    if let Some(error) = passed.text_failure.take() {
        return Err(ArchiveError::Text(error));
    }
    let outcome = match (passed.proven, passed.scanned) {
        (Ok(()), Ok(contents)) => Ok(contents),
        (Ok(()), Err(fault)) | (Err(fault), _) => Err(fault),
    };
    read_on(&mut source, outcome.as_ref().err());
    if let Some(error) = source.take_failure() {
        return Err(ArchiveError::Input(error));
    }
    let seen = SeenArchive {
        encrypted_bytes: source.count(),
        fingerprint: source.fingerprint(),
        sha256: passed.sha256,
        bytes: passed.bytes,
        findings: Vec::new(),
    };
    match outcome {
        Ok(contents) => finish(contents, seen, options),
        Err(fault) => Err(as_error(
            fault,
            Box::new(SeenArchive {
                findings: passed.findings.finish(),
                ..seen
            }),
            source.head(),
        )),
    }
}

/// Reads as much more as the error needs: all for the fingerprint of damaged bytes, a little for the look of a page.
fn read_on<R: Read>(source: &mut ArchiveSource<R>, fault: Option<&LayerFault>) {
    let _kept_in_the_source = match fault {
        Some(
            LayerFault::WrongPassphrase
            | LayerFault::NoPassphrase
            | LayerFault::NoSecretKey(_)
            | LayerFault::NoIntegrityCheck
            | LayerFault::Unsupported(_),
        ) => Ok(()),
        Some(LayerFault::NotAnArchive(_)) => io::copy(&mut source.take(PAGE as u64), &mut io::sink()).map(drop),
        _ => source.drain(),
    };
}

pub(super) fn as_error(fault: LayerFault, seen: Box<SeenArchive>, head: &[u8]) -> ArchiveError {
    match fault {
        LayerFault::Truncated => ArchiveError::Truncated { seen },
        LayerFault::Damaged(what) => ArchiveError::Damaged { what, seen },
        LayerFault::Hostile(limit, detail) => ArchiveError::Hostile {
            limit,
            detail: shortened(detail),
            seen,
        },
        LayerFault::WrongPassphrase => ArchiveError::WrongPassphrase,
        LayerFault::NoPassphrase => ArchiveError::NoPassphrase,
        LayerFault::NoSecretKey(what) => ArchiveError::NoSecretKey { what: shortened(what) },
        // Decrypted bytes were looked at where they are; encrypted ones are looked at again with more of them there.
        LayerFault::NotAnArchive(looks_like) if seen.sha256.is_some() => ArchiveError::NotAnArchive { looks_like },
        LayerFault::NotAnArchive(_) => match refusal_in_place_of_content(head) {
            Some(refusal) => ArchiveError::RefusedByGrin { refusal },
            None => ArchiveError::NotAnArchive {
                looks_like: looks_like(head),
            },
        },
        LayerFault::OtherContent(look) => ArchiveError::OtherContent {
            looks_like: in_words(look),
            seen,
        },
        LayerFault::UnreadTar(what) => ArchiveError::UnreadTar {
            what: shortened(what),
            seen,
        },
        LayerFault::NoIntegrityCheck => ArchiveError::NoIntegrityCheck,
        LayerFault::Unsupported(what) => ArchiveError::Unsupported { what: shortened(what) },
        LayerFault::Input => ArchiveError::Input(io::ErrorKind::Other.into()),
        LayerFault::Sink => ArchiveError::Sink(io::ErrorKind::Other.into()),
        LayerFault::Text => ArchiveError::Text(io::ErrorKind::Other.into()),
    }
}

fn finish(mut contents: ScanResult, seen: SeenArchive, options: &PassOptions) -> Result<ReadVolume, ArchiveError> {
    let JudgedArchive {
        acceptance,
        findings,
        failed,
    } = contents.decide();
    if let Some(refusal) = acceptance.refusal.filter(|_| options.require_volume) {
        return Err(ArchiveError::Refused {
            refusal,
            failed,
            acceptance: Box::new(acceptance),
            seen: Box::new(SeenArchive { findings, ..seen }),
        });
    }
    let (members, restarts) = (contents.members, contents.restarts);
    let mets = contents.mets;
    let record = mets.as_ref().map_or(RecordKind::NoMets, |mets| mets.record);
    let (marc, marc_xml) = mets
        .filter(|_| options.extract_marc)
        .map(|mets| (mets.marc, mets.marc_xml))
        .unwrap_or_default();
    let volume = ProvenVolume {
        sha256: seen.sha256.unwrap_or_default(),
        bytes: seen.bytes,
        encrypted_bytes: seen.encrypted_bytes,
        fingerprint: seen.fingerprint,
        marc,
        marc_xml,
        record,
        acceptance,
        findings,
        members,
        restarts,
    };
    Ok(ReadVolume {
        volume,
        pages: contents.pages,
    })
}
