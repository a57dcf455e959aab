//! Hard links: second names of files that stand in the same archive before them.

use std::collections::BTreeMap;
use std::io;

use crate::archive::error::{ArchiveLimit, LayerFault};
use crate::archive::findings::FindingCode;
use crate::archive::members::TarMember;
use crate::archive::names::{MemberRole, role};
use crate::archive::page_number::PageKind;
use crate::archive::scan::{FileSeen, TarScan};

impl TarScan<'_> {
    /// Notes a link as a file; what it holds is decided at the end of the archive.
    pub(super) fn link(&mut self, member: &TarMember, target: &str) {
        self.note_name(member);
        self.links.insert(self.files.len(), target.to_owned());
        let role = role(&member.name, self.barcode);
        self.files.push(FileSeen::new(&member.name, role));
    }

    /// Makes each link the same as the last file of its target's name before it, as unpacking does. A target that is not there may be a
    /// file of the machine that unpacks it.
    pub(super) fn resolve_links(&mut self) -> io::Result<()> {
        let links = std::mem::take(&mut self.links);
        let mut sources = Vec::new();
        let mut latest: BTreeMap<&str, usize> = BTreeMap::new();
        for (id, file) in self.files.iter().enumerate().filter(|_| !links.is_empty()) {
            let source = match links.get(&id) {
                None => Some(id),
                Some(target) => latest.get(target.as_str()).copied(),
            };
            let Some(source) = source else {
                let detail = format!("{} is a link to what is no earlier file of the archive", file.name);
                return Err(LayerFault::Hostile(ArchiveLimit::Link, detail).into());
            };
            latest.insert(&file.name, source);
            sources.push(source);
        }
        for id in links.into_keys() {
            self.take_over(id, sources[id]);
        }
        Ok(())
    }

    /// What a file is for by one of its names need not be read for the other: then it is no part of a page, and what it may have named is
    /// not known.
    fn take_over(&mut self, id: usize, source: usize) {
        let (is_empty, source_role) = (self.files[source].is_empty, self.files[source].role);
        let file = &mut self.files[id];
        (file.same_as, file.is_empty) = (Some(source), is_empty);
        let kind = match file.role {
            MemberRole::Image(_) => Some(PageKind::Image),
            MemberRole::Text(_) => Some(PageKind::Text),
            MemberRole::Coordinates(_) => Some(PageKind::Coordinates),
            MemberRole::Candidate(kind, _) => Some(kind),
            _ => None,
        };
        if kind.is_some_and(|kind| !self.pages.copy(id, kind, source)) {
            file.role = MemberRole::Unplaced { page_like: true };
        }
        let is_read = match file.role {
            MemberRole::Xml { .. } => matches!(source_role, MemberRole::Xml { .. }),
            role => role != MemberRole::ChecksumList,
        };
        if !is_read {
            self.unread.insert(file.name.clone());
        }
        let text = format!("a hard link: the same file as {}", self.files[source].name);
        self.findings
            .note(FindingCode::HardLink, Some(&self.files[id].name), text);
    }
}
