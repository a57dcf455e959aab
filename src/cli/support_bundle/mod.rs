//! `grind support-bundle`: what GRIN answered and was not recognised, with what helps to understand it, without books and secrets.

mod answers;
mod cells;
mod config;
mod names;
mod pseudonyms;
mod unread;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use url::Url;

use crate::catalog::AskUnknown;
use crate::cli::args::ReachArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::support_bundle::answers::{kept_words, rows_of, without_books};
use crate::cli::support_bundle::config::config;
use crate::cli::support_bundle::names::{barcode_fields, names_in};
use crate::cli::support_bundle::pseudonyms::{BookPseudonyms, ELSEWHERE};
use crate::cli::{load, output, reading, status};
use crate::diagnostics::{UnrecognisedAnswer, kept_answers, without_secrets};
use crate::grin::{Barcode, LibraryDirectory};
use crate::log;
use crate::pipeline::wanted_books;
use crate::settings::{Settings, diagnostics_folder, without_homes};

/// Bytes of the log's end.
const LOG: u64 = 256 << 10;

/// `grind support-bundle`.
#[derive(Debug, Clone, Args)]
pub struct SupportBundleArgs {
    /// Where the daemon is, which tells its status; and its config.
    #[command(flatten)]
    pub reach: ReachArgs,
    /// The bundle; a file that is there already is left alone; - for standard output, which a file of your own takes [default:
    /// grind-support-DATE.tar.gz]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// A log whose last lines are packed, too, such as `journalctl -u grind -n 2000` writes it; - for standard input
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
}

/// In place of a file: standard output, or standard input.
const STANDARD: &str = "-";

/// Packs, and says what.
pub fn run(args: &SupportBundleArgs) -> CommandResult {
    let is_to_stdout = args.output.as_deref() == Some(Path::new(STANDARD));
    if is_to_stdout && io::stdout().is_terminal() {
        return Err(CliError::new(ExitStatus::Usage, "a bundle is nothing for a terminal")
            .advise("Lead it into a file: grind support-bundle --output - > grind-support.tar.gz"));
    }
    let settings = load::of_catalog(&args.reach.config)?;
    let bundle = gather(args, &settings)?;
    if is_to_stdout {
        output::write_to(&mut io::stdout().lock(), |out| pack(out, &bundle))?;
        log::tell_failure(&said("the bundle", &bundle));
        return Ok(ExitStatus::Done);
    }
    let path = args.output.clone().unwrap_or_else(|| {
        let name = format!(
            "grind-support-{}.tar.gz",
            jiff::Timestamp::now().strftime("%Y-%m-%d-%H%M%S")
        );
        PathBuf::from(name)
    });
    // For its owner's eyes alone.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    file.and_then(|file| pack(file, &bundle)).map_err(|error| {
        CliError::new(
            ExitStatus::CannotCreate,
            format!("{} cannot be written", path.display()),
        )
        .because(&error)
        .advise(
            "Name another file with --output, in a folder that you may write to; a file that is there is left alone. With --output - a file \
             of yours takes it: sudo -u grind grind support-bundle --output - > grind-support.tar.gz",
        )
    })?;
    output::print(&said(&path.display().to_string(), &bundle))?;
    Ok(ExitStatus::Done)
}

/// What a bundle holds.
fn said(name: &str, bundle: &[BundledFile]) -> String {
    let mut said = format!("{name} holds:\n");
    for file in bundle {
        let _ = writeln!(said, "  {:<32}{}", file.name, file.what);
    }
    said + "Barcodes and titles are replaced, secrets left out. A program cannot know them all: look at it before you send it.\n"
}

/// One file of a bundle.
struct BundledFile {
    name: String,
    what: String,
    text: String,
}

/// What is to be had, before anything is replaced.
struct Gathered {
    answers: Vec<UnrecognisedAnswer>,
    status: Option<Value>,
    report: Option<Value>,
    log: Option<String>,
}

fn gather(args: &SupportBundleArgs, settings: &Settings) -> Result<Vec<BundledFile>, CliError> {
    let state_directory = std::env::var_os("STATE_DIRECTORY");
    let folder = diagnostics_folder(&settings.catalog.url, state_directory.as_deref());
    let unreadable = |path: &Path, error: &io::Error| {
        CliError::new(ExitStatus::NotPermitted, format!("{} cannot be read", path.display())).because(error)
    };
    let mut answers = kept_answers(&folder).map_err(|error| {
        unreadable(&folder, &error).advise("Run it as the user of the daemon: sudo -u grind grind support-bundle")
    })?;
    // Kept by an older version, maybe.
    for answer in &mut answers {
        let words = &mut answer.words;
        words
            .iter_mut()
            .chain([&mut answer.body])
            .for_each(|text| *text = without_secrets(text));
    }
    let log = args.log.as_deref().map(|path| {
        last_lines(path).map_err(|error| unreadable(path, &error).advise("Give a file that you may read."))
    });
    let reader = reading::existing(&settings.catalog.url).ok().flatten();
    let report = reader
        .as_ref()
        .and_then(|reader| reader.report(&wanted_books(settings)).ok());
    let gathered = Gathered {
        answers,
        status: args
            .reach
            .endpoints()
            .and_then(|endpoints| status::ask(&endpoints))
            .ok(),
        report: report.and_then(|report| serde_json::to_value(report).ok()),
        log: log.transpose()?.map(|log| without_homes(&without_secrets(&log))),
    };
    let suspects = gathered.suspects();
    let known = match &reader {
        Some(reader) => match reader.ask(&AskUnknown(suspects.clone())) {
            Ok(unknown) => {
                let unknown: BTreeSet<Barcode> = unknown.into_iter().collect();
                suspects.into_iter().filter(|name| !unknown.contains(name)).collect()
            }
            Err(_) => with_digits(suspects),
        },
        None => with_digits(suspects),
    };
    Ok(gathered.files(settings, known))
}

/// Where the catalog cannot tell, words are not taken for books.
fn with_digits(mut names: Vec<Barcode>) -> Vec<Barcode> {
    names.retain(|name| name.as_str().contains(|c: char| c.is_ascii_digit()));
    names
}

/// The last lines of a file, or of a pipe, which is read through.
fn last_lines(path: &Path) -> io::Result<String> {
    if path == Path::new(STANDARD) {
        return last_lines_of(io::stdin().lock(), 0);
    }
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let left_out = match metadata.is_file() {
        true => file.seek(SeekFrom::Start(metadata.len().saturating_sub(LOG)))?,
        false => 0,
    };
    last_lines_of(file, left_out)
}

/// The last lines of what is read to its end, of which so many bytes were left out.
fn last_lines_of(mut log: impl io::Read, mut left_out: u64) -> io::Result<String> {
    let mut text = Vec::new();
    while log.by_ref().take(LOG).read_to_end(&mut text)? > 0 {
        let too_many = (text.len() as u64).saturating_sub(LOG);
        left_out += too_many;
        text.drain(..usize::try_from(too_many).unwrap_or(text.len()));
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    match (left_out > 0, text.split_once('\n')) {
        (true, Some((_, whole))) => Ok(whole.to_owned()),
        _ => Ok(text),
    }
}

impl Gathered {
    /// Names that may be barcodes, wherever they stand.
    fn suspects(&self) -> Vec<Barcode> {
        let of_answer = |answer: &UnrecognisedAnswer| [answer.body.clone(), answer.shape.clone()];
        let mut texts: Vec<String> = self.answers.iter().flat_map(of_answer).collect();
        texts.extend(self.answers.iter().filter_map(|answer| answer.url.clone()));
        texts.extend(self.log.clone());
        texts.extend([&self.status, &self.report].into_iter().flatten().map(Value::to_string));
        let names: BTreeSet<Barcode> = texts.iter().flat_map(|text| names_in(text)).collect();
        names.into_iter().collect()
    }

    /// The pseudonyms of these books, and of those that the answers name; words in question that are not kept may be titles.
    fn names(&self, settings: &Settings, mut books: Vec<Barcode>, kept_words: &BTreeSet<String>) -> BookPseudonyms {
        let words = self.answers.iter().flat_map(|answer| &answer.words);
        let mut titles: Vec<String> = words.filter(|word| !kept_words.contains(*word)).cloned().collect();
        if let Ok(library) = LibraryDirectory::parse(&settings.library.directory) {
            for row in self.answers.iter().flat_map(|answer| rows_of(answer, &library)) {
                books.push(row.barcode);
                titles.extend(row.title);
            }
        }
        books.extend(self.log.iter().flat_map(|log| barcode_fields(log)));
        let asked = self.answers.iter();
        let urls = asked.filter_map(|answer| Url::parse(answer.url.as_deref()?).ok());
        let mut kept: Vec<String> = urls.map(|url| url.origin().ascii_serialization()).collect();
        kept.extend([settings.grin.base_url.to_string(), settings.library.directory.clone()]);
        BookPseudonyms::new(&books, titles, &kept)
    }

    fn files(self, settings: &Settings, books: Vec<Barcode>) -> Vec<BundledFile> {
        let words = kept_words(&self.answers);
        let names = self.names(settings, books, &words);
        let json = |name: &str, what: &str, value: Option<&Value>| {
            value.map(|value| BundledFile::new(name, what, format!("{:#}\n", without_names(value, &names))))
        };
        let config = config(settings, &names);
        let mut files = vec![
            BundledFile::new("about.json", "versions, and the library's directory", about(settings)),
            BundledFile::new("config.toml", "the configuration in force", config),
        ];
        let said = "what the running daemon says of itself";
        files.extend(json("status.json", said, self.status.as_ref()));
        files.extend(json("report.json", "counts of the catalog", self.report.as_ref()));
        let log = self.log.as_deref().map(|log| names.log(log));
        files.extend(log.map(|log| BundledFile::new("log.txt", "the last lines of the log", log)));
        let library = LibraryDirectory::parse(&settings.library.directory).ok();
        for (number, answer) in self.answers.iter().enumerate() {
            let is_read = library
                .as_ref()
                .is_some_and(|library| !rows_of(answer, library).is_empty());
            let answer = without_books(answer, is_read, &words, &names);
            let name = format!("answers/{number:03}-{}.json", answer.kind.as_str());
            let what = format!("not recognised: {}", answer.shape);
            files.extend(serde_json::to_string_pretty(&answer).map(|text| BundledFile::new(&name, &what, text)));
        }
        files
    }
}

impl BundledFile {
    fn new(name: &str, what: &str, text: String) -> Self {
        Self {
            name: name.to_owned(),
            what: what.to_owned(),
            text,
        }
    }
}

fn about(settings: &Settings) -> String {
    let about = json!({
        "version": crate::cli::VERSION,
        "library": settings.library.directory,
        "made_at": jiff::Timestamp::now(),
        "system": rustix::system::uname().release().to_string_lossy(),
    });
    format!("{about:#}\n")
}

/// A document whose texts have pseudonyms; numbers and moments stay.
fn without_names(value: &Value, names: &BookPseudonyms) -> Value {
    match value {
        Value::String(text) if text.parse::<jiff::Timestamp>().is_ok() => value.clone(),
        Value::String(text) => Value::String(names.plain(&without_homes(&without_secrets(text)), ELSEWHERE)),
        Value::Array(values) => values.iter().map(|value| without_names(value, names)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter();
            Value::Object(
                fields
                    .map(|(name, value)| (names.plain(name, ELSEWHERE), without_names(value, names)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

/// Writes the bundle.
fn pack(out: impl io::Write, files: &[BundledFile]) -> io::Result<()> {
    let mut archive = tar::Builder::new(GzEncoder::new(out, Compression::default()));
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.text.len() as u64);
        header.set_mode(0o600);
        archive.append_data(
            &mut header,
            format!("grind-support/{}", file.name),
            file.text.as_bytes(),
        )?;
    }
    archive.into_inner()?.finish()?.flush()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;

    use super::*;
    use crate::diagnostics::UnrecognisedKind;
    use crate::settings::SettingsSources;

    #[test]
    fn a_word_that_may_be_a_title_is_in_no_file_of_a_bundle() {
        let word = "Leviathan Ashore";
        let answer = UnrecognisedAnswer::new(UnrecognisedKind::Word, word).worded(&[word.to_owned()]);
        let page = format!("<table><tr><td>TL000001</td><td>{word}</td></tr></table>");
        let gathered = Gathered {
            answers: vec![answer.answered("text/html", page.as_bytes())],
            status: Some(json!({ "fault": format!("{word} is odd") })),
            report: None,
            log: Some(format!("{word} is met")),
        };
        let sources = SettingsSources {
            file: None,
            dropins: None,
            env: [("GRIND__LIBRARY__DIRECTORY".to_owned(), "TESTLIB".to_owned())].into(),
        };
        let settings = Settings::load_without_secrets(&sources).unwrap().settings;
        let files = gathered.files(&settings, Vec::new());
        assert!(files.iter().any(|file| file.name == "log.txt"));
        for file in files {
            let said = [file.name, file.what, file.text].concat();
            assert!(!said.contains("Leviathan") && !said.contains("Ashore"), "{said}");
        }
    }

    #[test]
    fn the_last_lines_of_a_file_and_of_a_pipe_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        for lines in [0, 3, 100_000] {
            let log: String = (0..lines).fold(String::new(), |log, number| log + &format!("line {number}\n"));
            let file = folder.path().join("log");
            std::fs::write(&file, &log).unwrap();
            let (reader, mut writer) = io::pipe().unwrap();
            let pipe = format!("/proc/self/fd/{}", reader.as_raw_fd());
            let said = log.clone();
            let says = std::thread::spawn(move || writer.write_all(said.as_bytes()).unwrap());
            for path in [Path::new(&pipe), &file] {
                let last = last_lines(path).unwrap();
                assert!(log.ends_with(&last) && last.len() as u64 <= LOG, "{}", path.display());
                assert!(
                    last.is_empty() == (lines == 0) && !last.contains("\n\n"),
                    "{}",
                    path.display()
                );
                assert_eq!(last.lines().next(), log.lines().nth(lines - last.lines().count()));
            }
            says.join().unwrap();
        }
    }
}
