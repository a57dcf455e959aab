//! The tables and plots of `grind bench sessions`.

use crate::lab::bench::measure::compare::compared;
use crate::lab::bench::measure::figures::BenchFigures;
use crate::lab::bench::measure::percentiles::{TIMES, pooled};
use crate::lab::bench::measure::target::{TargetBound, TargetReached};
use crate::lab::bench::report::{PlotLine, PlotSpec, ReportSection, ReportTable, spread};
use crate::lab::bench::rig::load::ArrivalPattern;
use crate::lab::bench::sessions::callers::CallMode;
use crate::lab::bench::sessions::measure::BenchConditions;
use crate::lab::bench::sessions::{MODES, verdicts};

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
pub fn of(
    figures: &BenchFigures,
    cells: &[(BenchConditions, bool)],
    heads: Option<BenchConditions>,
) -> Vec<ReportSection> {
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
pub fn ways(cells: &[(BenchConditions, bool)]) -> Vec<Vec<BenchConditions>> {
    let mut groups: Vec<Vec<BenchConditions>> = Vec::new();
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

fn way(figures: &BenchFigures, group: &[BenchConditions]) -> ReportSection {
    let Some(first) = group.first() else {
        return ReportSection::default();
    };
    let way = first.way();
    let mut section = ReportSection::new(format!("{way} round trip"));
    for arrivals in [ArrivalPattern::Closed, ArrivalPattern::Open { rate: 1.0 }] {
        let cells: Vec<(String, String)> = group
            .iter()
            .map(|at| (at.workers.to_string(), at.cell(arrivals)))
            .filter(|(_, cell)| figures.cells().contains(&cell.as_str()))
            .collect();
        let name = match arrivals {
            ArrivalPattern::Closed => "Closed loop",
            ArrivalPattern::Open { .. } => "Open loop",
        };
        section = section
            .table(gave(figures, &cells, &MODES, name))
            .table(ratios(figures, &cells, name));
    }
    let slug = way.replace(", ", "-").replace(' ', "").to_lowercase();
    section
        .plot(plot(figures, group, "books/s", ArrivalPattern::Closed, &slug))
        .plot(plot(
            figures,
            group,
            "p99 ms",
            ArrivalPattern::Open { rate: 1.0 },
            &slug,
        ))
}

/// One row a mode and number of workers.
fn gave(figures: &BenchFigures, cells: &[(String, String)], modes: &[CallMode], name: &str) -> ReportTable {
    let head: Vec<&str> = ["workers", "way"]
        .into_iter()
        .chain(COLUMNS)
        .chain(["errors"])
        .collect();
    let mut table = ReportTable::new(format!("{name}: what each way gave"), &head);
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
fn ratios(figures: &BenchFigures, cells: &[(String, String)], name: &str) -> ReportTable {
    let columns = [
        "books/s",
        "p50 ms",
        "p99 ms",
        "CPU µs/request",
        "connections/1000 books",
    ];
    let head: Vec<&str> = ["workers"].into_iter().chain(columns).collect();
    let mut table = ReportTable::new(format!("{name}: session owner ÷ new session each, by round"), &head);
    let modes = [CallMode::Owner, CallMode::NewEach].map(CallMode::as_str);
    for (workers, cell) in cells {
        let ratio = |what: &str| compared(figures, cell, what, modes);
        table
            .rows
            .push(std::iter::once(workers.clone()).chain(columns.map(ratio)).collect());
    }
    table
}

fn plot(
    figures: &BenchFigures,
    group: &[BenchConditions],
    what: &str,
    arrivals: ArrivalPattern,
    slug: &str,
) -> PlotSpec {
    let way = group.first().map(|at| at.way()).unwrap_or_default();
    let open = matches!(arrivals, ArrivalPattern::Open { .. });
    let line = |mode: &CallMode| PlotLine {
        name: mode.as_str().to_owned(),
        points: group
            .iter()
            .map(|at| pooled(figures, &at.cell(arrivals), mode.as_str(), what))
            .collect(),
    };
    PlotSpec {
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
fn owner(figures: &BenchFigures, heads: BenchConditions) -> ReportSection {
    let cell = heads.cell(ArrivalPattern::Closed);
    let ways = [CallMode::OneClient, CallMode::Owner];
    let named = [(heads.workers.to_string(), cell.clone())];
    let rate = figures.spread(&cell, CallMode::Owner.as_str(), "books/s");
    let cpu = compared(
        figures,
        &cell,
        "CPU µs/request",
        [CallMode::Owner, CallMode::OneClient].map(CallMode::as_str),
    );
    let reached = rate.map_or(TargetReached::NotShown, |rate| {
        TargetBound::AtLeast(HEADS_TO_REACH).reached(rate)
    });
    ReportSection::new("What the owner costs")
        .say(format!(
            "HEADs only (here a book is one HEAD), {}: {} a second through the session owner; {HEADS_TO_REACH:.0} are to be reached: {}. CPU of a request against one bare client kept, which is asked over a channel: {cpu}.",
            cell.trim_start_matches("HEADs only, "),
            spread(rate),
            reached.as_str(),
        ))
        .table(gave(figures, &named, &ways, "One client, with and without the owner"))
}
