//! The pages' texts, kept until the number of pages is known, then written as JSON lines in page order.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek, SeekFrom, Write};

use flate2::{Compression, GzBuilder};
use tempfile::SpooledTempFile;

use crate::archive::findings::{FindingCode, FindingList};

/// Bytes of text that stay in memory; more go to a temporary file.
const IN_MEMORY: usize = 2 << 20;
/// How far a page number may lie beyond the number of pages: `factor * pages + slack`.
const FACTOR: u64 = 2;
const SLACK: u64 = 1_000;
/// Page numbers named in one finding.
const NAMED: usize = 5;

/// All that is known of a volume's pages.
pub(super) struct VolumePages {
    images: BTreeSet<u32>,
    texts: BTreeMap<u32, Line>,
    spool: SpooledTempFile,
    written: u64,
    bad_utf8: Tally,
    control: Tally,
}

/// Where a page's JSON line lies in the spool.
#[derive(Debug, Clone, Copy)]
struct Line {
    offset: u64,
    bytes: u64,
}

/// How often something was met, and on which pages first.
#[derive(Debug, Default)]
struct Tally {
    count: u64,
    pages: Vec<u32>,
}

impl Tally {
    fn add(&mut self, page: u32, count: usize) {
        if count > 0 {
            self.count += count as u64;
            if self.pages.len() < NAMED {
                self.pages.push(page);
            }
        }
    }
}

/// What the pages came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PageCount {
    /// Pages of the volume: the highest number of a page image, or of a text if there are no images.
    pub(super) pages: u64,
    /// Pages that have a text file.
    pub(super) text_pages: u64,
}

impl VolumePages {
    pub(super) fn new() -> Self {
        Self {
            images: BTreeSet::new(),
            texts: BTreeMap::new(),
            spool: SpooledTempFile::new(IN_MEMORY),
            written: 0,
            bad_utf8: Tally::default(),
            control: Tally::default(),
        }
    }

    /// Notes a page image; false if there was one for this page.
    pub(super) fn image(&mut self, page: u32) -> bool {
        self.images.insert(page)
    }

    /// True if this page has its text already.
    pub(super) fn has_text(&self, page: u32) -> bool {
        self.texts.contains_key(&page)
    }

    /// Keeps a page's text: its bytes as they are, but for runs that are not UTF-8.
    pub(super) fn text(&mut self, page: u32, bytes: &[u8]) -> io::Result<()> {
        let replaced = bytes.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
        let text = String::from_utf8_lossy(bytes);
        let odd = text
            .bytes()
            .filter(|byte| byte.is_ascii_control() && !b"\t\n\r".contains(byte))
            .count();
        self.bad_utf8.add(page, replaced);
        self.control.add(page, odd);
        let mut line = serde_json::to_vec(&text)?;
        line.push(b'\n');
        self.spool.write_all(&line)?;
        self.texts.insert(
            page,
            Line {
                offset: self.written,
                bytes: line.len() as u64,
            },
        );
        self.written += line.len() as u64;
        Ok(())
    }

    /// Notes that a page has a text that is not wanted.
    pub(super) fn text_unread(&mut self, page: u32) {
        self.texts.insert(page, Line { offset: 0, bytes: 0 });
    }

    /// Counts the pages, looks for gaps, and says what does not fit.
    pub(super) fn judge(&mut self, findings: &mut FindingList) -> PageCount {
        self.drop_implausible(findings);
        let by_image = !self.images.is_empty();
        let last = if by_image {
            self.images.last()
        } else {
            self.texts.keys().next_back()
        };
        let pages = last.copied().unwrap_or(0);
        if by_image {
            self.compare(findings);
        }
        self.note_gaps(pages, by_image, findings);
        self.note_texts(findings);
        PageCount {
            pages: pages.into(),
            text_pages: self.texts.range(..=pages).count() as u64,
        }
    }

    /// A number far beyond the number of pages is a misnamed file, not a page.
    fn drop_implausible(&mut self, findings: &mut FindingList) {
        let all: BTreeSet<u32> = self.images.iter().chain(self.texts.keys()).copied().collect();
        let most = FACTOR * all.len() as u64 + SLACK;
        for page in all.into_iter().filter(|page| u64::from(*page) > most) {
            findings.note(
                FindingCode::PageNumberImplausible,
                None,
                format!("page {page} is not counted"),
            );
            self.images.remove(&page);
            self.texts.remove(&page);
        }
    }

    fn compare(&mut self, findings: &mut FindingList) {
        let without_image: Vec<u32> = self
            .texts
            .keys()
            .copied()
            .filter(|page| !self.images.contains(page))
            .collect();
        let without_text: Vec<u32> = self
            .images
            .iter()
            .copied()
            .filter(|page| !self.has_text(*page))
            .collect();
        if !without_image.is_empty() {
            findings.note(
                FindingCode::TextWithoutImage,
                None,
                listed("pages with text and without an image", &without_image),
            );
        }
        if !without_text.is_empty() && !self.texts.is_empty() {
            findings.note(
                FindingCode::ImageWithoutText,
                None,
                listed("pages without text", &without_text),
            );
        }
    }

    fn note_gaps(&self, pages: u32, by_image: bool, findings: &mut FindingList) {
        let present = |page: &u32| {
            if by_image {
                self.images.contains(page)
            } else {
                self.texts.contains_key(page)
            }
        };
        let missing: Vec<u32> = (1..=pages).filter(|page| !present(page)).collect();
        if !missing.is_empty() {
            findings.note(
                FindingCode::PageGap,
                None,
                listed("page numbers missing in between", &missing),
            );
        }
    }

    fn note_texts(&self, findings: &mut FindingList) {
        if self.images.is_empty() && self.texts.is_empty() {
            findings.note(FindingCode::NoPages, None, "there is no page in it");
        } else if self.texts.is_empty() {
            findings.note(FindingCode::NoText, None, "there is no page text in it");
        }
        if self.bad_utf8.count > 0 {
            let what = format!("{} runs of bytes that are not UTF-8, on pages", self.bad_utf8.count);
            findings.note(FindingCode::BadUtf8, None, listed(&what, &self.bad_utf8.pages));
        }
        if self.control.count > 0 {
            let what = format!("{} control characters, on pages", self.control.count);
            findings.note(FindingCode::ControlChars, None, listed(&what, &self.control.pages));
        }
    }

    /// Writes one JSON string a line for pages 1 to `pages`, `""` where there is no text. The gzip form has neither a
    /// time nor a name, so that the same texts give the same bytes.
    pub(super) fn write_lines(&mut self, pages: u64, out: impl Write, compress: bool) -> io::Result<()> {
        let mut out = io::BufWriter::new(out);
        if compress {
            let mut gz = GzBuilder::new().mtime(0).write(&mut out, Compression::default());
            self.lines(pages, &mut gz)?;
            gz.finish()?;
        } else {
            self.lines(pages, &mut out)?;
        }
        out.flush()
    }

    fn lines(&mut self, pages: u64, out: &mut impl Write) -> io::Result<()> {
        let mut at = u64::MAX;
        for page in 1..=u32::try_from(pages).unwrap_or(u32::MAX) {
            let Some(line) = self.texts.get(&page) else {
                out.write_all(b"\"\"\n")?;
                continue;
            };
            // In page order, as pages nearly always come, no seek is needed after the first.
            if at != line.offset {
                self.spool.seek(SeekFrom::Start(line.offset))?;
            }
            io::copy(&mut (&mut self.spool).take(line.bytes), out)?;
            at = line.offset + line.bytes;
        }
        Ok(())
    }
}

fn listed(what: &str, pages: &[u32]) -> String {
    let first: Vec<String> = pages.iter().take(NAMED).map(u32::to_string).collect();
    let more = if pages.len() > NAMED {
        format!(" and {} more", pages.len() - NAMED)
    } else {
        String::new()
    };
    format!("{what}: {}{more}", first.join(", "))
}
