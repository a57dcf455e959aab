//! What was measured: one figure a round, by cell, mode and name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::lab::bench::measure::stats::{PairedRatio, SampleSpread};
use crate::lab::bench::report::number;

/// One quantity of one mode under one set of circumstances, a value a round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchFigure {
    /// The circumstances, for example `plain, 0 ms, 10 workers, closed loop`.
    pub cell: String,
    /// Which way of doing it.
    pub mode: String,
    /// The quantity, with its unit: `books/s`, `p99 ms`.
    pub what: String,
    /// One value a round, in order; what there was too little of for a value is not a number here, and `null` as JSON.
    #[serde(with = "gaps")]
    pub rounds: Vec<f64>,
}

/// All figures of a run, in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BenchFigures(Vec<BenchFigure>);

impl BenchFigures {
    /// Adds the next round's value.
    pub fn note(&mut self, cell: &str, mode: &str, what: &str, value: f64) {
        if let Some(figure) = self.0.iter_mut().find(|figure| figure.is(cell, mode, what)) {
            figure.rounds.push(value);
            return;
        }
        self.0.push(BenchFigure {
            cell: cell.to_owned(),
            mode: mode.to_owned(),
            what: what.to_owned(),
            rounds: vec![value],
        });
    }

    /// The values of one figure, empty when it was not measured.
    pub fn rounds(&self, cell: &str, mode: &str, what: &str) -> &[f64] {
        self.0
            .iter()
            .find(|figure| figure.is(cell, mode, what))
            .map_or(&[], |figure| &figure.rounds)
    }

    /// Median and spread of one figure.
    pub fn spread(&self, cell: &str, mode: &str, what: &str) -> Option<SampleSpread> {
        SampleSpread::of(self.rounds(cell, mode, what))
    }

    /// One mode over another, round by round.
    pub fn ratio(&self, cell: &str, what: &str, over: &str, under: &str) -> Option<PairedRatio> {
        PairedRatio::of(self.rounds(cell, over, what), self.rounds(cell, under, what))
    }

    /// How many pieces of work failed in a cell, whatever the way.
    pub fn errors(&self, cell: &str) -> f64 {
        let of_cell = self.0.iter().filter(|figure| figure.cell == cell);
        of_cell
            .filter(|figure| figure.what == "errors")
            .flat_map(|figure| &figure.rounds)
            .sum()
    }

    /// One line of progress: what each mode gave of a rate, by its median.
    pub fn told<'a>(&self, cell: &str, modes: impl Iterator<Item = &'a str>, what: &str) -> String {
        let ways: Vec<String> = modes
            .map(|mode| {
                let rate = self.spread(cell, mode, what).map_or(f64::NAN, |rate| rate.median);
                format!("{mode} {}/s", number(rate))
            })
            .collect();
        format!("{cell}: {}", ways.join(", "))
    }

    /// The cells in the order in which they were measured.
    pub fn cells(&self) -> Vec<&str> {
        let mut seen = BTreeMap::new();
        for (place, figure) in self.0.iter().enumerate() {
            seen.entry(figure.cell.as_str()).or_insert(place);
        }
        let mut cells: Vec<_> = seen.into_iter().collect();
        cells.sort_by_key(|(_, place)| *place);
        cells.into_iter().map(|(cell, _)| cell).collect()
    }
}

impl BenchFigure {
    fn is(&self, cell: &str, mode: &str, what: &str) -> bool {
        self.cell == cell && self.mode == mode && self.what == what
    }
}

/// JSON has no word for “not a number” but `null`, and serde reads that as nothing but an `Option`.
mod gaps {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(rounds: &[f64], to: S) -> Result<S::Ok, S::Error> {
        rounds.serialize(to)
    }

    pub fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Vec<f64>, D::Error> {
        let rounds = Vec::<Option<f64>>::deserialize(from)?;
        Ok(rounds.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_of_one_figure_gather_and_cells_keep_their_order() {
        let mut figures = BenchFigures::default();
        for round in 0..3 {
            figures.note("z", "new", "n", 10.0 + f64::from(round));
            figures.note("z", "kept", "n", 1.0);
            figures.note("a", "new", "n", 1.0);
        }
        assert_eq!(figures.rounds("z", "new", "n"), [10.0, 11.0, 12.0]);
        assert_eq!(figures.cells(), ["z", "a"]);
        assert!((figures.ratio("z", "n", "new", "kept").unwrap().spread.median - 11.0).abs() < 1e-12);
        assert_eq!(figures.ratio("z", "n", "new", "gone"), None);
    }

    #[test]
    fn a_round_without_a_value_keeps_its_place_in_the_json() {
        let mut figures = BenchFigures::default();
        for value in [1.0, f64::NAN, 3.0] {
            figures.note("a", "new", "p99 ms", value);
            figures.note("a", "new", "errors", 1.0);
        }
        let back: BenchFigures = serde_json::from_str(&serde_json::to_string(&figures).unwrap()).unwrap();
        let rounds = back.rounds("a", "new", "p99 ms");
        assert!(rounds.len() == 3 && rounds[1].is_nan() && rounds[2] > 2.9);
        assert!((back.errors("a") - 3.0).abs() < 1e-12 && back.errors("b").abs() < 1e-12);
    }
}
