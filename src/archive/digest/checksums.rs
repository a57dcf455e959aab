//! `checksum.md5`, read as tolerantly as HathiTrust reads it (src/grin/PROTOCOL.md, section 9).

use std::collections::BTreeMap;

use crate::archive::digest::{Md5Digest, hex, md5_of_hex};

/// Digests by file name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChecksumList {
    /// By name with folders, as listed.
    digests: BTreeMap<String, Md5Digest>,
    /// By name without folders; the first one listed counts.
    by_base_name: BTreeMap<String, Md5Digest>,
    /// Lines that are no checksum lines, and names listed with two different digests.
    pub warnings: Vec<String>,
}

/// Warnings kept of one list.
const WARNINGS: usize = 20;

impl ChecksumList {
    /// Reads a list: 32 hexadecimal digits, blanks, perhaps a star, a name. Forgiven: a byte order mark, CRLF, trailing
    /// blanks, folders before the name, empty lines, comments, the BSD form `MD5 (name) = digest`.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut list = Self::default();
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        for (number, line) in bytes.split(|byte| matches!(byte, b'\n' | b'\r')).enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            match entry(line) {
                Some((name, digest)) => list.insert(&name, digest),
                None => list.warn(format!("line {} is no checksum line", number + 1)),
            }
        }
        list
    }

    /// Adds a digest; blanks and `./` in front of the name and backslashes in it are forgiven.
    pub(crate) fn insert(&mut self, name: &str, digest: Md5Digest) {
        let name = name.trim().replace('\\', "/");
        let name = name.trim_start_matches("./").trim_start_matches('/');
        match self.digests.get(name) {
            Some(known) if *known != digest => self.warn(format!("{name} is listed with two digests")),
            Some(_) => {}
            None => {
                self.digests.insert(name.to_owned(), digest);
                self.by_base_name.entry(base_name(name).to_owned()).or_insert(digest);
            }
        }
    }

    fn warn(&mut self, warning: String) {
        if self.warnings.len() < WARNINGS {
            self.warnings.push(warning);
        }
    }

    /// The digest listed for a file: under its whole name, else under its name without folders.
    pub(crate) fn get(&self, name: &str) -> Option<&Md5Digest> {
        self.digests
            .get(name)
            .or_else(|| self.by_base_name.get(base_name(name)))
    }

    /// All names as listed.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.digests.keys().map(String::as_str)
    }

    /// True if nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// All digests in hexadecimal, by file name without folders.
    pub fn to_hex(&self) -> BTreeMap<String, String> {
        self.by_base_name
            .iter()
            .map(|(name, digest)| (name.clone(), hex(digest)))
            .collect()
    }
}

fn entry(line: &[u8]) -> Option<(String, Md5Digest)> {
    if let Some(rest) = line.strip_prefix(b"MD5 (") {
        let close = rest.windows(4).rposition(|part| part == b") = ")?;
        return Some((
            listed_name(&rest[..close])?,
            md5_of_hex(rest[close + 4..].trim_ascii())?,
        ));
    }
    // GNU md5sum marks a line whose name holds escapes with a backslash; names of pages hold none.
    let line = line.strip_prefix(b"\\").unwrap_or(line);
    let digest = md5_of_hex(line.get(..32)?)?;
    let after = &line[32..];
    let name = after.trim_ascii_start();
    if name.len() == after.len() {
        return None;
    }
    Some((listed_name(name.strip_prefix(b"*").unwrap_or(name))?, digest))
}

fn listed_name(name: &[u8]) -> Option<String> {
    let name = String::from_utf8_lossy(name.trim_ascii());
    (!base_name(&name).trim_end_matches('\\').is_empty()).then(|| name.into_owned())
}

/// The name without folders.
pub(crate) fn base_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn every_forgiven_form_is_read() {
        let cases = [
            format!("{A}  00000001.jp2\n"),
            format!("{A} *00000001.jp2\n"),
            format!("\u{feff}{A}  00000001.jp2\r\n"),
            format!("{A}\t./some/folder/00000001.jp2   \n\n"),
            format!("{A}  C:\\scans\\00000001.jp2"),
            format!("# made today\n{}  00000001.jp2", A.to_uppercase()),
            format!("MD5 (00000001.jp2) = {A}\n"),
            format!("{A}  00000001.jp2\r{A}  00000001.jp2\r"),
        ];
        for text in cases {
            let list = ChecksumList::parse(text.as_bytes());
            assert_eq!(
                list.to_hex(),
                BTreeMap::from([("00000001.jp2".to_owned(), A.to_owned())]),
                "{text:?}"
            );
            assert_eq!(list.warnings, Vec::<String>::new());
        }
    }

    #[test]
    fn two_folders_may_hold_the_same_name() {
        let list = ChecksumList::parse(format!("{A}  a/1.txt\n{}  b/1.txt\n", A.replace('0', "1")).as_bytes());
        assert_eq!(list.get("b/1.txt"), md5_of_hex(A.replace('0', "1").as_bytes()).as_ref());
        assert_eq!(list.get("1.txt"), md5_of_hex(A.as_bytes()).as_ref());
        assert!(list.warnings.is_empty());
    }

    #[test]
    fn what_is_no_checksum_line_is_said_and_passed_over() {
        for text in [
            "hello",
            &A[1..],
            A,
            &format!("{A}00000001.jp2"),
            &format!("{A}  "),
            "\0\0\0",
            "MD5 (a) = 12",
        ] {
            let list = ChecksumList::parse(text.as_bytes());
            assert!(list.is_empty() && list.warnings.len() == 1, "{text:?}");
        }
    }

    #[test]
    fn two_digests_for_one_name_are_said() {
        let list = ChecksumList::parse(format!("{A}  a.txt\n{}  a.txt\n", A.replace('0', "1")).as_bytes());
        assert_eq!(list.to_hex()["a.txt"], A);
        assert_eq!(list.warnings, ["a.txt is listed with two digests"]);
    }
}
