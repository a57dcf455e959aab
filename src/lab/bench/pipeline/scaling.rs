//! How the catalog bears many books: the main job without bodies.
//!
//! The lists are collected into an empty catalog, then GRIN is asked for the facts of every book. What a claim and its settlement cost is
//! measured by `cargo bench --bench catalog`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::lab::bench::error::BenchError;
use crate::lab::bench::measure::figures::BenchFigures;
use crate::lab::bench::pipeline::child::run;
use crate::lab::bench::pipeline::library::{BenchLibrary, LibrarySize, remove};
use crate::lab::bench::progress::BenchProgress;
use crate::lab::bench::rig::helper::ourselves;

/// The steps that are timed, in order.
pub const STEPS: [&str; 2] = ["collect", "enrich"];

/// The quantities noted for each step.
pub const WHATS: [&str; 4] = ["books/s", "CPU µs/book", "peak MiB", "seconds"];

/// The name of a cell.
pub fn cell(books: u32) -> String {
    format!("{books} books without bodies")
}

/// One library of so many books through all steps, from an empty catalog in every round.
pub fn measure(
    books: u32,
    folder: &Path,
    rounds: usize,
    figures: &mut BenchFigures,
    progress: &mut BenchProgress,
) -> Result<(), BenchError> {
    let size = LibrarySize {
        books,
        bytes: 4_000,
        s2k: 65_536,
    };
    let folder = folder.join(format!("scaling-{books}"));
    fs::create_dir_all(&folder).map_err(BenchError::file(&folder))?;
    let library = BenchLibrary::start(&size, &folder, false)?;
    for _ in 0..rounds {
        round(figures, &library, books)?;
        progress.step(&cell(books));
    }
    drop(library);
    remove(&folder)
}

fn round(figures: &mut BenchFigures, library: &BenchLibrary, books: u32) -> Result<(), BenchError> {
    let data = library.fresh_data_folder(8)?;
    step(figures, STEPS[0], "collect", books, &data)?;
    step(figures, STEPS[1], "enrich", books, &data)
}

fn step(figures: &mut BenchFigures, name: &str, command: &str, books: u32, data: &Path) -> Result<(), BenchError> {
    let mut program: Command = ourselves()?;
    program.args(["-q", command, "--config"]).arg(data.join("grind.toml"));
    let used = run(program, &data.join(format!("{command}.errors")))?;
    let count = f64::from(books);
    let values = [
        count / used.seconds,
        used.cpu_seconds * 1e6 / count,
        used.peak_bytes as f64 / f64::from(1 << 20),
        used.seconds,
    ];
    for (what, value) in WHATS.into_iter().zip(values) {
        figures.note(&cell(books), name, what, value);
    }
    Ok(())
}
