//! Extended headers: GNU long names, and pax records of which only names, links and sizes are read.

use std::io::{self, BufRead, Read};

use tar::Header;

use crate::archive::error::ArchiveLimit;
use crate::archive::members::{TarMembers, broken, hostile};

/// What extended headers say about the next member.
#[derive(Debug, Default)]
pub(super) struct ExtendedHeader {
    pub(super) name: Option<Vec<u8>>,
    /// The file that a link means.
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    /// Holes are left out of its data.
    pub(super) is_sparse: bool,
    /// The file's own name; the header has that of a file for programs that do not know sparse ones.
    pub(super) sparse_name: Option<Vec<u8>>,
    /// The file's size with its holes.
    pub(super) sparse_size: Option<u64>,
}

impl<B: BufRead> TarMembers<'_, B> {
    pub(super) fn extended_header(&mut self, header: &Header) -> io::Result<Vec<u8>> {
        let size = header.entry_size().map_err(|_| broken("a size is no number"))?;
        if size > self.limits.header_bytes {
            return Err(hostile(
                ArchiveLimit::HeaderSize,
                format!("an extended header of {size} bytes"),
            ));
        }
        self.begin_data(size);
        let mut data = Vec::new();
        Read::read_to_end(self, &mut data)?;
        Ok(data)
    }

    /// Begins an extended header of which the most is skipped, such as extended attributes.
    pub(super) fn begin_skipped(&mut self, header: &Header) -> io::Result<()> {
        let size = header.entry_size().map_err(|_| broken("a size is no number"))?;
        if size > self.limits.pax_header_bytes {
            let detail = format!("an extended header of {size} bytes");
            return Err(hostile(ArchiveLimit::HeaderSize, detail));
        }
        self.begin_data(size);
        Ok(())
    }

    /// Reads pax records (`length key=value\n`). Only name, link and size matter; the value of any other is skipped, however
    /// long it is.
    pub(super) fn pax_header(&mut self, header: &Header, extended: &mut ExtendedHeader) -> io::Result<()> {
        self.begin_skipped(header)?;
        let malformed = || broken("a pax header is malformed");
        while self.left > 0 {
            let mut digits = Vec::new();
            Read::take(&mut *self, 20).read_until(b' ', &mut digits)?;
            let length = pax_length(&digits).ok_or_else(malformed)?;
            let mut key = Vec::new();
            Read::take(&mut *self, length).read_until(b'=', &mut key)?;
            let value_length = length.checked_sub(key.len() as u64 + 1).ok_or_else(malformed)?;
            if key.pop() != Some(b'=') || value_length >= self.left {
                return Err(malformed());
            }
            if extended.wants(&key) {
                if value_length > self.limits.header_bytes {
                    let detail = format!("a pax record of {length} bytes");
                    return Err(hostile(ArchiveLimit::HeaderSize, detail));
                }
                let mut value = Vec::new();
                Read::take(&mut *self, value_length).read_to_end(&mut value)?;
                extended.set(&key, value)?;
            } else {
                io::copy(&mut Read::take(&mut *self, value_length), &mut io::sink())?;
            }
            let mut end = [0];
            self.read_exact(&mut end)?;
            if end != *b"\n" {
                return Err(malformed());
            }
        }
        Ok(())
    }
}

impl ExtendedHeader {
    /// Is this record's value needed? Sparse files are known by any record of theirs.
    fn wants(&mut self, key: &[u8]) -> bool {
        self.is_sparse |= key.starts_with(b"GNU.sparse");
        let is_of_sparse = matches!(key, b"GNU.sparse.name" | b"GNU.sparse.realsize" | b"GNU.sparse.size");
        is_of_sparse || matches!(key, b"path" | b"linkpath" | b"size")
    }

    fn set(&mut self, key: &[u8], value: Vec<u8>) -> io::Result<()> {
        match key {
            b"path" => self.name = Some(value),
            b"linkpath" => self.link = Some(value),
            b"GNU.sparse.name" => self.sparse_name = Some(value),
            b"GNU.sparse.realsize" | b"GNU.sparse.size" => self.sparse_size = Some(size_of(&value)?),
            _ => self.size = Some(size_of(&value)?),
        }
        Ok(())
    }
}

fn size_of(value: &[u8]) -> io::Result<u64> {
    let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    size.ok_or_else(|| broken("a pax size is no number"))
}

/// What is left of a pax record behind its length and the blank that `digits` ends with.
fn pax_length(digits: &[u8]) -> Option<u64> {
    let number = digits.strip_suffix(b" ")?;
    let number = std::str::from_utf8(number)
        .ok()
        .filter(|text| text.bytes().all(|digit| digit.is_ascii_digit()))?;
    number.parse::<u64>().ok()?.checked_sub(digits.len() as u64)
}

pub(super) fn until_nul(mut name: Vec<u8>) -> Vec<u8> {
    if let Some(nul) = name.iter().position(|byte| *byte == 0) {
        name.truncate(nul);
    }
    name
}
