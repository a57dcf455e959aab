//! The pages' texts, kept until the number of pages is known, then written as JSON lines in page order.

mod count;
mod duplicates;
mod forms;
mod noted;
mod numbering;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::ops::RangeInclusive;

use tempfile::SpooledTempFile;

use crate::archive::digest::folder_of;
use crate::archive::encoding::{DecodedText, decoded};
use crate::archive::findings::{FindingCode, FindingList};
use crate::archive::image_head::ImageContent;
use crate::archive::names::MemberRole;
use crate::archive::page_number::PageKind;
pub(super) use crate::archive::pages::count::PageCount;
pub(super) use crate::archive::pages::duplicates::{DuplicatePart, note_duplicates};
use crate::archive::pages::numbering::PageNumbering;
use crate::archive::scan::FileSeen;

/// Bytes of text that stay in memory; more go to a temporary file.
const IN_MEMORY: usize = 2 << 20;
/// Letters and digits that a text has which is more than trivial; dirt on a page is often read as fewer.
const WORDED: usize = 8;
/// The lines of a volume without pages.
#[expect(clippy::reversed_empty_ranges, reason = "an empty range")]
const NO_LINES: RangeInclusive<u32> = 1..=0;

/// All that is known of a volume's pages.
pub(super) struct VolumePages {
    images: BTreeSet<u32>,
    /// Those of them that have no bytes, or bytes that no image has.
    void_images: BTreeMap<u32, ImageContent>,
    /// The file of each page's image.
    image_names: BTreeMap<u32, String>,
    coordinates: BTreeSet<u32>,
    /// Those of them that have bytes.
    filled_coordinates: BTreeSet<u32>,
    texts: BTreeMap<u32, Line>,
    /// What the files hold that may be parts of pages, by the files' numbers, until they are placed.
    contents: BTreeMap<usize, PartContent>,
    spool: SpooledTempFile,
    written: u64,
    /// Bytes of the images, and of the hOCR, that are pages'.
    image_bytes: u64,
    hocr_bytes: u64,
    lines: RangeInclusive<u32>,
    nothing_names_pages: bool,
}

/// What a file holds that may be a part of a page.
#[derive(Debug, Clone, Copy)]
enum PartContent {
    Image(ImageContent),
    Coordinates { bytes: u64 },
    Text(Line),
}

impl PartContent {
    fn kind(self) -> PageKind {
        match self {
            Self::Image(_) => PageKind::Image,
            Self::Coordinates { .. } => PageKind::Coordinates,
            Self::Text(_) => PageKind::Text,
        }
    }
}

/// Where a page's JSON line lies in the spool.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    offset: u64,
    bytes: u64,
    /// The text has no character that could be read.
    is_blank: bool,
    is_worded: bool,
    characters: u64,
    /// Runs of bytes that were no text.
    replaced: usize,
    /// Control characters that are no white space.
    control: usize,
    is_marked: bool,
    is_utf16: bool,
}

/// How often something is in a page's text.
type LineCount = fn(&Line) -> usize;

impl VolumePages {
    pub(super) fn new() -> Self {
        Self {
            images: BTreeSet::new(),
            void_images: BTreeMap::new(),
            image_names: BTreeMap::new(),
            coordinates: BTreeSet::new(),
            filled_coordinates: BTreeSet::new(),
            texts: BTreeMap::new(),
            contents: BTreeMap::new(),
            spool: SpooledTempFile::new(IN_MEMORY),
            written: 0,
            image_bytes: 0,
            hocr_bytes: 0,
            lines: NO_LINES,
            nothing_names_pages: false,
        }
    }

    /// Notes what a page's image holds.
    pub(super) fn image(&mut self, file: usize, content: ImageContent) {
        self.contents.insert(file, PartContent::Image(content));
    }

    /// Notes a page's hOCR.
    pub(super) fn coordinates(&mut self, file: usize, bytes: u64) {
        self.contents.insert(file, PartContent::Coordinates { bytes });
    }

    /// Keeps a page's text as it is, but for its byte order mark and for runs that are not valid in its encoding.
    pub(super) fn text(&mut self, file: usize, bytes: &[u8]) -> io::Result<()> {
        let DecodedText {
            text,
            encoding,
            replaced,
        } = decoded(bytes);
        let control = |byte: &u8| byte.is_ascii_control() && !b"\t\n\r".contains(byte);
        let mut json = serde_json::to_vec(&text)?;
        json.push(b'\n');
        self.spool.write_all(&json)?;
        let line = Line {
            offset: self.written,
            bytes: json.len() as u64,
            is_blank: is_blank(&text),
            is_worded: is_worded(&text),
            characters: text.chars().count() as u64,
            replaced,
            control: text.as_bytes().iter().filter(|byte| control(byte)).count(),
            is_marked: encoding == Some("UTF-8"),
            is_utf16: encoding.is_some_and(|encoding| encoding != "UTF-8"),
        };
        self.contents.insert(file, PartContent::Text(line));
        self.written += line.bytes;
        Ok(())
    }

    /// Notes that a page has a text that is not to be written.
    pub(super) fn text_not_kept(&mut self, file: usize, bytes: &[u8]) {
        let text = decoded(bytes).text;
        let line = Line {
            is_blank: is_blank(&text),
            is_worded: is_worded(&text),
            characters: text.chars().count() as u64,
            ..Line::default()
        };
        self.contents.insert(file, PartContent::Text(line));
    }

    /// Takes a file for the same as another one, which it is a second name of. False: what the other one holds is not known, or is no part of
    /// this kind.
    pub(super) fn copy(&mut self, file: usize, of_kind: PageKind, source: usize) -> bool {
        let content = self.contents.get(&source).copied();
        let of_kind = content.filter(|content| content.kind() == of_kind);
        of_kind.is_some_and(|content| {
            self.contents.insert(file, content);
            true
        })
    }

    /// Takes each file for the part that its role says, those in the folder `main` first. Of two of one part the first counts; a
    /// second image counts where the first is none. Gives the second ones.
    pub(super) fn place(&mut self, files: &[FileSeen], main: &str) -> Vec<DuplicatePart> {
        let (mut first, last): (Vec<_>, Vec<_>) = std::mem::take(&mut self.contents)
            .into_iter()
            .partition(|(file, _)| folder_of(&files[*file].name) == main);
        first.extend(last);
        let mut placed = BTreeMap::new();
        let mut duplicates = Vec::new();
        for (file, content) in first {
            let part = files[file].role;
            match (part, content) {
                (MemberRole::Image(page), PartContent::Image(content)) => {
                    self.image_bytes += files[files[file].same_as.unwrap_or(file)].bytes;
                    self.place_image(page, content, &files[file].name);
                }
                (MemberRole::Coordinates(page), PartContent::Coordinates { bytes }) => {
                    if bytes > 0 {
                        self.filled_coordinates.insert(page);
                    }
                    self.hocr_bytes += bytes;
                    self.coordinates.insert(page);
                }
                (MemberRole::Text(page), PartContent::Text(line)) => {
                    self.texts.entry(page).or_insert(line);
                }
                _ => continue,
            }
            let first = *placed.entry(part).or_insert(file);
            if first != file {
                duplicates.push(DuplicatePart { file, first });
            }
        }
        duplicates
    }

    fn place_image(&mut self, page: u32, content: ImageContent, name: &str) {
        let is_first = self.images.insert(page);
        let replaces = content == ImageContent::Image && self.void_images.remove(&page).is_some();
        if is_first && content != ImageContent::Image {
            self.void_images.insert(page, content);
        }
        if is_first || replaces {
            self.image_names.insert(page, name.to_owned());
        }
    }

    /// Notes that there is neither a METS nor a checksum list: then a text alone makes a page, too.
    pub(super) fn set_nothing_names_pages(&mut self) {
        self.nothing_names_pages = true;
    }

    /// Counts the pages, looks for gaps, and says what does not fit. `named` are the pages that the METS or the checksum
    /// list names: their numbers are believed.
    pub(super) fn judge(&mut self, named: &BTreeSet<u32>, findings: &mut FindingList) -> PageCount {
        let all: BTreeSet<u32> = self
            .images
            .iter()
            .chain(&self.coordinates)
            .chain(self.texts.keys())
            .copied()
            .collect();
        let numbering = PageNumbering::of(&all, named);
        let implausible_images = self.drop_implausible(&all, &numbering, findings);
        // A text alone makes a page only where its number is named or could not be named, or where no page has anything else.
        let nothing_else = self.images.is_empty() && self.coordinates.is_empty();
        let text_alone = |page: &u32| named.contains(page) || self.nothing_names_pages || nothing_else;
        let texts = self.texts.keys().filter(|page| text_alone(page));
        let last = self.images.iter().chain(&self.coordinates).chain(texts).max().copied();
        self.lines = last.map_or(NO_LINES, |last| numbering.first..=last);
        self.note_void_images(findings);
        let parts_without_image = self.compare_parts(findings);
        self.note_gaps(findings);
        self.note_texts(findings);
        if numbering.first > 1 && last.is_some() {
            let text = format!(
                "page numbers start at {0}; the first line of the text is page {0}",
                numbering.first
            );
            findings.note(FindingCode::PageNumbersStartLate, None, text);
        }
        PageCount {
            pages: self.lines.clone().count() as u64,
            page_numbers: self.lines.clone().filter(|page| self.has_any(*page)).collect(),
            text_pages: self.texts.range(self.lines.clone()).count() as u64,
            nonblank_texts: self.nonblank_texts() as u64,
            worded_texts: self.counted_texts().filter(|line| line.is_worded).count() as u64,
            text_characters: self.counted_texts().map(|line| line.characters).sum(),
            first_page: last.map_or(0, |_| numbering.first.into()),
            images: (self.images.len() - self.void_images.len()) as u64,
            image_numbers: self.good_images().collect(),
            empty_images: self.void_images.len() as u64,
            implausible_images,
            parts_without_image: parts_without_image as u64,
            gaps: self.gaps().len() as u64,
            hocr_numbers: self.filled_coordinates.iter().copied().collect(),
            image_bytes: self.image_bytes,
            hocr_bytes: self.hocr_bytes,
        }
    }

    fn has_any(&self, page: u32) -> bool {
        self.images.contains(&page) || self.coordinates.contains(&page) || self.texts.contains_key(&page)
    }

    fn good_images(&self) -> impl Iterator<Item = u32> {
        let images = self.images.iter().copied();
        images.filter(|page| !self.void_images.contains_key(page))
    }

    /// The parts of pages that are there; an image that is none is not.
    pub(super) fn parts(&self) -> BTreeSet<MemberRole> {
        let images = self.good_images().map(MemberRole::Image);
        let coordinates = self.filled_coordinates.iter().copied().map(MemberRole::Coordinates);
        let texts = self.texts.keys().copied().map(MemberRole::Text);
        images.chain(coordinates).chain(texts).collect()
    }

    fn nonblank_texts(&self) -> usize {
        self.counted_texts().filter(|line| !line.is_blank).count()
    }

    fn counted_texts(&self) -> impl Iterator<Item = &Line> {
        self.texts.range(self.lines.clone()).map(|(_, line)| line)
    }

    /// A number far beyond the others that nothing names is a misnamed file, not a page. Gives how many of them are images.
    fn drop_implausible(&mut self, all: &BTreeSet<u32>, numbering: &PageNumbering, findings: &mut FindingList) -> u64 {
        let images = self.images.len();
        for page in all.iter().filter(|page| !numbering.holds(**page)) {
            findings.note(
                FindingCode::PageNumberImplausible,
                None,
                format!("page {page} is not counted"),
            );
            self.images.remove(page);
            self.void_images.remove(page);
            self.coordinates.remove(page);
            self.filled_coordinates.remove(page);
            self.texts.remove(page);
        }
        (images - self.images.len()) as u64
    }
}

/// Is there nothing to read in a page's text? White space, control characters, marks without width and what stands for bytes that are no
/// text are nothing.
fn is_blank(text: &str) -> bool {
    let is_nothing = |c: char| c.is_whitespace() || c.is_control() || "\u{200b}\u{2060}\u{feff}\u{fffd}".contains(c);
    text.chars().all(is_nothing)
}

/// Has a page's text more than a few letters and digits?
fn is_worded(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphanumeric()).nth(WORDED - 1).is_some()
}

#[cfg(test)]
mod tests;
