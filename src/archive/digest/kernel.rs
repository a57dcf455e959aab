//! MD5 of eight messages at once, one in each 32-bit lane, in safe Rust (RFC 1321).
//!
//! One MD5 alone is a chain of dependent steps and leaves most of the CPU idle; several side by side fill it. Which
//! instructions do it is chosen when the program runs, since it is built for every x86-64. AVX-512 was slower with eight lanes and
//! not shown faster with sixteen, for which twice as many pages wait in memory (measured).

#![expect(
    clippy::inline_always,
    reason = "a step that is not inlined is not compiled for the instructions chosen"
)]

#[cfg(target_arch = "x86_64")]
use pulp::x86::V3;
use wide::u32x8;

/// Bytes of a block.
pub(super) const BLOCK: usize = 64;
/// Messages that are digested at once.
pub(super) const LANES: usize = 8;

/// The instructions that digest the lanes.
#[derive(Debug, Clone, Copy)]
pub(super) enum LaneKernel {
    /// What every CPU of this kind has (SSE2 on x86-64), in two halves.
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2(V3),
}

impl LaneKernel {
    /// All that this CPU can do, the fastest first.
    pub(super) fn available() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = V3::try_new() {
            return vec![Self::Avx2(avx2), Self::Baseline];
        }
        vec![Self::Baseline]
    }

    /// The fastest that this CPU can do.
    pub(super) fn best() -> Self {
        Self::available().swap_remove(0)
    }
}

/// Arithmetic on one 32-bit word of each lane.
pub(super) trait LaneArithmetic: Copy {
    type Words: Copy;

    fn load(self, words: [u32; LANES]) -> Self::Words;
    fn store(self, words: Self::Words) -> [u32; LANES];
    fn add(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn and(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn or(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn xor(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn rotate_left(self, a: Self::Words, turn: u32) -> Self::Words;

    /// Runs `update` compiled for these instructions.
    fn run(self, update: LaneUpdate<'_>);
}

/// The baseline, as the compiler was told.
#[derive(Debug, Clone, Copy)]
pub(super) struct BaselineLanes;

impl LaneArithmetic for BaselineLanes {
    type Words = u32x8;

    #[inline(always)]
    fn load(self, words: [u32; LANES]) -> u32x8 {
        u32x8::new(words)
    }

    #[inline(always)]
    fn store(self, words: u32x8) -> [u32; LANES] {
        words.to_array()
    }

    #[inline(always)]
    fn add(self, a: u32x8, b: u32x8) -> u32x8 {
        a + b
    }

    #[inline(always)]
    fn and(self, a: u32x8, b: u32x8) -> u32x8 {
        a & b
    }

    #[inline(always)]
    fn or(self, a: u32x8, b: u32x8) -> u32x8 {
        a | b
    }

    #[inline(always)]
    fn xor(self, a: u32x8, b: u32x8) -> u32x8 {
        a ^ b
    }

    #[inline(always)]
    fn rotate_left(self, a: u32x8, turn: u32) -> u32x8 {
        (a << turn) | (a >> (32 - turn))
    }

    fn run(self, update: LaneUpdate<'_>) {
        update.with(self);
    }
}

/// The same arithmetic in the vector type of pulp.
#[cfg(target_arch = "x86_64")]
impl LaneArithmetic for V3 {
    type Words = pulp::u32x8;

    #[inline(always)]
    fn load(self, words: [u32; LANES]) -> pulp::u32x8 {
        pulp::cast(words)
    }

    #[inline(always)]
    fn store(self, words: pulp::u32x8) -> [u32; LANES] {
        pulp::cast(words)
    }

    #[inline(always)]
    fn add(self, a: pulp::u32x8, b: pulp::u32x8) -> pulp::u32x8 {
        self.wrapping_add_u32x8(a, b)
    }

    #[inline(always)]
    fn and(self, a: pulp::u32x8, b: pulp::u32x8) -> pulp::u32x8 {
        self.and_u32x8(a, b)
    }

    #[inline(always)]
    fn or(self, a: pulp::u32x8, b: pulp::u32x8) -> pulp::u32x8 {
        self.or_u32x8(a, b)
    }

    #[inline(always)]
    fn xor(self, a: pulp::u32x8, b: pulp::u32x8) -> pulp::u32x8 {
        self.xor_u32x8(a, b)
    }

    // The amounts are constants where this is inlined.
    #[inline(always)]
    fn rotate_left(self, a: pulp::u32x8, turn: u32) -> pulp::u32x8 {
        self.or_u32x8(
            self.shl_dyn_u32x8(a, self.splat_u32x8(turn)),
            self.shr_dyn_u32x8(a, self.splat_u32x8(32 - turn)),
        )
    }

    fn run(self, update: LaneUpdate<'_>) {
        struct Compiled<'a>(V3, LaneUpdate<'a>);
        impl pulp::NullaryFnOnce for Compiled<'_> {
            type Output = ();

            #[inline(always)]
            fn call(self) {
                self.1.with(self.0);
            }
        }
        self.vectorize(Compiled(self, update));
    }
}

/// The states of all lanes: four words of each.
#[derive(Clone, Copy)]
pub(super) struct LaneStates([[u32; LANES]; 4]);

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
        Self(INITIAL.map(|word| [word; LANES]))
    }

    /// Puts one lane back to the beginning.
    pub(super) fn restart(&mut self, lane: usize) {
        for (words, initial) in self.0.iter_mut().zip(INITIAL) {
            words[lane] = initial;
        }
    }

    /// The digest of one lane, its last block having been taken in.
    pub(super) fn digest(&self, lane: usize) -> [u8; 16] {
        let mut digest = [0; 16];
        for (bytes, words) in digest.chunks_exact_mut(4).zip(self.0) {
            bytes.copy_from_slice(&words[lane].to_le_bytes());
        }
        digest
    }

    /// Takes in the first `blocks` blocks of each lane's data.
    pub(super) fn update(&mut self, kernel: impl LaneArithmetic, lanes: [&[u8]; LANES], blocks: usize) {
        let lanes = lanes.map(|data| &data.as_chunks::<BLOCK>().0[..blocks]);
        kernel.run(LaneUpdate {
            states: self,
            lanes,
            blocks,
        });
    }
}

/// Blocks to be taken in.
pub(super) struct LaneUpdate<'a> {
    states: &'a mut LaneStates,
    lanes: [&'a [[u8; BLOCK]]; LANES],
    blocks: usize,
}

impl LaneUpdate<'_> {
    #[inline(always)]
    fn with<K: LaneArithmetic>(self, k: K) {
        let mut states = self.states.0.map(|words| k.load(words));
        for index in 0..self.blocks {
            let words = transposed(k, &self.lanes, index);
            states = block(k, states, &words);
        }
        self.states.0 = states.map(|words| k.store(words));
    }
}

#[expect(clippy::many_single_char_names, reason = "the names of RFC 1321")]
#[inline(always)]
fn block<K: LaneArithmetic>(k: K, states: [K::Words; 4], words: &[K::Words; 16]) -> [K::Words; 4] {
    let [mut a, mut b, mut c, mut d] = states;
    let ones = k.load([u32::MAX; LANES]);
    macro_rules! round {
        ($mix:expr, $sines:literal, $factor:literal, $offset:literal, $turns:expr) => {
            round!(@steps $mix, $sines, $factor, $offset, $turns, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        };
        (@steps $mix:expr, $sines:literal, $factor:literal, $offset:literal, $turns:expr, $($i:literal)*) => { $(
            let word = k.add(words[($i * $factor + $offset) % 16], k.load([SINES[$sines + $i]; LANES]));
            let sum = k.add(k.add(a, word), $mix);
            (a, d, c, b) = (d, c, b, k.add(b, k.rotate_left(sum, $turns[$i % 4])));
        )* };
    }
    round!(k.xor(d, k.and(b, k.xor(c, d))), 0, 1, 0, [7, 12, 17, 22]);
    round!(k.xor(c, k.and(d, k.xor(b, c))), 16, 5, 1, [5, 9, 14, 20]);
    round!(k.xor(b, k.xor(c, d)), 32, 3, 5, [4, 11, 16, 23]);
    round!(k.xor(c, k.or(b, k.xor(d, ones))), 48, 7, 0, [6, 10, 15, 21]);
    [
        k.add(states[0], a),
        k.add(states[1], b),
        k.add(states[2], c),
        k.add(states[3], d),
    ]
}

/// Word `w` of all lanes side by side, for each of the 16 words of a block.
#[inline(always)]
fn transposed<K: LaneArithmetic>(k: K, lanes: &[&[[u8; BLOCK]]; LANES], index: usize) -> [K::Words; 16] {
    let mut words = [[0; LANES]; 16];
    for (lane, blocks) in lanes.iter().enumerate() {
        for (word, bytes) in words.iter_mut().zip(blocks[index].as_chunks::<4>().0) {
            word[lane] = u32::from_le_bytes(*bytes);
        }
    }
    words.map(|words| k.load(words))
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
