//! Where the files of a stored archive lie, `meta/<BARCODE>_members.json.gz`: one of them can be read without the whole archive.

use std::io::{self, Read, Write};
use std::ops::Range;

use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use serde::{Deserialize, Serialize};

use crate::archive::digest::base_name;
use crate::archive::inflate::RestartPoint;
use crate::archive::members::BLOCK;
use crate::archive::volume::ProvenVolume;

/// No index is longer: an archive has at most 65,536 entries with names of 512 bytes.
const LONGEST: u64 = 64 << 20;
/// How many similar names are told.
const SIMILAR: usize = 5;

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveMember {
    /// Its name, with folders.
    pub name: String,
    /// Bytes of the tar before its own.
    pub offset: u64,
    /// Its size.
    pub bytes: u64,
    /// Its MD5 when it was stored, 32 hexadecimal digits; of checksum lists, and where digests are not compared, none is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<String>,
    /// The archive itself lists this MD5 for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub listed: bool,
}

/// The files of an archive, and the places from which it can be inflated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberIndex {
    /// SHA-256 of the archive, 64 hexadecimal digits.
    pub sha256: String,
    /// In order.
    pub restarts: Vec<RestartPoint>,
    /// In the archive's order; of several with one name only the last, which counts.
    pub members: Vec<ArchiveMember>,
}

/// What a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberMatch<'i> {
    /// This file.
    One(&'i ArchiveMember),
    /// Any of these, in different folders.
    Several(Vec<&'i str>),
    /// None; these are called similarly.
    None(Vec<&'i str>),
}

/// Which bytes of an archive hold a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberSpan {
    /// Where to begin.
    pub from: RestartPoint,
    /// The bytes to read; it may end behind the archive.
    pub packed: Range<u64>,
}

impl MemberIndex {
    /// Of a volume that was just proven.
    pub fn of(volume: &ProvenVolume) -> Self {
        Self {
            sha256: volume.sha256_hex(),
            restarts: volume.restarts.clone(),
            members: volume.members.clone(),
        }
    }

    /// Writes it as gzip without a time, so that the same index gives the same bytes. Of the same archive another pass may find other
    /// restarts: which blocks it stops at depends on how the bytes came.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        let mut gz = GzBuilder::new()
            .mtime(0)
            .write(io::BufWriter::new(out), Compression::default());
        serde_json::to_writer(&mut gz, self)?;
        gz.finish()?.flush()
    }

    /// Reads it.
    pub fn read(packed: impl Read) -> io::Result<Self> {
        let inflated = GzDecoder::new(packed).take(LONGEST);
        Ok(serde_json::from_reader(io::BufReader::new(inflated))?)
    }

    /// The file of this name: the whole one, else that of a file in any folder.
    pub fn find(&self, name: &str) -> MemberMatch<'_> {
        let name = name.trim_start_matches("./");
        let whole = self.members.iter().find(|member| member.name == name);
        let called_so: Vec<_> = match whole {
            Some(member) => vec![member],
            None => self
                .members
                .iter()
                .filter(|member| base_name(&member.name) == name)
                .collect(),
        };
        match called_so[..] {
            [member] => MemberMatch::One(member),
            [] => MemberMatch::None(self.similar(name)),
            _ => MemberMatch::Several(called_so.iter().map(|member| member.name.as_str()).collect()),
        }
    }

    fn similar(&self, name: &str) -> Vec<&str> {
        let likeness = |member: &ArchiveMember| strsim::jaro_winkler(base_name(&member.name), base_name(name));
        let mut members: Vec<_> = self.members.iter().collect();
        members.sort_by(|one, other| likeness(other).total_cmp(&likeness(one)));
        members
            .iter()
            .take(SIMILAR)
            .map(|member| member.name.as_str())
            .collect()
    }

    /// From the last place before the file and its header to the first one behind it.
    pub fn span(&self, member: &ArchiveMember) -> MemberSpan {
        let begin = member.offset.saturating_sub(BLOCK as u64);
        let end = member.offset.saturating_add(member.bytes);
        let from = self.restarts.iter().rev().find(|point| point.unpacked <= begin);
        let from = from.copied().unwrap_or_default();
        let behind = self
            .restarts
            .iter()
            .find(|point| point.unpacked >= end && **point > from);
        MemberSpan {
            from,
            packed: from.packed..behind.map_or(u64::MAX, |point| point.packed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(names: &[&str]) -> MemberIndex {
        let member = |(place, name): (usize, &&str)| ArchiveMember {
            name: (*name).to_owned(),
            offset: 512 + 1_024 * place as u64,
            bytes: 100,
            md5: None,
            listed: false,
        };
        MemberIndex {
            sha256: "0".repeat(64),
            restarts: Vec::new(),
            members: names.iter().enumerate().map(member).collect(),
        }
    }

    #[test]
    fn a_name_means_one_file_or_it_is_said_which_it_may_mean() {
        let names = [
            "a/00000001.jp2",
            "a/00000002.jp2",
            "b/00000002.jp2",
            "00000003.jp2",
            "b/00000003.jp2",
        ];
        let index = index(&names);
        let one = |name| MemberMatch::One(index.members.iter().find(|member| member.name == name).unwrap());
        for (wanted, expected) in [
            ("a/00000001.jp2", one("a/00000001.jp2")),
            ("./a/00000001.jp2", one("a/00000001.jp2")),
            ("00000001.jp2", one("a/00000001.jp2")),
            ("b/00000002.jp2", one("b/00000002.jp2")),
            (
                "00000002.jp2",
                MemberMatch::Several(vec!["a/00000002.jp2", "b/00000002.jp2"]),
            ),
            ("00000003.jp2", one("00000003.jp2")),
        ] {
            assert_eq!(index.find(wanted), expected, "{wanted}");
        }
        let MemberMatch::None(similar) = index.find("1.jp2") else {
            panic!()
        };
        assert!(similar.contains(&"a/00000001.jp2"), "{similar:?}");
    }

    #[test]
    fn as_little_as_possible_is_read() {
        let point = |packed, unpacked| RestartPoint { packed, unpacked };
        let index = MemberIndex {
            restarts: vec![point(100, 1_000), point(200, 2_000), point(300, 3_000)],
            ..index(&[])
        };
        for (offset, bytes, from, end) in [
            (512, 100, (0, 0), 100),
            (1_511, 100, (0, 0), 200),
            (1_512, 100, (100, 1_000), 200),
            (1_600, 400, (100, 1_000), 200),
            (1_600, 401, (100, 1_000), 300),
            (3_600, 1, (300, 3_000), u64::MAX),
        ] {
            let member = ArchiveMember {
                offset,
                bytes,
                ..index_member()
            };
            let expected = MemberSpan {
                from: point(from.0, from.1),
                packed: from.0..end,
            };
            assert_eq!(index.span(&member), expected, "{offset} {bytes}");
        }
        let no_places = self::index(&["1.jp2"]);
        let span = no_places.span(&no_places.members[0]);
        assert_eq!(span.packed, 0..u64::MAX);
    }

    fn index_member() -> ArchiveMember {
        index(&["1.jp2"]).members.remove(0)
    }

    #[test]
    fn it_reads_back_as_it_was_written_and_always_with_the_same_bytes() {
        let index = index(&["1.jp2", "2.jp2"]);
        let written = || {
            let mut bytes = Vec::new();
            index.write(&mut bytes).unwrap();
            bytes
        };
        assert_eq!(MemberIndex::read(&written()[..]).unwrap(), index);
        assert_eq!(written(), written());
        assert!(MemberIndex::read(&b"no gzip"[..]).is_err());
    }
}
