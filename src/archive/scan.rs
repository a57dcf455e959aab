//! One walk over the members: digests, METS, page texts; then the judgement.

mod file_seen;
mod found_mets;
mod judgement;
mod links;
mod placement;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Read};

#[cfg(test)]
pub(super) use crate::archive::scan::file_seen::seen;
pub(super) use crate::archive::scan::file_seen::{FileSeen, FileStanding};
pub(super) use crate::archive::scan::judgement::{JudgedArchive, ScanResult};

use crate::archive::digest::{ChecksumList, LaneDigests, folder_of};
use crate::archive::error::{ArchiveLimit, LayerFault};
use crate::archive::findings::{FindingCode, FindingList};
use crate::archive::folder_owners::FolderOwners;
use crate::archive::image_head::{IMAGE_HEAD, image_content};
use crate::archive::inflate::RestartPoint;
use crate::archive::members::{MemberKind, TarEnd, TarMember, TarMembers, unread};
use crate::archive::names::{MemberRole, page_zero, role};
use crate::archive::page_number::PageKind;
use crate::archive::pages::VolumePages;
use crate::archive::scan::found_mets::FoundMets;
use crate::archive::volume::PassOptions;
use crate::grin::Barcode;

/// Folders whose checksum lists are read; each list is looked through for each file.
const MOST_LISTS: usize = 64;

/// A checksum list and the folder that it stands in.
pub(super) struct FoundList {
    pub(super) folder: String,
    pub(super) list: ChecksumList,
    /// The file that it was read from last.
    name: String,
}

/// The walk, and what it gathered.
pub(super) struct TarScan<'o> {
    options: &'o PassOptions,
    barcode: Option<&'o Barcode>,
    digests: LaneDigests,
    files: Vec<FileSeen>,
    lists: Vec<FoundList>,
    /// Bytes that further checksum lists may have.
    list_room: u64,
    mets: Option<FoundMets>,
    folder_owners: FolderOwners,
    /// Other METS of this book, whose files are compared.
    more_mets: Vec<FoundMets>,
    /// Texts that are longer than a page's, by their numbers: by their names alone they are no pages'.
    long_texts: Vec<usize>,
    /// METS of this book beside the one that counts, and what may be one or a checksum list, that were not read.
    unread: BTreeSet<String>,
    /// Names of the files that hard links mean, by the links' numbers.
    links: BTreeMap<usize, String>,
    in_folder: bool,
    terminated: bool,
    authenticated: bool,
    pub(super) pages: VolumePages,
    pub(super) findings: FindingList,
    pub(super) text_failure: Option<io::Error>,
    /// From where the archive can be inflated.
    pub(super) restarts: Vec<RestartPoint>,
}

impl<'o> TarScan<'o> {
    pub(super) fn new(options: &'o PassOptions, barcode: Option<&'o Barcode>) -> Self {
        Self {
            options,
            barcode,
            digests: LaneDigests::default(),
            files: Vec::new(),
            lists: Vec::new(),
            list_room: options.limits.checksum_list_bytes,
            mets: None,
            folder_owners: FolderOwners::default(),
            more_mets: Vec::new(),
            long_texts: Vec::new(),
            unread: BTreeSet::new(),
            links: BTreeMap::new(),
            in_folder: false,
            terminated: true,
            authenticated: true,
            pages: VolumePages::new(),
            findings: FindingList::default(),
            text_failure: None,
            restarts: Vec::new(),
        }
    }

    /// Notes that the archive came in a message without an integrity check.
    pub(super) fn set_unauthenticated(&mut self) {
        self.authenticated = false;
        let text = "the message has no integrity check; only the checksums of the files prove them";
        self.findings.note(FindingCode::Unauthenticated, None, text);
    }

    /// Walks over all members of a tar.
    pub(super) fn walk<B: BufRead>(&mut self, members: &mut TarMembers<'_, B>) -> io::Result<()> {
        while let Some(member) = members.next()? {
            match &member.kind {
                MemberKind::File => self.file(&member, members)?,
                MemberKind::Link(target) => self.link(&member, target),
                MemberKind::Unknown => {
                    let text = "an entry of a kind that is not known, read as a file";
                    self.findings.note(FindingCode::OddEntry, Some(&member.name), text);
                    self.file(&member, members)?;
                }
                MemberKind::Folder => {}
                MemberKind::Pipe => self.pipe(&member),
                MemberKind::Sparse => self.sparse(&member)?,
                MemberKind::Odd => self.findings.note(
                    FindingCode::OddEntry,
                    Some(&member.name),
                    "an entry of no kind that is read",
                ),
            }
        }
        self.resolve_links()?;
        self.terminated = members.end() == Some(TarEnd::Marked);
        if !self.terminated {
            self.findings
                .note(FindingCode::TarUnterminated, None, "the tar has no end mark");
        }
        if members.has_foreign_tail()? {
            self.findings.note(
                FindingCode::TrailingData,
                None,
                "there are bytes behind the tar's end mark",
            );
        }
        Ok(())
    }

    /// One file: its name decides what is done with its bytes; all of them go through the digest.
    pub(super) fn file(&mut self, member: &TarMember, data: &mut impl BufRead) -> io::Result<()> {
        let role = role(&member.name, self.barcode);
        self.note_name(member);
        let digested = self.options.verify_checksums && role != MemberRole::ChecksumList;
        if digested {
            self.digests.begin(self.files.len(), member.size);
        }
        let id = self.files.len();
        self.files.push(FileSeen {
            is_empty: member.size == 0,
            offset: member.offset,
            bytes: member.size,
            ..FileSeen::new(&member.name, role)
        });
        match role {
            MemberRole::Image(_) | MemberRole::Candidate(PageKind::Image, _) => self.image(id, data)?,
            MemberRole::Text(_) | MemberRole::Candidate(PageKind::Text, _) => self.text(id, member, data)?,
            MemberRole::Coordinates(_) | MemberRole::Candidate(PageKind::Coordinates, _) => {
                self.pages.coordinates(id, member.size);
            }
            MemberRole::ChecksumList => self.checksum_list(member, data)?,
            MemberRole::Xml { named_as_mets } => self.xml(named_as_mets, member, data)?,
            MemberRole::Unplaced { .. } | MemberRole::Other => {}
        }
        if digested {
            self.skip(data)?;
            self.digests.end();
        }
        Ok(())
    }

    /// A pipe holds no bytes: what it should be by its name is not known.
    fn pipe(&mut self, member: &TarMember) {
        if role(&member.name, self.barcode) != MemberRole::Other {
            self.unread.insert(member.name.clone());
        }
        let text = "a pipe, of which there is nothing to read";
        self.findings.note(FindingCode::OddEntry, Some(&member.name), text);
    }

    /// The bytes of a sparse file are not put together. Where a page may depend on them, or what is said of pages, the volume is not read.
    fn sparse(&mut self, member: &TarMember) -> io::Result<()> {
        if role(&member.name, self.barcode) != MemberRole::Other {
            return Err(unread(format!("{} is a sparse file", member.name)));
        }
        self.unread.insert(member.name.clone());
        let text = "a sparse file, which is not read; the volume is not verified";
        self.findings.note(FindingCode::OddEntry, Some(&member.name), text);
        Ok(())
    }

    fn note_name(&mut self, member: &TarMember) {
        if member.name.contains('/') && !std::mem::replace(&mut self.in_folder, true) {
            self.findings.note(
                FindingCode::FolderInArchive,
                Some(&member.name),
                "its files lie in a folder",
            );
        }
        if page_zero(&member.name).is_some() {
            let text = "pages are numbered from 1; it is not counted";
            self.findings
                .note(FindingCode::PageNumberImplausible, Some(&member.name), text);
        }
        if member.name.contains(char::REPLACEMENT_CHARACTER) {
            self.findings
                .note(FindingCode::OddEntry, Some(&member.name), "its name is not UTF-8");
        }
    }

    /// The rest of a file's bytes, through the digest.
    fn skip(&mut self, data: &mut impl BufRead) -> io::Result<()> {
        loop {
            let bytes = data.fill_buf()?;
            let have = bytes.len();
            if have == 0 {
                return Ok(());
            }
            self.digests.update(bytes);
            data.consume(have);
        }
    }

    fn image(&mut self, id: usize, data: &mut impl BufRead) -> io::Result<()> {
        let mut head = Vec::new();
        data.take(IMAGE_HEAD).read_to_end(&mut head)?;
        self.digests.update(&head);
        self.pages.image(id, image_content(&head));
        Ok(())
    }

    fn text(&mut self, id: usize, member: &TarMember, data: &mut impl BufRead) -> io::Result<()> {
        let most = self.options.limits.page_text_bytes;
        // What is perhaps no page may be as long as it likes.
        if self.files[id].role.page().is_none() && member.size > most {
            self.long_texts.push(id);
            return Ok(());
        }
        if !self.options.extract_text {
            let mut bytes = Vec::new();
            data.take(most).read_to_end(&mut bytes)?;
            self.digests.update(&bytes);
            self.pages.text_not_kept(id, &bytes);
            return Ok(());
        }
        Self::must_fit(member, ArchiveLimit::PageText, most)?;
        let bytes = self.whole(member, data)?;
        self.pages.text(id, &bytes).map_err(|error| {
            self.text_failure = Some(error);
            LayerFault::Text.into()
        })
    }

    fn checksum_list(&mut self, member: &TarMember, data: &mut impl BufRead) -> io::Result<()> {
        Self::must_fit(member, ArchiveLimit::ChecksumList, self.list_room)?;
        self.list_room -= member.size;
        let bytes = self.whole(member, data)?;
        let list = ChecksumList::parse(&bytes);
        for warning in &list.warnings {
            self.findings
                .note(FindingCode::ChecksumListMalformed, Some(&member.name), warning.clone());
        }
        self.add_list(list, member);
        Ok(())
    }

    /// Lists of one folder count together, so that a file has to be equal to what each of them says. A list of the same name is a
    /// newer one: what it says of a file takes the place of what the older one said.
    fn add_list(&mut self, list: ChecksumList, member: &TarMember) {
        let folder = folder_of(&member.name);
        let is_full = self.lists.len() == MOST_LISTS;
        match self.lists.iter_mut().find(|known| known.folder == folder) {
            Some(known) if known.name == member.name => known.list.supersede(list),
            Some(known) => {
                known.name.clone_from(&member.name);
                for text in known.list.merge(list) {
                    self.findings
                        .note(FindingCode::ChecksumListMalformed, Some(&member.name), text);
                }
            }
            None if is_full => {
                self.unread.insert(member.name.clone());
                let text = "lists of so many folders are read already; this one is not";
                self.findings
                    .note(FindingCode::ChecksumListMalformed, Some(&member.name), text);
            }
            None => self.lists.push(FoundList {
                folder: folder.to_owned(),
                list,
                name: member.name.clone(),
            }),
        }
    }

    /// Refuses a file that is larger than its kind ever is.
    fn must_fit(member: &TarMember, limit: ArchiveLimit, most: u64) -> io::Result<()> {
        if member.size <= most {
            return Ok(());
        }
        let detail = format!("{} has {} bytes", member.name, member.size);
        Err(LayerFault::Hostile(limit, detail).into())
    }

    /// All of a file that is small by its nature.
    fn whole(&mut self, member: &TarMember, data: &mut impl BufRead) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(member.size).unwrap_or(0));
        data.read_to_end(&mut bytes)?;
        self.digests.update(&bytes);
        Ok(bytes)
    }
}

/// A checksum list in this folder.
#[cfg(test)]
pub(super) fn list_in(folder: &str, list: ChecksumList) -> FoundList {
    FoundList {
        folder: folder.to_owned(),
        list,
        name: format!("{folder}checksum.md5"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::limits::ArchiveLimits;

    #[test]
    fn checksum_lists_are_bounded_together() {
        let line = format!("{}  1.jp2\n", "0".repeat(32));
        let most = 2 * MOST_LISTS;
        let options = PassOptions {
            limits: ArchiveLimits {
                checksum_list_bytes: (most * line.len()) as u64,
                ..ArchiveLimits::default()
            },
            ..PassOptions::default()
        };
        let mut scan = TarScan::new(&options, None);
        let mut add = |number: usize| {
            let member = TarMember {
                name: format!("{number}/checksum.md5"),
                size: line.len() as u64,
                offset: 0,
                kind: MemberKind::File,
            };
            scan.file(&member, &mut line.as_bytes())
        };
        for number in 0..most {
            add(number).unwrap();
        }
        assert!(add(most).is_err(), "together they are too long");
        assert_eq!(scan.lists.len(), MOST_LISTS);
        assert!(!scan.unread.is_empty(), "the others may have named more pages");
    }

    #[test]
    fn a_text_that_is_too_long_is_named_where_it_would_be_a_pages() {
        let options = PassOptions {
            limits: ArchiveLimits {
                page_text_bytes: 10,
                ..ArchiveLimits::default()
            },
            ..PassOptions::default()
        };
        let mut scan = TarScan::new(&options, None);
        for (name, size) in [
            ("x_1.jp2", 20),
            ("x_2.jp2", 20),
            ("x_1.txt", 10),
            ("x_2.txt", 11),
            ("x_3.txt", 9),
            ("readme_1920.txt", 11),
        ] {
            let member = TarMember {
                name: name.to_owned(),
                size,
                offset: 0,
                kind: MemberKind::File,
            };
            scan.file(&member, &mut &vec![b'x'; usize::try_from(size).unwrap()][..])
                .unwrap();
        }
        let findings = scan.judge().decide().findings;
        let unplaced = findings
            .iter()
            .filter(|finding| finding.code == FindingCode::UnplacedPageFile);
        let named: Vec<_> = unplaced.filter_map(|finding| finding.member.as_deref()).collect();
        assert_eq!(named, ["x_2.txt"]);
    }
}
