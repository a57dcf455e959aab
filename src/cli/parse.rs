//! `grind parse`, how a saved answer of GRIN's is understood, by the very code that the daemon uses.

mod contents;
mod row;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use url::Url;

use crate::cli::parse::row::{rejections, row};

use crate::grin::{
    AnswerRefusal, Barcode, GrinDate, LibraryDirectory, ListKind, ListPageParser, SecretFileError, decide_etag,
    parse_process_reply, parse_text_list, parse_tsv,
};

/// Options of `grind parse`.
#[derive(Debug, Clone, Args)]
pub struct ParseArgs {
    /// What the input is
    #[arg(value_enum)]
    pub kind: ParseKind,
    /// File, or `-` for standard input; for barcode, library, date and etag the word itself (etag: GRIN's, then the
    /// stored one or `null`)
    #[arg(required = true, num_args = 1..=2)]
    pub input: Vec<String>,
    /// The barcode that was asked for
    #[arg(long, value_name = "B")]
    pub barcode: Option<String>,
    /// GRIN's library directory, whose prefix file names may have
    #[arg(long, value_name = "L")]
    pub library: Option<String>,
    /// The address that the answer came from
    #[arg(long, value_name = "U")]
    pub url: Option<Url>,
    /// What opens an encrypted archive, on the first line of this file
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// The HTTP status that it came with
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub status: u16,
}

/// What can be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ParseKind {
    /// A page of a list
    ListPage,
    /// A list as text, plain or with columns
    TextList,
    /// The table of `_barcode_search`
    Tsv,
    /// An answer of `_process`
    Process,
    /// The list `_failed`
    Failed,
    /// A METS: the XML itself, or a folder or .tar.gz with it
    Mets,
    /// The page texts of a folder or an archive
    Ocr,
    /// A list of checksums, `checksum.md5`
    Checksums,
    /// An archive, .tar.gz or .tar.gz.gpg, read as the daemon reads it
    Archive,
    /// A barcode
    Barcode,
    /// A library directory
    Library,
    /// A date as GRIN writes it
    Date,
    /// Two `ETag`s: GRIN's and the stored one
    Etag,
}

/// How it ended; the JSON says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseOutcome {
    /// Exit code 0.
    Understood,
    /// Exit code 1.
    Refused,
}

/// Why there is no JSON.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// The input cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// As given.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The file with the passphrase cannot be used.
    #[error(transparent)]
    Passphrase(#[from] SecretFileError),
    /// Standard output is gone.
    #[error("cannot write the result")]
    Write(#[from] io::Error),
    /// An option that makes no sense; wrong usage.
    #[error("{option} {value:?}: {why}")]
    Option {
        /// Its name.
        option: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Parses and writes one JSON document.
pub fn run(args: &ParseArgs, out: &mut impl Write) -> Result<ParseOutcome, ParseError> {
    let document = match args.kind {
        ParseKind::ListPage => list_page(args, ListKind::AllBooks)?,
        ParseKind::TextList => text_list(args)?,
        ParseKind::Tsv => tsv(&read(&args.input[0])?),
        ParseKind::Process => process(args)?,
        ParseKind::Failed => failed(args)?,
        ParseKind::Mets => contents::mets(args)?,
        ParseKind::Ocr => contents::ocr(args)?,
        ParseKind::Checksums => contents::checksums(&read(&args.input[0])?),
        ParseKind::Archive => contents::archive(args)?,
        ParseKind::Barcode => word(
            &args.input[0],
            Barcode::parse(&args.input[0]).err().map(|bad| bad.to_string()),
        ),
        ParseKind::Library => word(
            &args.input[0],
            LibraryDirectory::parse(&args.input[0]).err().map(|bad| bad.to_string()),
        ),
        ParseKind::Date => date(&args.input[0]),
        ParseKind::Etag => etag(&args.input),
    };
    let refused = document.get("refusal").is_some_and(|refusal| !refusal.is_null());
    serde_json::to_writer_pretty(&mut *out, &Value::Object(document)).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(if refused {
        ParseOutcome::Refused
    } else {
        ParseOutcome::Understood
    })
}

type Document = Map<String, Value>;

fn document(refusal: Option<AnswerRefusal>, warnings: &[String]) -> Document {
    let mut document = Document::new();
    document.insert("refusal".to_owned(), json!(refusal));
    document.insert("warnings".to_owned(), json!(warnings));
    document
}

fn put(document: &mut Document, key: &str, value: impl Into<Value>) {
    document.insert(key.to_owned(), value.into());
}

fn open(path: &str) -> Result<Box<dyn Read>, ParseError> {
    match path {
        "-" => Ok(Box::new(io::stdin().lock())),
        path => match File::open(path) {
            Ok(file) => Ok(Box::new(file)),
            Err(source) => Err(unreadable(path, source)),
        },
    }
}

fn unreadable(path: &str, source: io::Error) -> ParseError {
    ParseError::Read {
        path: path.to_owned(),
        source,
    }
}

/// Most bytes of an answer that is read as a whole.
const LARGEST: u64 = 1 << 30;

fn read(path: &str) -> Result<Vec<u8>, ParseError> {
    let mut bytes = Vec::new();
    open(path)?
        .take(LARGEST)
        .read_to_end(&mut bytes)
        .map_err(|source| unreadable(path, source))?;
    Ok(bytes)
}

/// The library: as said, else as the address says, else one whose name no file has for a prefix.
fn library(args: &ParseArgs) -> Result<LibraryDirectory, ParseError> {
    let named = match (&args.library, args.url.as_ref().and_then(ListKind::of_address)) {
        (Some(name), _) => name.as_str(),
        (None, Some((_, library))) => return Ok(library),
        (None, None) => "_",
    };
    let bad = |bad: crate::grin::BadLibrary| option("--library", named, bad.to_string());
    LibraryDirectory::parse(named).map_err(bad)
}

fn option(option: &'static str, value: &str, why: String) -> ParseError {
    ParseError::Option {
        option,
        value: value.to_owned(),
        why,
    }
}

fn barcode(args: &ParseArgs) -> Result<Option<Barcode>, ParseError> {
    let parse = |text: &String| Barcode::parse(text).map_err(|bad| option("--barcode", text, bad.to_string()));
    args.barcode.as_ref().map(parse).transpose()
}

fn list_page(args: &ParseArgs, kind: ListKind) -> Result<Document, ParseError> {
    let library = library(args)?;
    let usual = || format!("https://books.google.com/libraries/{library}/{}", kind.path());
    let url = match &args.url {
        Some(url) => url.clone(),
        None => Url::parse(&usual()).map_err(|error| option("--url", &usual(), error.to_string()))?,
    };
    let path = &args.input[0];
    let mut input = open(path)?;
    let mut parser = ListPageParser::new(&library, &url);
    let mut rows = Vec::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        let length = input.read(&mut piece).map_err(|source| unreadable(path, source))?;
        match parser.push(&piece[..length]) {
            Ok(more) if length > 0 => rows.extend(more.iter().map(row)),
            // The end, or a refusal, which the parser repeats when it finishes.
            Ok(_) | Err(_) => break,
        }
    }
    let (rest, page) = parser.finish();
    rows.extend(rest.iter().map(row));
    let mut document = document(page.refusal, &page.warnings);
    put(&mut document, "rows", rows);
    put(&mut document, "rejected", rejections(&page.rejected));
    put(&mut document, "next", page.next.map(String::from));
    put(&mut document, "complete", page.complete);
    put(&mut document, "columns_unknown", page.unknown_columns);
    Ok(document)
}

fn text_list(args: &ParseArgs) -> Result<Document, ParseError> {
    let bytes = read(&args.input[0])?;
    let kind = match args.url.as_ref().and_then(ListKind::of_address) {
        Some((kind, _)) => kind,
        None => guessed_kind(&bytes),
    };
    Ok(text_document(&bytes, kind, &library(args)?))
}

/// Only `_converted` names files.
fn guessed_kind(bytes: &[u8]) -> ListKind {
    let first = bytes
        .split(|b| matches!(b, b'\n' | b'\r' | b'\t'))
        .next()
        .unwrap_or_default();
    if first.ends_with(crate::grin::ARCHIVE_SUFFIX.as_bytes()) {
        ListKind::Converted
    } else {
        ListKind::AllBooks
    }
}

fn text_document(bytes: &[u8], kind: ListKind, library: &LibraryDirectory) -> Document {
    let list = parse_text_list(bytes, kind, library);
    let mut document = document(list.refusal, &list.warnings);
    put(
        &mut document,
        "barcodes",
        list.rows.iter().map(|row| row.barcode.as_str()).collect::<Vec<_>>(),
    );
    put(&mut document, "rows", list.rows.iter().map(row).collect::<Vec<_>>());
    put(&mut document, "rejected", rejections(&list.rejected));
    put(&mut document, "columns_unknown", list.unknown_columns);
    document
}

/// `_failed` as a page or, if it does not look like one, as text.
fn failed(args: &ParseArgs) -> Result<Document, ParseError> {
    if args.input[0] == "-" {
        return list_page(args, ListKind::Failed);
    }
    let mut beginning = Vec::new();
    let path = &args.input[0];
    open(path)?
        .take(512)
        .read_to_end(&mut beginning)
        .map_err(|source| unreadable(path, source))?;
    let text = beginning.trim_ascii_start();
    if text.is_empty() || text.contains(&b'<') {
        list_page(args, ListKind::Failed)
    } else {
        Ok(text_document(&read(path)?, ListKind::Failed, &library(args)?))
    }
}

fn tsv(bytes: &[u8]) -> Document {
    let tsv = parse_tsv(bytes, &crate::grin::AskedBooks::default());
    let book = |book: &crate::grin::BookEnrichment| -> Value {
        book.iter()
            .map(|(sql, value)| (sql.to_owned(), json!(value.stored())))
            .collect::<Map<_, _>>()
            .into()
    };
    let books: Document = tsv
        .books
        .iter()
        .map(|(barcode, facts)| (barcode.to_string(), book(facts)))
        .collect();
    let mut document = document(tsv.refusal, &tsv.warnings);
    put(&mut document, "books", books);
    put(&mut document, "columns_unknown", tsv.columns_unknown);
    put(&mut document, "rejected", rejections(&tsv.rejected));
    document
}

fn process(args: &ParseArgs) -> Result<Document, ParseError> {
    let asked: Vec<_> = barcode(args)?.into_iter().collect();
    let reply = parse_process_reply(args.status, &read(&args.input[0])?, &asked);
    let mut document = document(reply.refusal, &reply.warnings);
    let all = reply
        .outcomes
        .iter()
        .map(|p| json!({"barcode": p.barcode, "outcome": p.outcome, "words": p.words}));
    put(&mut document, "outcomes", all.collect::<Vec<_>>());
    let for_all = crate::grin::ProcessOutcome::of_status(args.status);
    let (outcome, words) = match &reply.outcomes[..] {
        [one] => (one.outcome, one.words.as_str()),
        _ => (for_all.unwrap_or(crate::grin::ProcessOutcome::NoAnswer), ""),
    };
    if reply.outcomes.len() < 2 {
        put(&mut document, "outcome", outcome.as_str());
        put(&mut document, "words", words);
    }
    Ok(document)
}

fn word(text: &str, bad: Option<String>) -> Document {
    let mut document = document(None, &[]);
    put(&mut document, "valid", bad.is_none());
    match bad {
        None => put(&mut document, "value", text),
        Some(reason) => {
            put(&mut document, "refusal", "invalid");
            put(&mut document, "reason", reason);
        }
    }
    document
}

fn date(text: &str) -> Document {
    let mut document = document(None, &[]);
    let date = GrinDate::read(text);
    let valid = date.as_ref().is_some_and(|date| date.when().is_some());
    put(&mut document, "valid", valid);
    put(&mut document, "value", date.map(|date| date.stored()));
    if !valid {
        put(
            &mut document,
            "reason",
            "not a date as GRIN writes them (YYYY/MM/DD HH:MM); kept as it is",
        );
    }
    document
}

fn etag(words: &[String]) -> Document {
    let word = |index: usize| words.get(index).map(String::as_str).filter(|word| *word != "null");
    let mut document = document(None, &[]);
    put(
        &mut document,
        "decision",
        decide_etag(word(0).unwrap_or_default(), word(1)).as_str(),
    );
    document
}
