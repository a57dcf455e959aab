//! The METS file of a volume, in the variants that occur (src/grin/PROTOCOL.md, section 9).

use std::fmt::{self, Write};

use crate::lab::simulator::archive::pages::{PARTS, PageBlocks, PagePart, PageParts};
use crate::lab::simulator::archive::record::SimulatedRecord;
use crate::lab::simulator::seed::{DrawPurpose, SeedDraw};

/// What a METS file is written from.
pub(crate) struct MetsSource<'a> {
    /// `<LIB>:<BARCODE>`.
    pub object: &'a str,
    pub record: &'a SimulatedRecord,
    pub pages: &'a [PageParts],
    pub blocks: &'a PageBlocks,
    pub style: MetsStyle,
    /// Are the files' digests given?
    pub digests: bool,
}

/// How a METS file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MetsStyle {
    /// Prefixes with their colon, for METS and for MARC; empty = default namespace.
    prefixes: (&'static str, &'static str),
    /// Is the record wrapped in a `collection`?
    collection: bool,
    pub encoding: MetsEncoding,
}

/// How its characters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetsEncoding {
    Utf8,
    Utf8WithMark,
    Latin1,
}

/// Counts what would be written, so that a size is known without making the archive.
#[derive(Default)]
struct Count {
    bytes: u64,
    characters: u64,
}

impl Write for Count {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes += text.len() as u64;
        self.characters += text.chars().count() as u64;
        Ok(())
    }
}

impl MetsStyle {
    /// The style of a volume; Latin-1 only where its record can be written in it.
    pub fn of(seed: u64, index: u32, record: &SimulatedRecord) -> Self {
        let mut draw = SeedDraw::new(seed, DrawPurpose::Record, u64::from(index) | 1 << 40);
        let prefixes = [("mets:", "slim:"), ("METS:", "marc:"), ("", ""), ("mets:", "slim:")][draw.pick(4)];
        let latin1 = record.title.chars().all(|c| u32::from(c) < 256);
        let encoding = match draw.below(8) {
            0 => MetsEncoding::Utf8WithMark,
            1 if latin1 => MetsEncoding::Latin1,
            _ => MetsEncoding::Utf8,
        };
        Self {
            prefixes,
            collection: draw.once_in(8),
            encoding,
        }
    }
}

impl MetsSource<'_> {
    /// Length of the file in bytes.
    pub fn length(&self) -> u64 {
        let mut count = Count::default();
        self.render(&mut count, |_, _| [0; 16]).unwrap_or_default();
        match self.style.encoding {
            MetsEncoding::Utf8 => count.bytes,
            MetsEncoding::Utf8WithMark => count.bytes + 3,
            MetsEncoding::Latin1 => count.characters,
        }
    }

    /// The file's bytes; `digest` gives the MD5 of a page's part.
    pub fn bytes(&self, digest: impl Fn(&PageParts, PagePart) -> [u8; 16]) -> Vec<u8> {
        let mut text = String::new();
        self.render(&mut text, digest).unwrap_or_default();
        match self.style.encoding {
            MetsEncoding::Utf8 => text.into_bytes(),
            MetsEncoding::Utf8WithMark => [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            MetsEncoding::Latin1 => text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect(),
        }
    }

    fn render(&self, out: &mut impl Write, digest: impl Fn(&PageParts, PagePart) -> [u8; 16]) -> fmt::Result {
        let m = self.style.prefixes.0;
        let encoding = if self.style.encoding == MetsEncoding::Latin1 {
            "ISO-8859-1"
        } else {
            "UTF-8"
        };
        writeln!(out, "<?xml version=\"1.0\" encoding=\"{encoding}\"?>")?;
        writeln!(
            out,
            "<{m}mets {} xmlns:xlink=\"http://www.w3.org/1999/xlink\" xmlns:gbs=\"http://books.google.com/gbs\" OBJID=\"{}\">",
            namespace(m, "http://www.loc.gov/METS/"),
            self.object
        )?;
        self.render_record(out)?;
        writeln!(out, " <{m}fileSec>")?;
        for (part, usage) in PARTS.into_iter().zip(["image", "coordOCR", "OCR"]) {
            writeln!(out, "  <{m}fileGrp USE=\"{usage}\">")?;
            self.render_files(out, part, &digest)?;
            writeln!(out, "  </{m}fileGrp>")?;
        }
        writeln!(out, " </{m}fileSec>\n <{m}structMap><{m}div TYPE=\"volume\">")?;
        for page in self.pages {
            let label = if page.number == 1 { "FRONT_COVER" } else { "" };
            writeln!(
                out,
                "  <{m}div TYPE=\"page\" ORDER=\"{}\" ORDERLABEL=\"\" LABEL=\"{label}\"/>",
                page.number
            )?;
        }
        writeln!(out, " </{m}div></{m}structMap>\n</{m}mets>")
    }

    fn render_files(
        &self,
        out: &mut impl Write,
        part: PagePart,
        digest: &impl Fn(&PageParts, PagePart) -> [u8; 16],
    ) -> fmt::Result {
        let m = self.style.prefixes.0;
        for page in self.pages {
            let Some(length) = page.length(part, self.blocks) else {
                continue;
            };
            let name = page.name(part);
            let kind = match name.rsplit('.').next() {
                Some("jp2") => "image/jp2",
                Some("tif") => "image/tiff",
                Some("html") => "text/html",
                _ => "text/plain",
            };
            write!(
                out,
                "   <{m}file ID=\"{part:?}{0:08}\" SEQ=\"{0:08}\" MIMETYPE=\"{kind}\"",
                page.number
            )?;
            if self.digests {
                write!(out, " CHECKSUM=\"{}\" CHECKSUMTYPE=\"MD5\"", hex(&digest(page, part)))?;
            }
            writeln!(
                out,
                " SIZE=\"{length}\"><{m}FLocat LOCTYPE=\"OTHER\" OTHERLOCTYPE=\"SYSTEM\" xlink:href=\"{name}\"/></{m}file>"
            )?;
        }
        Ok(())
    }

    fn render_record(&self, out: &mut impl Write) -> fmt::Result {
        let (m, s) = self.style.prefixes;
        let slim = namespace(s, "http://www.loc.gov/MARC21/slim");
        writeln!(
            out,
            " <{m}dmdSec ID=\"DMD1\"><{m}mdWrap MIMETYPE=\"text/xml\" MDTYPE=\"MARC\"><{m}xmlData>"
        )?;
        if self.style.collection {
            writeln!(out, "  <{s}collection {slim}>")?;
        }
        writeln!(
            out,
            "  <{s}record {slim}><{s}leader>01234cam a2200301 a 4500</{s}leader>"
        )?;
        for (tag, value) in [("001", &self.record.control_number), ("008", &self.record.fixed_field)] {
            writeln!(out, "   <{s}controlfield tag=\"{tag}\">{value}</{s}controlfield>")?;
        }
        for (tag, values) in self.data_fields() {
            write!(out, "   <{s}datafield tag=\"{tag}\" ind1=\" \" ind2=\"0\">")?;
            for (code, value) in values {
                write!(out, "<{s}subfield code=\"{code}\">{}</{s}subfield>", Escaped(value))?;
            }
            writeln!(out, "</{s}datafield>")?;
        }
        writeln!(out, "  </{s}record>")?;
        if self.style.collection {
            writeln!(out, "  </{s}collection>")?;
        }
        writeln!(out, " </{m}xmlData></{m}mdWrap></{m}dmdSec>")
    }

    fn data_fields(&self) -> Vec<(&str, Vec<(char, &str)>)> {
        let record = self.record;
        let mut title = vec![('a', record.title.as_str())];
        title.extend(record.title_remainder.iter().map(|text| ('b', text.as_str())));
        let mut fields = vec![("010", vec![('a', record.lccn.as_str())])];
        fields.extend(record.isbn.iter().map(|value| ("020", vec![('a', value.as_str())])));
        fields.extend(
            record
                .system_numbers
                .iter()
                .map(|value| ("035", vec![('a', value.as_str())])),
        );
        fields.push(("050", vec![('a', record.call_number.as_str())]));
        fields.push((record.author.0, vec![('a', record.author.1.as_str())]));
        fields.push(("245", title));
        fields.extend(record.subjects.iter().map(|value| ("650", vec![('a', value.as_str())])));
        fields
    }
}

/// The declaration that makes `prefix` (with its colon, or empty) stand for `address`.
fn namespace(prefix: &str, address: &str) -> String {
    match prefix.strip_suffix(':') {
        Some(prefix) => format!("xmlns:{prefix}=\"{address}\""),
        None => format!("xmlns=\"{address}\""),
    }
}

/// Text as XML content.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::simulator::archive::{pages, record};

    #[test]
    fn the_length_said_is_the_length_written_in_every_style() {
        let blocks = PageBlocks::new(1, 100);
        let mut encodings = Vec::new();
        for index in 0..200 {
            let record = record::record(1, index);
            let pages = pages::pages(1, u64::from(index), 3, &blocks);
            let style = MetsStyle::of(1, index, &record);
            let mets = MetsSource {
                object: "L:B",
                record: &record,
                pages: &pages,
                blocks: &blocks,
                style,
                digests: index % 2 == 0,
            };
            assert_eq!(mets.bytes(|_, _| [9; 16]).len() as u64, mets.length(), "{style:?}");
            encodings.push(style.encoding);
        }
        for encoding in [MetsEncoding::Utf8, MetsEncoding::Utf8WithMark, MetsEncoding::Latin1] {
            assert!(encodings.contains(&encoding), "{encoding:?}");
        }
    }
}
