//! Places in a gzip file from which it can be inflated again without what stands before them, found while it is read once.
//!
//! What is kept of such a place is two numbers. The usual way, the 32 KiB of output before each, would cost up to 3 % of an archive for a place each
//! mebibyte. It is not needed where a block begins on a whole byte and nothing behind it repeats what stood before it: with page images, which
//! hardly repeat anything and which gzip leaves as they are, such places are frequent.

use serde::{Deserialize, Serialize};
use zlib_rs::{Inflate, InflateFlush};

/// How far back deflate can reach.
const WINDOW: usize = 32 << 10;
/// Packed bytes from one place to the next, at least.
const SPAN: u64 = 1 << 20;
/// Places that are kept at most; then every other one goes, and they are twice as far apart.
const MOST: usize = 4_096;

/// A place from which a gzip file can be inflated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RestartPoint {
    /// Bytes of the gzip file before it.
    pub packed: u64,
    /// Inflated bytes before it.
    pub unpacked: u64,
}

/// Looks for places while a file is inflated.
pub(super) struct RestartSearch {
    points: Vec<RestartPoint>,
    span: u64,
    tried: Option<TriedPoint>,
    trial: Inflate,
}

/// The beginning of a block, and what came behind it.
struct TriedPoint {
    point: RestartPoint,
    packed: Vec<u8>,
    unpacked: Vec<u8>,
}

impl Default for RestartSearch {
    fn default() -> Self {
        Self {
            points: Vec::new(),
            span: SPAN,
            tried: None,
            trial: Inflate::new(false, 15),
        }
    }
}

impl RestartSearch {
    /// Is the beginning of a block wanted, after so many packed bytes?
    pub(super) fn wants_block(&self, packed: u64) -> bool {
        let last = self.points.last().map_or(0, |last| last.packed);
        self.tried.is_none() && packed >= last + self.span
    }

    /// A block begins here.
    pub(super) fn block_begins(&mut self, point: RestartPoint) {
        self.tried = Some(TriedPoint {
            point,
            packed: Vec::with_capacity(WINDOW + WINDOW / 2),
            unpacked: Vec::with_capacity(WINDOW),
        });
    }

    /// These packed bytes gave these.
    pub(super) fn passed(&mut self, packed: &[u8], unpacked: &[u8]) {
        let Some(tried) = &mut self.tried else { return };
        tried.packed.extend_from_slice(packed);
        let room = WINDOW - tried.unpacked.len();
        tried.unpacked.extend_from_slice(&unpacked[..unpacked.len().min(room)]);
        let is_full = tried.unpacked.len() == WINDOW;
        // Empty blocks without end give nothing to compare.
        if !is_full && tried.packed.len() < 4 * WINDOW {
            return;
        }
        let proven = is_full && needs_nothing_before(&mut self.trial, &tried.packed, &tried.unpacked);
        if let Some(TriedPoint { point, .. }) = self.tried.take().filter(|_| proven) {
            self.keep(point);
        }
    }

    fn keep(&mut self, point: RestartPoint) {
        self.points.push(point);
        if self.points.len() > MOST {
            let mut place = 0..;
            self.points.retain(|_| place.next().is_some_and(|place| place % 2 == 0));
            self.span *= 2;
        }
    }

    pub(super) fn finish(self) -> Vec<RestartPoint> {
        self.points
    }
}

/// Do the packed bytes, by themselves, give a whole window of these? Then nothing that follows reaches back to what stood before them.
fn needs_nothing_before(trial: &mut Inflate, packed: &[u8], unpacked: &[u8]) -> bool {
    trial.reset(false);
    let mut out = vec![0; unpacked.len()];
    let inflated = trial.decompress(packed, &mut out, InflateFlush::NoFlush);
    inflated.is_ok() && trial.total_out() == unpacked.len() as u64 && out == unpacked
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::DeflateEncoder;
    use flate2::{Compress, Compression, FlushCompress};
    use std::io::Write;

    fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        std::iter::repeat_with(&mut next).flatten().take(length).collect()
    }

    /// The packed form of `after`, by a compressor that has `before` behind it; `flush` ends the block before.
    fn packed_after(before: &[u8], after: &[u8], flush: FlushCompress) -> Vec<u8> {
        let mut compress = Compress::new(Compression::default(), false);
        let mut out = Vec::with_capacity(2 * (before.len() + after.len()) + 1_000);
        compress.compress_vec(before, &mut out, flush).unwrap();
        let begins = out.len();
        compress.compress_vec(after, &mut out, FlushCompress::Finish).unwrap();
        out.split_off(begins)
    }

    #[test]
    fn a_place_is_one_if_nothing_behind_it_repeats_what_stood_before() {
        let (noise, other) = (noise(1, WINDOW), noise(7, WINDOW));
        let words = b"words and words and words, ".repeat(WINDOW / 27 + 1);
        let words = &words[..WINDOW];
        // A repetition must not be further away than a window.
        let near = &noise[..20_000];
        let again = &[near, &other[..WINDOW - near.len()]].concat()[..];
        let late = &[&other[..WINDOW - 100], &noise[..100]].concat()[..];
        let (full, sync) = (FlushCompress::Full, FlushCompress::Sync);
        let deflate = |bytes: &[u8]| {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let cases: [(&str, Vec<u8>, &[u8], bool); 8] = [
            ("noise after noise", packed_after(&other, &noise, sync), &noise, true),
            ("the same again", packed_after(near, again, sync), again, false),
            (
                "the same again, all forgotten between",
                packed_after(near, again, full),
                again,
                true,
            ),
            (
                "words after the same words",
                packed_after(words, words, sync),
                words,
                false,
            ),
            ("words after noise", packed_after(&noise, words, sync), words, true),
            (
                "a repetition near the end",
                packed_after(&noise[..200], late, sync),
                late,
                true,
            ),
            ("other bytes", deflate(&other), &noise, false),
            ("not at a block", deflate(&noise)[1..].to_vec(), &noise, false),
        ];
        let mut trial = Inflate::new(false, 15);
        for (what, packed, unpacked, expected) in cases {
            assert_eq!(needs_nothing_before(&mut trial, &packed, unpacked), expected, "{what}");
        }
    }

    #[test]
    fn places_are_bounded_and_then_further_apart() {
        let mut search = RestartSearch::default();
        for packed in 0..3 * MOST as u64 {
            let point = RestartPoint {
                packed: packed * SPAN,
                unpacked: packed,
            };
            if search.wants_block(point.packed) {
                search.keep(point);
            }
        }
        assert!(search.span > SPAN);
        let points = search.finish();
        assert!(points.len() <= MOST && points.len() > MOST / 2, "{}", points.len());
        assert!(points.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
