//! MD5 of eight messages at once, one in each 32-bit lane, in safe Rust (RFC 1321).
//!
//! One MD5 alone is a chain of dependent steps and leaves most of the CPU idle; eight side by side fill it.

use wide::u32x8;

/// Messages that are digested at once.
pub(super) const LANES: usize = 8;
/// Bytes of a block.
pub(super) const BLOCK: usize = 64;

/// The states of all lanes: four words of each.
#[derive(Clone, Copy)]
pub(super) struct LaneStates([u32x8; 4]);

const INITIAL: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// `floor(2^32 * abs(sin(i + 1)))`.
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

impl LaneStates {
    /// All lanes at the beginning of a message.
    pub(super) fn new() -> Self {
        Self(INITIAL.map(u32x8::splat))
    }

    /// Puts one lane back to the beginning.
    pub(super) fn restart(&mut self, lane: usize) {
        for (words, initial) in self.0.iter_mut().zip(INITIAL) {
            let mut all = words.to_array();
            all[lane] = initial;
            *words = u32x8::new(all);
        }
    }

    /// The digest of one lane, its last block having been taken in.
    pub(super) fn digest(&self, lane: usize) -> [u8; 16] {
        let mut digest = [0; 16];
        for (bytes, words) in digest.chunks_exact_mut(4).zip(self.0) {
            bytes.copy_from_slice(&words.to_array()[lane].to_le_bytes());
        }
        digest
    }

    /// Takes in the first `blocks` blocks of each lane's data.
    pub(super) fn update(&mut self, lanes: [&[u8]; LANES], blocks: usize) {
        let lanes = lanes.map(|data| &data.as_chunks::<BLOCK>().0[..blocks]);
        for index in 0..blocks {
            self.block(lanes.map(|data| &data[index]));
        }
    }

    #[inline]
    fn block(&mut self, data: [&[u8; BLOCK]; LANES]) {
        let words = transposed(data);
        let [mut a, mut b, mut c, mut d] = self.0;
        macro_rules! round {
            ($mix:expr, $sines:literal, $factor:literal, $offset:literal, $turns:expr) => {
                round!(@steps $mix, $sines, $factor, $offset, $turns, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
            };
            (@steps $mix:expr, $sines:literal, $factor:literal, $offset:literal, $turns:expr, $($i:literal)*) => { $(
                let turn: u32 = $turns[$i % 4];
                let sum = a + $mix + words[($i * $factor + $offset) % 16] + u32x8::splat(SINES[$sines + $i]);
                (a, d, c, b) = (d, c, b, b + ((sum << turn) | (sum >> (32 - turn))));
            )* };
        }
        round!(d ^ (b & (c ^ d)), 0, 1, 0, [7, 12, 17, 22]);
        round!(c ^ (d & (b ^ c)), 16, 5, 1, [5, 9, 14, 20]);
        round!(b ^ c ^ d, 32, 3, 5, [4, 11, 16, 23]);
        round!(c ^ (b | !d), 48, 7, 0, [6, 10, 15, 21]);
        self.0 = [self.0[0] + a, self.0[1] + b, self.0[2] + c, self.0[3] + d];
    }
}

/// Word `w` of all lanes side by side, for each of the 16 words of a block.
#[inline]
fn transposed(data: [&[u8; BLOCK]; LANES]) -> [u32x8; 16] {
    let mut words = [[0; LANES]; 16];
    for (lane, block) in data.into_iter().enumerate() {
        for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
            word[lane] = u32::from_le_bytes(*bytes);
        }
    }
    words.map(u32x8::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sines_are_sines() {
        for (i, sine) in (1u32..).zip(SINES) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the definition takes the floor"
            )]
            let expected = (f64::from(i).sin().abs() * 4_294_967_296.0) as u32;
            assert_eq!(sine, expected, "{i}");
        }
    }
}
