//! A hathifile: tab-separated, a volume a line, without quoting and mostly without a header; plain or packed with gzip.
//!
//! Columns, counted from 1: 1 identifier, 2 access, 3 rights, 14 reason, 15 time of the determination, 17 date it was based on. Columns
//! that are new come at the end of a line.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use jiff::civil::DateTime;

use crate::catalog::rights::volume_id::is_volume_id;

/// The fewest columns of a line: all that are read.
const FEWEST_COLUMNS: usize = 17;
/// The longest line. Identifiers of a long series make some of several thousand bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// What a file says of the rights in a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RightsFacts {
    /// Identifier of the volume.
    pub volume: String,
    /// `pd`, `ic`, `cc-by-4.0`, …
    pub code: String,
    /// `allow` or `deny`.
    pub access: String,
    /// Why the code is what it is: `bib`, `ren`, …
    pub reason: Option<String>,
    /// When the rights were determined: ISO 8601 without zone, as the file has none.
    pub timestamp: Option<String>,
    /// The year that this was based on.
    pub date_used: Option<String>,
}

/// Why a line cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadRightsRow {
    #[error("it has {0} columns, where {FEWEST_COLUMNS} are the fewest")]
    Columns(usize),
    #[error("{0:?} is no identifier of a volume")]
    Volume(String),
    #[error("its access is {0:?}, neither \"allow\" nor \"deny\"")]
    Access(String),
    #[error("{0:?} is no code of rights")]
    Code(String),
    #[error("{0:?} is no time of a determination")]
    Timestamp(String),
    #[error("it is longer than {LONGEST_LINE} bytes")]
    Long,
}

impl RightsFacts {
    /// Reads a line; columns that are of no use here may hold anything.
    pub(super) fn read(line: &[u8]) -> Result<Self, BadRightsRow> {
        let columns: Vec<&[u8]> = line.split(|byte| *byte == b'\t').take(FEWEST_COLUMNS).collect();
        if columns.len() < FEWEST_COLUMNS {
            return Err(BadRightsRow::Columns(columns.len()));
        }
        let text = |place: usize| String::from_utf8_lossy(columns[place - 1]).trim().to_owned();
        let filled = |place: usize| Some(text(place)).filter(|text| !text.is_empty());
        let (volume, access, code) = (text(1), text(2), text(3));
        if !is_volume_id(&volume) {
            return Err(BadRightsRow::Volume(shortened(volume)));
        }
        if !["allow", "deny"].contains(&access.as_str()) {
            return Err(BadRightsRow::Access(shortened(access)));
        }
        if !is_code(&code) {
            return Err(BadRightsRow::Code(shortened(code)));
        }
        let timestamp = filled(15).map(|text| read_time(&text)).transpose()?;
        Ok(Self {
            volume,
            code,
            access,
            reason: filled(14).filter(|text| is_code(text)),
            timestamp,
            date_used: filled(17).filter(|text| text.len() <= 10 && text.bytes().all(|b| b.is_ascii_digit())),
        })
    }
}

fn is_code(text: &str) -> bool {
    let is_known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
    (1..=32).contains(&text.len()) && text.bytes().all(is_known)
}

fn read_time(text: &str) -> Result<String, BadRightsRow> {
    let bad = |_| BadRightsRow::Timestamp(shortened(text.to_owned()));
    let time: DateTime = text.parse().map_err(bad)?;
    Ok(time.strftime("%Y-%m-%dT%H:%M:%S").to_string())
}

fn shortened(text: String) -> String {
    text.chars().take(60).collect()
}

/// Reads a file line by line; memory is bounded by the longest line.
pub(super) struct HathifileReader {
    source: Box<dyn BufRead>,
    line: Vec<u8>,
    number: u64,
}

impl HathifileReader {
    /// Begins to read, unpacked if the file begins as one of gzip's.
    pub(super) fn begin(source: Box<dyn Read>) -> io::Result<Self> {
        let mut source = BufReader::with_capacity(1 << 16, source);
        let packed = source.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        let source: Box<dyn BufRead> = match packed {
            true => Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(source))),
            false => Box::new(source),
        };
        Ok(Self {
            source,
            line: Vec::new(),
            number: 0,
        })
    }

    /// The number of the last line, counted from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next row; `None` at the end. A header is passed over, and so are empty lines.
    pub(super) fn next(&mut self) -> io::Result<Option<Result<RightsFacts, BadRightsRow>>> {
        loop {
            self.line.clear();
            self.number += 1;
            if self
                .source
                .by_ref()
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut self.line)?
                == 0
            {
                return Ok(None);
            }
            if self.line.len() as u64 == LONGEST_LINE && !self.line.ends_with(b"\n") {
                self.source.skip_until(b'\n')?;
                return Ok(Some(Err(BadRightsRow::Long)));
            }
            let line = self.line.trim_ascii_end();
            let is_header = self.number == 1 && line.starts_with(b"htid\t");
            if !line.is_empty() && !is_header {
                return Ok(Some(RightsFacts::read(strip_end(&self.line))));
            }
        }
    }
}

/// Without the end of the line; tabs before it are empty columns.
fn strip_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// A line with these values in the columns that are read.
    fn line(volume: &str, access: &str, code: &str, time: &str) -> String {
        format!(
            "{volume}\t{access}\t{code}\t000000067\tv.2\tMIU\t990000000670106381\t4270\t\t\t69011866\tEgypt \"and\" Cromer.\tPraeger\tbib\t{time}\t0\t1969\t\
             nyu\teng\tBK\tMIU\tumich\tumich\tgoogle\tgoogle\tSayyid, Afaf"
        )
    }

    fn read(line: &str) -> Result<RightsFacts, BadRightsRow> {
        RightsFacts::read(line.as_bytes())
    }

    #[test]
    fn a_line_is_read() {
        let facts = read(&line("mdp.39015008183538", "deny", "ic", "2008-01-21 09:30:30")).unwrap();
        let expected = RightsFacts {
            volume: "mdp.39015008183538".into(),
            code: "ic".into(),
            access: "deny".into(),
            reason: Some("bib".into()),
            timestamp: Some("2008-01-21T09:30:30".into()),
            date_used: Some("1969".into()),
        };
        assert_eq!(facts, expected);
        let unknown = read(&line("mdp.39015008183538", "allow", "cc-by-nc-nd-4.0", "")).unwrap();
        assert_eq!(unknown.timestamp, None, "what is empty stays unknown");
    }

    #[test]
    fn a_line_that_cannot_be_read_says_why() {
        use BadRightsRow as B;
        let time = "2008-01-21 09:30:30";
        for (text, bad) in [
            (String::from("mdp.39015008183538\tdeny\tic"), B::Columns(3)),
            (
                line("39015008183538", "deny", "ic", time),
                B::Volume("39015008183538".into()),
            ),
            (
                line("mdp.39015008183538", "maybe", "ic", time),
                B::Access("maybe".into()),
            ),
            (line("mdp.39015008183538", "deny", "", time), B::Code(String::new())),
            (line("mdp.39015008183538", "deny", "<b>", time), B::Code("<b>".into())),
            (
                line("mdp.39015008183538", "deny", "ic", "soon"),
                B::Timestamp("soon".into()),
            ),
            (
                line("mdp.39015008183538", "deny", "ic", "2008-02-30 09:30:30"),
                B::Timestamp("2008-02-30 09:30:30".into()),
            ),
        ] {
            assert_eq!(read(&text), Err(bad), "{text}");
        }
    }

    /// Rows by line; `None` where a line cannot be read.
    fn rows(bytes: Vec<u8>) -> io::Result<Vec<(u64, Option<String>)>> {
        let mut reader = HathifileReader::begin(Box::new(io::Cursor::new(bytes)))?;
        let mut out = Vec::new();
        while let Some(row) = reader.next()? {
            out.push((reader.number(), row.ok().map(|row| row.volume)));
        }
        Ok(out)
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn a_file_is_read_plain_and_packed_with_and_without_header_and_last_line_end() {
        let row = line("hvd.hn6kfn", "allow", "pd", "2020-01-01 00:00:00");
        let text = format!("htid\taccess\trights\n{row}\r\n\nhalf a line\n{row}");
        let expected = [
            (2, Some("hvd.hn6kfn".to_owned())),
            (4, None),
            (5, Some("hvd.hn6kfn".to_owned())),
        ];
        assert_eq!(rows(text.clone().into_bytes()).unwrap(), expected);
        // As gzip's files are joined: two of them one after the other.
        let (one, two) = text.as_bytes().split_at(40);
        assert_eq!(rows([packed(one), packed(two)].concat()).unwrap(), expected);
        assert_eq!(rows(Vec::new()).unwrap(), []);
    }

    #[test]
    fn a_line_without_end_is_passed_over_and_the_next_one_is_read() {
        let row = line("hvd.hn6kfn", "allow", "pd", "2020-01-01 00:00:00");
        let text = format!("{}\n{row}\n", "x".repeat(3 << 20));
        let expected = [(1, None), (2, Some("hvd.hn6kfn".to_owned()))];
        assert_eq!(rows(text.into_bytes()).unwrap(), expected);
    }

    #[test]
    fn a_packed_file_that_is_cut_off_or_damaged_is_an_error() {
        let text = line("hvd.hn6kfn", "allow", "pd", "2020-01-01 00:00:00").repeat(100);
        let whole = packed(text.as_bytes());
        let mut damaged = whole.clone();
        let at = damaged.len() - 6;
        damaged[at] ^= 1;
        for bytes in [whole[..whole.len() - 4].to_vec(), damaged] {
            assert!(rows(bytes).is_err());
        }
    }
}
