//! `Content-Range`, read (RFC 9110, 14.4).

/// `bytes FIRST-LAST/TOTAL`, where the total may be `*`.
pub(super) struct ContentRange {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) total: Option<u64>,
}

impl ContentRange {
    /// `None` also for a range that contradicts itself.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (range, total) = strip_unit(text)?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let total = match total.trim() {
            "*" => None,
            digits => Some(number(digits)?),
        };
        let sound = first <= last && last < u64::MAX && total.is_none_or(|total| last < total);
        sound.then_some(Self { first, last, total })
    }
}

/// The total in `bytes */TOTAL`.
pub(super) fn unsatisfied_total(text: &str) -> Option<u64> {
    number(strip_unit(text)?.strip_prefix("*/")?)
}

fn strip_unit(text: &str) -> Option<&str> {
    let (unit, rest) = text.trim().split_at_checked(5)?;
    unit.eq_ignore_ascii_case("bytes").then(|| rest.trim_start())
}

fn number(digits: &str) -> Option<u64> {
    let digits = digits.trim();
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}
