//! Digests of the files inside, and the lists they are compared with.

mod checksums;
mod kernel;
mod lanes;
mod listed_names;

pub use crate::archive::digest::checksums::ChecksumList;
pub(crate) use crate::archive::digest::lanes::{LaneDigests, Md5Digest};
pub(crate) use crate::archive::digest::listed_names::base_name;
pub(in crate::archive) use crate::archive::digest::listed_names::{LIST_NAME, folder_of, listed_path, unquoted};

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// 32 hexadecimal digits, either case, as an MD5 digest.
pub(crate) fn md5_of_hex(text: &[u8]) -> Option<Md5Digest> {
    let mut digest = [0; 16];
    if text.len() != 32 {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_there_and_back() {
        let digest = [0, 1, 0x9f, 0xff, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xab];
        assert_eq!(hex(&digest), "00019fff0405060708090a0b0c0d0eab");
        assert_eq!(md5_of_hex(hex(&digest).to_uppercase().as_bytes()), Some(digest));
        for bad in [
            "",
            "0123",
            "g0019fff0405060708090a0b0c0d0eab",
            "+0019fff0405060708090a0b0c0d0eab",
        ] {
            assert_eq!(md5_of_hex(bad.as_bytes()), None, "{bad}");
        }
    }
}
