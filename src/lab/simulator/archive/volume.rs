//! A volume's archive: pages, METS and checksum list in a tar, in gzip, in an `OpenPGP` message.
//!
//! All lengths are functions of the seed, so that a HEAD is answered without making anything.

use std::io::{self, Write};

use md5::{Digest, Md5};
use sha2::Sha256;

use crate::lab::simulator::archive::gzip::{GzipWriter, gzip_length};
use crate::lab::simulator::archive::mets::{MetsSource, MetsStyle, hex};
use crate::lab::simulator::archive::openpgp;
use crate::lab::simulator::archive::openpgp::{LengthForm, MessageShape};
use crate::lab::simulator::archive::pages::{PARTS, PageBlocks, PagePart, PageParts};
use crate::lab::simulator::archive::record::SimulatedRecord;
use crate::lab::simulator::faults::hostile::HostileKind;

/// Bytes that a truncated archive lacks at its end.
const MISSING: u64 = 1_000;
/// GNU tar writes records of twenty blocks.
const TAR_RECORD: u64 = 10_240;
const TAR_BLOCK: u64 = 512;

/// What is wrong for good with a volume as GRIN holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VolumeFate {
    /// Nothing is wrong with it.
    Whole,
    /// One bit of the message is flipped.
    SourceDamaged,
    /// The end of the message is missing.
    SourceTruncated,
    /// A page differs from its digest, in the list and in the METS alike.
    WrongChecksum,
    /// There is no `checksum.md5`; the METS has the digests.
    NoChecksumList,
    /// Neither list nor METS has digests.
    NoDigests,
    /// Encrypted with another passphrase.
    WrongPassphrase,
    /// The tar holds an entry that must never be unpacked.
    Hostile(HostileKind),
}

impl VolumeFate {
    /// What keeps it from being stored, as the fault is called; `None`: it can be stored. Of hostile archives some can: it
    /// depends on the entry.
    pub const fn damage(self) -> Option<&'static str> {
        match self {
            Self::Whole | Self::NoChecksumList | Self::NoDigests => None,
            Self::SourceDamaged => Some("source-damaged"),
            Self::SourceTruncated => Some("source-truncated"),
            Self::WrongChecksum => Some("wrong-checksum"),
            Self::WrongPassphrase => Some("wrong-passphrase"),
            Self::Hostile(_) => Some("hostile-archive"),
        }
    }
}

/// One volume, ready to be written as often as needed.
pub(crate) struct SimulatedVolume<'a> {
    /// `<LIB>_<BARCODE>`.
    pub stem: String,
    /// Name of the decrypted file, as gpg keeps it in the literal packet.
    pub name: String,
    /// `<LIB>:<BARCODE>`.
    pub object: String,
    pub record: SimulatedRecord,
    pub pages: Vec<PageParts>,
    pub blocks: &'a PageBlocks,
    pub style: MetsStyle,
    pub fate: VolumeFate,
    /// Do METS and checksum list stand before the pages?
    pub lists_first: bool,
    pub sealing: EncryptionForm<'a>,
}

/// How a volume is encrypted.
pub(crate) struct EncryptionForm<'a> {
    pub passphrase: &'a [u8],
    pub salt: [u8; 8],
    pub prefix: [u8; 16],
    pub count: u8,
    pub form: LengthForm,
}

/// Digest and length of a decrypted archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DecryptedDigest {
    pub sha256: String,
    pub bytes: u64,
}

impl SimulatedVolume<'_> {
    /// Length of the encrypted archive as GRIN hands it out.
    pub fn encrypted_length(&self) -> u64 {
        let whole = self.whole_length();
        match self.fate {
            VolumeFate::SourceTruncated => whole - MISSING.min(whole / 2),
            _ => whole,
        }
    }

    fn whole_length(&self) -> u64 {
        openpgp::message_length(self.sealing.form, &self.name, self.archive_length())
    }

    /// Length of the decrypted `.tar.gz`.
    pub fn archive_length(&self) -> u64 {
        gzip_length(self.tar_length())
    }

    fn tar_length(&self) -> u64 {
        let parts = |page: &PageParts| -> u64 {
            let length = |part| page.length(part, self.blocks).map_or(0, entry_length);
            PARTS.into_iter().map(length).sum()
        };
        let pages: u64 = self.pages.iter().map(parts).sum();
        let list = self.checksum_list_length().map_or(0, entry_length);
        let hostile = if let VolumeFate::Hostile(_) = self.fate {
            entry_length(TAR_BLOCK)
        } else {
            0
        };
        let content = pages + list + hostile + entry_length(self.mets().length()) + 2 * TAR_BLOCK;
        content.next_multiple_of(TAR_RECORD)
    }

    /// Writes the encrypted archive, as damaged as its fate says.
    pub fn write_encrypted<W: Write>(&self, out: W) -> io::Result<W> {
        let sealing = &self.sealing;
        let other = [sealing.passphrase, b" of another library"].concat();
        let wrong = self.fate == VolumeFate::WrongPassphrase;
        let message = MessageShape {
            passphrase: if wrong { &other } else { sealing.passphrase },
            salt: sealing.salt,
            prefix: sealing.prefix,
            count: sealing.count,
            form: sealing.form,
            name: &self.name,
        };
        let whole = self.whole_length();
        let flip = (self.fate == VolumeFate::SourceDamaged).then_some(whole / 2);
        let mut damaged = Damaged::new(out, flip, self.encrypted_length());
        openpgp::encrypt(&mut damaged, &message, self.archive_length(), |out| {
            self.write_archive(out)
        })?;
        Ok(damaged.out)
    }

    /// Writes the decrypted archive.
    pub fn write_archive(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut gzip = GzipWriter::new(out)?;
        self.write_tar(&mut gzip)?;
        gzip.finish()?;
        Ok(())
    }

    /// SHA-256 and length of the decrypted archive, by making it.
    pub fn decrypted(&self) -> io::Result<DecryptedDigest> {
        let mut digest = Sha256::new();
        self.write_archive(&mut digest)?;
        Ok(DecryptedDigest {
            sha256: hex(&digest.finalize()),
            bytes: self.archive_length(),
        })
    }

    fn write_tar(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut tar = Tar { out, written: 0 };
        if self.lists_first {
            self.write_lists(&mut tar)?;
        }
        for page in &self.pages {
            self.write_page(&mut tar, page)?;
        }
        if !self.lists_first {
            self.write_lists(&mut tar)?;
        }
        if let VolumeFate::Hostile(hostile) = self.fate {
            tar.raw(hostile.entry().as_slice())?;
        }
        tar.finish()
    }

    fn write_page(&self, tar: &mut Tar<'_>, page: &PageParts) -> io::Result<()> {
        let mut tail = page.tail_bytes();
        if self.fate == VolumeFate::WrongChecksum && page.number as usize == self.pages.len().div_ceil(2) {
            tail[0] ^= 1;
        }
        tar.entry(&page.name(PagePart::Image), &[self.blocks.shared(page), &tail])?;
        if page.html.is_some() {
            tar.entry(&page.name(PagePart::Html), &[&page.html_bytes()])?;
        }
        if page.text.is_some() {
            tar.entry(&page.name(PagePart::Text), &[&page.text_bytes()])?;
        }
        Ok(())
    }

    fn write_lists(&self, tar: &mut Tar<'_>) -> io::Result<()> {
        let mets = self.mets().bytes(|page, part| self.digest(page, part));
        tar.entry(&format!("{}.xml", self.stem), &[&mets])?;
        if self.checksum_list_length().is_some() {
            tar.entry("checksum.md5", &[self.checksum_list(&mets).as_bytes()])?;
        }
        Ok(())
    }

    fn checksum_list(&self, mets: &[u8]) -> String {
        let mut list = String::new();
        let mut line = |digest: &[u8], name: &str| {
            list.push_str(&hex(digest));
            list.push_str("  ");
            list.push_str(name);
            list.push('\n');
        };
        for (page, part) in self.parts() {
            line(&self.digest(page, part), &page.name(part));
        }
        line(&Md5::digest(mets), &format!("{}.xml", self.stem));
        list
    }

    fn checksum_list_length(&self) -> Option<u64> {
        if matches!(self.fate, VolumeFate::NoChecksumList | VolumeFate::NoDigests) {
            return None;
        }
        let line = |name: &str| 32 + 2 + name.len() as u64 + 1;
        let names: u64 = self.parts().map(|(page, part)| line(&page.name(part))).sum();
        Some(names + line(&format!("{}.xml", self.stem)))
    }

    fn parts(&self) -> impl Iterator<Item = (&PageParts, PagePart)> {
        self.pages
            .iter()
            .flat_map(|page| PARTS.into_iter().map(move |part| (page, part)))
            .filter(|(page, part)| page.length(*part, self.blocks).is_some())
    }

    fn digest(&self, page: &PageParts, part: PagePart) -> [u8; 16] {
        match part {
            PagePart::Image => self.blocks.image_digest(page),
            PagePart::Html => Md5::digest(page.html_bytes()).into(),
            PagePart::Text => Md5::digest(page.text_bytes()).into(),
        }
    }

    fn mets(&self) -> MetsSource<'_> {
        MetsSource {
            object: &self.object,
            record: &self.record,
            pages: &self.pages,
            blocks: self.blocks,
            style: self.style,
            digests: self.fate != VolumeFate::NoDigests,
        }
    }
}

fn entry_length(content: u64) -> u64 {
    TAR_BLOCK + content.next_multiple_of(TAR_BLOCK)
}

/// Writes tar entries.
struct Tar<'a> {
    out: &'a mut dyn Write,
    written: u64,
}

impl Tar<'_> {
    fn entry(&mut self, name: &str, content: &[&[u8]]) -> io::Result<()> {
        let size = content.iter().map(|piece| piece.len() as u64).sum();
        let mut header = tar::Header::new_ustar();
        header.set_path(name)?;
        header.set_size(size);
        header.set_mode(0o644);
        header.set_mtime(1_700_000_000);
        header.set_cksum();
        self.raw(header.as_bytes())?;
        for piece in content {
            self.raw(piece)?;
        }
        self.pad(TAR_BLOCK)
    }

    fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn pad(&mut self, multiple: u64) -> io::Result<()> {
        let missing = self.written.next_multiple_of(multiple) - self.written;
        self.raw(&vec![0; usize::try_from(missing).unwrap_or(0)])
    }

    fn finish(mut self) -> io::Result<()> {
        self.raw(&[0; 1_024])?;
        self.pad(TAR_RECORD)
    }
}

/// Passes a message on with one bit flipped or its end left out.
struct Damaged<W> {
    out: W,
    position: u64,
    flip: Option<u64>,
    end: u64,
}

impl<W: Write> Damaged<W> {
    fn new(out: W, flip: Option<u64>, end: u64) -> Self {
        Self {
            out,
            position: 0,
            flip,
            end,
        }
    }
}

impl<W: Write> Write for Damaged<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let start = self.position;
        self.position += bytes.len() as u64;
        let kept = usize::try_from(self.end.saturating_sub(start)).map_or(bytes.len(), |left| left.min(bytes.len()));
        match self.flip.filter(|at| (start..self.position).contains(at)) {
            None => self.out.write_all(&bytes[..kept])?,
            Some(at) => {
                let mut changed = bytes.to_vec();
                changed[usize::try_from(at - start).unwrap_or(0)] ^= 4;
                self.out.write_all(&changed[..kept])?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
