//! When a copy of the catalog is due, what it is called, and which earlier ones go.

use std::time::Duration;

use jiff::Timestamp;

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

/// Of these objects those that are backups, the newest first.
pub(crate) fn backups(layout: &StorageLayout, keys: impl IntoIterator<Item = ObjectKey>) -> Vec<ObjectKey> {
    let dated = keys.into_iter().filter_map(|key| Some((layout.backup_day(&key)?, key)));
    let mut found: Vec<_> = dated.collect();
    found.sort_by_key(|(day, _)| std::cmp::Reverse(*day));
    found.into_iter().map(|(_, key)| key).collect()
}

/// Of these backups, the newest first, those that are not kept.
pub(crate) fn outdated(backups: &[ObjectKey]) -> &[ObjectKey] {
    backups.get(KEPT..).unwrap_or_default()
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

    #[test]
    fn only_backups_go_and_the_newest_stay() {
        let key = |name: &str| ObjectKey::parse(&format!("meta/{name}")).unwrap();
        let mut keys: Vec<_> = (1..=20)
            .map(|day| key(&format!("catalog-2026-11-{day:02}.db.gz")))
            .collect();
        keys.extend(
            [
                "catalog-2026-11-1.db.gz",
                "catalog-x.db.gz",
                "catalog-unproven.db.gz",
                "TL0001.json",
                "books_export.csv.gz",
            ]
            .map(key),
        );
        let layout = StorageLayout::new("raw", "full", "meta").unwrap();
        let found = backups(&layout, keys);
        assert_eq!(found.len(), 20);
        assert_eq!(found[0], key("catalog-2026-11-20.db.gz"));
        let gone: Vec<_> = outdated(&found).iter().map(ObjectKey::as_str).collect();
        assert_eq!(gone.len(), 6);
        assert_eq!(
            (gone[0], gone[5]),
            ("meta/catalog-2026-11-06.db.gz", "meta/catalog-2026-11-01.db.gz")
        );
        assert!(outdated(&found[..3]).is_empty());
    }
}
