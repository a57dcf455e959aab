//! `grind parse` for what is in an archive: METS, page texts, checksums, and the archive as a whole.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use serde_json::{Value, json};

use crate::archive::{
    ArchiveError, ArchiveFinding, ArchiveInspection, ChecksumList, FindingCode, PassOptions, ProvenVolume, RecordKind,
    VolumeAcceptance, hex, inspect, parse_mets, process, process_plain,
};
use crate::cli::parse::{Document, ParseArgs, ParseError, barcode, document, library, put, read, unreadable};
use crate::grin::{AnswerRefusal, SecretBytes, read_passphrase};
use crate::vocabulary::MarcFields;

/// How a gzip stream begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The MARC record of a METS; of a folder or archive the METS in it.
pub(super) fn mets(args: &ParseArgs) -> Result<Document, ParseError> {
    let options = PassOptions {
        extract_text: false,
        ..PassOptions::default()
    };
    let input = &args.input[0];
    let seen = if input == "-" {
        parse_mets(&read(input)?[..], &options.limits).map_err(ArchiveError::Input)
    } else {
        inspect(Path::new(input), io::sink(), barcode(args)?.as_ref(), &options)
    };
    let seen = match seen {
        Ok(seen) => seen,
        Err(error) => return failed(input, error),
    };
    let mut document = document(
        None,
        &warnings(&seen.findings, |code| {
            // The texts of pages are not read here.
            is_of_mets(code) || code == FindingCode::BadUtf8
        }),
    );
    if let RecordKind::Malformed | RecordKind::Refused = seen.record {
        put(&mut document, "refusal", json!(seen.record));
    }
    put_record(&mut document, seen.marc.as_ref(), seen.record);
    Ok(document)
}

/// The page texts, one string a page.
pub(super) fn ocr(args: &ParseArgs) -> Result<Document, ParseError> {
    let options = PassOptions {
        passphrase: passphrase(args)?,
        verify_checksums: false,
        extract_marc: false,
        compress_text: false,
        require_volume: false,
        ..PassOptions::default()
    };
    let input = &args.input[0];
    let mut lines = Vec::new();
    let seen = if Path::new(input).is_dir() {
        inspect(Path::new(input), &mut lines, None, &options).map(|ArchiveInspection { findings, .. }| findings)
    } else {
        pass(args, &mut lines, &options)?.map(|ProvenVolume { findings, .. }| findings)
    };
    let findings = match seen {
        Ok(findings) => findings,
        Err(error) => return failed(input, error),
    };
    let pages = serde_json::Deserializer::from_slice(&lines).into_iter::<Value>();
    let pages: Vec<Value> = pages.collect::<Result<_, _>>().map_err(io::Error::from)?;
    let mut document = document(None, &warnings(&findings, |code| !is_of_mets(code)));
    put(&mut document, "pages", pages.len());
    put(&mut document, "text", pages);
    Ok(document)
}

/// A list of digests by file name.
pub(super) fn checksums(bytes: &[u8]) -> Document {
    let list = ChecksumList::parse(bytes);
    let refusal = match (bytes, list.is_empty()) {
        ([], _) => Some(AnswerRefusal::Empty),
        (_, true) => Some(AnswerRefusal::NotAList),
        (_, false) => None,
    };
    let mut document = document(refusal, &list.warnings);
    put(&mut document, "digests", json!(list.to_hex()));
    document
}

/// The archive, decrypted and compared as the daemon does it; nothing is written anywhere.
pub(super) fn archive(args: &ParseArgs) -> Result<Document, ParseError> {
    let options = PassOptions {
        passphrase: passphrase(args)?,
        library: args.library.is_some().then(|| library(args)).transpose()?,
        ..PassOptions::default()
    };
    let volume = match pass(args, io::sink(), &options)? {
        Ok(volume) => volume,
        Err(error) => return failed_archive(&args.input[0], error),
    };
    let mut document = document(None, &[]);
    put_acceptance(&mut document, &volume.acceptance);
    put(&mut document, "sha256", volume.sha256_hex());
    put(&mut document, "bytes", volume.bytes);
    put(&mut document, "encrypted_bytes", volume.encrypted_bytes);
    put_record(&mut document, volume.marc.as_ref(), volume.record);
    put(&mut document, "findings", json!(volume.findings));
    Ok(document)
}

fn put_acceptance(document: &mut Document, acceptance: &VolumeAcceptance) {
    put(document, "verified", acceptance.verified);
    put(document, "pages", acceptance.pages);
    put(document, "text_pages", acceptance.text_pages);
    put(document, "nonblank_texts", acceptance.nonblank_texts);
    put(document, "proven_files", acceptance.proven_files);
    put(document, "worst_finding", json!(acceptance.worst_finding));
}

/// One pass over an archive, encrypted or not. The outer error: it cannot even be begun.
fn pass(
    args: &ParseArgs,
    text: impl io::Write,
    options: &PassOptions,
) -> Result<Result<ProvenVolume, ArchiveError>, ParseError> {
    let input = &args.input[0];
    // A file may have any name: only a barcode that is asked for can differ from the one in the METS.
    let barcode = barcode(args)?;
    let mut file = File::open(input).map_err(|source| unreadable(input, source))?;
    let mut magic = Vec::new();
    (&mut file)
        .take(GZIP.len() as u64)
        .read_to_end(&mut magic)
        .and_then(|_| file.rewind())
        .map_err(|source| unreadable(input, source))?;
    Ok(if magic == GZIP {
        process_plain(file, io::sink(), text, barcode.as_ref(), options)
    } else {
        process(file, io::sink(), text, barcode.as_ref(), options)
    })
}

fn passphrase(args: &ParseArgs) -> Result<Option<SecretBytes>, ParseError> {
    let path = args.passphrase_file.as_deref();
    Ok(path.map(read_passphrase).transpose()?)
}

fn put_record(document: &mut Document, marc: Option<&MarcFields>, record: RecordKind) {
    put(document, "marc", marc.map_or_else(|| json!({}), |marc| json!(marc)));
    put(document, "record", json!(record));
}

fn warnings(findings: &[ArchiveFinding], wanted: impl Fn(FindingCode) -> bool) -> Vec<String> {
    let said = findings.iter().filter(|finding| wanted(finding.code));
    said.map(|finding| finding.text.clone()).collect()
}

fn is_of_mets(code: FindingCode) -> bool {
    matches!(
        code,
        FindingCode::NoMets
            | FindingCode::NoMarc
            | FindingCode::MetsMalformed
            | FindingCode::MetsRefused
            | FindingCode::MetsEncodingDiffers
            | FindingCode::MetsMisnamed
            | FindingCode::MetsRepeated
            | FindingCode::MarcRepeated
            | FindingCode::MarcUnread
            | FindingCode::DigestNotCompared
            | FindingCode::ForbiddenChars
            | FindingCode::AnotherBook
            | FindingCode::UnnamedBook
            | FindingCode::ObjidDiffers
    )
}

/// A refusal with its reason; input that cannot be read at all is none.
fn failed(input: &str, error: ArchiveError) -> Result<Document, ParseError> {
    if let ArchiveError::Input(source) = error {
        return Err(unreadable(input, source));
    }
    let mut document = document(None, &[error.to_string()]);
    let refusal = match &error {
        ArchiveError::RefusedByGrin { refusal } => refusal.as_str(),
        error => error.reason().as_str(),
    };
    put(&mut document, "refusal", refusal);
    Ok(document)
}

/// The same with what was seen of an archive before it failed.
fn failed_archive(input: &str, error: ArchiveError) -> Result<Document, ParseError> {
    let findings = json!(error.findings());
    let acceptance = match &error {
        ArchiveError::Refused { acceptance, .. } => Some(acceptance.clone()),
        _ => None,
    };
    let seen = error.seen().map(|seen| (seen.sha256, seen.bytes, seen.encrypted_bytes));
    let mut document = failed(input, error)?;
    match &acceptance {
        Some(acceptance) => put_acceptance(&mut document, acceptance),
        None => put(&mut document, "verified", false),
    }
    put(&mut document, "findings", findings);
    if let Some((sha256, bytes, encrypted_bytes)) = seen {
        put(&mut document, "bytes", bytes);
        put(&mut document, "encrypted_bytes", encrypted_bytes);
        if let Some(sha256) = sha256 {
            put(&mut document, "sha256", hex(&sha256));
        }
    }
    Ok(document)
}

#[cfg(test)]
mod tests;
