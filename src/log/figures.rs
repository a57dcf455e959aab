//! Numbers as people read them, on the page and on the terminal.

use std::fmt;

/// A size in the units of the config file: `12.3 MiB`.
pub struct DisplaySize(pub u64);

impl fmt::Display for DisplaySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&bytesize::ByteSize::b(self.0).display().iec().to_string())
    }
}

/// A speed in bytes a second, decimal as network speeds are: `12.3 MB/s`.
pub struct DisplaySpeed(pub f64);

impl fmt::Display for DisplaySpeed {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounded and never negative"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.max(0.0).round() as u64;
        f.pad(&format!("{}/s", bytesize::ByteSize::b(bytes).display().si()))
    }
}

/// A body of which nothing has come for so long is not as fast as it was.
const SILENT_SECONDS: f64 = 5.0;

/// How fast a body has come so far; where nothing comes any more, for how long: `12.3 MB/s`, `nothing came for 12.0s`.
#[derive(Debug, Clone, Copy)]
pub struct BodyPace {
    /// Bytes that have come.
    pub received: u64,
    /// Seconds since it began.
    pub seconds: f64,
    /// Seconds since the last of it came.
    pub silent_seconds: f64,
}

impl fmt::Display for BodyPace {
    #[expect(clippy::cast_precision_loss, reason = "a speed for the eye")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.silent_seconds >= SILENT_SECONDS {
            return write!(f, "nothing came for {}", DisplayDuration(self.silent_seconds));
        }
        DisplaySpeed(self.received as f64 / self.seconds.max(0.001)).fmt(f)
    }
}

/// A stretch of time in its two largest units: `2h 5m`, `12m 3s`, `4.2s`.
pub struct DisplayDuration(pub f64);

impl fmt::Display for DisplayDuration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounded and never negative"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.max(0.0);
        if seconds < 60.0 {
            return f.pad(&format!("{seconds:.1}s"));
        }
        let whole = seconds.round() as u64;
        let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60);
        let text = match (days, hours) {
            (0, 0) => format!("{minutes}m {}s", whole % 60),
            (0, _) => format!("{hours}h {minutes}m"),
            (_, _) => format!("{days}d {hours}h"),
        };
        f.pad(&text)
    }
}

/// A stretch of time that may be very short: `450µs`, `12.3ms`, then as [`DisplayDuration`].
pub struct ShortDuration(pub f64);

impl fmt::Display for ShortDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            short if short < 0.000_999_5 => f.pad(&format!("{:.0}µs", short * 1e6)),
            short if short < 0.999_95 => f.pad(&format!("{:.1}ms", short * 1e3)),
            long => DisplayDuration(long).fmt(f),
        }
    }
}

/// A count with thin groups: `1 234 567`.
pub struct DisplayCount(pub u64);

impl fmt::Display for DisplayCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut grouped = String::with_capacity(digits.len() * 4 / 3);
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                grouped.push(' ');
            }
            grouped.push(digit);
        }
        f.pad_integral(true, "", &grouped)
    }
}

/// Barcodes named in one sentence or one line of the log.
pub const MOST_NAMED: usize = 10;

/// The noun of a count that stands elsewhere, which makes its plural with an `s`: `message`, `messages`.
pub struct NounOfCount<'a>(pub u64, pub &'a str);

impl fmt::Display for NounOfCount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, noun) = self;
        let plural = if *count == 1 { "" } else { "s" };
        write!(f, "{noun}{plural}")
    }
}

/// A count with its noun, which makes its plural with an `s`: `1 message`, `2 messages`.
pub struct CountedNoun<'a>(pub u64, pub &'a str);

impl fmt::Display for CountedNoun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, noun) = self;
        write!(f, "{} {}", DisplayCount(*count), NounOfCount(*count, noun))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_stretches_have_units_of_their_own() {
        let cases = [
            (0.0, "0µs"),
            (0.000_45, "450µs"),
            (0.000_999_9, "1.0ms"),
            (0.012_34, "12.3ms"),
            (0.999_99, "1.0s"),
            (61.0, "1m 1s"),
        ];
        for (seconds, text) in cases {
            assert_eq!(ShortDuration(seconds).to_string(), text);
        }
    }

    #[test]
    fn a_silent_body_has_no_speed() {
        let pace = |silent_seconds| {
            let pace = BodyPace {
                received: 40_000_000,
                seconds: 10.0,
                silent_seconds,
            };
            pace.to_string()
        };
        for (silent, said) in [
            (0.0, "4.0 MB/s"),
            (4.9, "4.0 MB/s"),
            (5.0, "nothing came for 5.0s"),
            (75.0, "nothing came for 1m 15s"),
        ] {
            assert_eq!(pace(silent), said, "{silent}");
        }
    }

    #[test]
    fn numbers_as_people_read_them() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1 000"), (1_234_567, "1 234 567")];
        for (number, text) in cases {
            assert_eq!(DisplayCount(number).to_string(), text);
        }
        assert_eq!(format!("{:>8}", DisplayCount(1_000)), "   1 000");
        assert_eq!(DisplaySize(64 * 1024 * 1024).to_string(), "64.0 MiB");
        assert_eq!(DisplaySpeed(12_300_000.4).to_string(), "12.3 MB/s");
    }

    #[test]
    fn one_is_singular_and_everything_else_is_not() {
        for (count, text) in [
            (0, "0 messages"),
            (1, "1 message"),
            (2, "2 messages"),
            (1_001, "1 001 messages"),
        ] {
            assert_eq!(CountedNoun(count, "message").to_string(), text);
        }
    }

    #[test]
    fn times_in_their_two_largest_units() {
        let cases = [
            (4.24, "4.2s"),
            (723.0, "12m 3s"),
            (7_500.0, "2h 5m"),
            (180_000.0, "2d 2h"),
            (-3.0, "0.0s"),
        ];
        for (seconds, text) in cases {
            assert_eq!(DisplayDuration(seconds).to_string(), text);
        }
    }
}
