//! How much of a disk a book takes, for all that puts books there.

/// Room on the disk that an archive of this length takes: decrypted it is hardly smaller, and text, index, record and manifest are small beside
/// it. `copies`: of the encrypted bytes.
pub(super) fn needed_room(length: u64, copies: u64) -> u64 {
    let archive = length.saturating_add(length / 16);
    archive.saturating_add(length.saturating_mul(copies))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_for_an_archive_is_a_little_more_than_its_length() {
        for (length, copies, room) in [
            (0, 0, 0),
            (1_600, 0, 1_700),
            (1_600, 1, 3_300),
            (1_600, 2, 4_900),
            (u64::MAX, 1, u64::MAX),
        ] {
            assert_eq!(needed_room(length, copies), room, "{length} {copies}");
        }
    }
}
