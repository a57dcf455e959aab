//! How long one answer with a list is read. One that drips for ever is never silent and never too slow, and would be read until the backstop
//! of all bodies ends it, hours later.

use std::time::Duration;

use tokio::time::Instant;

/// So long any list may take, with or without rows.
const FIRST: Duration = Duration::from_mins(30);
/// So much longer for each row: 50 rows a second are 10 KB or more, slower than any line over which a library is fetched.
const A_ROW: Duration = Duration::from_millis(20);
/// More than any library has. The rows of a list that goes on with others for ever come as fast as they like.
const MOST_ROWS: u64 = 20_000_000;

/// The longest time in which this many rows have to come.
fn most_for(rows: u64) -> Duration {
    let for_rows = u32::try_from(rows).map_or(Duration::MAX, |rows| A_ROW.saturating_mul(rows));
    FIRST.saturating_add(for_rows)
}

/// One answer on its way, and the rows that came of it.
#[derive(Debug)]
pub(super) struct ListTime {
    began: Instant,
    rows: u64,
}

impl ListTime {
    pub(super) fn begin() -> Self {
        Self {
            began: Instant::now(),
            rows: 0,
        }
    }

    /// Notes rows; `Err` with the minutes and the rows so far where it has taken too long for them.
    pub(super) fn note(&mut self, rows: usize) -> Result<(), EndlessList> {
        self.rows += rows as u64;
        let took = self.began.elapsed();
        if took <= most_for(self.rows) && self.rows <= MOST_ROWS {
            return Ok(());
        }
        Err(EndlessList {
            minutes: took.as_secs() / 60,
            rows: self.rows,
        })
    }
}

/// A list that does not come to its end.
#[derive(Debug, Default, thiserror::Error)]
#[error("the list does not come to its end: {rows} rows in {minutes} minutes, and it goes on")]
pub(super) struct EndlessList {
    minutes: u64,
    rows: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_take_as_long_as_its_rows_need() {
        for (rows, minutes) in [
            (0, 30),
            (3_000, 31),
            (1_000_000, 363),
            (u64::MAX, 18_446_744_073_709_551_615 / 60),
        ] {
            assert!(most_for(rows) >= Duration::from_mins(minutes), "{rows}");
            assert!(
                rows == u64::MAX || most_for(rows) < Duration::from_mins(minutes + 1),
                "{rows}"
            );
        }
    }
}
