//! MD5 of many files that come one after the other, several of them digested at once.
//!
//! Small files wait in memory until there are enough to fill the lanes; large ones are digested as they come.

use md5::{Digest, Md5};

use crate::archive::digest::kernel::{BLOCK, BaselineLanes, LANES, LaneArithmetic, LaneKernel, LaneStates};

/// An MD5 digest.
pub(crate) type Md5Digest = [u8; 16];

/// Files up to this size wait for others; larger ones are digested alone, as they come.
const WAITS: usize = 768 << 10;
/// Bytes of files that wait at most.
const BUDGET: usize = 4 << 20;
/// A file from this size on counts as one that fills a lane.
const FILLS_LANE: usize = 16 << 10;
/// Files that wait at most, however small.
const FILES: usize = 1_024;

/// A file that waits: who it is and its bytes, padded at the end to whole blocks.
struct Waiting {
    id: usize,
    data: Vec<u8>,
}

/// Digests files that are fed one after the other; each digest comes out under the number given to its file.
pub(crate) struct LaneDigests {
    kernel: LaneKernel,
    current: Option<Current>,
    waiting: Vec<Waiting>,
    bytes: usize,
    long: usize,
    spare: Vec<Vec<u8>>,
    done: Vec<(usize, Md5Digest)>,
}

enum Current {
    Waits(Waiting),
    Alone { id: usize, digest: Box<Md5> },
}

impl Default for LaneDigests {
    fn default() -> Self {
        Self::with_kernel(LaneKernel::best())
    }
}

impl LaneDigests {
    fn with_kernel(kernel: LaneKernel) -> Self {
        Self {
            kernel,
            current: None,
            waiting: Vec::new(),
            bytes: 0,
            long: 0,
            spare: Vec::new(),
            done: Vec::new(),
        }
    }

    /// Begins a file of `size` bytes.
    pub(crate) fn begin(&mut self, id: usize, size: u64) {
        let small = usize::try_from(size).ok().filter(|size| *size <= WAITS);
        self.current = Some(match small {
            Some(size) => {
                self.make_room(size);
                let mut data = self.spare.pop().unwrap_or_default();
                // A large buffer must not wait behind a small file: what waits is bounded by the files' sizes.
                data.shrink_to(size + 2 * BLOCK);
                data.reserve_exact(size + 2 * BLOCK);
                Current::Waits(Waiting { id, data })
            }
            None => Current::Alone {
                id,
                digest: Box::default(),
            },
        });
    }

    /// The next bytes of the file.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match &mut self.current {
            Some(Current::Waits(file)) => file.data.extend_from_slice(bytes),
            Some(Current::Alone { digest, .. }) => digest.update(bytes),
            None => {}
        }
    }

    /// Ends the file.
    pub(crate) fn end(&mut self) {
        match self.current.take() {
            Some(Current::Waits(mut file)) => {
                self.long += usize::from(file.data.len() >= FILLS_LANE);
                pad(&mut file.data);
                self.bytes += file.data.len();
                self.waiting.push(file);
                if self.long >= LANES || self.waiting.len() >= FILES {
                    self.digest_waiting();
                }
            }
            Some(Current::Alone { id, digest }) => self.done.push((id, digest.finalize().into())),
            None => {}
        }
    }

    /// All digests, in no order.
    pub(crate) fn finish(mut self) -> Vec<(usize, Md5Digest)> {
        self.digest_waiting();
        self.done
    }

    fn make_room(&mut self, size: usize) {
        if self.bytes + size > BUDGET {
            self.digest_waiting();
        }
    }

    /// Digests all files that wait, the longest first so that the lanes stay full to the end.
    fn digest_waiting(&mut self) {
        let mut files = std::mem::take(&mut self.waiting);
        files.sort_unstable_by_key(|file| file.data.len());
        match self.kernel {
            LaneKernel::Baseline => run_lanes(BaselineLanes, &files, &mut self.done),
            #[cfg(target_arch = "x86_64")]
            LaneKernel::Avx2(kernel) => run_lanes(kernel, &files, &mut self.done),
        }
        self.spare = files
            .into_iter()
            .map(|file| cleared(file.data))
            .rev()
            .take(LANES)
            .collect();
        (self.bytes, self.long) = (0, 0);
    }
}

fn cleared(mut data: Vec<u8>) -> Vec<u8> {
    data.clear();
    data
}

/// MD5's padding: a one bit, zeros, the length in bits.
fn pad(data: &mut Vec<u8>) {
    let bits = (data.len() as u64).wrapping_mul(8);
    data.push(0x80);
    data.resize((data.len() + 8).next_multiple_of(BLOCK) - 8, 0);
    data.extend_from_slice(&bits.to_le_bytes());
}

/// Runs padded files through the lanes, taking the last file first; a lane that is done takes the next file.
fn run_lanes(kernel: impl LaneArithmetic, files: &[Waiting], done: &mut Vec<(usize, Md5Digest)>) {
    let mut next = files.iter().rev();
    let mut states = LaneStates::new();
    let mut lanes: [Option<(usize, &[u8])>; LANES] = [None; LANES];
    loop {
        for (lane, slot) in lanes.iter_mut().enumerate().filter(|(_, slot)| slot.is_none()) {
            if let Some(file) = next.next() {
                states.restart(lane);
                *slot = Some((file.id, &file.data));
            }
        }
        let Some(shortest) = lanes
            .iter()
            .flatten()
            .map(|(_, rest)| *rest)
            .min_by_key(|rest| rest.len())
        else {
            return;
        };
        // An empty lane works on another one's bytes and its result is not looked at.
        let blocks = shortest.len() / BLOCK;
        states.update(
            kernel,
            lanes.map(|slot| slot.map_or(shortest, |(_, rest)| rest)),
            blocks,
        );
        for (lane, slot) in lanes.iter_mut().enumerate() {
            if let Some((id, rest)) = slot.take() {
                match &rest[blocks * BLOCK..] {
                    [] => done.push((id, states.digest(lane))),
                    rest => *slot = Some((id, rest)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The digests by every kernel that this CPU has; they agree.
    fn digests(files: &[Vec<u8>]) -> Vec<Md5Digest> {
        let kernels = LaneKernel::available();
        let mut all = kernels.into_iter().map(|kernel| (kernel, digests_by(kernel, files)));
        let (_, first) = all.next().unwrap();
        all.for_each(|(kernel, digests)| assert_eq!(digests, first, "{kernel:?}"));
        first
    }

    fn digests_by(kernel: LaneKernel, files: &[Vec<u8>]) -> Vec<Md5Digest> {
        let mut lanes = LaneDigests::with_kernel(kernel);
        for (id, file) in files.iter().enumerate() {
            lanes.begin(id, file.len() as u64);
            for part in file.chunks(1_000) {
                lanes.update(part);
            }
            lanes.end();
        }
        let mut out = lanes.finish();
        out.sort_unstable();
        out.into_iter().map(|(_, digest)| digest).collect()
    }

    fn one_by_one(files: &[Vec<u8>]) -> Vec<Md5Digest> {
        files.iter().map(|file| Md5::digest(file).into()).collect()
    }

    proptest! {
        #[test]
        fn lanes_agree_with_md5_one_by_one(files in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3_000), 0..40)) {
            prop_assert_eq!(digests(&files), one_by_one(&files));
        }
    }

    #[test]
    fn every_length_round_a_block_agrees() {
        let files: Vec<Vec<u8>> = (0..=200usize)
            .map(|len| (0..len).map(|n| (n * len) as u8).collect())
            .collect();
        assert_eq!(digests(&files), one_by_one(&files));
    }

    #[test]
    fn large_small_and_many_files_agree_and_memory_stays_bounded() {
        let sizes = [WAITS + 1, 5, WAITS, 200_000, 0, WAITS - 1, 300_000, 2 * WAITS, 70_000];
        let files: Vec<Vec<u8>> = sizes
            .iter()
            .cycle()
            .take(40)
            .enumerate()
            .map(|(n, size)| (0..*size).map(|i| (i * 7 + n) as u8).collect())
            .collect();
        assert_eq!(digests(&files), one_by_one(&files));
        let mut lanes = LaneDigests::default();
        for (id, file) in files.iter().enumerate() {
            lanes.begin(id, file.len() as u64);
            lanes.update(file);
            lanes.end();
            let held: usize = lanes.waiting.iter().map(|file| file.data.capacity()).sum();
            assert!(held <= BUDGET + WAITS + 40 * BLOCK, "{held}");
        }
    }
}
