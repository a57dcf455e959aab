//! Until when a book may wait, to be worked on, told of or copied. A program whose clock was wrong, or an older version, may have put books
//! decades ahead, where nobody would ever look at them again.

use std::time::Duration;

use jiff::Timestamp;
use tracing::warn;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::policy::CatalogPolicy;
use crate::catalog::notes;
use crate::catalog::writer::ledger::CatalogTransaction;
use crate::clock::{later, read_stamp, stamp};

/// Longer than any wait of ours, and than any that a server asks for in earnest.
const LONGEST: Duration = Duration::from_hours(366 * 24);
/// Longer than any wait of a hook or a second copy.
const LONGEST_BESIDE: Duration = Duration::from_hours(48);
/// What waits until a moment beside the book itself.
const BESIDE: [&str; 2] = [
    "UPDATE books SET hook_due_at = :now WHERE hook_due_at > :latest",
    "UPDATE second_copies SET due_at = :now WHERE due_at > :latest",
];
/// A clock that shows an earlier moment (2026-01-01) was not set: a machine without a battery may start at 1970.
const CLOCK_IS_SET: i64 = 1_767_225_600;

/// The latest moment for which a book waits; one that is to wait for a later one is due now. `None`: the clock does not tell.
fn latest_due(policy: &CatalogPolicy, now: Timestamp) -> Option<Timestamp> {
    let caps = [
        policy.conversion_retry_cap,
        policy.failed_retry_cap,
        policy.ask_again_cap,
    ];
    let longest = caps.into_iter().fold(LONGEST, Duration::max);
    (now.as_second() >= CLOCK_IS_SET).then(|| later(now, longest))
}

/// By less than this a clock is set right again and again, and nobody waits for so little.
const LEAST_STEP: i64 = 2_000;
/// Everything that waits until a moment of the wall clock.
const WAITING: [&str; 3] = [
    "UPDATE books SET next_attempt_at = strftime('%Y-%m-%dT%H:%M:%fZ', next_attempt_at, :by) WHERE next_attempt_at > :now",
    "UPDATE books SET hook_due_at = strftime('%Y-%m-%dT%H:%M:%fZ', hook_due_at, :by) WHERE hook_due_at > :now",
    "UPDATE second_copies SET due_at = strftime('%Y-%m-%dT%H:%M:%fZ', due_at, :by) WHERE due_at > :now",
];

/// How what waits is moved where the machine's clock was set back by so many milliseconds, as SQLite writes it; `None`: not at all.
fn moved_by(set_back: i64) -> Option<String> {
    (set_back >= LEAST_STEP).then(|| format!("-{}.{:03} seconds", set_back / 1_000, set_back % 1_000))
}

/// Under which the last time stands that a program had by the machine's clock.
const CLOCK_SEEN: &str = "clock_seen";
/// It is written again when it is older than this.
const SEEN_FOR: Duration = Duration::from_mins(1);

/// By how many milliseconds at least the clock was set back while no program ran, which the last one had at `seen`; a clock that was not set
/// after the machine started tells nothing.
fn set_back_at_rest(seen: Option<Timestamp>, now: Timestamp) -> i64 {
    let is_set = now.as_second() >= CLOCK_IS_SET;
    seen.filter(|_| is_set)
        .map_or(0, |seen| (seen.as_millisecond() - now.as_millisecond()).max(0))
}

/// Lets nothing wait longer because the machine's clock was set back: what was put off for seconds would wait for hours. A clock that is set
/// forward only makes it due earlier. Of a step while no program ran, the time tells that the last one left in the catalog; a server's clock
/// counts by itself.
pub(crate) fn follow_clock(tx: &CatalogTransaction<'_>) -> Result<(), CatalogError> {
    if tx.conn.server_time().is_some() {
        return Ok(());
    }
    let set_back = match tx.clock_set_back() {
        Some(set_back) => set_back,
        None => set_back_at_rest(
            notes::read(tx.conn, CLOCK_SEEN)?.as_deref().and_then(read_stamp),
            tx.now,
        ),
    };
    let moved = moved_by(set_back);
    let is_due = moved.is_some() || tx.clock_noted().is_none_or(|noted| later(noted, SEEN_FOR) <= tx.now);
    if is_due && tx.now.as_second() >= CLOCK_IS_SET {
        notes::write(tx.conn, CLOCK_SEEN, &tx.stamp)?;
        tx.note_clock();
    }
    moved.map_or(Ok(()), |by| move_waits(tx, &by))
}

/// Moves all that waits with the clock.
fn move_waits(tx: &CatalogTransaction<'_>, by: &str) -> Result<(), CatalogError> {
    let mut waiting = 0;
    for sql in WAITING {
        waiting += tx.conn.execute(sql, &arguments! { now: tx.stamp, by: by })?;
    }
    warn!(
        by,
        waiting, "the clock of this machine was set back; what waits until a time of day waits no longer for it"
    );
    Ok(())
}

/// Makes books due that are to wait for longer than any wait takes.
pub(crate) fn end_endless_waits(tx: &CatalogTransaction<'_>) -> Result<(), CatalogError> {
    let Some(latest) = latest_due(tx.policy, tx.now) else {
        return Ok(());
    };
    let sql = "UPDATE books SET next_attempt_at = :now WHERE next_attempt_at > :latest";
    let mut books = tx
        .conn
        .execute(sql, &arguments! { now: tx.stamp, latest: stamp(latest) })?;
    let beside = stamp(later(tx.now, LONGEST_BESIDE));
    for sql in BESIDE {
        books += tx.conn.execute(sql, &arguments! { now: tx.stamp, latest: beside })?;
    }
    if books > 0 {
        warn!(
            books,
            "these books were to wait for longer than any wait takes; they are due now"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_moved_with_a_clock_that_is_set_back() {
        for (set_back, expected) in [
            (0, None),
            (1_999, None),
            (2_000, Some("-2.000 seconds")),
            (7_200_045, Some("-7200.045 seconds")),
        ] {
            assert_eq!(moved_by(set_back).as_deref(), expected, "{set_back}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_at_rest_is_told_by_the_time_that_was_left() {
        for (seen, now, expected) in [
            (None, "2026-11-29T10:00:00Z", 0),
            (Some("2026-11-29T09:00:00Z"), "2026-11-29T10:00:00Z", 0),
            (Some("2026-11-29T12:00:00Z"), "2026-11-29T10:00:00Z", 7_200_000),
            // It is set later.
            (Some("2026-11-29T12:00:00Z"), "1970-01-01T00:05:00Z", 0),
        ] {
            let seen = seen.map(|seen| seen.parse().unwrap());
            assert_eq!(set_back_at_rest(seen, now.parse().unwrap()), expected, "{seen:?} {now}");
        }
    }

    #[test]
    fn the_latest_moment_for_which_a_book_waits() {
        let days = |days: u64| Duration::from_hours(days * 24);
        let policy = |failed_retry_cap| CatalogPolicy {
            failed_retry_cap,
            ..CatalogPolicy::default()
        };
        for (cap, now, expected) in [
            (days(30), "2026-11-29T10:00:00Z", Some("2027-11-30T10:00:00Z")),
            (days(500), "2026-11-29T10:00:00Z", Some("2028-04-12T10:00:00Z")),
            (days(30), "1970-01-01T00:05:00Z", None),
        ] {
            let now: Timestamp = now.parse().unwrap();
            let latest = latest_due(&policy(cap), now);
            assert_eq!(latest.map(|at| at.to_string()).as_deref(), expected, "{cap:?} {now}");
        }
    }
}
