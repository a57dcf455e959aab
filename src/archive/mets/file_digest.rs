//! What a METS gives as the digest of a file, and whether it can be compared.

use crate::archive::digest::{Md5Digest, md5_of_hex};

/// Types of digests that the METS schema knows beside MD5. Others are counted together, so that a document cannot make up any number of them.
const KNOWN: [&str; 10] = [
    "ADLER-32",
    "CRC32",
    "HAVAL",
    "MNP",
    "SHA-1",
    "SHA-256",
    "SHA-384",
    "SHA-512",
    "TIGER",
    "WHIRLPOOL",
];

/// The digest that is given for a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FileDigest {
    NotGiven,
    Md5(Md5Digest),
    /// One of another type, or one that is no digest of its type. A second or third digest of every byte would cost more than all else
    /// of the pass.
    NotCompared(String),
}

/// Reads `CHECKSUMTYPE` and `CHECKSUM`. Without a type, what has an MD5's form is one.
pub(super) fn file_digest(kind: Option<&str>, digest: Option<&str>) -> FileDigest {
    let digest = digest.unwrap_or_default().trim();
    let kind = kind.unwrap_or_default().trim().to_ascii_uppercase();
    let md5 = md5_of_hex(digest.as_bytes()).filter(|_| matches!(kind.as_str(), "" | "MD5"));
    match md5 {
        _ if digest.is_empty() => FileDigest::NotGiven,
        Some(md5) => FileDigest::Md5(md5),
        None if kind == "MD5" => FileDigest::NotCompared("MD5 that is none".to_owned()),
        None if KNOWN.contains(&kind.as_str()) => FileDigest::NotCompared(kind),
        None => FileDigest::NotCompared("of an unknown type".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_md5_is_compared() {
        const DIGEST: &str = "0123456789abcdef0123456789abcdef";
        let md5 = || FileDigest::Md5(md5_of_hex(DIGEST.as_bytes()).unwrap());
        let other = |kind: &str| FileDigest::NotCompared(kind.to_owned());
        let (sha1, sha256) = (format!("{DIGEST}01234567"), format!("{DIGEST}{DIGEST}"));
        let cases = [
            (Some("MD5"), Some(DIGEST), md5()),
            (Some(" md5 "), Some(DIGEST), md5()),
            (None, Some(DIGEST), md5()),
            (Some(""), Some(DIGEST), md5()),
            (Some("SHA-1"), Some(sha1.as_str()), other("SHA-1")),
            (Some("sha-256"), Some(sha256.as_str()), other("SHA-256")),
            // The form does not make it an MD5.
            (Some("SHA-1"), Some(DIGEST), other("SHA-1")),
            (Some("HAVAL"), Some(DIGEST), other("HAVAL")),
            (None, Some(sha256.as_str()), other("of an unknown type")),
            (Some("BLAKE3"), Some(sha256.as_str()), other("of an unknown type")),
            (Some("MD5"), Some(sha1.as_str()), other("MD5 that is none")),
            (Some("SHA-256"), Some(" "), FileDigest::NotGiven),
            (Some("MD5"), None, FileDigest::NotGiven),
            (None, None, FileDigest::NotGiven),
        ];
        for (kind, digest, expected) in cases {
            assert_eq!(file_digest(kind, digest), expected, "{kind:?} {digest:?}");
        }
    }
}
