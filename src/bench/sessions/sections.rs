//! Room `bench`: the tables and plots of `grind bench sessions`.

use super::callers::Mode;
use super::measure::Circumstances;
use super::{MODES, verdicts};
use crate::bench::compare::compared;
use crate::bench::figures::Figures;
use crate::bench::load::Arrivals;
use crate::bench::percentiles::{TIMES, pooled};
use crate::bench::report::{Line, Plot, Section, Table, spread};
use crate::bench::target::{Reached, Target};

/// What each table shows of each way.
const COLUMNS: [&str; 10] = [
    "books/s",
    TIMES,
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "p99.9 ms",
    "CPU µs/request",
    "sessions",
    "connections",
    "handshakes",
];

/// HEADs a second that the session owner is to reach at 50 workers ("Speed to reach").
const HEADS_TO_REACH: f64 = 20_000.0;

/// All sections of the report.
pub fn of(figures: &Figures, cells: &[(Circumstances, bool)], heads: Option<Circumstances>) -> Vec<Section> {
    let mut sections = Vec::new();
    if !cells.is_empty() {
        sections.push(verdicts::section(figures, cells));
    }
    for group in ways(cells) {
        sections.push(way(figures, &group));
    }
    sections.extend(heads.map(|heads| owner(figures, heads)));
    sections
}

/// The circumstances by what they share: transport and round trip.
pub fn ways(cells: &[(Circumstances, bool)]) -> Vec<Vec<Circumstances>> {
    let mut groups: Vec<Vec<Circumstances>> = Vec::new();
    for (at, _) in cells {
        match groups
            .iter_mut()
            .find(|group| group.iter().any(|other| other.way() == at.way()))
        {
            Some(group) => group.push(*at),
            None => groups.push(vec![*at]),
        }
    }
    groups
}

fn way(figures: &Figures, group: &[Circumstances]) -> Section {
    let Some(first) = group.first() else {
        return Section::default();
    };
    let way = first.way();
    let mut section = Section::new(format!("{way} round trip"));
    for arrivals in [Arrivals::Closed, Arrivals::Open { rate: 1.0 }] {
        let cells: Vec<(String, String)> = group
            .iter()
            .map(|at| (at.workers.to_string(), at.cell(arrivals)))
            .filter(|(_, cell)| figures.cells().contains(&cell.as_str()))
            .collect();
        let name = match arrivals {
            Arrivals::Closed => "Closed loop",
            Arrivals::Open { .. } => "Open loop",
        };
        section = section
            .table(gave(figures, &cells, &MODES, name))
            .table(ratios(figures, &cells, name));
    }
    let slug = way.replace(", ", "-").replace(' ', "").to_lowercase();
    section
        .plot(plot(figures, group, ("books/s", Arrivals::Closed), &slug))
        .plot(plot(figures, group, ("p99 ms", Arrivals::Open { rate: 1.0 }), &slug))
}

/// One row a mode and number of workers.
fn gave(figures: &Figures, cells: &[(String, String)], modes: &[Mode], name: &str) -> Table {
    let head: Vec<&str> = ["workers", "way"]
        .into_iter()
        .chain(COLUMNS)
        .chain(["errors"])
        .collect();
    let mut table = Table::new(format!("{name}: what each way gave"), &head);
    for (workers, cell) in cells {
        for mode in modes {
            let figure = |what: &&str| spread(pooled(figures, cell, mode.as_str(), what));
            let row = [workers.clone(), mode.as_str().to_owned()].into_iter();
            table
                .rows
                .push(row.chain(COLUMNS.iter().chain(&["errors"]).map(figure)).collect());
        }
    }
    table
}

/// The owner over the other, row by row.
fn ratios(figures: &Figures, cells: &[(String, String)], name: &str) -> Table {
    let columns = [
        "books/s",
        "p50 ms",
        "p99 ms",
        "CPU µs/request",
        "connections/1000 books",
    ];
    let head: Vec<&str> = ["workers"].into_iter().chain(columns).collect();
    let mut table = Table::new(format!("{name}: session owner ÷ new session each, by round"), &head);
    let modes = [Mode::Owner, Mode::NewEach].map(Mode::as_str);
    for (workers, cell) in cells {
        let ratio = |what: &str| compared(figures, cell, what, modes);
        table
            .rows
            .push(std::iter::once(workers.clone()).chain(columns.map(ratio)).collect());
    }
    table
}

fn plot(figures: &Figures, group: &[Circumstances], (what, arrivals): (&str, Arrivals), slug: &str) -> Plot {
    let way = group.first().map(|at| at.way()).unwrap_or_default();
    let open = matches!(arrivals, Arrivals::Open { .. });
    let line = |mode: &Mode| Line {
        name: mode.as_str().to_owned(),
        points: group
            .iter()
            .map(|at| pooled(figures, &at.cell(arrivals), mode.as_str(), what))
            .collect(),
    };
    Plot {
        name: format!("{slug}-{}", if open { "p99" } else { "books" }),
        title: if open {
            format!("{way}: 99 % of books took no longer, open loop")
        } else {
            format!("{way}: books a second, closed loop")
        },
        x_label: "workers".to_owned(),
        y_label: what.to_owned(),
        x: group.iter().map(|at| at.workers.to_string()).collect(),
        lines: MODES.iter().map(line).collect(),
    }
}

/// What the actor before the client costs, and whether it is fast enough.
fn owner(figures: &Figures, heads: Circumstances) -> Section {
    let cell = heads.cell(Arrivals::Closed);
    let ways = [Mode::OneClient, Mode::Owner];
    let named = [(heads.workers.to_string(), cell.clone())];
    let rate = figures.spread(&cell, Mode::Owner.as_str(), "books/s");
    let cpu = compared(
        figures,
        &cell,
        "CPU µs/request",
        [Mode::Owner, Mode::OneClient].map(Mode::as_str),
    );
    let reached = rate.map_or(Reached::NotShown, |rate| Target::AtLeast(HEADS_TO_REACH).reached(rate));
    Section::new("What the owner costs")
        .say(format!(
            "HEADs only (here a book is one HEAD), {}: {} a second through the session owner; {HEADS_TO_REACH:.0} are to be reached: {}. CPU of a request against one bare client kept, which is asked over a channel: {cpu}.",
            cell.trim_start_matches("HEADs only, "),
            spread(rate),
            reached.as_str(),
        ))
        .table(gave(figures, &named, &ways, "One client, with and without the owner"))
}
