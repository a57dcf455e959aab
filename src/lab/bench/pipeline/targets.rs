//! The speeds that the job is to reach, and whether it does.

use crate::lab::bench::measure::figures::BenchFigures;
use crate::lab::bench::measure::stats::{PairedRatio, SampleSpread};
use crate::lab::bench::measure::target::{TargetBound, TargetReached};
use crate::lab::bench::pipeline::library::LibrarySize;
use crate::lab::bench::pipeline::{Case, Way, scaling, stages};
use crate::lab::bench::report::{ReportSection, ReportTable, factor, number, spread, times};

/// Books from this size on are large, and below it small.
const LARGE: u64 = 10_000_000;

/// A key derivation over more than this costs more than a small book.
const DEAR: u32 = 1_000_000;

/// Most memory, whatever the number and size of books.
const PEAK_MIB: f64 = 64.0;

/// A library from this size on shows the speed of a step; below it the start of the program is most of the time.
const MANY: u32 = 10_000;

/// The steps that have a target: which, what is counted, how many of it a book makes, and how many a second are wanted. Each
/// book is in two lists, that of all and that of the converted ones.
const STEPS: [(usize, &str, f64, f64); 2] = [(0, "rows/s", 2.0, 35_000.0), (1, "books/s", 1.0, 20_000.0)];

/// What is judged, what is wanted, what was measured, and whether it is reached.
type Row = (&'static str, String, String, TargetReached);

/// Whether the number of key derivations is what bounds the speed of such a library.
pub fn bound_by_derivation(size: &LibrarySize) -> bool {
    size.bytes < LARGE && size.s2k > DEAR
}

/// Each target of each case and each library without bodies measured.
pub fn section(figures: &BenchFigures, cases: &[Case], books: &[u32]) -> ReportSection {
    let mut table = ReportTable::new(
        "Medians, least and most of the rounds in brackets; books that are downloaded, four at a time",
        &["library", "what", "to reach", "measured", "reached?"],
    );
    let with_bodies = cases.iter().map(|case| (case.size.cell(), targets(figures, case)));
    let without = books
        .iter()
        .map(|&books| (scaling::cell(books), of_steps(figures, books)));
    for (cell, targets) in with_bodies.chain(without) {
        for (what, wanted, measured, reached) in targets {
            let row = [cell.as_str(), what, &wanted, &measured, reached.as_str()];
            table.rows.push(row.map(str::to_owned).into());
        }
    }
    ReportSection::new("Speed to reach").table(table)
}

/// Of a library without bodies.
fn of_steps(figures: &BenchFigures, books: u32) -> Vec<Row> {
    let target = |(step, unit, each, wanted): (usize, &str, f64, f64)| {
        let step = *scaling::STEPS.get(step)?;
        let rate = figures.spread(&scaling::cell(books), step, "books/s")?.times(each);
        let reached = TargetBound::AtLeast(wanted).reached(rate);
        Some((
            step,
            format!("≥ {} {unit}", number(wanted)),
            spread(Some(rate)),
            reached,
        ))
    };
    let steps = STEPS.into_iter().filter(|_| books >= MANY);
    steps.filter_map(target).collect()
}

fn targets(figures: &BenchFigures, case: &Case) -> Vec<Row> {
    let (cell, grind) = (case.size.cell(), Way::Grind(4).name());
    let of_grind = |what: &str| figures.spread(&cell, &grind, what);
    let large = case.size.bytes >= LARGE;
    let mut rows = Vec::new();
    let over_shell = figures.ratio(&cell, "books/s", &grind, &Way::Shell.name());
    match over_shell {
        Some(ratio) if large => rows.push(faster(&ratio, 5.0)),
        Some(ratio) if case.size.s2k < DEAR => rows.push(faster(&ratio, 10.0)),
        _ => {}
    }
    if let Some(ratio) = figures.ratio(&cell, "books/s", &grind, stages::BOUND) {
        rows.push(near_the_bound(figures.spread(&cell, stages::BOUND, "books/s"), &ratio));
    }
    if let (true, Some(cost)) = (large, of_grind("CPU s/GB")) {
        let reached = TargetBound::AtMost(5.5).reached(cost);
        rows.push(("CPU-seconds a GB", "≤ 5.5".to_owned(), spread(Some(cost)), reached));
    }
    if let Some(peak) = of_grind("peak MiB") {
        // One round above is one too many.
        let reached = TargetBound::AtMost(PEAK_MIB).counted(SampleSpread { min: peak.max, ..peak });
        let wanted = format!("≤ {PEAK_MIB}");
        rows.push(("peak MiB, the highest", wanted, number(peak.max), reached));
    }
    rows
}

fn faster(ratio: &PairedRatio, wanted: f64) -> Row {
    let reached = TargetBound::AtLeast(wanted).reached(ratio.spread);
    ("books/s ÷ shell", format!("≥ {wanted}×"), factor(Some(ratio)), reached)
}

/// Much faster than its bound nothing can be: then the bound was not timed well, and nothing is shown.
fn near_the_bound(bound: Option<SampleSpread>, ratio: &PairedRatio) -> Row {
    let wanted = format!("within 15 % of {} key derivations a second on all cores", spread(bound));
    let measured = format!("{} of it", times(ratio.spread));
    let reached = TargetBound::Between(0.85, 1.15).reached(ratio.spread);
    ("books/s", wanted, measured, reached)
}

#[cfg(test)]
mod tests {
    use super::*;
    use TargetReached::{No, NotShown, Yes};

    fn rows(bytes: u64, s2k: u32, values: &[(&str, &str, [f64; 5])]) -> Vec<(String, TargetReached)> {
        let case = Case {
            size: LibrarySize { books: 1, bytes, s2k },
            ways: Vec::new(),
        };
        let mut figures = BenchFigures::default();
        for (mode, what, rounds) in values {
            for value in rounds {
                figures.note(&case.size.cell(), mode, what, *value);
            }
        }
        let targets = targets(&figures, &case).into_iter();
        targets
            .map(|(what, wanted, _, reached)| (format!("{what} {wanted}"), reached))
            .collect()
    }

    #[test]
    fn steps_are_judged_where_the_start_is_a_small_part_of_them() {
        let mut figures = BenchFigures::default();
        for (books, rate) in [(1_000, 9_000.0), (100_000, 21_000.0)] {
            for round in 0..5 {
                for step in scaling::STEPS {
                    figures.note(&scaling::cell(books), step, "books/s", rate - 400.0 * f64::from(round));
                }
            }
        }
        figures.note(&scaling::cell(10_000), "enrich", "books/s", 25_000.0);
        assert_eq!(of_steps(&figures, 1_000), []);
        let told = |books| -> Vec<_> {
            let targets = of_steps(&figures, books).into_iter();
            targets.map(|(step, .., reached)| (step, reached)).collect()
        };
        assert_eq!(told(100_000), [("collect", Yes), ("enrich", NotShown)]);
        assert_eq!(told(10_000), [("enrich", NotShown)], "one round");
    }

    #[test]
    fn each_size_has_its_own_targets() {
        let (grind, shell) = ("grind, 4 downloads", "shell, 4 at once");
        let large = rows(
            51_000_000,
            65_536,
            &[
                (grind, "books/s", [6.0; 5]),
                (shell, "books/s", [1.0; 5]),
                (grind, "CPU s/GB", [9.0; 5]),
            ],
        );
        assert_eq!(
            large,
            [
                ("books/s ÷ shell ≥ 5×".into(), Yes),
                ("CPU-seconds a GB ≤ 5.5".into(), No)
            ]
        );
        let small = rows(
            245_000,
            65_536,
            &[
                (grind, "books/s", [9.0, 9.0, 11.0, 9.0, 9.0]),
                (shell, "books/s", [1.0; 5]),
                (grind, "peak MiB", [40.0, 40.0, 65.0, 40.0, 40.0]),
            ],
        );
        assert_eq!(
            small,
            [
                ("books/s ÷ shell ≥ 10×".into(), NotShown),
                ("peak MiB, the highest ≤ 64".into(), No)
            ]
        );
    }

    #[test]
    fn the_bound_of_a_round_is_the_one_timed_beside_it() {
        let grind = "grind, 4 downloads";
        let reached = |rates, bounds| {
            let values = [(grind, "books/s", rates), (stages::BOUND, "books/s", bounds)];
            let rows = rows(245_000, 65_011_712, &values);
            assert!(rows.len() == 1 && rows[0].0.contains("within 15 % of"), "{rows:?}");
            rows[0].1
        };
        // The machine was half as fast in two rounds.
        assert_eq!(reached([7.0, 3.5, 7.0, 3.5, 7.0], [8.0, 4.0, 8.0, 4.0, 8.0]), Yes);
        assert_eq!(reached([5.0; 5], [8.0; 5]), No);
        assert_eq!(reached([5.0, 7.0, 7.0, 7.0, 7.0], [8.0; 5]), NotShown);
        assert_eq!(reached([12.0; 5], [8.0; 5]), NotShown, "faster than can be");
    }
}
