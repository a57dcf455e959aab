//! The digest that a manifest has of itself.
//!
//! The manifest names the digests of all objects of a book; nothing else would name its own. Its last line but one is
//! `  "manifest_sha256": "…"`, the SHA-256 of all bytes before that line, so that `head -n -2 meta/BARCODE.json | sha256sum` shows the
//! same. Manifests of earlier versions have none.

use sha2::{Digest, Sha256};

use crate::archive::hex;

/// The key of the digest, and what stands before and after it on its line.
const KEY: &str = "manifest_sha256";
const BEFORE: &str = "  \"manifest_sha256\": \"";
const AFTER: &str = "\"\n}\n";

/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// The bytes are not those that were written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealFault {
    /// The digest is there, and is that of other bytes.
    #[error("the bytes of this manifest have the SHA-256 {found}, and its own line names {expected}")]
    Differs {
        /// What its line names.
        expected: String,
        /// What was found.
        found: String,
    },
    /// There is something of the line, but not the line.
    #[error("the line of this manifest that names its own SHA-256 is damaged")]
    LineDamaged,
}

/// Adds the digest to a JSON object that ends in a line of its own, `}`.
pub(super) fn sealed(json: &str) -> String {
    let Some(body) = json.strip_suffix("\n}") else {
        return json.to_owned();
    };
    let body = format!("{body},\n");
    let digest = hex(&Sha256::digest(&body));
    format!("{body}{BEFORE}{digest}{AFTER}")
}

/// Whether the bytes are those that were written; so they are taken to be where they have no digest at all.
pub(super) fn check(bytes: &[u8]) -> Result<(), SealFault> {
    let Some((body, expected)) = parts(bytes) else {
        return if has_traces(bytes) {
            Err(SealFault::LineDamaged)
        } else {
            Ok(())
        };
    };
    let found = hex(&Sha256::digest(body));
    if found == expected {
        return Ok(());
    }
    let expected = expected.to_owned();
    Err(SealFault::Differs { expected, found })
}

/// What is digested, and the digest that the line names.
fn parts(bytes: &[u8]) -> Option<(&[u8], &str)> {
    let digest_and_body = bytes.strip_suffix(AFTER.as_bytes())?;
    let (rest, digest) = digest_and_body.split_at_checked(digest_and_body.len().checked_sub(DIGITS)?)?;
    Some((rest.strip_suffix(BEFORE.as_bytes())?, str::from_utf8(digest).ok()?))
}

/// One changed byte spoils the key or the digits, not both. The line before it in a manifest without a digest names a program.
fn has_traces(bytes: &[u8]) -> bool {
    let names_key = bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes());
    let mut lines = bytes.trim_ascii_end().rsplit(|byte| *byte == b'\n');
    let digits = |line: &[u8]| line.iter().filter(|byte| byte.is_ascii_hexdigit()).count();
    names_key || lines.nth(1).is_some_and(|line| digits(line) >= DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "{\n  \"manifest\": 1,\n  \"stored_by\": \"grind 0.1.0\"\n}";

    #[test]
    fn the_line_names_the_digest_of_what_stands_before_it() {
        let sealed = sealed(PLAIN);
        let lines: Vec<_> = sealed.split_inclusive('\n').collect();
        let (body, end) = lines.split_at(lines.len() - 2);
        assert_eq!(
            end,
            [
                format!("{BEFORE}{}\"\n", hex(&Sha256::digest(body.concat()))),
                "}\n".into()
            ]
        );
        let json: serde_json::Value = serde_json::from_str(&sealed).unwrap();
        assert_eq!(json["stored_by"], "grind 0.1.0");
        assert_eq!(check(sealed.as_bytes()), Ok(()));
    }

    #[test]
    fn one_without_a_digest_is_taken_as_it_is() {
        for text in [PLAIN, "{}", "", "{\"manifest\":1}\n"] {
            assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
        }
    }

    #[test]
    fn no_changed_bit_and_no_cut_goes_unnoticed() {
        let sealed = sealed(PLAIN).into_bytes();
        for place in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[place] ^= 1 << bit;
                assert!(check(&changed).is_err(), "bit {bit} of byte {place}");
            }
            // One that is cut before its last line shows no trace, and is no JSON.
            let cut = &sealed[..place];
            let is_json = serde_json::from_slice::<serde_json::Value>(cut).is_ok();
            assert!(check(cut).is_err() || !is_json, "cut at {place}");
        }
    }
}
