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
    most_pages: u64,
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
        self.pages_of_map = (!is_logical).then_some(0);
        Ok(())
    }

    /// An element of a map.
    pub(super) fn in_map(&mut self, name: &[u8], tag: &BytesStart<'_>) -> Result<(), WalkEnd> {
        match (name, &mut self.pages_of_map) {
            (b"div", Some(pages)) => {
                let is_page = attribute(tag, b"TYPE")?.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("page"));
                *pages += u64::from(is_page);
                self.most_pages = self.most_pages.max(*pages);
            }
            (b"fptr" | b"area", _) => self.pointed.extend(attribute(tag, b"FILEID")?),
            _ => {}
        }
        Ok(())
    }

    /// Files of which nothing tells the place: without one, or only pointed to.
    pub(super) fn unplaced_files(&self) -> u64 {
        self.unplaced_files + self.pointed.difference(&self.ids).count() as u64
    }

    /// Pages of the map that has the most.
    pub(super) fn pages(&self) -> u64 {
        self.most_pages
    }
}
