//! The walk through a METS document, element by element.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead};

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::archive::digest::{ChecksumList, Md5Digest, listed_path};
use crate::archive::error::{DamageKind, LayerFault};
use crate::archive::mets::attributes::{SectionSchema, attribute, name_attribute, names_no_character, schema_of};
use crate::archive::mets::bounded::BoundedReader;
use crate::archive::mets::described::DescribedPages;
use crate::archive::mets::file_digest::{FileDigest, file_digest};
use crate::archive::mets::iso2709;
use crate::archive::mets::record::{DataField, MarcRecord};

/// Characters of a record in base64; the record itself is at most 99,999 bytes, by the length in its leader.
const BINARY_BYTES: usize = 256 << 10;

/// Why the walk ended.
#[derive(Debug)]
pub(super) enum WalkEnd {
    /// At the end of a well-formed document.
    End,
    /// The root element is not METS's.
    OtherRoot,
    Malformed(String),
    Refused(String),
}

/// Elements that matter, by their local names: prefixes and default namespaces vary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    MarcWrap,
    /// A record in it that has what MARC's have is one.
    UnknownWrap,
    /// What is in it is of another schema.
    OtherWrap,
    BinaryData,
    Record,
    Leader,
    ControlField,
    DataField,
    Subfield,
    FileGroup {
        images: bool,
    },
    File,
    FileLocation,
    StructMap,
    Other,
}

/// What was gathered so far.
#[derive(Default)]
pub(super) struct MetsWalk {
    /// The record that counts: the first bibliographic one, else the first.
    pub(super) best_record: Option<MarcRecord>,
    pub(super) more_records: bool,
    /// Why a record that is there could not be read.
    pub(super) unread: Option<String>,
    pub(super) object: Option<String>,
    pub(super) digests: ChecksumList,
    pub(super) named: BTreeSet<String>,
    pub(super) images: BTreeSet<String>,
    pub(super) not_compared: BTreeMap<String, u64>,
    pub(super) described: DescribedPages,
    pub(super) replaced: bool,
    /// Texts of which the rest was passed over, as they are longer than what is read.
    pub(super) long_texts: u64,
    open: Vec<Element>,
    rooted: bool,
    record: Option<MarcRecord>,
    text: Option<String>,
    file: Option<Md5Digest>,
}

impl MetsWalk {
    /// Walks to the end of the document or to what stops it. An error is the input's own.
    pub(super) fn run<B: BufRead>(&mut self, input: BoundedReader<B>, depth: usize) -> io::Result<WalkEnd> {
        let mut reader = Reader::from_reader(input);
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            reader.get_mut().next_event();
            let event = match reader.read_event_into(&mut buffer) {
                Ok(Event::Eof) => return Ok(self.at_end()),
                Ok(event) => event,
                Err(_) if reader.get_ref().exceeded() => {
                    return Ok(WalkEnd::Refused("it is too long, or one of its tags is".to_owned()));
                }
                Err(quick_xml::Error::Io(error)) => return Err(LayerFault::of(&error, DamageKind::Tar).into()),
                Err(error) => return Ok(WalkEnd::Malformed(error.to_string())),
            };
            let was_cut = reader.get_ref().was_cut();
            if let Err(stop) = self.event(&event, depth).and_then(|()| self.note_cut(was_cut)) {
                return Ok(stop);
            }
        }
    }

    fn at_end(&self) -> WalkEnd {
        match (self.rooted, self.open.is_empty()) {
            (true, true) => WalkEnd::End,
            (false, _) => WalkEnd::Malformed("it has no root element".to_owned()),
            _ => WalkEnd::Malformed("it ends too soon".to_owned()),
        }
    }

    fn event(&mut self, event: &Event<'_>, depth: usize) -> Result<(), WalkEnd> {
        match event {
            Event::Start(tag) => self.start(tag, depth),
            Event::Empty(tag) => self.start(tag, depth).map(|()| self.end()),
            Event::End(_) => {
                self.end();
                Ok(())
            }
            Event::Text(text) => self.text(text),
            Event::CData(text) => self.text(text),
            Event::GeneralRef(reference) => self.reference(reference),
            Event::DocType(_) => Err(WalkEnd::Refused("it has a DTD".to_owned())),
            _ => Ok(()),
        }
    }

    /// A text of which the rest was passed over is left out, unless it is a record's.
    fn note_cut(&mut self, was_cut: bool) -> Result<(), WalkEnd> {
        self.long_texts += u64::from(was_cut);
        if was_cut && self.text.is_some() {
            return Err(WalkEnd::Refused("its MARC record is too long".to_owned()));
        }
        Ok(())
    }

    fn start(&mut self, tag: &BytesStart<'_>, depth: usize) -> Result<(), WalkEnd> {
        let name = tag.local_name();
        if self.open.is_empty() {
            if std::mem::replace(&mut self.rooted, true) {
                return Err(WalkEnd::Malformed("it has two root elements".to_owned()));
            }
            if name.as_ref() != b"mets" {
                return Err(WalkEnd::OtherRoot);
            }
            self.object = name_attribute(tag, b"OBJID")?.filter(|object| !object.trim().is_empty());
        }
        if self.open.len() >= depth {
            return Err(WalkEnd::Refused("its elements are nested too deep".to_owned()));
        }
        let element = self.element(name.as_ref(), tag)?;
        if self.open.contains(&Element::StructMap) {
            self.described.in_map(name.as_ref(), tag, self.open.len())?;
        }
        self.open.push(element);
        self.enter(element, tag)
    }

    fn element(&self, name: &[u8], tag: &BytesStart<'_>) -> Result<Element, WalkEnd> {
        let in_record = self.record.is_some();
        Ok(match name {
            b"mdWrap" => match schema_of(tag)? {
                SectionSchema::Marc => Element::MarcWrap,
                SectionSchema::Unknown => Element::UnknownWrap,
                SectionSchema::Other => Element::OtherWrap,
            },
            b"binData" if self.open.last() == Some(&Element::MarcWrap) => Element::BinaryData,
            b"record" if !in_record && self.is_in(&[Element::MarcWrap, Element::UnknownWrap]) => Element::Record,
            b"leader" if in_record => Element::Leader,
            b"controlfield" if in_record => Element::ControlField,
            b"datafield" if in_record => Element::DataField,
            b"subfield" if self.open.last() == Some(&Element::DataField) => Element::Subfield,
            b"fileGrp" => Element::FileGroup {
                images: self.holds_images(tag)?,
            },
            b"file" if !self.is_in(&[Element::UnknownWrap, Element::OtherWrap]) => Element::File,
            b"structMap" => Element::StructMap,
            b"FLocat" if self.open.last() == Some(&Element::File) => Element::FileLocation,
            _ => Element::Other,
        })
    }

    fn enter(&mut self, element: Element, tag: &BytesStart<'_>) -> Result<(), WalkEnd> {
        match element {
            Element::Record => {
                let kind = attribute(tag, b"type")?.unwrap_or_default();
                self.record = Some(MarcRecord {
                    kind,
                    ..MarcRecord::default()
                });
            }
            Element::BinaryData | Element::Leader => self.text = Some(String::new()),
            Element::ControlField => {
                let tag = attribute(tag, b"tag")?.unwrap_or_default();
                self.keep(tag.len())?;
                self.text = Some(String::new());
                self.in_record(|record| record.control.push((tag, String::new())));
            }
            Element::DataField => {
                let [tag, ind1, ind2] = [&b"tag"[..], b"ind1", b"ind2"].map(|name| attribute(tag, name));
                let [tag, ind1, ind2] = [tag?, ind1?, ind2?].map(Option::unwrap_or_default);
                self.keep(tag.len() + ind1.len() + ind2.len())?;
                self.in_record(|record| {
                    record.data.push(DataField {
                        tag,
                        ind1,
                        ind2,
                        subfields: Vec::new(),
                    })
                });
            }
            Element::Subfield => {
                let code = attribute(tag, b"code")?.unwrap_or_default();
                self.keep(code.len())?;
                self.text = Some(String::new());
                self.in_field(|field| field.subfields.push((code, String::new())));
            }
            Element::File => {
                self.file = self.digest_of(tag)?;
                self.described.file(tag)?;
            }
            Element::FileLocation => self.locate(tag)?,
            Element::StructMap => self.described.begin_map(tag)?,
            Element::MarcWrap
            | Element::UnknownWrap
            | Element::OtherWrap
            | Element::FileGroup { .. }
            | Element::Other => {}
        }
        Ok(())
    }

    /// Does a group hold the page images? By its use; a group without one is as the group round it.
    fn holds_images(&self, tag: &BytesStart<'_>) -> Result<bool, WalkEnd> {
        const USES: [&str; 4] = ["image", "images", "page image", "page images"];
        Ok(match attribute(tag, b"USE")? {
            Some(used) => USES.iter().any(|known| used.trim().eq_ignore_ascii_case(known)),
            None => self.in_images(),
        })
    }

    fn in_images(&self) -> bool {
        let groups = self.open.iter().rev().find_map(|element| match element {
            Element::FileGroup { images } => Some(*images),
            _ => None,
        });
        groups.unwrap_or_default()
    }

    /// The file's MD5, if one is given; what is given in its place is counted.
    fn digest_of(&mut self, tag: &BytesStart<'_>) -> Result<Option<Md5Digest>, WalkEnd> {
        let (kind, digest) = (attribute(tag, b"CHECKSUMTYPE")?, attribute(tag, b"CHECKSUM")?);
        match file_digest(kind.as_deref(), digest.as_deref()) {
            FileDigest::Md5(digest) => return Ok(Some(digest)),
            FileDigest::NotCompared(kind) => *self.not_compared.entry(kind).or_default() += 1,
            FileDigest::NotGiven => {}
        }
        Ok(None)
    }

    /// A file's location gives the name to the digest that stands with the file.
    fn locate(&mut self, tag: &BytesStart<'_>) -> Result<(), WalkEnd> {
        let Some(href) = name_attribute(tag, b"href")? else {
            return Ok(());
        };
        self.described.locate();
        let name = href.strip_prefix("file:").unwrap_or(&href);
        // An address or a URN need not name a file.
        if self.in_images() && !name.contains(':') {
            self.images.insert(listed_path(name));
        }
        match self.file {
            Some(digest) => self.digests.insert(name, digest),
            None => drop(self.named.insert(listed_path(name))),
        }
        Ok(())
    }

    fn end(&mut self) {
        let Some(element) = self.open.pop() else { return };
        match element {
            Element::Leader => {
                let text = self.text.take().unwrap_or_default();
                self.in_record(|record| record.leader = text);
            }
            Element::ControlField => {
                let text = self.text.take().unwrap_or_default();
                self.in_record(|record| {
                    if let Some(last) = record.control.last_mut() {
                        last.1.clone_from(&text);
                    }
                });
            }
            Element::Subfield => {
                let text = self.text.take().unwrap_or_default();
                self.in_field(|field| {
                    if let Some(last) = field.subfields.last_mut() {
                        last.1.clone_from(&text);
                    }
                });
            }
            Element::Record => {
                let is_announced = !self.is_in(&[Element::UnknownWrap]);
                let record = self.record.take();
                let record = record.filter(|record| is_announced || record.has_fields());
                record.into_iter().for_each(|record| self.take_record(record));
            }
            Element::BinaryData => match iso2709::read_base64(&self.text.take().unwrap_or_default()) {
                Ok(record) => self.take_record(record),
                Err(form) => self.unread = Some(form),
            },
            Element::File => {
                self.file = None;
                self.described.end_file();
            }
            _ => {}
        }
    }

    fn is_in(&self, wraps: &[Element]) -> bool {
        self.open.iter().any(|open| wraps.contains(open))
    }

    fn take_record(&mut self, record: MarcRecord) {
        match &self.best_record {
            None => self.best_record = Some(record),
            Some(best) => {
                self.more_records = true;
                if record.kind() < best.kind() {
                    self.best_record = Some(record);
                }
            }
        }
    }

    fn text(&mut self, bytes: &[u8]) -> Result<(), WalkEnd> {
        if self.open.is_empty() && !bytes.trim_ascii().is_empty() {
            return Err(WalkEnd::Malformed("there is text outside its root element".to_owned()));
        }
        if self.text.is_none() {
            return Ok(());
        }
        self.keep(bytes.len())?;
        let text = String::from_utf8_lossy(bytes);
        self.replaced |= matches!(text, Cow::Owned(_));
        self.append(&text);
        Ok(())
    }

    /// `&amp;` and its like, and characters by number; there are no other entities without a DTD.
    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), WalkEnd> {
        // Forbidden as a reference, too; it is removed with the other forbidden characters.
        if reference.strip_prefix(b"#").is_some_and(names_no_character) {
            self.append("\0");
            return Ok(());
        }
        let character = reference.resolve_char_ref();
        if let Some(character) = character.map_err(|error| WalkEnd::Malformed(error.to_string()))? {
            self.append(character.encode_utf8(&mut [0; 4]));
            return Ok(());
        }
        let name = String::from_utf8_lossy(reference);
        let unknown = || WalkEnd::Malformed(format!("unknown entity {name:?}"));
        let text = resolve_predefined_entity(&name).ok_or_else(unknown)?;
        self.append(text);
        Ok(())
    }

    fn append(&mut self, more: &str) {
        if let Some(text) = &mut self.text {
            text.push_str(more);
        }
    }

    fn keep(&mut self, bytes: usize) -> Result<(), WalkEnd> {
        let has_room = match (&mut self.record, &self.text) {
            (Some(record), _) => record.has_room(bytes),
            (None, Some(text)) => text.len() + bytes <= BINARY_BYTES,
            (None, None) => true,
        };
        match has_room {
            true => Ok(()),
            false => Err(WalkEnd::Refused("its MARC record is too long".to_owned())),
        }
    }

    fn in_record(&mut self, change: impl FnOnce(&mut MarcRecord)) {
        if let Some(record) = &mut self.record {
            change(record);
        }
    }

    fn in_field(&mut self, change: impl FnOnce(&mut DataField)) {
        if let Some(field) = self.record.as_mut().and_then(|record| record.data.last_mut()) {
            change(field);
        }
    }
}
