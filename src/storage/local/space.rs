//! How much room a disk has, and how much must stay free.

use std::os::fd::BorrowedFd;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use crate::storage::open::SpaceReserve;

/// Room on a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DiskSpace {
    /// What an ordinary user may still fill.
    pub free: u64,
    pub total: u64,
}

/// What is to stay free, and what is to be written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SpaceDemand {
    pub reserve: SpaceReserve,
    /// Bytes that books on their way are still to write.
    pub promised: u64,
    /// Bytes of a book that is to be begun.
    pub wanted: u64,
}

/// Room on the storage's disk, in bytes, as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageSpace {
    /// What may still be filled, the reserve included.
    pub free: u64,
    /// All of it.
    pub total: u64,
    /// What `storage.disk_reserve` keeps free.
    pub reserve: u64,
}

pub(super) fn of(folder: BorrowedFd<'_>) -> rustix::io::Result<DiskSpace> {
    let stat = rustix::fs::fstatvfs(folder)?;
    Ok(DiskSpace {
        free: stat.f_bavail.saturating_mul(stat.f_frsize),
        total: stat.f_blocks.saturating_mul(stat.f_frsize),
    })
}

impl DiskSpace {
    /// With what a reserve keeps free of it.
    pub fn shown(self, reserve: SpaceReserve) -> StorageSpace {
        StorageSpace {
            free: self.free,
            total: self.total,
            reserve: self.kept(reserve),
        }
    }

    fn kept(self, reserve: SpaceReserve) -> u64 {
        match reserve {
            SpaceReserve::Bytes(bytes) => bytes,
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a disk needs no exact bytes; the share is clamped to 0..=100"
            )]
            SpaceReserve::Percent(share) => (self.total as f64 * share.clamp(0.0, 100.0) / 100.0) as u64,
        }
    }

    /// What is missing, in words; `None` when there is enough.
    pub fn lacks(self, demand: SpaceDemand) -> Option<String> {
        let SpaceDemand {
            reserve,
            promised,
            wanted,
        } = demand;
        let kept = self.kept(reserve);
        if self.free >= kept.saturating_add(promised).saturating_add(wanted) {
            return None;
        }
        let size = |bytes: u64| ByteSize::b(bytes).display().iec().to_string();
        let [of_others, of_this] = [
            (promised, "books on their way take ", " more"),
            (wanted, "this book takes ", ""),
        ]
        .map(|(bytes, before, after)| (bytes > 0).then(|| format!("{before}{}{after}", size(bytes))));
        let kept = format!("{} are free, and disk_reserve keeps {}", size(self.free), size(kept));
        let words: Vec<_> = [Some(kept), of_others, of_this].into_iter().flatten().collect();
        Some(words.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_free_is_a_size_or_a_share_beside_what_is_promised_and_wanted() {
        use SpaceReserve::{Bytes, Percent};
        let space = DiskSpace { free: 99, total: 1000 };
        for (reserve, promised, wanted, is_enough) in [
            (Bytes(99), 0, 0, true),
            (Bytes(100), 0, 0, false),
            (Percent(9.9), 0, 0, true),
            (Percent(10.0), 0, 0, false),
            (Percent(f64::NAN), 0, 0, true),
            (Bytes(50), 49, 0, true),
            (Bytes(50), 50, 0, false),
            (Bytes(50), 0, 49, true),
            (Bytes(50), 0, 50, false),
            (Bytes(50), 20, 29, true),
            (Bytes(50), 20, 30, false),
            (Bytes(0), u64::MAX, u64::MAX, false),
        ] {
            let demand = SpaceDemand {
                reserve,
                promised,
                wanted,
            };
            assert_eq!(space.lacks(demand).is_none(), is_enough, "{demand:?}");
        }
    }

    #[test]
    fn what_is_missing_is_told_in_words() {
        let space = DiskSpace {
            free: 12 << 30,
            total: 100 << 30,
        };
        let demand = SpaceDemand {
            reserve: SpaceReserve::Percent(10.0),
            promised: 1 << 30,
            wanted: 3 << 30,
        };
        assert_eq!(
            space.lacks(demand).unwrap(),
            "12.0 GiB are free, and disk_reserve keeps 10.0 GiB; books on their way take 1.0 GiB more; this book takes 3.0 GiB"
        );
    }
}
