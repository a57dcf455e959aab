//! Room `bench`: the speeds that the job is to reach, and whether it does.

use super::{Case, Way, stages};
use crate::bench::figures::Figures;
use crate::bench::report::{Section, Table, number};
use crate::bench::stats::Ratio;

/// Books from this size on are large, and below it small.
const LARGE: u64 = 10_000_000;

/// A key derivation over more than this costs more than a small book.
const DEAR: u32 = 1_000_000;

/// Most memory, whatever the number and size of books.
const PEAK_MIB: f64 = 64.0;

/// Each target of each case measured.
pub fn section(figures: &Figures, cases: &[Case], cores: usize) -> Section {
    let mut table = Table::new(
        "Medians with four downloads at a time",
        &["library", "what", "to reach", "measured", "reached?"],
    );
    for case in cases {
        for (what, wanted, measured, reached) in targets(figures, case, cores) {
            let verdict = if reached { "yes" } else { "no" };
            table.rows.push(
                [case.size.cell().as_str(), what, &wanted, &measured, verdict]
                    .map(str::to_owned)
                    .into(),
            );
        }
    }
    Section::new("Speed to reach").table(table)
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
            (0..3).for_each(|_| figures.note(&case.size.cell(), mode, what, *value));
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
