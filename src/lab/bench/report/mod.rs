//! A report: what was measured on what, in tables and plots; as JSON, Markdown and one HTML page.

mod axes;
mod html;
mod markdown;
mod numbers;
mod plot;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use crate::lab::bench::report::numbers::{change, factor, number, percent, spread, times};
pub use crate::lab::bench::report::plot::{PlotLine, PlotSpec};

use crate::lab::bench::error::BenchError;
use crate::lab::bench::measure::figures::BenchFigures;
use crate::lab::bench::measure::machine::MachineFacts;

/// Raised when a field of the JSON changes its meaning.
const SCHEMA: u32 = 1;

/// One run of one bench.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchReport {
    /// Version of this document's form.
    pub schema: u32,
    /// `sessions`, `pipeline` or `state`.
    pub bench: String,
    /// The heading, one line.
    pub title: String,
    /// How it was called.
    pub command_line: String,
    /// When it began, in UTC.
    pub began: String,
    /// How long it took.
    pub seconds: f64,
    /// The machine that it ran on.
    pub machine: MachineFacts,
    /// Versions of the programs measured.
    pub versions: BTreeMap<String, String>,
    /// How it was measured and what to keep in mind, one sentence or two each.
    pub notes: Vec<String>,
    /// What came out, for people.
    pub sections: Vec<ReportSection>,
    /// What came out, round by round.
    pub figures: BenchFigures,
}

/// A part of a report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReportSection {
    /// Its heading.
    pub title: String,
    /// Paragraphs.
    pub text: Vec<String>,
    /// Tables; they hold everything that the plots show.
    pub tables: Vec<ReportTable>,
    /// Plots.
    pub plots: Vec<PlotSpec>,
}

/// A table of texts; the first column names the row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReportTable {
    /// The heading above the table.
    pub caption: String,
    /// Headings.
    pub head: Vec<String>,
    /// Rows, each as long as `head`.
    pub rows: Vec<Vec<String>>,
}

impl ReportTable {
    /// An empty table.
    pub fn new(caption: impl Into<String>, head: &[&str]) -> Self {
        Self {
            caption: caption.into(),
            head: head.iter().map(|&text| text.to_owned()).collect(),
            rows: Vec::new(),
        }
    }
}

impl ReportSection {
    /// A part without content.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            ..Self::default()
        }
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn say(mut self, text: impl Into<String>) -> Self {
        self.text.push(text.into());
        self
    }

    /// Adds a table, unless it is empty.
    #[must_use]
    pub fn table(mut self, table: ReportTable) -> Self {
        if !table.rows.is_empty() {
            self.tables.push(table);
        }
        self
    }

    /// Adds a plot, unless it would show nothing.
    #[must_use]
    pub fn plot(mut self, plot: PlotSpec) -> Self {
        if plot.shows_something() {
            self.plots.push(plot);
        }
        self
    }
}

/// What a run is called before anything is known of its outcome.
#[derive(Debug, Clone)]
pub struct ReportHeading {
    /// See [`BenchReport::bench`].
    pub bench: &'static str,
    /// See [`BenchReport::title`].
    pub title: String,
    /// Programs whose versions belong into the report.
    pub programs: &'static [&'static str],
}

/// A run that goes on: machine and time are taken when it begins.
#[derive(Debug)]
pub struct ReportStart {
    heading: ReportHeading,
    at: jiff::Timestamp,
    since: std::time::Instant,
    machine: MachineFacts,
}

impl ReportHeading {
    /// Begins a run.
    pub fn begin(self) -> ReportStart {
        ReportStart {
            heading: self,
            at: jiff::Timestamp::now(),
            since: std::time::Instant::now(),
            machine: MachineFacts::read(),
        }
    }
}

impl ReportStart {
    /// Ends the run.
    pub fn end(self, notes: Vec<String>, sections: Vec<ReportSection>, figures: BenchFigures) -> BenchReport {
        BenchReport {
            schema: SCHEMA,
            bench: self.heading.bench.to_owned(),
            title: self.heading.title,
            command_line: command_line(std::env::args_os()),
            began: self.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            seconds: self.since.elapsed().as_secs_f64(),
            machine: self.machine,
            versions: crate::lab::bench::measure::machine::versions(self.heading.programs),
            notes,
            sections,
            figures,
        }
    }
}

/// What was asked for. The program's path belongs to the machine and is left out.
fn command_line(words: impl Iterator<Item = OsString>) -> String {
    let arguments = words.skip(1).map(|word| word.to_string_lossy().into_owned());
    std::iter::once("grind".to_owned())
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Finds out whether a report can be written into `folder`, before hours are spent on it. Leaves nothing there.
pub fn can_be_written(folder: &Path) -> Result<(), BenchError> {
    let was_there = folder.is_dir();
    fs::create_dir_all(folder).map_err(BenchError::file(folder))?;
    tempfile::tempfile_in(folder).map_err(BenchError::file(folder))?;
    if was_there {
        return Ok(());
    }
    fs::remove_dir(folder).map_err(BenchError::file(folder))
}

impl BenchReport {
    /// Writes `report.json`, `report.md`, `report.html` and one SVG for each plot into `folder`, which is made.
    pub fn write(&self, folder: &Path) -> Result<(), BenchError> {
        fs::create_dir_all(folder).map_err(BenchError::file(folder))?;
        let put = |name: &str, text: String| {
            let path = folder.join(name);
            fs::write(&path, text).map_err(BenchError::file(path))
        };
        let json = serde_json::to_string_pretty(self).map_err(|error| BenchError::Report(error.to_string()))?;
        put("report.json", json + "\n")?;
        put("report.md", self.markdown())?;
        put("report.html", self.html()?)?;
        for plot in self.sections.iter().flat_map(|section| &section.plots) {
            put(&format!("{}.svg", plot.name), plot.standalone()?)?;
        }
        Ok(())
    }

    /// The facts about the run, as names and values.
    fn facts(&self) -> Vec<(String, String)> {
        let machine = &self.machine;
        let mut facts = vec![
            (
                "measured".to_owned(),
                format!("{}, in {:.0} s", self.began, self.seconds),
            ),
            ("command".to_owned(), self.command_line.clone()),
            (
                "machine".to_owned(),
                format!(
                    "{}, {} cores ({}), {:.1} GiB, load at the start {}",
                    machine.cpu,
                    machine.cores,
                    machine.instructions.join(" "),
                    machine.memory_bytes as f64 / f64::from(1 << 30),
                    machine.load
                ),
            ),
            ("kernel".to_owned(), machine.kernel.clone()),
        ];
        let versions = self.versions.iter();
        facts.extend(versions.map(|(program, version)| (program.clone(), version.clone())));
        facts
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::lab::bench::measure::stats::SampleSpread;

    pub(in crate::lab::bench) fn sample() -> BenchReport {
        let mut figures = BenchFigures::default();
        figures.note("a <cell>", "new & old", "books/s", 12.5);
        let mut table = ReportTable::new("books & more", &["cell", "books/s"]);
        table.rows.push(vec!["a <cell> | b".into(), "12.5".into()]);
        let spread = |median: f64| SampleSpread {
            median,
            min: median * 0.9,
            max: median * 1.1,
            rounds: 3,
        };
        let plot = PlotSpec {
            name: "books".into(),
            title: "books <per> second".into(),
            x_label: "workers".into(),
            y_label: "books/s".into(),
            x: vec!["1".into(), "50".into()],
            lines: vec![
                PlotLine {
                    name: "new & old".into(),
                    points: vec![Some(spread(10.0)), Some(spread(2_000.0))],
                },
                PlotLine {
                    name: "kept".into(),
                    points: vec![None, Some(spread(30.0))],
                },
            ],
        };
        let heading = ReportHeading {
            bench: "sessions",
            title: "Sessions <script>".into(),
            programs: &[],
        };
        let section = ReportSection::new("First").say("Text & more.").table(table).plot(plot);
        heading.begin().end(vec!["A note.".into()], vec![section], figures)
    }

    #[test]
    fn the_json_comes_back_as_it_was() {
        let report = sample();
        let text = serde_json::to_string(&report).unwrap();
        let back: BenchReport = serde_json::from_str(&text).unwrap();
        assert_eq!(back, report);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["schema"], 1);
        assert_eq!(json["figures"][0]["rounds"][0], 12.5);
        assert!(json["machine"]["cores"].as_u64().unwrap() > 0);
    }

    #[test]
    fn all_files_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("made");
        sample().write(&inner).unwrap();
        for name in ["report.json", "report.md", "report.html", "books.svg"] {
            assert!(inner.join(name).metadata().unwrap().len() > 100, "{name}");
        }
    }

    #[test]
    fn the_command_line_holds_no_path_of_the_program_and_any_bytes() {
        use std::os::unix::ffi::OsStringExt;
        let words = ["/home/me/bin/grind", "bench"].map(OsString::from);
        let words = words.into_iter().chain([OsString::from_vec(vec![b'a', 0xff])]);
        assert_eq!(command_line(words), "grind bench a\u{fffd}");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told_and_one_that_can_is_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("new");
        can_be_written(&new).unwrap();
        assert!(!new.exists());
        can_be_written(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        fs::write(&new, "a file").unwrap();
        assert!(can_be_written(&new).is_err());
    }

    #[test]
    fn empty_tables_and_plots_are_left_out() {
        let plot = PlotSpec {
            lines: Vec::new(),
            ..sample().sections[0].plots[0].clone()
        };
        let section = ReportSection::new("x").table(ReportTable::new("y", &["z"])).plot(plot);
        assert!(section.tables.is_empty() && section.plots.is_empty());
    }
}
