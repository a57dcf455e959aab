//! The blocks into which barcodes are divided, so that several daemons can share a library.

use xxhash_rust::xxh3::xxh3_64;

/// Blocks in all; which block a barcode belongs to never changes.
pub const BLOCKS: usize = 256;

/// The block of a barcode: the lowest byte of its XXH3 hash (64 bits, seed 0).
pub fn block_of(barcode: &str) -> u8 {
    xxh3_64(barcode.as_bytes()).to_le_bytes()[0]
}

/// A set of blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct BlockSet([u64; BLOCKS / 64]);

impl BlockSet {
    /// Every block.
    pub const ALL: Self = Self([u64::MAX; BLOCKS / 64]);

    /// Adds a block.
    pub fn insert(&mut self, block: u8) {
        self.0[usize::from(block / 64)] |= 1 << (block % 64);
    }

    /// Is the block in it?
    pub fn contains(&self, block: u8) -> bool {
        self.0[usize::from(block / 64)] >> (block % 64) & 1 == 1
    }

    /// Is the barcode's block in it?
    pub fn has(&self, barcode: &str) -> bool {
        *self == Self::ALL || self.contains(block_of(barcode))
    }

    /// How many blocks.
    pub fn count(&self) -> usize {
        self.0.iter().map(|part| part.count_ones() as usize).sum()
    }
}

impl FromIterator<u8> for BlockSet {
    fn from_iter<I: IntoIterator<Item = u8>>(blocks: I) -> Self {
        let mut set = Self::default();
        for block in blocks {
            set.insert(block);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barcode_keeps_its_block_for_ever() {
        // Were these to change, two versions of the program would disagree about whose a book is.
        assert_eq!(["TEST0000001", "32044000000001", "x"].map(block_of), PINNED);
    }

    const PINNED: [u8; 3] = [21, 157, 17];

    #[test]
    fn barcodes_spread_over_all_blocks() {
        let mut sizes = [0_u32; BLOCKS];
        for number in 0..256_000 {
            sizes[usize::from(block_of(&format!("3204{number:010}")))] += 1;
        }
        let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
        assert!(*least > 800 && *most < 1_200, "{least} to {most}, 1000 expected");
    }

    #[test]
    fn a_set_has_what_was_put_in() {
        let set: BlockSet = [0, 63, 64, 255].into_iter().collect();
        assert_eq!(set.count(), 4);
        assert!(set.contains(255) && !set.contains(1));
        let all: BlockSet = (0..=255).collect();
        assert_eq!(all, BlockSet::ALL);
        assert!(BlockSet::ALL.has("anything") && !BlockSet::default().has("anything"));
    }
}
