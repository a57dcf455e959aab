//! `grind bench pipeline`: the whole main job, beside the shell's way with the same books.

mod child;
mod library;
mod scaling;
mod sections;
mod shell;
mod stages;
mod targets;

use std::path::{Path, PathBuf};

use crate::lab::bench::pipeline::library::{BenchLibrary, LibrarySize};
use crate::lab::bench::pipeline::shell::ShellPipeline;
use crate::lab::bench::pipeline::stages::StageSample;

use crate::lab::bench::error::BenchError;
use crate::lab::bench::measure::effort::BenchEffort;
use crate::lab::bench::measure::figures::BenchFigures;
use crate::lab::bench::measure::stats::{ENOUGH_ROUNDS, order};
use crate::lab::bench::progress;
use crate::lab::bench::progress::BenchProgress;
use crate::lab::bench::report::{BenchReport, ReportHeading, number};
use crate::lab::bench::rig::helper::ourselves;
use crate::lab::bench::rig::interrupt;

/// gpg's own count for a passphrase, and one that costs next to nothing.
const S2K: [u32; 2] = [65_011_712, 65_536];

/// Books that the shell downloads before the rounds begin.
const WARMING: usize = 4;

/// What is measured, as the command line says; each `None` or empty field means the usual set.
#[derive(Debug, Clone, Default)]
pub struct PipelineBenchOptions {
    /// Books of one library instead of the usual ones.
    pub books: Option<u32>,
    /// Bytes of a book of that library.
    pub book_bytes: Option<u64>,
    /// Octets that the key derivation of that library hashes.
    pub s2k_count: Option<u32>,
    /// Where libraries and stores are; [default: in memory].
    pub dir: Option<PathBuf>,
    /// Sizes of the runs without bodies, instead of the usual ones.
    pub scaling: Vec<u32>,
}

/// One way of doing the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `grind run --once` with so many downloads at a time.
    Grind(usize),
    /// The shell.
    Shell,
}

impl Way {
    fn name(self) -> String {
        match self {
            Self::Grind(1) => "grind, 1 download".to_owned(),
            Self::Grind(downloads) => format!("grind, {downloads} downloads"),
            Self::Shell => "shell, 4 at once".to_owned(),
        }
    }
}

/// A library and the ways in which it is downloaded.
#[derive(Debug, Clone)]
struct Case {
    size: LibrarySize,
    ways: Vec<Way>,
}

impl Case {
    /// What key derivation alone would allow, where it is what bounds the run that is judged by it.
    fn bound(&self, way: Way, sample: &StageSample) -> Option<f64> {
        let judged = way == Way::Grind(4) && targets::bound_by_derivation(&self.size);
        judged.then(|| sample.derivations_a_second())
    }
}

/// Measures, and says what came out.
pub fn run(effort: &BenchEffort, options: &PipelineBenchOptions) -> Result<BenchReport, BenchError> {
    let begun = ReportHeading {
        bench: "pipeline",
        title: "The whole job: download, decrypt, verify, unpack, store".to_owned(),
        programs: &shell::PROGRAMS,
    }
    .begin();
    let folder = folder(options.dir.as_deref())?;
    interrupt::note_folder(folder.path());
    let missing = shell::missing();
    let mut cases = cases(effort.quick, options, missing.is_none());
    cases.retain(|case| effort.wants(&case.size.cell()));
    let mut scaling = match &options.scaling[..] {
        [] if effort.quick => vec![2_000],
        [] => vec![1_000, 10_000, 100_000],
        chosen => chosen.to_vec(),
    };
    scaling.retain(|&books| effort.wants(&scaling::cell(books)));
    let rounds = effort.rounds(3, 5);
    let mut progress = BenchProgress::new((cases.len() + scaling.len()) * rounds);
    let mut figures = BenchFigures::default();
    progress::say(&format!("pipeline: {rounds} rounds in {}", folder.path().display()));
    for case in &cases {
        one_case(case, folder.path(), rounds, &mut figures, &mut progress)?;
    }
    for &books in &scaling {
        scaling::measure(books, folder.path(), rounds, &mut figures, &mut progress)?;
    }
    let sections = sections::of(&figures, &cases, &scaling, missing);
    Ok(begun.end(notes(rounds), sections, figures))
}

/// A fresh folder, in memory if there is such a place.
fn folder(wanted: Option<&Path>) -> Result<tempfile::TempDir, BenchError> {
    let memory = Path::new("/dev/shm");
    let base = match wanted {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(BenchError::file(folder))?;
            folder.to_owned()
        }
        None if memory.is_dir() => memory.to_owned(),
        None => std::env::temp_dir(),
    };
    tempfile::Builder::new()
        .prefix("grind-bench-")
        .tempdir_in(&base)
        .map_err(BenchError::file(base))
}

fn cases(quick: bool, options: &PipelineBenchOptions, shell: bool) -> Vec<Case> {
    let case = |books, bytes, s2k, downloads: &[usize]| Case {
        size: LibrarySize { books, bytes, s2k },
        ways: downloads
            .iter()
            .map(|&downloads| Way::Grind(downloads))
            .chain(shell.then_some(Way::Shell))
            .collect(),
    };
    if options.books.is_some() || options.book_bytes.is_some() || options.s2k_count.is_some() {
        let (books, bytes) = (options.books.unwrap_or(30), options.book_bytes.unwrap_or(5_000_000));
        return vec![case(books, bytes, options.s2k_count.unwrap_or(S2K[0]), &[1, 2, 4, 8])];
    }
    if quick {
        return vec![case(60, 245_000, S2K[1], &[4]), case(4, 20_000_000, S2K[0], &[4])];
    }
    vec![
        case(300, 245_000, S2K[1], &[1, 2, 4, 8]),
        case(40, 245_000, S2K[0], &[4]),
        case(16, 51_000_000, S2K[1], &[1, 2, 4, 8]),
        case(16, 51_000_000, S2K[0], &[4]),
    ]
}

fn one_case(
    case: &Case,
    folder: &Path,
    rounds: usize,
    figures: &mut BenchFigures,
    progress: &mut BenchProgress,
) -> Result<(), BenchError> {
    let cell = case.size.cell();
    let inner = folder.join("case");
    std::fs::create_dir_all(&inner).map_err(BenchError::file(&inner))?;
    progress::say(&format!("making {cell}"));
    let library = BenchLibrary::start(&case.size, &inner, true)?;
    // The first run tells the barcodes and warms the caches of both ways.
    grind(&library, 4, &inner)?;
    let barcodes = library.stored()?;
    if barcodes.len() != case.size.books as usize {
        return Err(BenchError::Helper(format!(
            "{} of {} books were stored",
            barcodes.len(),
            case.size.books
        )));
    }
    let first = barcodes.first().map(String::as_str).unwrap_or_default();
    let sample = StageSample::of(&library, first, &inner)?;
    let shell = ShellPipeline::new(&inner)?;
    if case.ways.contains(&Way::Shell) {
        // Not counted either: gpg makes its folder and starts its agent.
        shell.take_home(&library, &barcodes[..barcodes.len().min(WARMING)])?;
    }
    for round in 0..rounds {
        for way in order(&case.ways, round) {
            let before = case.bound(way, &sample);
            let used = match way {
                Way::Grind(downloads) => grind(&library, downloads, &inner)?,
                Way::Shell => shell.take_home(&library, &barcodes)?,
            };
            note(figures, case, way, &library, used)?;
            if let (Some(before), Some(after)) = (before, case.bound(way, &sample)) {
                figures.note(&cell, stages::BOUND, "books/s", f64::midpoint(before, after));
            }
        }
        sample.round(figures, &cell, round)?;
        progress.step(&told(figures, case));
    }
    figures.note(&cell, stages::WHOLE, "archive bytes", sample.bytes());
    drop((shell, library));
    library::remove(&inner)
}

fn grind(library: &BenchLibrary, downloads: usize, folder: &Path) -> Result<child::ChildUsage, BenchError> {
    let data = library.fresh_data_folder(downloads)?;
    let mut command = ourselves()?;
    command
        .args(["-q", "run", "--once", "--config"])
        .arg(data.join("grind.toml"));
    child::run(command, &folder.join("grind.errors"))
}

fn note(
    figures: &mut BenchFigures,
    case: &Case,
    way: Way,
    library: &BenchLibrary,
    used: child::ChildUsage,
) -> Result<(), BenchError> {
    let books = f64::from(case.size.books);
    if let Way::Grind(_) = way {
        let stored = library.stored()?.len();
        if stored != case.size.books as usize {
            return Err(BenchError::Helper(format!("grind brought {stored} of {books} books")));
        }
    }
    // The store is the last run's of grind; the shell leaves it alone.
    let gigabytes = library.stored_bytes()? as f64 / 1e9;
    let (cell, mode) = (case.size.cell(), way.name());
    let mut values = vec![
        ("books/s", books / used.seconds),
        ("MB/s", gigabytes * 1_000.0 / used.seconds),
        ("CPU s", used.cpu_seconds),
        ("CPU s/GB", used.cpu_seconds / gigabytes),
        ("seconds", used.seconds),
    ];
    if let Way::Grind(_) = way {
        values.push(("peak MiB", used.peak_bytes as f64 / f64::from(1 << 20)));
    }
    for (what, value) in values {
        figures.note(&cell, &mode, what, value);
    }
    Ok(())
}

fn told(figures: &BenchFigures, case: &Case) -> String {
    let cell = case.size.cell();
    let ways: Vec<String> = case
        .ways
        .iter()
        .map(|way| {
            let rates = figures.rounds(&cell, &way.name(), "books/s");
            format!("{} {}/s", way.name(), number(rates.last().copied().unwrap_or(f64::NAN)))
        })
        .collect();
    format!("{cell}: {}", ways.join(", "))
}

fn notes(rounds: usize) -> Vec<String> {
    [
        format!("{rounds} rounds, the ways in alternating order (ABBA), after one run of grind and a small one of the shell that are not counted. Figures are medians of the rounds, least and most in brackets; ratios are taken within each round. A speed is reached where every round reaches it, and is not where none does; else, and with fewer than {ENOUGH_ROUNDS} rounds, nothing is shown."),
        "grind: `grind run --once` in a process of its own, from an empty catalog and store: lists, download, OpenPGP, SHA-256 of the archive, gunzip, MD5 of every page, text, MARC record, manifest, store, catalog; pacing off. MB are of decrypted archives.".to_owned(),
        "Shell: the same books by `curl | gpg -d | tee | tar -xz`, `sha256sum` of the archive through a named pipe, then `md5sum -c` of the unpacked pages, 4 books at once by `xargs -P 4`. It unpacks every page into a file, which it needs for `md5sum -c`; it keeps no catalog and extracts neither text nor MARC.".to_owned(),
        "The GRIN simulator serves archives made beforehand, in a process of its own on the same cores. CPU is that of the measured process and all that it waited for, in steps of 10 ms; peak memory is of grind's process (VmHWM).".to_owned(),
        "Stages: one archive, each kernel alone in this process, CPU time. MD5 is the pass with it less the pass without it; “–” where the noise of the two is larger than what lies between them. gunzip and the walk through the tar are the pass's own code. SHA-256 has the XXH3 fingerprint of the encrypted archive with it. Extraction of texts, structure and MARC record has no stage of its own. The whole pass is decryption to text extraction in one go, written to a file.".to_owned(),
        format!("S2K {} is gpg's own count. With it a small book costs about one key derivation and nothing else that shows, so the time of a run is the number of books times that: 40 small books are measured with it, not 300 as with the cheap count; `--books 300 --book-bytes 245000` measures 300. The bound is timed on all cores before and after each run, {} derivations a core. Of large books 16 are measured, so that five rounds of all libraries take about ten minutes.", S2K[0], stages::EACH),
        "Without bodies: `grind collect` against a library whose archives are never made, then `grind enrich` for the facts of every book; from an empty catalog in every round. Libraries larger than the usual ones are measured when asked for: a round of `--scaling 1000000` takes about five minutes.".to_owned(),
    ]
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_shells_programs_only_grind_is_measured() {
        let ways = |shell| cases(true, &PipelineBenchOptions::default(), shell)[0].ways.clone();
        assert_eq!(ways(false), [Way::Grind(4)]);
        assert_eq!(ways(true), [Way::Grind(4), Way::Shell]);
    }

    #[test]
    fn one_library_of_the_users_choice_takes_the_place_of_the_usual_ones() {
        let options = PipelineBenchOptions {
            books: Some(7),
            ..PipelineBenchOptions::default()
        };
        let cases = cases(false, &options, true);
        assert_eq!((cases.len(), cases[0].size.books, cases[0].ways.len()), (1, 7, 5));
    }
}
