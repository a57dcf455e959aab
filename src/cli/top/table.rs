//! The rows of the mailboxes, and their order.

use std::cmp::Ordering;

use crate::actor::{ActorName, ActorSnapshot};
use crate::observe::{ActorHealth, DaemonStatus};

/// By what the mailboxes are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortColumn {
    /// As the layers stand, those who ask first.
    #[default]
    Layer,
    /// The fullest mailbox first.
    Mailbox,
    /// The oldest message first.
    Oldest,
    /// The most messages a second first.
    Rate,
    /// The longest wait first.
    Wait,
    /// Whose messages take longest first.
    Took,
    /// The busiest first.
    Busy,
}

impl SortColumn {
    const ALL: [Self; 7] = [
        Self::Layer,
        Self::Mailbox,
        Self::Oldest,
        Self::Rate,
        Self::Wait,
        Self::Took,
        Self::Busy,
    ];

    /// The one after it; after the last the first.
    pub fn next(self) -> Self {
        let place = Self::ALL.iter().position(|column| *column == self).unwrap_or(0);
        Self::ALL[(place + 1) % Self::ALL.len()]
    }

    /// The heading of its column.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Layer => "ACTOR",
            Self::Mailbox => "MAILBOX",
            Self::Oldest => "OLDEST",
            Self::Rate => "MSG/s",
            Self::Wait => "WAIT",
            Self::Took => "TOOK",
            Self::Busy => "BUSY",
        }
    }
}

/// One actor as it is shown; rates and quantiles are of the last minute.
#[derive(Debug, Clone, PartialEq)]
pub struct TopRow {
    /// Which.
    pub actor: ActorName,
    /// Messages in its mailbox, and how many it takes.
    pub depth: u64,
    /// See [`ActorSnapshot::capacity`].
    pub capacity: u64,
    /// Age of the oldest of them.
    pub oldest_seconds: f64,
    /// Messages handled a second.
    pub rate: f64,
    /// Nine in ten waited no longer.
    pub wait_seconds: Option<f64>,
    /// Of the message that took the most time, nine in ten took no longer.
    pub took_seconds: Option<f64>,
    /// See [`crate::actor::WindowSnapshot::busy_share`].
    pub busy_share: f64,
    /// How it is.
    pub health: ActorHealth,
    /// What it does, or that it stands still.
    pub sentence: String,
}

impl TopRow {
    fn of(actor: &ActorSnapshot, status: &DaemonStatus) -> Self {
        let minute = actor.windows.get("1m");
        let heaviest = minute.and_then(|window| window.messages.first());
        Self {
            actor: actor.name,
            depth: actor.depth,
            capacity: actor.capacity,
            oldest_seconds: actor.oldest_age_seconds,
            rate: minute.map_or(0.0, |window| window.handled_per_second),
            wait_seconds: minute.and_then(|window| window.wait.p90_seconds),
            took_seconds: heaviest.and_then(|message| message.handle.p90_seconds),
            busy_share: minute.map_or(0.0, |window| window.busy_share),
            health: ActorHealth::of(actor, &status.stuck, &status.stalled),
            sentence: match status.stalled.iter().find(|stall| stall.actor == actor.name) {
                Some(stall) => stall.to_string(),
                None => status.sentences.get(&actor.name).cloned().unwrap_or_default(),
            },
        }
    }

    #[cfg(test)]
    pub fn idle(actor: ActorName) -> Self {
        Self {
            actor,
            depth: 0,
            capacity: 1,
            oldest_seconds: 0.0,
            rate: 0.0,
            wait_seconds: None,
            took_seconds: None,
            busy_share: 0.0,
            health: ActorHealth::Well,
            sentence: String::new(),
        }
    }
}

/// The rows in the order in which they are shown.
pub fn rows(status: &DaemonStatus, sort: SortColumn, is_reversed: bool) -> Vec<TopRow> {
    let mut rows: Vec<_> = status
        .hub
        .actors
        .iter()
        .map(|actor| TopRow::of(actor, status))
        .collect();
    rows.sort_by(|a, b| {
        let order = compared(a, b, sort).then(layer(a.actor).cmp(&layer(b.actor)));
        if is_reversed { order.reverse() } else { order }
    });
    rows
}

fn layer(actor: ActorName) -> usize {
    ActorName::ALL
        .iter()
        .position(|name| *name == actor)
        .unwrap_or(usize::MAX)
}

/// The larger figure first; what is not known comes last.
fn compared(a: &TopRow, b: &TopRow, sort: SortColumn) -> Ordering {
    let figure = |row: &TopRow| match sort {
        SortColumn::Layer => 0.0,
        SortColumn::Mailbox => row.depth as f64,
        SortColumn::Oldest => row.oldest_seconds,
        SortColumn::Rate => row.rate,
        SortColumn::Wait => row.wait_seconds.unwrap_or(-1.0),
        SortColumn::Took => row.took_seconds.unwrap_or(-1.0),
        SortColumn::Busy => row.busy_share,
    };
    figure(b).total_cmp(&figure(a))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two actors of which each column says which is first.
    fn status() -> DaemonStatus {
        let mut status = crate::cli::frame::tests::seen();
        let downloader = status.hub.actors[0].clone();
        let mut checker = ActorSnapshot {
            name: ActorName::Checker,
            depth: 9,
            oldest_age_seconds: 0.1,
            ..downloader
        };
        checker.windows.clear();
        status.hub.actors.push(checker);
        status
    }

    #[test]
    fn each_column_sorts_by_its_figure_and_what_is_not_known_comes_last() {
        use ActorName::{Checker, Downloader};
        for (sort, first) in [
            (SortColumn::Layer, Checker),
            (SortColumn::Mailbox, Checker),
            (SortColumn::Oldest, Downloader),
            (SortColumn::Rate, Downloader),
            (SortColumn::Wait, Downloader),
            (SortColumn::Took, Downloader),
            (SortColumn::Busy, Downloader),
        ] {
            let actors = |is_reversed| -> Vec<_> {
                let rows = rows(&status(), sort, is_reversed);
                rows.iter().map(|row| row.actor).collect()
            };
            let mut expected = vec![first, if first == Checker { Downloader } else { Checker }];
            assert_eq!(actors(false), expected, "{sort:?}");
            expected.reverse();
            assert_eq!(actors(true), expected, "{sort:?}");
        }
    }

    #[test]
    fn the_columns_follow_one_another_to_the_first_again() {
        let mut column = SortColumn::default();
        let mut seen = Vec::new();
        for _ in SortColumn::ALL {
            seen.push(column.heading());
            column = column.next();
        }
        assert_eq!(column, SortColumn::default());
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), SortColumn::ALL.len());
    }
}
