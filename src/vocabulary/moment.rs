//! A moment, in words for people.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// A moment as people are told it, in their zone: the log and the catalog tell it in UTC, so that each one says which it is.
pub(crate) fn in_zone(at: Timestamp, zone: TimeZone) -> String {
    let at = at.to_zoned(zone);
    let form = if at.offset() == Offset::UTC {
        "%Y-%m-%d %H:%M:%S UTC"
    } else {
        "%Y-%m-%d %H:%M:%S %:z"
    };
    at.strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_for_people_names_its_zone() {
        let at: Timestamp = "2026-11-28T23:02:10.5Z".parse().unwrap();
        for (zone, told) in [
            ("UTC0", "2026-11-28 23:02:10 UTC"),
            ("GMT0BST,M3.5.0/1,M10.5.0", "2026-11-28 23:02:10 UTC"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-11-29 00:02:10 +01:00"),
            ("<-0330>3:30", "2026-11-28 19:32:10 -03:30"),
        ] {
            assert_eq!(in_zone(at, TimeZone::posix(zone).unwrap()), told, "{zone}");
        }
    }
}
