//! GRIN's dates: minutes since 1970, written `YYYY/MM/DD HH:MM` (src/grin/PROTOCOL.md, section 4).

use jiff::civil::Date;

use crate::lab::simulator::grin::barcodes::push_digits;

/// Minutes since 1970-01-01 00:00; 0 stands for "no date".
pub(crate) type EpochMinutes = u32;

/// Minutes in a day.
pub(crate) const DAY: EpochMinutes = 1_440;
/// 2026-01-05 00:00, where the simulated calendar begins when nothing else is asked for.
pub(crate) const START: EpochMinutes = 20_458 * DAY;

/// Writes a date as GRIN does, nothing for "no date".
pub(crate) fn push_date(minutes: EpochMinutes, out: &mut Vec<u8>) {
    if minutes == 0 {
        return;
    }
    let date = day(minutes);
    push_digits(u64::from(date.year().unsigned_abs()), 4, out);
    out.push(b'/');
    push_digits(u64::from(date.month().unsigned_abs()), 2, out);
    out.push(b'/');
    push_digits(u64::from(date.day().unsigned_abs()), 2, out);
    out.push(b' ');
    push_digits(u64::from(minutes % DAY / 60), 2, out);
    out.push(b':');
    push_digits(u64::from(minutes % 60), 2, out);
}

/// The date as text.
pub(crate) fn date_text(minutes: EpochMinutes) -> String {
    let mut out = Vec::with_capacity(16);
    push_date(minutes, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// A `yyyy-mm-dd` parameter as minutes at its beginning.
pub(crate) fn parse_day(text: &str) -> Option<EpochMinutes> {
    let date: Date = text.parse().ok()?;
    let since = date.since(Date::constant(1970, 1, 1)).ok()?;
    u32::try_from(since.get_days()).ok()?.checked_mul(DAY)
}

fn day(minutes: EpochMinutes) -> Date {
    let days = i64::from(minutes / DAY);
    Date::constant(1970, 1, 1).saturating_add(jiff::Span::new().days(days))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_grin_writes_them() {
        assert_eq!(date_text(START), "2026/01/05 00:00");
        assert_eq!(date_text(START + 14 * 60 + 7), "2026/01/05 14:07");
        assert_eq!(date_text(0), "");
    }

    #[test]
    fn day_parameters_are_read_and_nonsense_is_not() {
        assert_eq!(parse_day("2026-01-05"), Some(START));
        assert_eq!(parse_day("2026/01/05"), None);
        assert_eq!(parse_day("1969-01-01"), None);
    }
}
