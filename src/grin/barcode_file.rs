//! Lists of barcodes from a file or a command line: all are good, or none is used.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::grin::{BadBarcode, Barcode};

/// The barcodes in a file, as `--barcodes-file` reads it (`work.barcodes_file`).
pub fn from_file(path: &Path) -> Result<Vec<Barcode>, BarcodesError> {
    let mut list = BarcodeList::default();
    read_file(&mut list, path)?;
    list.finish()
}

/// A file of more than a hundred million characters is no list of barcodes.
const LONGEST_FILE: u64 = 128 * 1024 * 1024;
/// Longer lines are cut here; a barcode has at most 50 characters, so the rest can only be wrong.
const LONGEST_LINE: u64 = 4 * 1024;
/// So many bad ones are listed in full.
const MOST_LISTED: usize = 100;

/// Adds the barcodes in a file to `list`; `-` is standard input.
pub fn read_file(list: &mut BarcodeList, path: &Path) -> Result<(), BarcodesError> {
    let unreadable = |source| BarcodesError::Unreadable {
        path: path.to_owned(),
        source,
    };
    if path == Path::new("-") {
        return list.read(io::stdin().lock(), "standard input").map_err(unreadable);
    }
    let file = File::open(path).map_err(unreadable)?;
    list.read(BufReader::new(file), &path.display().to_string())
        .map_err(unreadable)
}

/// Barcodes as they are read, good and bad apart.
#[derive(Debug, Default)]
pub struct BarcodeList {
    good: Vec<Barcode>,
    seen: HashSet<Barcode>,
    bad: Vec<BadEntry>,
    more_bad: usize,
}

impl BarcodeList {
    /// Reads one barcode a line; blank lines, remarks and a byte-order mark do not count.
    pub fn read(&mut self, input: impl BufRead, name: &str) -> io::Result<()> {
        let mut input = input.take(LONGEST_FILE + 1);
        let mut line = Vec::new();
        for number in 1u64.. {
            line.clear();
            if next_line(&mut input, &mut line)? == 0 {
                break;
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_start_matches('\u{feff}');
            let text = text.split('#').next().unwrap_or_default().trim();
            if !text.is_empty() {
                self.take(&format!("{name}, line {number}"), text);
            }
        }
        if input.limit() == 0 {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "more than 128 MiB are no list of barcodes",
            ));
        }
        Ok(())
    }

    /// Takes one text as a barcode, or notes why it is none.
    pub fn take(&mut self, place: &str, text: &str) {
        match Barcode::parse(text) {
            Ok(barcode) if self.seen.insert(barcode.clone()) => self.good.push(barcode),
            Ok(_) => {}
            Err(_) if self.bad.len() == MOST_LISTED => self.more_bad += 1,
            Err(because) => {
                let text = text.chars().take(60).collect();
                self.bad.push(BadEntry {
                    place: place.to_owned(),
                    text,
                    because,
                });
            }
        }
    }

    /// All of them, if all are good.
    pub fn finish(self) -> Result<Vec<Barcode>, BarcodesError> {
        match (self.bad.is_empty(), self.good.is_empty()) {
            (false, _) => Err(BarcodesError::Bad(BadBarcodes {
                listed: self.bad,
                more: self.more_bad,
            })),
            (true, true) => Err(BarcodesError::None),
            (true, false) => Ok(self.good),
        }
    }
}

/// One line into `line`, whatever follows [`LONGEST_LINE`] read but not kept; 0 at the end.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    let mut read = input.by_ref().take(LONGEST_LINE).read_until(b'\n', line)?;
    if line.last() != Some(&b'\n') {
        read += input.skip_until(b'\n')?;
    }
    Ok(read)
}

/// A text that is no barcode, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadEntry {
    /// "--barcodes", or a file and its line.
    pub place: String,
    /// The text, cut after 60 characters.
    pub text: String,
    /// What is wrong with it.
    pub because: BadBarcode,
}

/// All texts that are no barcodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadBarcodes {
    /// The first hundred.
    pub listed: Vec<BadEntry>,
    /// How many more there are.
    pub more: usize,
}

impl fmt::Display for BadBarcodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.listed.len() + self.more;
        write!(
            f,
            "{total} of the texts given {} no barcode",
            if total == 1 { "is" } else { "are" }
        )?;
        for bad in &self.listed {
            write!(f, "\n{}: {:?}: {}", bad.place, bad.text, bad.because)?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}

/// Why the barcodes given cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BarcodesError {
    /// Some are none; nothing was done with the others.
    #[error("{0}")]
    Bad(BadBarcodes),
    /// A list was given, and nothing is in it.
    #[error("the list of barcodes is empty")]
    None,
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Vec<Barcode>, BarcodesError> {
        let mut list = BarcodeList::default();
        list.read(text, "f").unwrap();
        list.finish()
    }

    fn texts(barcodes: &[Barcode]) -> Vec<&str> {
        barcodes.iter().map(Barcode::as_str).collect()
    }

    #[test]
    fn remarks_blanks_and_repeats_do_not_count() {
        let barcodes = read("\u{feff}AAA1\r\n\n# note\n  BBB2 # twice\nAAA1\nCCC3".as_bytes()).unwrap();
        assert_eq!(texts(&barcodes), ["AAA1", "BBB2", "CCC3"]);
    }

    #[test]
    fn all_bad_ones_are_listed_and_no_good_one_is_taken() {
        let error = read(b"AAA1\n../x\nBBB2\nno good\n").unwrap_err();
        let BarcodesError::Bad(bad) = &error else {
            panic!("{error:?}")
        };
        assert_eq!(bad.listed.len(), 2);
        assert_eq!(bad.listed[0].place, "f, line 2");
        let text = error.to_string();
        assert!(text.contains("2 of the texts given are no barcode"), "{text}");
        assert!(text.contains("f, line 4: \"no good\": a barcode has only"), "{text}");
    }

    #[test]
    fn a_file_of_rubbish_makes_a_short_answer() {
        let rubbish = "!\n".repeat(5_000) + &"x".repeat(100_000) + "\nAAA1\n";
        let BarcodesError::Bad(bad) = read(rubbish.as_bytes()).unwrap_err() else {
            panic!()
        };
        assert_eq!((bad.listed.len(), bad.more), (100, 4_901));
    }

    #[test]
    fn an_overlong_line_is_one_line() {
        let long = "x".repeat(10_000) + "\nAAA1\n";
        let BarcodesError::Bad(bad) = read(long.as_bytes()).unwrap_err() else {
            panic!()
        };
        assert_eq!(bad.listed.len(), 1);
        assert_eq!(bad.listed[0].text.len(), 60);
    }

    #[test]
    fn an_empty_list_is_not_all_books() {
        assert!(matches!(read(b"# nothing\n"), Err(BarcodesError::None)));
    }
}
