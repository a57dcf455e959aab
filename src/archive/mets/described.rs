//! Files and pages that a METS speaks of without naming a file of the archive.

use std::collections::BTreeSet;

use quick_xml::events::BytesStart;

use crate::archive::mets::attributes::attribute;
use crate::archive::mets::walk::WalkEnd;

/// What a METS says that there is, beside the names of files.
#[derive(Debug, Default)]
pub(super) struct DescribedPages {
    /// Files that are open, and whether their place is told.
    open: Vec<bool>,
    /// Files without a place, such as those whose bytes stand in the METS.
    unplaced_files: u64,
    ids: BTreeSet<String>,
    /// Files that its maps of the volume point to.
    pointed: BTreeSet<String>,
    /// Pages of the map that is read, if it is one of the volume's leaves.
    pages_of_map: Option<u64>,
    /// The parts of the map that are open, with the depth of each.
    open_parts: Vec<(usize, MapPart)>,
    most_pages: u64,
}

/// What a part of a map is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MapPart {
    /// A page, by its type.
    Page,
    /// A page, by its place in an order: nothing in it has one.
    Leaf,
    /// The volume, a chapter, or a part of a page.
    Other,
}

impl DescribedPages {
    pub(super) fn file(&mut self, tag: &BytesStart<'_>) -> Result<(), WalkEnd> {
        self.open.push(false);
        self.ids.extend(attribute(tag, b"ID")?);
        Ok(())
    }

    /// The place of a file is one of those that it is part of, too.
    pub(super) fn locate(&mut self) {
        self.open.fill(true);
    }

    pub(super) fn end_file(&mut self) {
        if self.open.pop() == Some(false) {
            self.unplaced_files += 1;
        }
    }

    /// A map by chapters may have a page more than once; its pages are not counted.
    pub(super) fn begin_map(&mut self, tag: &BytesStart<'_>) -> Result<(), WalkEnd> {
        let is_logical = attribute(tag, b"TYPE")?.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("logical"));
        self.most_pages = self.pages();
        self.pages_of_map = (!is_logical).then_some(0);
        self.open_parts.clear();
        Ok(())
    }

    /// An element of a map, as deep in the document as `depth` says.
    pub(super) fn in_map(&mut self, name: &[u8], tag: &BytesStart<'_>, depth: usize) -> Result<(), WalkEnd> {
        match name {
            b"div" => {
                let is_page = attribute(tag, b"TYPE")?.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("page"));
                let has_order = attribute(tag, b"ORDER")?.is_some_and(|order| !order.trim().is_empty());
                self.map_part(depth, is_page, has_order);
            }
            b"fptr" | b"area" => self.pointed.extend(attribute(tag, b"FILEID")?),
            _ => {}
        }
        Ok(())
    }

    /// A page is what its type says is one, and below the volume whatever has a place in an order and nothing in it that has one; but no
    /// part of a page.
    fn map_part(&mut self, depth: usize, is_page: bool, has_order: bool) {
        let Some(pages) = &mut self.pages_of_map else { return };
        while self.open_parts.pop_if(|(open, _)| *open >= depth).is_some() {}
        let is_of_page = self.open_parts.iter().any(|(_, part)| *part == MapPart::Page);
        let part = match self.open_parts.last() {
            _ if is_page => MapPart::Page,
            Some(_) if has_order && !is_of_page => MapPart::Leaf,
            _ => MapPart::Other,
        };
        if part != MapPart::Other {
            *pages += 1;
            if let Some((_, above @ MapPart::Leaf)) = self.open_parts.last_mut() {
                *above = MapPart::Other;
                *pages -= 1;
            }
        }
        self.open_parts.push((depth, part));
    }

    /// Files of which nothing tells the place: without one, or only pointed to.
    pub(super) fn unplaced_files(&self) -> u64 {
        self.unplaced_files + self.pointed.difference(&self.ids).count() as u64
    }

    /// Pages of the map that has the most.
    pub(super) fn pages(&self) -> u64 {
        self.most_pages.max(self.pages_of_map.unwrap_or(0))
    }
}
