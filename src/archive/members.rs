//! The members of a tar as a stream, nothing unpacked, everything bounded.
//!
//! Header fields are read with the `tar` crate; the walk is our own, because the crate reads extended headers of any
//! length into memory and has no limits.

mod extended;
mod sparse;

use std::io::{self, BufRead, Read};

use tar::{EntryType, Header};

use crate::archive::error::{ArchiveLimit, DamageKind, LayerFault};
use crate::archive::limits::ArchiveLimits;
use crate::archive::members::extended::{ExtendedHeader, until_nul};

/// Bytes of a tar block.
pub(super) const BLOCK: usize = 512;

/// A member of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TarMember {
    /// The name with folders, without a leading `./` and with slashes for backslashes; bytes that are not UTF-8 replaced.
    pub(super) name: String,
    /// Bytes of its data.
    pub(super) size: u64,
    /// Bytes of the tar before its data.
    pub(super) offset: u64,
    pub(super) kind: MemberKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MemberKind {
    File,
    /// A second name of the file of this name.
    Link(String),
    Folder,
    /// A kind that is not known, to be read as a file.
    Unknown,
    /// A kind that is skipped, such as a volume label.
    Odd,
    /// A file without its holes: what stands in the tar is not what the file holds.
    Sparse,
    /// A named pipe: it holds nothing, and unpacking it harms nothing.
    Pipe,
}

/// Walks through a tar. Reading it gives the data of the member that [`TarMembers::next`] named last.
pub(crate) struct TarMembers<'l, B> {
    input: CountedInput<B>,
    limits: &'l ArchiveLimits,
    left: u64,
    padding: u64,
    entries: u64,
    total: u64,
    ended: Option<TarEnd>,
    foreign: bool,
}

/// The bytes of the tar, counted.
struct CountedInput<B> {
    inner: B,
    passed: u64,
}

impl<B: BufRead> BufRead for CountedInput<B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.passed += amount as u64;
        self.inner.consume(amount);
    }
}

impl<B: BufRead> Read for CountedInput<B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buf)?;
        self.consume(got);
        Ok(got)
    }
}

/// How a tar ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TarEnd {
    /// With two blocks of zeros, or with one at the end of the bytes.
    Marked,
    /// At the end of the bytes, or with a block of zeros before something else.
    Unmarked,
}

impl<'l, B: BufRead> TarMembers<'l, B> {
    pub(crate) fn new(input: B, limits: &'l ArchiveLimits) -> Self {
        Self {
            input: CountedInput {
                inner: input,
                passed: 0,
            },
            limits,
            left: 0,
            padding: 0,
            entries: 0,
            total: 0,
            ended: None,
            foreign: false,
        }
    }

    /// Skips what is left of the current member and gives the next one; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<TarMember>> {
        let mut extended = ExtendedHeader::default();
        loop {
            self.skip_rest()?;
            let Some(header) = self.header()? else { return Ok(None) };
            let kind = header.entry_type();
            match kind {
                EntryType::GNULongName => extended.name = Some(until_nul(self.extended_header(&header)?)),
                EntryType::GNULongLink => extended.link = Some(until_nul(self.extended_header(&header)?)),
                EntryType::XHeader => self.pax_header(&header, &mut extended)?,
                EntryType::XGlobalHeader => self.begin_skipped(&header)?,
                _ => return self.member(&header, extended).map(Some),
            }
        }
    }

    /// How the tar ended, once [`TarMembers::next`] gave `None`.
    pub(super) fn end(&self) -> Option<TarEnd> {
        self.ended
    }

    /// Reads to the end of the bytes behind the tar; true if there is anything but zeros.
    pub(super) fn has_foreign_tail(&mut self) -> io::Result<bool> {
        let mut foreign = self.foreign;
        loop {
            let buffer = self.input.fill_buf()?;
            let have = buffer.len();
            if have == 0 {
                return Ok(foreign);
            }
            foreign |= !is_zero(buffer);
            self.input.consume(have);
        }
    }

    pub(super) fn input_mut(&mut self) -> &mut B {
        &mut self.input.inner
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        let mut rest = self.left + self.padding;
        (self.left, self.padding) = (0, 0);
        while rest > 0 {
            let have = self.input.fill_buf()?.len();
            if have == 0 {
                return Err(broken("it is cut short"));
            }
            let step = at_most(rest, have);
            self.input.consume(step);
            rest -= step as u64;
        }
        Ok(())
    }

    fn header(&mut self) -> io::Result<Option<Header>> {
        let mut block = [0; BLOCK];
        let got = self.read_block(&mut block)?;
        if got == 0 {
            self.ended = Some(TarEnd::Unmarked);
            return Ok(None);
        }
        if got < BLOCK {
            return Err(broken("it is cut short"));
        }
        if is_zero(&block) {
            self.ended = Some(self.end_mark()?);
            return Ok(None);
        }
        self.count_entry()?;
        if !is_header(&block) {
            return Err(broken("a header block has a wrong checksum"));
        }
        Ok(Some(Header::from_byte_slice(&block).clone()))
    }

    fn count_entry(&mut self) -> io::Result<()> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(hostile(
                ArchiveLimit::Entries,
                format!("more than {} entries", self.limits.entries),
            ));
        }
        Ok(())
    }

    /// What follows a block of zeros: another one ends the tar, and so does the end of the bytes. Anything else means that
    /// the zeros are no end mark, and that files may stand behind them.
    fn end_mark(&mut self) -> io::Result<TarEnd> {
        let mut block = [0; BLOCK];
        let got = self.read_block(&mut block)?;
        self.foreign = !is_zero(&block[..got]);
        Ok(if self.foreign { TarEnd::Unmarked } else { TarEnd::Marked })
    }

    fn read_block(&mut self, block: &mut [u8; BLOCK]) -> io::Result<usize> {
        let mut got = 0;
        while got < BLOCK {
            match self.input.read(&mut block[got..])? {
                0 => break,
                more => got += more,
            }
        }
        Ok(got)
    }

    fn begin_data(&mut self, size: u64) {
        self.left = size;
        self.padding = size.next_multiple_of(BLOCK as u64) - size;
    }

    fn member(&mut self, header: &Header, extended: ExtendedHeader) -> io::Result<TarMember> {
        let own_name = extended.sparse_name.or(extended.name);
        let raw = own_name.unwrap_or_else(|| header.path_bytes().into_owned());
        let name = self.safe_name(&raw)?;
        let kind = match header.entry_type() {
            EntryType::Link => {
                let target = header.link_name_bytes().map(|target| target.into_owned());
                let target = extended.link.or(target).unwrap_or_default();
                let target = self.safe_name(&target);
                MemberKind::Link(target.map_err(|_| hostile(ArchiveLimit::Link, format!("{name} is a link")))?)
            }
            EntryType::GNUSparse => {
                let size = header.as_gnu().and_then(|header| header.real_size().ok());
                self.check_sparse(size, &name)?;
                self.skip_sparse_map(header)?;
                MemberKind::Sparse
            }
            _ if extended.is_sparse => {
                self.check_sparse(extended.sparse_size, &name)?;
                MemberKind::Sparse
            }
            _ => kind_of(header, &name, raw.ends_with(b"/"))?,
        };
        let size = match (&kind, extended.size) {
            // A hard link has no bytes of its own, whatever its size says.
            (MemberKind::Folder | MemberKind::Link(_), _) => 0,
            (_, Some(size)) => size,
            // The label of a volume has no size at all.
            (MemberKind::Odd | MemberKind::Pipe, _) if is_zero(&header.as_old().size) => 0,
            _ => header.entry_size().map_err(|_| broken("a size is no number"))?,
        };
        if kind == MemberKind::Pipe && size > 0 {
            let detail = format!("{name} is a pipe and claims {size} bytes");
            return Err(hostile(ArchiveLimit::SpecialFile, detail));
        }
        self.total = self.total.saturating_add(size);
        if size > self.limits.member_bytes {
            return Err(hostile(ArchiveLimit::MemberSize, format!("{name} claims {size} bytes")));
        }
        if self.total > self.limits.total_bytes {
            return Err(hostile(
                ArchiveLimit::TotalSize,
                format!("its members claim {} bytes", self.total),
            ));
        }
        self.begin_data(size);
        Ok(TarMember {
            name,
            size,
            offset: self.input.passed,
            kind,
        })
    }

    /// A name that stays below the folder it would be unpacked to.
    fn safe_name(&self, raw: &[u8]) -> io::Result<String> {
        if raw.len() > self.limits.name_bytes {
            return Err(hostile(
                ArchiveLimit::NameLength,
                format!("a name of {} bytes", raw.len()),
            ));
        }
        let name = String::from_utf8_lossy(raw);
        let unsafe_name = name.starts_with('/')
            || name.split(['/', '\\']).any(|part| part == "..")
            || name.contains('\0')
            || name.as_bytes().get(1) == Some(&b':');
        if unsafe_name {
            return Err(hostile(ArchiveLimit::UnsafeName, format!("a member is named {name:?}")));
        }
        let parts: Vec<&str> = name
            .split(['/', '\\'])
            .filter(|part| !part.is_empty() && *part != ".")
            .collect();
        Ok(parts.join("/"))
    }
}

/// Entries of other programs' own kinds that hold no file: Solaris's attributes and extended headers, GNU tar's listings of folders, long names and
/// labels of volumes.
const NO_FILES: &[u8] = b"ADEINVX";

/// Old tars have no other mark of a folder than the slash at the end of its whole name; the name in the header may be cut anywhere.
fn kind_of(header: &Header, name: &str, has_slash: bool) -> io::Result<MemberKind> {
    Ok(match header.entry_type() {
        EntryType::Regular | EntryType::Continuous if has_slash => MemberKind::Folder,
        EntryType::Regular | EntryType::Continuous => MemberKind::File,
        EntryType::Directory => MemberKind::Folder,
        EntryType::Symlink => return Err(hostile(ArchiveLimit::Link, format!("{name} is a link"))),
        // Unpacked, it leads to a disk or a terminal of that machine.
        EntryType::Char | EntryType::Block => {
            return Err(hostile(ArchiveLimit::SpecialFile, format!("{name} is a device")));
        }
        EntryType::Fifo => MemberKind::Pipe,
        other if other.as_byte() == b'M' => return Err(unread(format!("{name} begins in another archive"))),
        other if has_slash || NO_FILES.contains(&other.as_byte()) => MemberKind::Odd,
        // POSIX wants it unpacked as a file.
        _ => MemberKind::Unknown,
    })
}

/// Is this block a header of a tar, by its own sum?
pub(super) fn is_header(block: &[u8; BLOCK]) -> bool {
    let written = Header::from_byte_slice(block).cksum();
    written.is_ok_and(|written| sums(block).contains(&i64::from(written)))
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// The sum over a header's bytes, its own field taken for blanks; old Unix tars added the bytes as signed numbers.
fn sums(block: &[u8; BLOCK]) -> [i64; 2] {
    let rest = || block[..148].iter().chain(&block[156..]);
    let blanks = 8 * i64::from(b' ');
    let unsigned: i64 = rest().map(|byte| i64::from(*byte)).sum();
    let signed: i64 = rest().map(|byte| i64::from(byte.cast_signed())).sum();
    [unsigned + blanks, signed + blanks]
}

fn at_most(left: u64, have: usize) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(have)
}

fn broken(what: &str) -> io::Error {
    LayerFault::Damaged(DamageKind::Tar(what.to_owned())).into()
}

pub(super) fn unread(what: String) -> io::Error {
    LayerFault::UnreadTar(what).into()
}

fn hostile(limit: ArchiveLimit, detail: String) -> io::Error {
    LayerFault::Hostile(limit, detail).into()
}

impl<B: BufRead> BufRead for TarMembers<'_, B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let buffer = self.input.fill_buf()?;
        if buffer.is_empty() {
            return Err(broken("it is cut short"));
        }
        Ok(&buffer[..at_most(self.left, buffer.len())])
    }

    fn consume(&mut self, amount: usize) {
        self.left -= amount as u64;
        self.input.consume(amount);
    }
}

impl<B: BufRead> Read for TarMembers<'_, B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buf)?;
        self.consume(got);
        Ok(got)
    }
}
