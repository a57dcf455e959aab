//! Repeatable chance: the same seed, purpose and key give the same draws on every machine.

/// What a draw is for, so that two questions about one book never share their answer.
#[derive(Debug, Clone, Copy)]
#[repr(u64)]
pub(super) enum DrawPurpose {
    /// Which of the forms a barcode has.
    Form = 1,
    /// The state a book begins in.
    State,
    /// Its dates.
    Dates,
    /// Its title.
    Title,
    /// The further columns of `_barcode_search`.
    Columns,
    /// Its bibliographic record.
    Record,
    /// How many pages it has and how they vary.
    Pages,
    /// What stands on one page.
    Page,
    /// Salt, prefix and packet form of its `OpenPGP` message.
    Message,
    /// Its entity tag.
    Tag,
    /// Whether GRIN's conversion of it fails.
    Conversion,
    /// Whether its archive is wrong for good.
    Fate,
    /// Which fault one answer has.
    Fault,
    /// Where in a body a fault strikes.
    Place,
    /// Tokens, codes and tickets.
    Token,
    /// The image bytes that all pages share.
    Block,
}

/// A stream of repeatable numbers (`SplitMix64`).
#[derive(Debug, Clone)]
pub(super) struct SeedDraw(u64);

impl SeedDraw {
    /// The stream for one purpose and key.
    pub fn new(seed: u64, purpose: DrawPurpose, key: u64) -> Self {
        let start = scramble(seed ^ scramble((purpose as u64) << 56 ^ key));
        Self(start)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        scramble(self.0)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// A minute, day or share that fits 32 bits, below `bound`.
    pub fn below32(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(u64::from(bound))).unwrap_or(0)
    }

    /// A position in a list of `len` things.
    pub fn pick(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// True once in `n`.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A number in `0.0..1.0`.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Fills a buffer with bytes that no compressor can shorten.
    pub fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

/// The finaliser of `SplitMix64`.
fn scramble(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_repeat_and_differ_by_purpose_and_key() {
        let first = |purpose, key| SeedDraw::new(7, purpose, key).next();
        assert_eq!(first(DrawPurpose::Title, 3), first(DrawPurpose::Title, 3));
        assert_ne!(first(DrawPurpose::Title, 3), first(DrawPurpose::Dates, 3));
        assert_ne!(first(DrawPurpose::Title, 3), first(DrawPurpose::Title, 4));
    }

    #[test]
    fn draws_stay_below_their_bound() {
        let mut draw = SeedDraw::new(1, DrawPurpose::Fault, 0);
        assert!((0..1_000).all(|_| draw.below(7) < 7));
        assert!((0..1_000).all(|_| (0.0..1.0).contains(&draw.unit())));
        assert_eq!(draw.below(0), 0);
    }
}
