//! When a copy of the catalog is due, which earlier ones go, and which one is the newest.

use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use crate::clock::later;
use crate::storage::{ObjectKey, StorageLayout};

/// Backups that are kept: the newest of each of so many days.
const KEPT: usize = 14;
/// The catalog's clock is known here only so well.
const CLOCKS_DIFFER: Duration = Duration::from_mins(10);

/// When a copy is due that is made at intervals: so much `later` than the beginning of the first interval after the last one. Intervals are
/// counted from 1970, so that neither what a copy takes nor a restart makes the next one later and later. One that was missed, however
/// often, is due once, at once. A catalog of which none was made yet is new, and has little in it for the first part of an interval.
pub(crate) fn due(last: Option<Timestamp>, interval: Duration, began: Timestamp, delay: Duration) -> Timestamp {
    match last {
        Some(last) => later(next_interval(last, interval), delay).max(began),
        None => later(began, interval / 24 + delay),
    }
}

/// When the last copy was made, where it was not noted by a clock that was ahead: such a moment tells nothing.
pub(crate) fn made_at(noted: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    noted.filter(|noted| *noted <= later(now, CLOCKS_DIFFER))
}

/// When the daemon began, as far as its clock lets it be known: one that started with its clock ahead began when that was set right.
pub(crate) fn began_at(noted: Timestamp, now: Timestamp) -> Timestamp {
    noted.min(now)
}

/// When the next of these intervals begins.
fn next_interval(at: Timestamp, interval: Duration) -> Timestamp {
    let length = i128::try_from(interval.as_nanos()).unwrap_or(i128::MAX).max(1);
    let begun = at.as_nanosecond().div_euclid(length);
    Timestamp::from_nanosecond((begun + 1).saturating_mul(length)).unwrap_or(Timestamp::MAX)
}

/// So much later, so that many daemons do not do it in the same minute; `share` is from 0 to 1.
pub(crate) fn jitter(interval: Duration, share: f64) -> Duration {
    (interval / 20).mul_f64(share.clamp(0.0, 1.0))
}

/// The backups in a storage, by how much their dates tell.
#[derive(Debug)]
pub(crate) struct DatedBackups {
    /// The newest first.
    pub believed: Vec<ObjectKey>,
    /// Dated after tomorrow, by a clock that was ahead; or this one is behind. The newest first.
    pub ahead: Vec<ObjectKey>,
}

impl DatedBackups {
    /// Those of these objects that are backups.
    pub fn among(keys: impl IntoIterator<Item = ObjectKey>, layout: &StorageLayout, today: Date) -> Self {
        let dated = keys.into_iter().filter_map(|key| Some((layout.backup_day(&key)?, key)));
        let mut dated: Vec<_> = dated.collect();
        dated.sort_by_key(|(day, _)| std::cmp::Reverse(*day));
        // Clocks may differ, and be set in another zone, by less than a day.
        let tomorrow = today.saturating_add(1.day());
        let (ahead, believed): (Vec<_>, Vec<_>) = dated.into_iter().partition(|(day, _)| *day > tomorrow);
        let keys = |dated: Vec<(Date, ObjectKey)>| dated.into_iter().map(|(_, key)| key).collect();
        Self {
            believed: keys(believed),
            ahead: keys(ahead),
        }
    }

    /// In the order in which a restore takes them: one whose date tells nothing only where no other is whole.
    pub fn to_try(&self) -> impl Iterator<Item = &ObjectKey> {
        self.believed.iter().chain(&self.ahead)
    }

    /// Those that are not kept, once this one was made. It is not removed itself, whatever its date. Those that are dated ahead take no place of
    /// others, and stay: they are whole, and nothing tells how old they are.
    pub fn outdated(&self, made: &ObjectKey) -> impl Iterator<Item = &ObjectKey> {
        self.believed.iter().skip(KEPT).filter(move |key| *key != made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_copy_is_due_once_and_a_new_catalog_has_time() {
        let moment = |text: &str| text.parse::<Timestamp>().unwrap();
        let began = moment("2026-11-29T12:00:00Z");
        let day = Duration::from_hours(24);
        for (last, minutes, expected) in [
            (None, 0, "2026-11-29T13:00:00Z"),
            (None, 30, "2026-11-29T13:30:00Z"),
            (Some("2026-11-29T11:00:00Z"), 0, "2026-11-30T00:00:00Z"),
            (Some("2026-11-29T11:00:00Z"), 30, "2026-11-30T00:30:00Z"),
            (Some("2026-11-29T00:00:00Z"), 30, "2026-11-30T00:30:00Z"),
            (Some("2026-11-28T23:59:00Z"), 30, "2026-11-29T12:00:00Z"),
            (Some("2026-10-01T00:00:00Z"), 30, "2026-11-29T12:00:00Z"),
        ] {
            let delay = Duration::from_mins(minutes);
            assert_eq!(due(last.map(moment), day, began, delay), moment(expected), "{last:?}");
        }
        assert_eq!(jitter(day, 0.0), Duration::ZERO);
        assert_eq!(jitter(day, 1.0), Duration::from_secs(72 * 60));
    }

    #[test]
    fn a_copy_that_was_made_in_the_future_was_not() {
        let moment = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let now = moment("2026-11-29T12:00:00Z").unwrap();
        for (noted, is_believed) in [
            (None, false),
            (moment("2020-01-01T00:00:00Z"), true),
            (moment("2026-11-29T12:10:00Z"), true),
            (moment("2026-11-29T12:10:01Z"), false),
            (moment("2031-11-29T00:00:00Z"), false),
        ] {
            assert_eq!(made_at(noted, now), noted.filter(|_| is_believed), "{noted:?}");
        }
    }

    #[test]
    fn a_daemon_that_began_in_the_future_began_when_its_clock_was_set() {
        let moment = |text: &str| text.parse::<Timestamp>().unwrap();
        let set = moment("2026-11-29T12:00:00Z");
        for (noted, now, expected) in [
            ("2026-11-29T11:00:00Z", "2026-11-29T12:00:00Z", "2026-11-29T11:00:00Z"),
            ("2026-11-29T12:00:01Z", "2026-11-29T12:00:00Z", "2026-11-29T12:00:00Z"),
            ("2031-01-01T00:00:00Z", "2026-11-29T12:00:00Z", "2026-11-29T12:00:00Z"),
            ("1970-01-01T00:00:00Z", "2026-11-29T12:00:00Z", "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(began_at(moment(noted), moment(now)), moment(expected), "{noted}");
        }
        let day = Duration::from_hours(24);
        let began = began_at(moment("2031-01-01T00:00:00Z"), set);
        for last in [None, Some(moment("2026-11-28T11:00:00Z"))] {
            assert!(
                due(last, day, began, Duration::ZERO) <= later(set, day / 24),
                "{last:?}"
            );
        }
    }

    fn layout() -> StorageLayout {
        StorageLayout::new("raw", "full", "meta").unwrap()
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::parse(&format!("meta/{name}")).unwrap()
    }

    fn backup(day: &str) -> ObjectKey {
        key(&format!("catalog-{day}.db.gz"))
    }

    /// Backups of so many days, the last one first.
    fn days(count: u32, last: &str) -> Vec<ObjectKey> {
        let last: Date = last.parse().unwrap();
        let days = (0..count).map(|before| last.checked_sub(i64::from(before).days()).unwrap());
        days.map(|day| layout().backup(day)).collect()
    }

    #[test]
    fn only_backups_are_taken_for_such_and_those_of_the_future_come_last() {
        let today = "2026-11-29".parse().unwrap();
        for (names, expected) in [
            (vec![], vec![]),
            (
                vec!["2026-11-28", "2026-11-29", "2026-11-30"],
                vec!["2026-11-30", "2026-11-29", "2026-11-28"],
            ),
            (
                vec!["2031-01-01", "2026-11-28", "2026-12-01"],
                vec!["2026-11-28", "2031-01-01", "2026-12-01"],
            ),
            (vec!["2099-12-31", "2031-01-01"], vec!["2099-12-31", "2031-01-01"]),
            (vec!["1970-01-01", "2026-11-29"], vec!["2026-11-29", "1970-01-01"]),
        ] {
            let others = ["catalog-2026-11-1.db.gz", "catalog-x.db.gz", "catalog-unproven.db.gz"];
            let others = others
                .into_iter()
                .chain(["TL0001.json", "books_export.csv.gz"])
                .map(key);
            let keys = names.into_iter().map(backup).chain(others);
            let found = DatedBackups::among(keys, &layout(), today);
            let expected: Vec<_> = expected.into_iter().map(backup).collect();
            assert_eq!(found.to_try().cloned().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn the_newest_backups_stay_with_the_one_just_made_and_those_of_the_future() {
        let ahead = || days(20, "2099-12-31");
        for (others, made, today, gone) in [
            (days(2, "2026-11-28"), "2026-11-29", "2026-11-29", vec![]),
            (days(13, "2026-11-28"), "2026-11-29", "2026-11-29", vec![]),
            (
                days(15, "2026-11-28"),
                "2026-11-29",
                "2026-11-29",
                days(2, "2026-11-15"),
            ),
            // Those of the future push out none, and are pushed out by none.
            (
                [ahead(), days(13, "2026-11-28")].concat(),
                "2026-11-29",
                "2026-11-29",
                vec![],
            ),
            (
                [ahead(), days(14, "2026-11-28")].concat(),
                "2026-11-29",
                "2026-11-29",
                days(1, "2026-11-15"),
            ),
            (ahead(), "2026-11-29", "2026-11-29", vec![]),
            // Made under a clock that is behind, it is the oldest by its name, or all others are ahead of it.
            (days(14, "2026-11-28"), "2026-11-01", "2026-11-28", vec![]),
            (days(14, "2026-11-28"), "1970-01-01", "1970-01-01", vec![]),
            // And under one that is ahead: it is proven, and the others are older.
            (
                days(14, "2026-11-28"),
                "2099-01-01",
                "2099-01-01",
                days(1, "2026-11-15"),
            ),
        ] {
            let made = backup(made);
            let all = others.into_iter().chain([made.clone()]);
            let found = DatedBackups::among(all, &layout(), today.parse().unwrap());
            assert_eq!(found.outdated(&made).cloned().collect::<Vec<_>>(), gone, "{found:?}");
        }
    }
}
