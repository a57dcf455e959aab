//! Room `bench`: the tables and plots of `grind bench state`.

use super::{Circumstances, MODES, Mode};
use crate::bench::figures::Figures;
use crate::bench::report::{Line, Plot, Section, Table, factor, spread};

const COLUMNS: [&str; 9] = [
    "requests/s",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "p99.9 ms",
    "CPU µs/request",
    "sessions",
    "connections",
    "errors",
];

/// One section for each time that the store takes.
pub fn of(figures: &Figures, delays: &[u64], users: &[usize]) -> Vec<Section> {
    delays.iter().map(|&delay| one(figures, delay, users)).collect()
}

fn one(figures: &Figures, delay: u64, users: &[usize]) -> Section {
    let cells: Vec<(usize, String)> = users
        .iter()
        .map(|&users| (users, Circumstances { delay, users }.cell()))
        .filter(|(_, cell)| figures.cells().contains(&cell.as_str()))
        .collect();
    let head: Vec<&str> = ["users", "way"].into_iter().chain(COLUMNS).collect();
    let mut table = Table::new("What each way gave", &head);
    let compared = [
        "requests/s",
        "p50 ms",
        "p99 ms",
        "CPU µs/request",
        "connections/1000 requests",
    ];
    let head: Vec<&str> = ["users"].into_iter().chain(compared).collect();
    let mut ratios = Table::new("Session owner ÷ new session each, by round", &head);
    for (users, cell) in &cells {
        for mode in MODES {
            let row = [users.to_string(), mode.as_str().to_owned()].into_iter();
            let figure = |what| spread(figures.spread(cell, mode.as_str(), what));
            table.rows.push(row.chain(COLUMNS.map(figure)).collect());
        }
        let ratio = |what| {
            factor(
                figures
                    .ratio(cell, what, Mode::Owner.as_str(), Mode::NewEach.as_str())
                    .as_ref(),
            )
        };
        ratios
            .rows
            .push(std::iter::once(users.to_string()).chain(compared.map(ratio)).collect());
    }
    let plot = |what: &str, slug: &str, title: &str| Plot {
        name: format!("state-{delay}ms-{slug}"),
        title: format!("Store answers in {delay} ms: {title}"),
        x_label: "users".to_owned(),
        y_label: what.to_owned(),
        x: cells.iter().map(|(users, _)| users.to_string()).collect(),
        lines: MODES
            .iter()
            .map(|mode| Line {
                name: mode.as_str().to_owned(),
                points: cells
                    .iter()
                    .map(|(_, cell)| figures.spread(cell, mode.as_str(), what))
                    .collect(),
            })
            .collect(),
    };
    Section::new(format!("The store answers in {delay} ms"))
        .table(table)
        .table(ratios)
        .plot(plot("requests/s", "requests", "requests a second"))
        .plot(plot("p99 ms", "p99", "99 % of requests took no longer"))
}
