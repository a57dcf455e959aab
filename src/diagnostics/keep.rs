//! Whether an answer that was not recognised is kept: the oldest are, each shape once, within a bound of each kind.

/// Answers of one kind that are kept.
pub(super) const MOST_KEPT: usize = 16;
/// Their bytes.
pub(super) const MOST_BYTES: u64 = 512 << 10;

/// What is kept of one kind.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct KindUsage {
    pub(super) files: usize,
    pub(super) bytes: u64,
    /// One of the same shape is among them.
    pub(super) has_shape: bool,
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeepDecision {
    /// It is kept.
    Keep,
    /// One of its shape is kept.
    Known,
    /// As many of its kind are kept as may be.
    Full,
}

/// Decides about an answer of so many bytes.
pub(super) fn decide(usage: KindUsage, bytes: u64) -> KeepDecision {
    if usage.has_shape {
        KeepDecision::Known
    } else if usage.files >= MOST_KEPT || usage.bytes + bytes > MOST_BYTES {
        KeepDecision::Full
    } else {
        KeepDecision::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_kept_within_the_bounds() {
        for (files, bytes, has_shape, size, decision) in [
            (0, 0, false, 10, KeepDecision::Keep),
            (MOST_KEPT - 1, 0, false, 10, KeepDecision::Keep),
            (MOST_KEPT, 0, false, 10, KeepDecision::Full),
            (1, MOST_BYTES - 10, false, 10, KeepDecision::Keep),
            (1, MOST_BYTES - 10, false, 11, KeepDecision::Full),
            (0, 0, false, MOST_BYTES + 1, KeepDecision::Full),
            (MOST_KEPT, MOST_BYTES, true, 10, KeepDecision::Known),
        ] {
            let usage = KindUsage {
                files,
                bytes,
                has_shape,
            };
            assert_eq!(decide(usage, size), decision, "{usage:?} {size}");
        }
    }
}
