//! The two forms of a volume's text, both in page order: a line a page, and a line a page with its number and image.

use std::io::{self, Read, Seek, SeekFrom, Write};

use flate2::{Compression, GzBuilder};

use crate::archive::pages::VolumePages;

impl VolumePages {
    /// Writes one JSON string a line for each page that [`VolumePages::judge`] counted, `""` where there is no text. The gzip form has neither a
    /// time nor a name, so that the same texts give the same bytes.
    pub(in crate::archive) fn write_lines(&mut self, out: impl Write, compress: bool) -> io::Result<()> {
        let mut out = io::BufWriter::new(out);
        if compress {
            let mut gz = GzBuilder::new().mtime(0).write(&mut out, Compression::default());
            self.write_all(&mut gz, |pages, page, out| pages.write_text(page, out))?;
            gz.finish()?;
        } else {
            self.write_all(&mut out, |pages, page, out| pages.write_text(page, out))?;
        }
        out.flush()
    }

    /// Writes one JSON object a line for each of those pages: its number, the name of its image (`null`: it has none) and its text. Always as
    /// gzip, with the same bytes for the same volume.
    pub(in crate::archive) fn write_by_page(&mut self, out: impl Write) -> io::Result<()> {
        let out = io::BufWriter::new(out);
        let mut gz = GzBuilder::new().mtime(0).write(out, Compression::default());
        self.write_all(&mut gz, |pages, page, out| {
            let image = serde_json::to_string(&pages.image_names.get(&page))?;
            write!(out, "{{\"page\":{page},\"image\":{image},\"text\":")?;
            pages.write_text(page, out)?;
            out.write_all(b"}")
        })?;
        gz.finish()?.flush()
    }

    fn write_all<W: Write>(
        &mut self,
        out: &mut W,
        mut line: impl FnMut(&mut Self, u32, &mut W) -> io::Result<()>,
    ) -> io::Result<()> {
        for page in self.lines.clone() {
            line(self, page, out)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// The JSON string of a page's text.
    fn write_text(&mut self, page: u32, out: &mut impl Write) -> io::Result<()> {
        let Some(line) = self.texts.get(&page) else {
            return out.write_all(b"\"\"");
        };
        // In page order, as pages nearly always come, a seek leads to where the spool stands already.
        self.spool.seek(SeekFrom::Start(line.offset))?;
        io::copy(&mut (&mut self.spool).take(line.bytes - 1), out).map(drop)
    }
}
