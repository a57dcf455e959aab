//! The one rate at which all members together ask GRIN, given away in slices; and until when GRIN wants no requests at all.
//!
//! A member that dies loses the rest of its slice and nothing else: the sum of what is given away never exceeds the rate.

use std::time::Duration;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};

/// No slice begins later than this from now, so that one that was far too long (of a rate set by mistake) keeps nobody waiting for
/// ever; at a slow rate, later than so many slices. Long enough for the slices of several members whose answers take 10 s each.
const MOST_AHEAD: Duration = Duration::from_secs(300);
const MOST_SLICES_AHEAD: u32 = 16;
/// No pause is longer, whatever the row says: the session obeys no server for longer either.
const MOST_CLOSED: Duration = Duration::from_hours(24);

/// Takes the next turns to send requests.
#[derive(Debug, Clone, Copy)]
pub struct TakeRateSlice {
    /// How many.
    pub turns: u32,
    /// The time from one to the next.
    pub every: Duration,
    /// The first is no sooner than so long after now.
    pub ahead: Duration,
    /// For so long after the last, beside the time from one to the next, nobody else gets one.
    pub behind: Duration,
}

/// Turns that nobody else has: one each `every`, the first after `begins_in`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateSlice {
    /// When it was given, by the database's clock.
    pub given_at: Duration,
    /// The time from then until the first.
    pub begins_in: Duration,
    /// How many.
    pub turns: u32,
    /// The time from one to the next.
    pub every: Duration,
    /// For how long no requests are wanted.
    pub closed_for: Duration,
}

/// Tells all members that no requests are wanted for some time; never shortens what another said.
#[derive(Debug, Clone, Copy)]
pub struct CloseRequests {
    /// For how long.
    pub pause: Duration,
}

impl CatalogOperation for TakeRateSlice {
    type Output = RateSlice;
    const KIND: &'static str = "rate_slice";
    const IS_BRIEF: bool = true;

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<RateSlice, CatalogError> {
        let span = self.span();
        let ahead = MOST_AHEAD
            .as_millis()
            .max(span.saturating_mul(u128::from(MOST_SLICES_AHEAD)));
        let (span, now) = (saturated(span), tx.clock.lease_now);
        let earliest = now.saturating_add(saturated(self.ahead.as_millis()));
        let latest = now.saturating_add(saturated(ahead));
        let (free_at, closed_until): (i64, i64) = tx.conn.one(
            "UPDATE request_rate SET lease_from = :from, \
             free_at = :span + CASE WHEN lease_from > :lease_now OR free_at < :earliest THEN :earliest \
                                    WHEN free_at > :latest THEN :latest ELSE free_at END, \
             closed_until = CASE WHEN lease_from > :lease_now THEN 0 WHEN closed_until > :longest THEN :longest \
                                 ELSE closed_until END \
             WHERE id = 1 RETURNING free_at, closed_until",
            &arguments! {
                from: tx.clock.lease_from, span: span, lease_now: now, earliest: earliest, latest: latest,
                longest: now.saturating_add(saturated(MOST_CLOSED.as_millis())),
            },
            |row| Ok((row.get("free_at")?, row.get("closed_until")?)),
        )?;
        Ok(RateSlice {
            given_at: millis(now),
            begins_in: millis(free_at - span - now),
            turns: self.turns,
            every: self.every,
            closed_for: millis(closed_until - now),
        })
    }
}

impl TakeRateSlice {
    /// Its length in milliseconds, rounded up: the next slice must not begin before it has ended.
    fn span(&self) -> u128 {
        let nanos = self.every.as_nanos().saturating_mul(u128::from(self.turns));
        nanos.saturating_add(self.behind.as_nanos()).div_ceil(1_000_000)
    }
}

impl CatalogOperation for CloseRequests {
    type Output = ();
    const KIND: &'static str = "close_requests";
    const IS_BRIEF: bool = true;

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        let now = tx.clock.lease_now;
        let until = now.saturating_add(saturated(self.pause.as_millis()));
        tx.conn.execute(
            "UPDATE request_rate SET lease_from = :from, \
             free_at = CASE WHEN lease_from > :lease_now THEN 0 ELSE free_at END, \
             closed_until = CASE WHEN lease_from <= :lease_now AND closed_until > :until THEN closed_until ELSE :until END \
             WHERE id = 1",
            &arguments! { from: tx.clock.lease_from, lease_now: now, until: until },
        )?;
        Ok(())
    }
}

fn saturated(millis: u128) -> i64 {
    // Far enough in the future, and sums of two do not overflow.
    i64::try_from(millis).unwrap_or(i64::MAX).min(i64::MAX / 4)
}

fn millis(n: i64) -> Duration {
    Duration::from_millis(u64::try_from(n).unwrap_or(0))
}
