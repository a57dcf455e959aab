//! Room `bench`: the speeds that the job is to reach, and whether it does.

use super::{Case, Way, scaling, stages};
use crate::bench::figures::Figures;
use crate::bench::report::{Section, Table, number};
use crate::bench::stats::Ratio;

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

/// Each target of each case and each library without bodies measured.
pub fn section(figures: &Figures, cases: &[Case], books: &[u32], cores: usize) -> Section {
    let mut table = Table::new(
        "Medians; books that are downloaded, four at a time",
        &["library", "what", "to reach", "measured", "reached?"],
    );
    let with_bodies = cases
        .iter()
        .map(|case| (case.size.cell(), targets(figures, case, cores)));
    let without = books
        .iter()
        .map(|&books| (scaling::cell(books), of_steps(figures, books)));
    for (cell, targets) in with_bodies.chain(without) {
        for (what, wanted, measured, reached) in targets {
            let verdict = if reached { "yes" } else { "no" };
            let row = [cell.as_str(), what, &wanted, &measured, verdict];
            table.rows.push(row.map(str::to_owned).into());
        }
    }
    Section::new("Speed to reach").table(table)
}

/// Of a library without bodies.
fn of_steps(figures: &Figures, books: u32) -> Vec<Target> {
    let target = |(step, unit, each, wanted): (usize, &str, f64, f64)| {
        let step = *scaling::STEPS.get(step)?;
        let rate = figures.spread(&scaling::cell(books), step, "books/s")?.median * each;
        let (wanted_text, reached) = (format!("≥ {} {unit}", number(wanted)), rate >= wanted);
        Some((step, wanted_text, number(rate), reached))
    };
    let steps = STEPS.into_iter().filter(|_| books >= MANY);
    steps.filter_map(target).collect()
}

type Target = (&'static str, String, String, bool);

fn targets(figures: &Figures, case: &Case, cores: usize) -> Vec<Target> {
    let (cell, grind) = (case.size.cell(), Way::Grind(4).name());
    let median = |mode: &str, what: &str| figures.spread(&cell, mode, what).map(|spread| spread.median);
    let large = case.size.bytes >= LARGE;
    let mut rows = Vec::new();
    let over_shell = figures.ratio(&cell, "books/s", &grind, &Way::Shell.name());
    match over_shell {
        Some(ratio) if large => rows.push(faster(&ratio, 5.0)),
        Some(ratio) if case.size.s2k < DEAR => rows.push(faster(&ratio, 10.0)),
        _ => {}
    }
    let derivation = median("key derivation", stages::WHAT);
    if let (false, true, Some(millis), Some(rate)) =
        (large, case.size.s2k > DEAR, derivation, median(&grind, "books/s"))
    {
        let bound = cores as f64 / (millis / 1_000.0);
        let wanted = format!("within 15 % of {} ({cores} cores ÷ one derivation)", number(bound));
        rows.push(("books/s", wanted, number(rate), rate >= bound * 0.85));
    }
    if let (true, Some(cost)) = (large, median(&grind, "CPU s/GB")) {
        rows.push(("CPU-seconds a GB", "≤ 5.5".to_owned(), number(cost), cost <= 5.5));
    }
    if let Some(peak) = figures.spread(&cell, &grind, "peak MiB") {
        rows.push((
            "peak MiB, the highest",
            format!("≤ {PEAK_MIB}"),
            number(peak.max),
            peak.max <= PEAK_MIB,
        ));
    }
    rows
}

fn faster(ratio: &Ratio, wanted: f64) -> Target {
    let measured = ratio.spread.median;
    let reached = measured >= wanted && ratio.shows_a_difference();
    (
        "books/s ÷ shell",
        format!("≥ {wanted}×"),
        format!("{}×", number(measured)),
        reached,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::pipeline::library::Size;

    fn rows(bytes: u64, s2k: u32, values: &[(&str, &str, f64)]) -> Vec<(String, bool)> {
        let case = Case {
            size: Size { books: 1, bytes, s2k },
            ways: Vec::new(),
        };
        let mut figures = Figures::default();
        for (mode, what, value) in values {
            (0..5).for_each(|_| figures.note(&case.size.cell(), mode, what, *value));
        }
        let targets = targets(&figures, &case, 2).into_iter();
        targets
            .map(|(what, wanted, ..)| format!("{what} {wanted}"))
            .zip(reached(&figures, &case))
            .collect()
    }

    fn reached(figures: &Figures, case: &Case) -> Vec<bool> {
        targets(figures, case, 2).into_iter().map(|target| target.3).collect()
    }

    #[test]
    fn steps_are_judged_where_the_start_is_a_small_part_of_them() {
        let mut figures = Figures::default();
        for (books, rate) in [(1_000, 9_000.0), (100_000, 20_000.0)] {
            for step in scaling::STEPS {
                figures.note(&scaling::cell(books), step, "books/s", rate);
            }
        }
        figures.note(&scaling::cell(10_000), "enrich", "books/s", 19_000.0);
        assert_eq!(of_steps(&figures, 1_000), []);
        let told = |books| -> Vec<_> {
            let targets = of_steps(&figures, books).into_iter();
            targets.map(|(step, .., reached)| (step, reached)).collect()
        };
        assert_eq!(told(100_000), [("collect", true), ("enrich", true)]);
        assert_eq!(told(10_000), [("enrich", false)]);
    }

    #[test]
    fn each_size_has_its_own_targets() {
        let (grind, shell) = ("grind, 4 downloads", "shell, 4 at once");
        let large = rows(
            51_000_000,
            65_536,
            &[
                (grind, "books/s", 6.0),
                (shell, "books/s", 1.0),
                (grind, "CPU s/GB", 9.0),
            ],
        );
        assert_eq!(
            large,
            [
                ("books/s ÷ shell ≥ 5×".into(), true),
                ("CPU-seconds a GB ≤ 5.5".into(), false)
            ]
        );
        let small = rows(
            245_000,
            65_536,
            &[
                (grind, "books/s", 9.0),
                (shell, "books/s", 1.0),
                (grind, "peak MiB", 40.0),
            ],
        );
        assert_eq!(
            small,
            [
                ("books/s ÷ shell ≥ 10×".into(), false),
                ("peak MiB, the highest ≤ 64".into(), true)
            ]
        );
        let dear = rows(
            245_000,
            65_011_712,
            &[(grind, "books/s", 7.0), ("key derivation", stages::WHAT, 250.0)],
        );
        assert_eq!(
            dear,
            [("books/s within 15 % of 8 (2 cores ÷ one derivation)".into(), true)]
        );
    }
}
