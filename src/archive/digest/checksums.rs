//! `checksum.md5`, read as tolerantly as HathiTrust reads it (src/grin/PROTOCOL.md, section 9).

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::digest::listed_names::{
    LIST_NAME, base_name, has_evidence, is_cut, is_decorated, listed_name, listed_path,
};
use crate::archive::digest::{Md5Digest, hex, md5_of_hex};
use crate::archive::encoding::decoded;

/// Digests by file name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChecksumList {
    /// By name with folders, as listed; more than one where lines contradict each other.
    digests: BTreeMap<String, Vec<Md5Digest>>,
    /// By name without folders; the first one listed counts.
    by_base_name: BTreeMap<String, Md5Digest>,
    /// What is odd in it: lines that are no checksum lines, names with two different digests, names with backslashes, the
    /// list's own name.
    pub warnings: Vec<String>,
    /// A line with a digest or a page's number could not be read, or its name is cut; or no line at all could be read, and there are some.
    pub(crate) has_unread: bool,
}

/// Warnings kept of one list.
const WARNINGS: usize = 20;

impl ChecksumList {
    /// Reads a list: 32 hexadecimal digits, blanks, perhaps a star, a name. Read as well: UTF-8 with a byte order mark, UTF-16 with and without one, CRLF, zeros at the ends of lines (`md5sum -z`), trailing blanks, folders before the name, empty lines, comments, the forms `MD5 (name) = digest` of BSD and `MD5(name)= digest` of OpenSSL.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut list = Self::default();
        let text = decoded(bytes).text;
        let mut backslashes = 0_u64;
        let mut is_unread = false;
        for (number, line) in text.split(line_ends(&text)).enumerate() {
            let line = line.trim_matches(|c: char| c.is_ascii_whitespace());
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match entry(line.as_bytes()) {
                Some((name, _)) if base_name(&name).eq_ignore_ascii_case(LIST_NAME) => {
                    list.warn("the list names itself, which says nothing".to_owned());
                }
                Some((name, digest)) => {
                    if is_decorated(&listed_path(&name)) {
                        list.has_unread = true;
                        list.warn(format!(
                            "line {} may name a page in a way that is not known: {name}",
                            number + 1
                        ));
                    } else if is_cut(&name) {
                        list.has_unread = true;
                        list.warn(format!("line {} may be cut: it names {name}", number + 1));
                    }
                    backslashes += u64::from(name.contains('\\'));
                    list.insert(&name, digest);
                }
                None => {
                    is_unread = true;
                    list.has_unread |= has_evidence(line);
                    list.warn(format!("line {} is no checksum line", number + 1));
                }
            }
        }
        // Perhaps it is compressed, encrypted or in an encoding that is not known.
        list.has_unread |= is_unread && list.is_empty();
        if backslashes > 0 {
            list.warn(format!(
                "{backslashes} names have backslashes, which are read as slashes"
            ));
        }
        list
    }

    /// Adds a digest; blanks and quotes round the name, `./` in front of it and backslashes in it are put aside.
    pub(crate) fn insert(&mut self, name: &str, digest: Md5Digest) {
        let name = listed_path(name);
        let known = self.digests.entry(name.clone()).or_default();
        if known.contains(&digest) {
            return;
        }
        known.push(digest);
        if known.len() > 1 {
            self.warn(format!("{name} is listed with two digests"));
        } else {
            self.by_base_name.entry(base_name(&name).to_owned()).or_insert(digest);
        }
    }

    /// Adds a second list of the same folder; says which names have other digests there.
    pub(crate) fn merge(&mut self, other: Self) -> Vec<String> {
        self.warnings.clear();
        self.has_unread |= other.has_unread;
        for (name, digests) in other.digests {
            for digest in digests {
                self.insert(&name, digest);
            }
        }
        std::mem::take(&mut self.warnings)
    }

    /// Adds a newer list: its digests take the place of those that were listed for the same names.
    pub(crate) fn supersede(&mut self, newer: Self) {
        self.has_unread = newer.has_unread;
        self.digests.extend(newer.digests);
        self.by_base_name.extend(newer.by_base_name);
    }

    /// Keeps the names that `is_kept`.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.digests.retain(|name, _| is_kept(name));
        let names: BTreeSet<&str> = self.digests.keys().map(|name| base_name(name)).collect();
        self.by_base_name.retain(|name, _| names.contains(name.as_str()));
    }

    /// All names without their digests.
    pub(crate) fn into_names(self) -> impl Iterator<Item = String> {
        self.digests.into_keys()
    }

    fn warn(&mut self, warning: String) {
        if self.warnings.len() < WARNINGS {
            self.warnings.push(warning);
        }
    }

    /// All names as listed, each with every digest that is listed for it.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &[Md5Digest])> {
        self.digests.iter().map(|(name, digests)| (name.as_str(), &digests[..]))
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

/// What ends the lines of a list: a zero where it has no other line ends, and something that can be read.
fn line_ends(text: &str) -> &'static [char] {
    let is_listed = text.contains(|c: char| !c.is_control());
    if is_listed && !text.trim_end().contains(['\n', '\r']) {
        &['\0']
    } else {
        &['\n', '\r']
    }
}

fn entry(line: &[u8]) -> Option<(String, Md5Digest)> {
    if let Some(tagged) = tagged_entry(line) {
        return Some(tagged);
    }
    // GNU md5sum marks a line whose name holds escapes with a backslash.
    let escaped = line.starts_with(b"\\");
    let line = line.strip_prefix(b"\\").unwrap_or(line);
    let digest = md5_of_hex(line.get(..32)?)?;
    let after = &line[32..];
    let name = after.trim_ascii_start();
    if name.len() == after.len() {
        return None;
    }
    let name = listed_name(name.strip_prefix(b"*").unwrap_or(name))?;
    Some((if escaped { name.replace("\\\\", "\\") } else { name }, digest))
}

/// `MD5 (name) = digest`, with or without its blanks.
fn tagged_entry(line: &[u8]) -> Option<(String, Md5Digest)> {
    let (tag, rest) = line.split_at_checked(3)?;
    let name = rest.trim_ascii_start().strip_prefix(b"(")?;
    let equals = name.iter().rposition(|byte| *byte == b'=')?;
    let digest = md5_of_hex(name[equals + 1..].trim_ascii())?;
    let name = name[..equals].trim_ascii_end().strip_suffix(b")")?;
    tag.eq_ignore_ascii_case(b"MD5").then_some((listed_name(name)?, digest))
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
            format!("# made today\n{}  00000001.jp2", A.to_uppercase()),
            format!("MD5 (00000001.jp2) = {A}\n"),
            format!("MD5(00000001.jp2)= {A}\n"),
            format!("md5(./00000001.jp2)={A}\r\n"),
            format!("{A}  00000001.jp2\0"),
            format!("{A}  \"00000001.jp2\"\r\n"),
            format!("{A} *'./00000001.jp2'\n"),
            format!("{A} \"00000001.jp2\"\n{A} < 00000001.jp2 >\n"),
            format!("{A} \u{201c}00000001.jp2\u{201d}\n{A} `00000001.jp2`\n{A}  \u{ab}a/00000001.jp2\u{bb}"),
            format!("MD5 (\"00000001.jp2\") = {A}\n"),
            format!("{A}  00000001.jp2\0{A}  00000001.jp2\0\n"),
            format!("{A} *00000001.jp2\0{A}  00000001.jp2\0"),
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
        let digest = |text: &str| [md5_of_hex(text.as_bytes()).unwrap()];
        let entries: Vec<_> = list.entries().collect();
        let (first, second) = (digest(A), digest(&A.replace('0', "1")));
        assert_eq!(entries, [("a/1.txt", &first[..]), ("b/1.txt", &second[..])]);
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
            &format!("MD5 () = {A}"),
            &format!("SHA1(a)= {A}"),
            &format!("MD5 a) = {A}"),
        ] {
            let list = ChecksumList::parse(text.as_bytes());
            assert!(list.is_empty() && list.warnings.len() == 1, "{text:?}");
        }
    }

    #[test]
    fn a_line_that_may_have_named_a_page_is_told_from_other_words() {
        let cases = [
            (format!("{A}  1.jp2\n{A}  0000"), true),
            (format!("{A}  1.jp2\n{A}  "), true),
            (format!("{A}  1.jp2\n{}", &A[..20]), true),
            (format!("{A}  1.jp2\n{}", &A[..2]), true),
            (format!("{A},00000005.jp2\n"), true),
            ("the file 00000005.jp2 has no digest\n".to_owned(), true),
            (format!("{A}  1.jp2\nmade by hand\n"), false),
            (format!("# 00000005.jp2\n{A}  1.jp2\n"), false),
            (format!("{A}  1.jp2\n{A}  notes\n"), false),
            ("made by hand\n".to_owned(), true),
            ("# made by hand\n\n".to_owned(), false),
            (format!("{A}  checksum.md5\n"), false),
            (format!("{A}  1.jp2\n{A}  \"checksum.md5\"\n"), false),
            (format!("{A}  1.jp2\n{A}  \"00000005.jp2\"\n"), false),
            (format!("{A}  1.jp2\n{A}  \"00000005.jp2\n"), true),
            (format!("{A}  1.jp2\n{A}  >00000005.jp2<\n"), true),
            (format!("{A}  1.jp2\n{A}  |00000005.jp2|\n"), true),
            (format!("{A}  1.jp2\n{A}  a/\"00000005.jp2\"\n"), true),
            (format!("{A}  1.jp2\n{A}  \"notes.txt;\n"), false),
            (format!("{A}  1.jp2\n{A}  \\scans\\00000005.jp2\n"), false),
            (
                format!("{A}  1.jp2\n{A}  00000005 (2).jp2\n{A}  (x)_00000005.[jp2]\n"),
                false,
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(ChecksumList::parse(text.as_bytes()).has_unread, expected, "{text:?}");
        }
    }

    #[test]
    fn a_list_that_is_no_text_is_unread() {
        let text = format!("{A}  00000001.jp2\n");
        let utf_32 = |to_bytes: fn(u32) -> [u8; 4]| -> Vec<u8> {
            let marked = format!("\u{feff}{text}");
            marked.chars().flat_map(|c| to_bytes(c.into())).collect()
        };
        let ebcdic = b"\xf0\xf1\xf2\x40\x40\xf0\xf1\x4b\x91\x97\xf2\x25";
        let cases: [(&str, &[u8]); 5] = [
            ("UTF-32LE", &utf_32(u32::to_le_bytes)),
            ("UTF-32BE", &utf_32(u32::to_be_bytes)),
            ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xb3\x01"),
            ("base64", b"ZmlsZXMgYW5kIHRoZWlyIGRpZ2VzdHM=\n"),
            ("EBCDIC", ebcdic),
        ];
        for (what, bytes) in cases {
            let list = ChecksumList::parse(bytes);
            assert!(
                list.is_empty() && list.has_unread && !list.warnings.is_empty(),
                "{what}"
            );
        }
    }

    #[test]
    fn two_digests_for_one_name_are_said() {
        let list = ChecksumList::parse(format!("{A}  a.txt\n{}  a.txt\n", A.replace('0', "1")).as_bytes());
        assert_eq!(list.to_hex()["a.txt"], A);
        assert_eq!(list.warnings, ["a.txt is listed with two digests"]);
        assert_eq!(
            list.entries().map(|(_, digests)| digests.len()).collect::<Vec<_>>(),
            [2]
        );
    }

    #[test]
    fn a_second_list_adds_its_names_and_its_contradictions() {
        let list = |text: String| ChecksumList::parse(text.as_bytes());
        let other = A.replace('0', "1");
        let mut first = list(format!("{A}  a.txt\n{A}  b.txt\n"));
        let said = first.merge(list(format!("{A}  ./a.txt\n{other}  b.txt\n{A}  c.txt\n")));
        assert_eq!(said, ["b.txt is listed with two digests"]);
        let counts: Vec<_> = first.entries().map(|(name, digests)| (name, digests.len())).collect();
        assert_eq!(counts, [("a.txt", 1), ("b.txt", 2), ("c.txt", 1)]);
    }

    #[test]
    fn utf_16_is_read_by_its_byte_order_mark() {
        let text = format!("\u{feff}{A} *00000001.jp2\r\n{A}  B\u{fc}cher.txt\r\n");
        for to_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let bytes: Vec<u8> = text.encode_utf16().flat_map(to_bytes).collect();
            let list = ChecksumList::parse(&bytes);
            assert_eq!(
                list.to_hex().into_keys().collect::<Vec<_>>(),
                ["00000001.jp2", "B\u{fc}cher.txt"]
            );
            assert_eq!(list.warnings, Vec::<String>::new());
        }
    }

    #[test]
    fn what_is_odd_is_said_and_the_rest_is_read() {
        let cases = [
            (
                format!("{A}  checksum.md5\n{A}  1.jp2"),
                "1.jp2",
                "the list names itself, which says nothing",
            ),
            (
                format!("{A}  C:\\scans\\1.jp2"),
                "1.jp2",
                "1 names have backslashes, which are read as slashes",
            ),
            (
                format!("\\{A}  scans\\\\1.jp2"),
                "1.jp2",
                "1 names have backslashes, which are read as slashes",
            ),
            (format!("{A}  1.jp2\nnonsense"), "1.jp2", "line 2 is no checksum line"),
        ];
        for (text, name, warning) in cases {
            let list = ChecksumList::parse(text.as_bytes());
            assert_eq!(list.to_hex().into_keys().collect::<Vec<_>>(), [name], "{text:?}");
            assert_eq!(list.warnings, [warning], "{text:?}");
        }
    }
}
