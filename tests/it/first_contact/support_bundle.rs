//! What is not recognised is kept, packed without books and secrets, and met again when a bundle is played back.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use flate2::read::GzDecoder;
use grind::diagnostics::{UnrecognisedAnswer, UnrecognisedKind};
use grind::grin::Barcode;
use grind::lab::simulator::{AuthConfig, FaultKind, ReplayedAnswers, SimulatorConfig, SimulatorRequest, StateMix};

use crate::support::{Finished, Home, finish};

/// A list with a column, a word and a pager that nobody knows.
const PAGE: &str = "<html><body><table><tr class=heading><th>Barcode</th><th>Title</th><th>Colour</th><th>Status</th></tr>\
    <tr><td>39015000000001</td><td>Leviathan; or, The Whalebone</td><td>aquamarine</td><td>ON_HOLD</td></tr>\
    <tr><td>$B988123</td><td>Archipelago &amp; Omoo</td><td>chartreuse</td><td>NEW</td></tr>\
    <tr><td>39015000000002</td><td>Mardi and a Voyage</td><td>vermilion</td><td>ON_HOLD</td></tr></table>\
    <a href=\"_all_books?ctoken=x9&amp;sort=1&amp;xsrf_token=S3CR3T\">more of it</a></body></html>";
/// What each of the two runs does.
const STEPS: [&[&str]; 3] = [&["collect"], &["enrich"], &["convert", "--queue", "unconverted"]];
/// What of the page and the log no bundle may hold.
const BOOKS: [&str; 10] = [
    "HXSPBQ",
    "39015000000001",
    "B988123",
    "Leviathan",
    "Whalebone",
    "Archipelago",
    "aquamarine",
    "chartreuse",
    "Voyage",
    "vermilion",
];

fn odd_grin() -> SimulatorConfig {
    let url = "https://books.example/libraries/TESTLIB/_all_books?result_count=100";
    let mut page = UnrecognisedAnswer::new(UnrecognisedKind::Answer, "")
        .asked_at(&url.parse().unwrap())
        .answered("text/html; charset=utf-8", PAGE.as_bytes());
    // With the secret that GRIN may send.
    PAGE.clone_into(&mut page.body);
    SimulatorConfig {
        auth: Some(AuthConfig::default()),
        mix: StateMix::NEW,
        replay: ReplayedAnswers::of(vec![page]),
        ..SimulatorConfig::default()
    }
}

/// Kind and shape of each answer that is kept.
fn found(home: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(home.join("diagnostics")).unwrap();
    let answers = files.map(|file| {
        let text = fs::read(file.unwrap().path()).unwrap();
        let answer: UnrecognisedAnswer = serde_json::from_slice(&text).unwrap();
        format!("{}: {}", answer.kind.as_str(), answer.shape)
    });
    answers.collect()
}

/// A simulator in a process of its own; its end comes with that of its standard input.
struct Replaying {
    child: Child,
    folder: tempfile::TempDir,
}

impl Replaying {
    fn start(bundle: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_grind"))
            .args([
                "simulate",
                "--listen",
                "127.0.0.1:0",
                "--mix",
                "new",
                "--books",
                "20",
                "--until-input-ends",
            ])
            .arg("--replay")
            .arg(bundle)
            .arg("--write-config")
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut address)
            .unwrap();
        assert!(address.starts_with("http://"), "{address}");
        Self { child, folder }
    }

    fn grind(&self, arguments: &[&str]) -> Finished {
        let child = Command::new(env!("CARGO_BIN_EXE_grind"))
            .args(arguments)
            .arg("--config")
            .arg(self.folder.path().join("grind.toml"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        finish(child.unwrap())
    }

    fn stop(mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

fn unpacked(bundle: &Path) -> String {
    let mut text = String::new();
    let mut archive = tar::Archive::new(GzDecoder::new(fs::File::open(bundle).unwrap()));
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        let mut held = String::new();
        entry.read_to_string(&mut held).unwrap();
        if name.ends_with("config.toml") {
            held.parse::<toml::Table>().unwrap();
        }
        text += &(name + &held);
    }
    text
}

/// Collects the lists, asks for conversions, and packs what came of it.
fn reported(home: &Home) -> PathBuf {
    home.simulator
        .inject(SimulatorRequest::Process, None, FaultKind::UnknownWords);
    STEPS.iter().for_each(|step| drop(home.grind(step)));
    let log = home.folder.path().join("grind.log");
    let book = home.simulator.barcode(3).unwrap();
    fs::write(
        &log,
        format!("stored barcode={book} bytes=12345\nAuthorization: Bearer S3CR3T\nfound =24B988123 barcode=HXSPBQ\n"),
    )
    .unwrap();
    let bundle = home.folder.path().join("bundle.tar.gz");
    let (output, log) = (bundle.to_str().unwrap(), log.to_str().unwrap());
    let packed = home.grind(&["support-bundle", "--output", output, "--log", log]);
    assert_eq!(packed.status.code(), Some(0), "{}", packed.err);
    assert!(packed.out.contains("look at it before you send it"), "{}", packed.out);
    assert!(packed.out.contains("not recognised: ON_HOLD"), "{}", packed.out);
    let again = home.grind(&["support-bundle", "--output", output]);
    assert_eq!(again.status.code(), Some(73), "{}", again.err);
    assert!(again.err.contains("another file with --output"), "{}", again.err);
    bundle
}

#[test]
fn a_bundle_names_no_book_and_no_secret_and_is_met_again_when_played_back() {
    let home = Home::new(odd_grin(), "");
    let bundle = reported(&home);
    let kept = found(home.folder.path());
    for expected in [
        "column: Colour",
        "word: ON_HOLD",
        "word: Held for review",
        "pager: links with ctoken, sort, xsrf_token",
    ] {
        assert!(kept.contains(expected), "{expected}: {kept:?}");
    }
    let text = unpacked(&bundle);
    let auth = AuthConfig::default();
    let secrets = [
        "S3CR3T",
        auth.refresh_token.expose(),
        home.simulator.config().passphrase.expose(),
    ];
    let books = home.simulator.barcodes();
    let named = |book: Barcode| [home.simulator.truth(&book).unwrap().title, book.to_string()];
    let books: Vec<String> = books.flat_map(named).collect();
    for hidden in BOOKS.into_iter().chain(secrets).chain(books.iter().map(String::as_str)) {
        assert!(!text.contains(hidden), "{hidden} is in the bundle");
    }
    for shown in [
        "config.toml",
        "report.json",
        "bytes=12345",
        "ON_HOLD",
        "Held for review",
        "more of it",
        "Colour",
    ] {
        assert!(text.contains(shown), "{shown} is not in the bundle");
    }
    let replaying = Replaying::start(&bundle);
    STEPS.iter().for_each(|step| drop(replaying.grind(step)));
    assert_eq!(found(replaying.folder.path()), kept);
    replaying.stop();
}

#[test]
fn a_bundle_goes_to_standard_output_and_a_log_comes_from_standard_input() {
    let home = Home::new(SimulatorConfig::default(), "");
    let bundle = home.folder.path().join("mine.tar.gz");
    let mut child = home
        .command(&["support-bundle", "--output", "-", "--log", "-"])
        .stdin(Stdio::piped())
        .stdout(fs::File::create(&bundle).unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = child.stdin.take().unwrap();
    log.write_all(b"stored by /home/jane.doe/x\n").unwrap();
    drop(log);
    let ended = finish(child);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    assert!(ended.err.contains("look at it before you send it"), "{}", ended.err);
    let text = unpacked(&bundle);
    assert!(text.contains("stored by ~/x") && text.contains("about.json"), "{text}");
    assert!(!home.folder.path().join("-").exists());
}

/// What is kept after a rehearsal with a GRIN that gives these answers.
fn kept_of(answers: Vec<UnrecognisedAnswer>) -> Vec<UnrecognisedAnswer> {
    let config = SimulatorConfig {
        replay: ReplayedAnswers::of(answers),
        ..SimulatorConfig::default()
    };
    let home = Home::new(config, "");
    drop(home.grind(&["rehearse"]));
    let files = fs::read_dir(home.folder.path().join("diagnostics")).unwrap();
    let read = files.map(|file| serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap());
    read.collect()
}

#[test]
fn an_answer_whose_end_cannot_be_told_is_met_again() {
    let url = "https://books.example/libraries/TESTLIB/_all_books?format=text&mode=all";
    let answer = UnrecognisedAnswer::new(UnrecognisedKind::Header, "answer 200 without a length");
    let answer = UnrecognisedAnswer {
        status: Some(200),
        ..answer.asked_at(&url.parse().unwrap())
    };
    let shapes = |kept: &[UnrecognisedAnswer]| -> Vec<String> {
        let shapes = kept
            .iter()
            .map(|answer| format!("{}: {}", answer.kind.as_str(), answer.shape));
        shapes.collect()
    };
    let first = kept_of(vec![answer]);
    assert_eq!(
        shapes(&first),
        ["header: answer 0 without a length: its end cannot be told from a cut"]
    );
    assert_eq!(shapes(&kept_of(first.clone())), shapes(&first));
}
