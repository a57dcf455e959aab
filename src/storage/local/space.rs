//! How much room a disk has, and how much must stay free.

use std::os::fd::BorrowedFd;

use bytesize::ByteSize;

use crate::storage::open::SpaceReserve;

/// Room on a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DiskSpace {
    /// What an ordinary user may still fill.
    pub free: u64,
    pub total: u64,
}

pub(super) fn of(folder: BorrowedFd<'_>) -> rustix::io::Result<DiskSpace> {
    let stat = rustix::fs::fstatvfs(folder)?;
    Ok(DiskSpace {
        free: stat.f_bavail.saturating_mul(stat.f_frsize),
        total: stat.f_blocks.saturating_mul(stat.f_frsize),
    })
}

impl DiskSpace {
    /// What is missing to the reserve, in words; `None` when there is enough.
    pub fn lacks(self, reserve: SpaceReserve) -> Option<String> {
        let needed = match reserve {
            SpaceReserve::Bytes(bytes) => bytes,
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a disk needs no exact bytes; the share is clamped to 0..=100"
            )]
            SpaceReserve::Percent(share) => (self.total as f64 * share.clamp(0.0, 100.0) / 100.0) as u64,
        };
        (self.free < needed).then(|| {
            let [free, needed] = [self.free, needed].map(|bytes| ByteSize::b(bytes).display().iec().to_string());
            format!("{free} are free, and disk_reserve keeps {needed}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_a_size_or_a_share() {
        let space = DiskSpace { free: 99, total: 1000 };
        assert!(space.lacks(SpaceReserve::Bytes(99)).is_none());
        assert!(space.lacks(SpaceReserve::Bytes(100)).is_some());
        assert!(space.lacks(SpaceReserve::Percent(9.9)).is_none());
        assert!(space.lacks(SpaceReserve::Percent(10.0)).is_some());
        assert!(space.lacks(SpaceReserve::Percent(f64::NAN)).is_none());
    }
}
