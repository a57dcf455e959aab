//! The tables and plots of `grind bench pipeline`.

use crate::lab::bench::measure::figures::BenchFigures;
use crate::lab::bench::pipeline::{Case, Way, scaling, stages, targets};
use crate::lab::bench::report::{PlotLine, PlotSpec, ReportSection, ReportTable, factor, number, spread};

/// What is shown of each way.
const COLUMNS: [&str; 5] = ["books/s", "MB/s", "CPU s", "CPU s/GB", "peak MiB"];

/// All sections of the report.
pub fn of(figures: &BenchFigures, cases: &[Case], scaling: &[u32], missing: Option<&str>) -> Vec<ReportSection> {
    let mut sections: Vec<ReportSection> = cases
        .iter()
        .enumerate()
        .map(|(number, case)| one(figures, case, number))
        .collect();
    if let (Some(program), Some(first)) = (missing, sections.first_mut()) {
        let text = format!("The shell's way was not measured: `{program}` is not on this machine.");
        first.text.insert(0, text);
    }
    sections.push(targets::section(figures, cases, scaling));
    sections.extend(cases.iter().map(|case| shares(figures, case)));
    if !scaling.is_empty() {
        sections.push(without_bodies(figures, scaling));
    }
    sections
}

fn one(figures: &BenchFigures, case: &Case, number: usize) -> ReportSection {
    let cell = case.size.cell();
    let head: Vec<&str> = std::iter::once("way")
        .chain(COLUMNS)
        .chain(["books/s ÷ shell", "CPU ÷ shell"])
        .collect();
    let mut table = ReportTable::new("Each way with the same books", &head);
    for way in &case.ways {
        let mode = way.name();
        let over_shell = |what: &str| match way {
            Way::Shell => "1×".to_owned(),
            Way::Grind(_) => factor(figures.ratio(&cell, what, &mode, &Way::Shell.name()).as_ref()),
        };
        let mut row = vec![mode.clone()];
        row.extend(COLUMNS.map(|what| spread(figures.spread(&cell, &mode, what))));
        row.extend(["books/s", "CPU s"].map(over_shell));
        table.rows.push(row);
    }
    ReportSection::new(cell.clone())
        .table(table)
        .plot(plot(figures, case, number))
}

/// Books a second over the number of downloads, if there are several.
fn plot(figures: &BenchFigures, case: &Case, number: usize) -> PlotSpec {
    let cell = case.size.cell();
    let counts: Vec<usize> = case
        .ways
        .iter()
        .filter_map(|way| match way {
            Way::Grind(downloads) => Some(*downloads),
            Way::Shell => None,
        })
        .collect();
    let several = counts.len() > 1;
    let line = |name: &str, mode: &dyn Fn(usize) -> String| PlotLine {
        name: name.to_owned(),
        points: counts
            .iter()
            .map(|&count| figures.spread(&cell, &mode(count), "books/s"))
            .collect(),
    };
    PlotSpec {
        name: format!("pipeline-{number}"),
        title: format!("{cell}: books a second"),
        x_label: "downloads at a time".to_owned(),
        y_label: "books/s".to_owned(),
        x: counts.iter().map(ToString::to_string).collect(),
        lines: if several {
            vec![
                line("grind", &|count| Way::Grind(count).name()),
                line("shell, 4 at once", &|_| Way::Shell.name()),
            ]
        } else {
            Vec::new()
        },
    }
}

/// What each stage takes of a book.
fn shares(figures: &BenchFigures, case: &Case) -> ReportSection {
    let cell = case.size.cell();
    let median = |mode: &str, what: &str| figures.spread(&cell, mode, what).map(|spread| spread.median);
    let sum: f64 = stages::STAGES
        .iter()
        .filter_map(|stage| median(stage, stages::WHAT).filter(|&millis| millis > 0.0))
        .sum();
    let bytes = median(stages::WHOLE, "archive bytes").unwrap_or(f64::NAN);
    let mut table = ReportTable::new(
        "One book, stage by stage",
        &["stage", "CPU ms", "MB of archive a CPU-second", "share"],
    );
    for stage in stages::STAGES {
        let taken = figures
            .spread(&cell, stage, stages::WHAT)
            .filter(|taken| taken.median > 0.0);
        let millis = taken.map_or(f64::NAN, |taken| taken.median);
        table.rows.push(vec![
            stage.to_owned(),
            spread(taken),
            number(bytes / 1e3 / millis),
            taken.map_or_else(|| number(f64::NAN), |_| format!("{} %", number(millis / sum * 100.0))),
        ]);
    }
    let whole = median(stages::WHOLE, stages::WHAT).unwrap_or(f64::NAN);
    let text = format!(
        "The stages add up to {} ms of CPU a book; the pass as a whole takes {} ms without download. {}",
        number(sum),
        number(whole),
        rest(figures, case, sum)
    );
    ReportSection::new(format!("Stages: {cell}")).say(text).table(table)
}

/// What a run takes besides the stages.
fn rest(figures: &BenchFigures, case: &Case, sum: f64) -> String {
    let cell = case.size.cell();
    let Some(run) = figures.spread(&cell, &Way::Grind(4).name(), "CPU s") else {
        return String::new();
    };
    let book = run.median * 1_000.0 / f64::from(case.size.books);
    let left = if book > sum { book - sum } else { f64::NAN };
    format!(
        "A whole run takes {} ms a book: {} ms for what has no stage of its own, which is extraction of texts, structure and MARC record, lists, actors, catalog and start.",
        number(book),
        number(left)
    )
}

fn without_bodies(figures: &BenchFigures, scaling: &[u32]) -> ReportSection {
    let head: Vec<&str> = ["books", "step"].into_iter().chain(scaling::WHATS).collect();
    let mut table = ReportTable::new(
        "Without bodies: lists, searches, catalog, supervisor, workers, session",
        &head,
    );
    for &books in scaling {
        for step in scaling::STEPS {
            let figure = |what: &str| spread(figures.spread(&scaling::cell(books), step, what));
            let mut row = vec![number(f64::from(books)), step.to_owned()];
            row.extend(scaling::WHATS.map(figure));
            table.rows.push(row);
        }
    }
    let line = |step: &str| PlotLine {
        name: step.to_owned(),
        points: scaling
            .iter()
            .map(|&books| figures.spread(&scaling::cell(books), step, "CPU µs/book"))
            .collect(),
    };
    let plot = PlotSpec {
        name: "pipeline-scaling".to_owned(),
        title: "CPU of a book without its body".to_owned(),
        x_label: "books in the library".to_owned(),
        y_label: "CPU µs/book".to_owned(),
        x: scaling.iter().map(|&books| number(f64::from(books))).collect(),
        lines: scaling::STEPS.iter().map(|step| line(step)).collect(),
    };
    ReportSection::new("Many books, without bodies")
        .say("What a book costs besides its bytes, and whether that and the peak stay the same as the library grows.")
        .table(table)
        .plot(plot)
}
