//! A file of an archive, as far as its name and its place tell what it is.

use crate::archive::names::MemberRole;
#[cfg(test)]
use crate::archive::names::role;
use crate::archive::page_number::PageKind;
#[cfg(test)]
use crate::grin::Barcode;

/// A file that was seen, under the number its digest has.
pub(in crate::archive) struct FileSeen {
    pub(in crate::archive) name: String,
    pub(in crate::archive) role: MemberRole,
    pub(in crate::archive) standing: FileStanding,
    /// It has not a single byte.
    pub(in crate::archive) is_empty: bool,
    /// Bytes of the tar before its own.
    pub(in crate::archive) offset: u64,
    pub(in crate::archive) bytes: u64,
    /// It is a second name of this file.
    pub(in crate::archive) same_as: Option<usize>,
}

/// Whether a file is the volume's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::archive) enum FileStanding {
    Own,
    /// Another file of the same name stands behind it.
    Superseded,
    /// It is another book's.
    Foreign,
    /// It stands beside the volume's pages, and nothing names it.
    Beside,
}

impl FileSeen {
    /// A file of this name with bytes of its own.
    pub(in crate::archive) fn new(name: &str, role: MemberRole) -> Self {
        Self {
            name: name.to_owned(),
            role,
            standing: FileStanding::Own,
            is_empty: false,
            offset: 0,
            bytes: 0,
            same_as: None,
        }
    }

    /// Is it an image of the volume of which nothing tells the page? In a form that is not known it is told by a page's number in full,
    /// unless it has not a single byte.
    pub(super) fn is_unplaced_image(&self) -> bool {
        let MemberRole::Unplaced { page_like } = self.role else {
            return false;
        };
        let extension = self.name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let is_image = match PageKind::of_extension(extension) {
            Some(kind) => kind == PageKind::Image,
            None => self.is_empty || !page_like,
        };
        is_image && self.standing == FileStanding::Own
    }

    pub(super) fn set_aside(&mut self, standing: FileStanding) {
        self.standing = standing;
        self.role = MemberRole::Other;
    }
}

/// Files of these names.
#[cfg(test)]
pub(in crate::archive) fn seen(names: &[&str], barcode: Option<&Barcode>) -> Vec<FileSeen> {
    let file = |name: &&str| FileSeen::new(name, role(name, barcode));
    names.iter().map(file).collect()
}
