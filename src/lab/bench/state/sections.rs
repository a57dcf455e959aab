//! The tables and plots of `grind bench state`.

use crate::lab::bench::measure::compare::compared;
use crate::lab::bench::measure::figures::BenchFigures;
use crate::lab::bench::measure::percentiles::{TIMES, pooled};
use crate::lab::bench::report::{PlotLine, PlotSpec, ReportSection, ReportTable, spread};
use crate::lab::bench::rig::load::ArrivalPattern;
use crate::lab::bench::state::{CartMode, Circumstances, MODES};

const COLUMNS: [&str; 10] = [
    "requests/s",
    TIMES,
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "p99.9 ms",
    "CPU µs/request",
    "sessions",
    "connections",
    "errors",
];

/// What is shown of the open loop: the same carts for both ways, so only their times differ.
const OPEN: [&str; 7] = [
    "carts/s",
    "cart n",
    "cart p50 ms",
    "cart p95 ms",
    "cart p99 ms",
    "connections",
    "errors",
];

/// Which way is divided by which.
const COMPARED: [&str; 2] = [CartMode::Owner.as_str(), CartMode::NewEach.as_str()];

/// The quantities compared in the tables of ratios.
const RATIOS: [&str; 5] = [
    "requests/s",
    "p50 ms",
    "p99 ms",
    "CPU µs/request",
    "connections/1000 requests",
];

/// One section for each time that the store takes.
pub fn of(figures: &BenchFigures, delays: &[u64], users: &[usize]) -> Vec<ReportSection> {
    delays.iter().map(|&delay| one(figures, delay, users)).collect()
}

fn one(figures: &BenchFigures, delay: u64, users: &[usize]) -> ReportSection {
    let cells: Vec<(usize, String)> = users
        .iter()
        .map(|&users| (users, Circumstances { delay, users }.cell(ArrivalPattern::Closed)))
        .filter(|(_, cell)| figures.cells().contains(&cell.as_str()))
        .collect();
    let head: Vec<&str> = ["users", "way"].into_iter().chain(COLUMNS).collect();
    let mut table = ReportTable::new("What each way gave", &head);
    let head: Vec<&str> = ["users"].into_iter().chain(RATIOS).collect();
    let mut ratios = ReportTable::new("Session owner ÷ new session each, by round", &head);
    for (users, cell) in &cells {
        for mode in MODES {
            let row = [users.to_string(), mode.as_str().to_owned()].into_iter();
            let figure = |what| spread(pooled(figures, cell, mode.as_str(), what));
            table.rows.push(row.chain(COLUMNS.map(figure)).collect());
        }
        let ratio = |what| compared(figures, cell, what, COMPARED);
        ratios
            .rows
            .push(std::iter::once(users.to_string()).chain(RATIOS.map(ratio)).collect());
    }
    let open = open_loop(figures, delay, users);
    let plot = |what: &str, slug: &str, title: &str| PlotSpec {
        name: format!("state-{delay}ms-{slug}"),
        title: format!("Store answers in {delay} ms: {title}"),
        x_label: "users".to_owned(),
        y_label: what.to_owned(),
        x: cells.iter().map(|(users, _)| users.to_string()).collect(),
        lines: MODES
            .iter()
            .map(|mode| PlotLine {
                name: mode.as_str().to_owned(),
                points: cells
                    .iter()
                    .map(|(_, cell)| pooled(figures, cell, mode.as_str(), what))
                    .collect(),
            })
            .collect(),
    };
    ReportSection::new(format!("The store answers in {delay} ms"))
        .table(table)
        .table(ratios)
        .table(open)
        .plot(plot("requests/s", "requests", "requests a second"))
        .plot(plot("p99 ms", "p99", "99 % of requests took no longer"))
}

fn open_loop(figures: &BenchFigures, delay: u64, users: &[usize]) -> ReportTable {
    let ratios = ["cart p50 ms", "cart p99 ms"].map(|what| format!("{what}, owner ÷ new"));
    let head: Vec<&str> = ["users", "way"]
        .into_iter()
        .chain(OPEN)
        .chain(ratios.iter().map(String::as_str))
        .collect();
    let mut table = ReportTable::new(
        "Open loop: carts that arrive at fixed times, from arrival to the end",
        &head,
    );
    let measured = figures.cells();
    for &users in users {
        let cell = Circumstances { delay, users }.cell(ArrivalPattern::Open { rate: 1.0 });
        if !measured.contains(&cell.as_str()) {
            continue;
        }
        for mode in MODES {
            let figure = |what| spread(pooled(figures, &cell, mode.as_str(), what));
            let mut row = vec![users.to_string(), mode.as_str().to_owned()];
            row.extend(OPEN.map(figure));
            row.extend(["cart p50 ms", "cart p99 ms"].map(|what| match mode {
                CartMode::NewEach => "1×".to_owned(),
                CartMode::Owner => compared(figures, &cell, what, COMPARED),
            }));
            table.rows.push(row);
        }
    }
    table
}
