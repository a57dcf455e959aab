//! The pages of a volume: images with the right magic, hOCR and text, each of a length known beforehand.

use md5::{Digest, Md5};

use crate::lab::simulator::seed::{DrawPurpose, SeedDraw};

/// The JPEG 2000 signature box.
const JP2_HEAD: [u8; 12] = [0, 0, 0, 12, b'j', b'P', b' ', b' ', 0x0D, 0x0A, 0x87, 0x0A];
/// Little-endian TIFF whose first directory follows at once.
const TIF_HEAD: [u8; 12] = [b'I', b'I', 42, 0, 8, 0, 0, 0, 0, 0, 0, 0];
const WORDS: [&str; 24] = [
    "the",
    "tide",
    "rises",
    "and",
    "falls",
    "été",
    "Straße",
    "μῦθος",
    "слово",
    "東方",
    "of",
    "in",
    "which",
    "a",
    "captain",
    "wrote",
    "down",
    "every",
    "star",
    "naïve",
    "œuvre",
    "—",
    "chapter",
    "sea",
];

/// An image's kind, by how the page was scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImageKind {
    /// JPEG 2000, for continuous tones.
    Jp2,
    /// TIFF, for black and white.
    Tif,
}

/// One page: what it has and how long each part is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageParts {
    pub number: u32,
    pub kind: ImageKind,
    /// Bytes of the image that no other page has, at its end.
    pub tail: u64,
    /// Length of the text; `None` where the page has no text file.
    pub text: Option<u64>,
    /// Length of the hOCR; `None` where there is none.
    pub html: Option<u64>,
    /// Does the text hold bytes that are not UTF-8?
    pub bad_utf8: bool,
    key: u64,
}

/// Which file of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PagePart {
    Image,
    Html,
    Text,
}

/// The parts of a page in the order of the archive.
pub(crate) const PARTS: [PagePart; 3] = [PagePart::Image, PagePart::Html, PagePart::Text];

/// The bytes that all images of a kind share, hashed once, so that making 50 MB costs little more than encrypting it.
pub(crate) struct PageBlocks {
    jp2: Block,
    tif: Block,
    image_bytes: u64,
}

struct Block {
    bytes: Vec<u8>,
    digest: Md5,
}

impl PageBlocks {
    /// For images of about `image_bytes` each.
    pub fn new(seed: u64, image_bytes: u64) -> Self {
        Self {
            jp2: Block::new(&JP2_HEAD, seed, image_bytes),
            tif: Block::new(&TIF_HEAD, seed ^ 1, image_bytes),
            image_bytes,
        }
    }

    fn of(&self, kind: ImageKind) -> &Block {
        match kind {
            ImageKind::Jp2 => &self.jp2,
            ImageKind::Tif => &self.tif,
        }
    }

    /// Length of a page's image.
    pub fn image_length(&self, page: &PageParts) -> u64 {
        self.of(page.kind).bytes.len() as u64 + page.tail
    }

    /// The part of an image that it shares with others of its kind; [`PageParts::tail_bytes`] follows it.
    pub fn shared(&self, page: &PageParts) -> &[u8] {
        &self.of(page.kind).bytes
    }

    /// MD5 of a page's image.
    pub fn image_digest(&self, page: &PageParts) -> [u8; 16] {
        let mut digest = self.of(page.kind).digest.clone();
        digest.update(page.tail_bytes());
        digest.finalize().into()
    }
}

impl Block {
    fn new(head: &[u8], seed: u64, image_bytes: u64) -> Self {
        let shared = usize::try_from(image_bytes - image_bytes / 8).unwrap_or(0);
        let mut bytes = head.to_vec();
        bytes.resize(head.len() + shared, 0);
        SeedDraw::new(seed, DrawPurpose::Block, 0).fill(&mut bytes[head.len()..]);
        let digest = Md5::new_with_prefix(&bytes);
        Self { bytes, digest }
    }
}

/// The pages of a volume; about `pages` of them, an eighth more or fewer.
pub(crate) fn pages(seed: u64, volume: u64, pages: u32, blocks: &PageBlocks) -> Vec<PageParts> {
    let mut draw = SeedDraw::new(seed, DrawPurpose::Pages, volume);
    let count = (pages - pages / 8 + draw.below32(pages / 4 + 1)).max(1);
    let bitonal = draw.once_in(3);
    let image_only = draw.once_in(40);
    (1..=count)
        .map(|number| {
            page(
                SeedDraw::new(seed, DrawPurpose::Page, volume << 24 | u64::from(number)),
                number,
            )
        })
        .map(|mut page| {
            page.tail = 16 + page.tail % (blocks.image_bytes / 4 + 1);
            if bitonal {
                page.kind = ImageKind::Tif;
            }
            if image_only {
                (page.text, page.html, page.bad_utf8) = (None, None, false);
            }
            page
        })
        .collect()
}

/// A page by itself; one in 40 has an empty text, one in 50 none, one in 100 bytes that are not UTF-8.
fn page(mut draw: SeedDraw, number: u32) -> PageParts {
    let key = draw.next();
    let length = match draw.below(200) {
        0..5 => Some(0),
        5..9 => None,
        _ => Some(400 + draw.below(2_000)),
    };
    PageParts {
        number,
        kind: ImageKind::Jp2,
        tail: draw.next(),
        text: length,
        html: length.map(|length| 300 + 3 * length),
        bad_utf8: length.is_some_and(|length| length > 0) && draw.once_in(100),
        key,
    }
}

impl PageParts {
    /// The file name of a part.
    pub fn name(&self, part: PagePart) -> String {
        let extension = match (part, self.kind) {
            (PagePart::Image, ImageKind::Jp2) => "jp2",
            (PagePart::Image, ImageKind::Tif) => "tif",
            (PagePart::Html, _) => "html",
            (PagePart::Text, _) => "txt",
        };
        format!("{:08}.{extension}", self.number)
    }

    /// Length of a part; `None` where the page lacks it.
    pub fn length(&self, part: PagePart, blocks: &PageBlocks) -> Option<u64> {
        match part {
            PagePart::Image => Some(blocks.image_length(self)),
            PagePart::Html => self.html,
            PagePart::Text => self.text,
        }
    }

    /// The end of the image, which makes it this page's own.
    pub fn tail_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.tail).unwrap_or(0)];
        SeedDraw::new(self.key, DrawPurpose::Page, 1).fill(&mut bytes);
        bytes
    }

    /// The plain text, exactly as long as promised.
    pub fn text_bytes(&self) -> Vec<u8> {
        let length = usize::try_from(self.text.unwrap_or(0)).unwrap_or(0);
        let mut draw = SeedDraw::new(self.key, DrawPurpose::Page, 2);
        let mut text = Vec::with_capacity(length);
        if self.bad_utf8 {
            text.extend_from_slice(b"\xFF\xC3");
        }
        push_words(&mut draw, length, &mut text, |word, text| {
            text.extend_from_slice(word.as_bytes());
        });
        text.truncate(length);
        text
    }

    /// The hOCR, exactly as long as promised.
    pub fn html_bytes(&self) -> Vec<u8> {
        let length = usize::try_from(self.html.unwrap_or(0)).unwrap_or(0);
        let mut draw = SeedDraw::new(self.key, DrawPurpose::Page, 3);
        let head = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<html xmlns=\"http://www.w3.org/1999/xhtml\"><head><title>{}</title>\
             <meta name=\"ocr-system\" content=\"simulator\"/></head><body><div class=\"ocr_page\">\n",
            self.number
        );
        let tail = "</div></body></html>\n";
        let mut html = head.into_bytes();
        push_words(&mut draw, length.saturating_sub(tail.len()), &mut html, |word, html| {
            html.extend_from_slice(b"<span class=\"ocrx_word\" title=\"bbox 10 20 30 40\">");
            html.extend_from_slice(word.as_bytes());
            html.extend_from_slice(b"</span>");
        });
        html.extend_from_slice(tail.as_bytes());
        html
    }
}

/// Adds words until `length` is reached, the rest line feeds, so that no character is cut.
fn push_words(draw: &mut SeedDraw, length: usize, out: &mut Vec<u8>, push: impl Fn(&str, &mut Vec<u8>)) {
    for count in 1.. {
        let word = WORDS[draw.pick(WORDS.len())];
        let before = out.len();
        push(word, out);
        out.push(if count % 10 == 0 { b'\n' } else { b' ' });
        if out.len() > length {
            out.truncate(before);
            break;
        }
    }
    if out.len() < length {
        out.resize(length, b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_as_long_as_promised() {
        let blocks = PageBlocks::new(4, 1_000);
        for volume in 0..30 {
            for page in pages(4, volume, 20, &blocks) {
                assert_eq!(page.text_bytes().len() as u64, page.text.unwrap_or(0));
                if let Some(length) = page.html {
                    assert_eq!(page.html_bytes().len() as u64, length);
                }
                let image = [blocks.shared(&page), &page.tail_bytes()].concat();
                assert_eq!(image.len() as u64, blocks.image_length(&page));
                let digest: [u8; 16] = Md5::digest(&image).into();
                assert_eq!(digest, blocks.image_digest(&page));
            }
        }
    }

    #[test]
    fn odd_texts_occur() {
        let blocks = PageBlocks::new(4, 0);
        let all: Vec<PageParts> = (0..300).flat_map(|volume| pages(4, volume, 8, &blocks)).collect();
        assert!(all.iter().any(|page| page.text.is_none()));
        assert!(all.iter().any(|page| page.text == Some(0)));
        let bad = all.iter().find(|page| page.bad_utf8).unwrap();
        assert!(String::from_utf8(bad.text_bytes()).is_err());
        let good = all.iter().find(|page| !page.bad_utf8 && page.text > Some(0)).unwrap();
        assert!(String::from_utf8(good.text_bytes()).is_ok());
    }
}
