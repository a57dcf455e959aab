//! What a volume's pages came to.

use crate::archive::page_numbers::PageNumbers;

/// What the pages came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::archive) struct PageCount {
    /// Pages of the volume, from its first number to its last.
    pub(in crate::archive) pages: u64,
    /// The pages of which there is anything.
    pub(in crate::archive) page_numbers: PageNumbers,
    /// Pages that have a text file.
    pub(in crate::archive) text_pages: u64,
    /// Those of them whose text is not blank.
    pub(in crate::archive) nonblank_texts: u64,
    /// Those of them whose text is more than trivial.
    pub(in crate::archive) worded_texts: u64,
    /// Characters of all texts.
    pub(in crate::archive) text_characters: u64,
    /// Number of the first page; 0 without pages.
    pub(in crate::archive) first_page: u64,
    /// Pages that have an image.
    pub(in crate::archive) images: u64,
    /// Those pages.
    pub(in crate::archive) image_numbers: PageNumbers,
    /// Pages whose image has no bytes, or bytes that no image has.
    pub(in crate::archive) empty_images: u64,
    /// Images whose page number is not believed.
    pub(in crate::archive) implausible_images: u64,
    /// Pages with a text or hOCR and without an image, where there are images.
    pub(in crate::archive) parts_without_image: u64,
    /// Numbers between the first and the last page of which there is nothing.
    pub(in crate::archive) gaps: u64,
    /// Pages that have hOCR with bytes in it.
    pub(in crate::archive) hocr_numbers: PageNumbers,
    /// Bytes of the images.
    pub(in crate::archive) image_bytes: u64,
    /// Bytes of the hOCR.
    pub(in crate::archive) hocr_bytes: u64,
}
