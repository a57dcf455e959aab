//! What is true of a book, for tests to compare with what was stored.

use std::collections::BTreeMap;
use std::io;

use crate::lab::simulator::archive::record::SimulatedRecord;
use crate::lab::simulator::archive::volume::VolumeFate;
use crate::lab::simulator::grin::life::SimulatedState;
use crate::lab::simulator::shared::SimulatorState;

/// What is true of a book at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookTruth {
    /// Its title as it stands in the lists.
    pub title: String,
    /// Its state.
    pub state: SimulatedState,
    /// Can its archive be had?
    pub available: bool,
    /// Name of its archive.
    pub file_name: String,
    /// Entity tag of its archive, quoted.
    pub etag: String,
    /// Length of the encrypted archive.
    pub encrypted_bytes: u64,
    /// SHA-256 of the decrypted archive in hexadecimal digits; of the archive as it should be, whatever its fate.
    pub sha256: String,
    /// Length of the decrypted archive.
    pub archive_bytes: u64,
    /// Page images.
    pub pages: u32,
    /// What is wrong with it for good.
    pub fate: VolumeFate,
    /// Its bibliographic record.
    pub record: SimulatedRecord,
}

pub(crate) fn of(shared: &SimulatorState, index: u32) -> io::Result<BookTruth> {
    let life = shared.shelf.life(index);
    let catalogue = &shared.catalogue;
    let volume = catalogue.volume(index, life.generation);
    let decrypted = volume.decrypted()?;
    let mut file_name = Vec::new();
    catalogue.push_file_name(index, &mut file_name);
    Ok(BookTruth {
        title: catalogue.title(index),
        state: life.state,
        available: shared.shelf.has_archive(&life),
        file_name: String::from_utf8(file_name).map_err(io::Error::other)?,
        etag: catalogue.etag(index, life.generation),
        encrypted_bytes: volume.encrypted_length(),
        sha256: decrypted.sha256,
        archive_bytes: decrypted.bytes,
        pages: u32::try_from(volume.pages.len()).map_err(io::Error::other)?,
        fate: volume.fate,
        record: catalogue.record(index),
    })
}

pub(crate) fn texts(shared: &SimulatorState, index: u32) -> BTreeMap<u32, Vec<u8>> {
    let life = shared.shelf.life(index);
    let volume = shared.catalogue.volume(index, life.generation);
    let with_text = volume.pages.iter().filter(|page| page.text.is_some());
    with_text.map(|page| (page.number, page.text_bytes())).collect()
}
