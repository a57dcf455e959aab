//! One file of a stored archive, read without the rest of it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::archive::{
    ArchiveError, BookManifest, ManifestCompanion, MemberIndex, MemberMatch, MemberReadError, PassOptions,
    process_plain, read_member,
};
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::output;
use crate::cli::output_file::{OutputFile, not_written};
use crate::cli::storage::get::{ArchivePlace, absent};
use crate::cli::storage::look::StorageLook;
use crate::cli::storage::refused;
use crate::grin::Barcode;
use crate::log::DisplaySize;
use crate::storage::{ObjectKey, StorageError, sha256_hex};

/// Where the files of the archive are known from.
enum IndexSource {
    /// The object beside the archive.
    Recorded(MemberIndex),
    /// The archive, all of which was read; why.
    Archive(MemberIndex, &'static str),
}

/// Writes the file `name` of the book's archive to `into`, by default under its own name.
pub(super) fn get(look: &StorageLook, barcode: &Barcode, name: &str, into: Option<&Path>) -> CommandResult {
    let place = ArchivePlace::of(look, barcode)?;
    let manifest = place.manifest(look, barcode)?;
    let source = index(look, &place.key, &manifest)?;
    let raw = place.key;
    let (IndexSource::Recorded(index) | IndexSource::Archive(index, _)) = &source;
    let member = match index.find(name) {
        MemberMatch::One(member) => member,
        MemberMatch::Several(names) => return Err(ambiguous(name, &names)),
        MemberMatch::None(similar) => return Err(unknown(&raw, name, &similar)),
    };
    let own = Path::new(&member.name).file_name().map(PathBuf::from);
    let path = into.map(Path::to_owned).or(own).unwrap_or_default();
    let failed = |error: io::Error| not_written(&path, &error);
    let mut target = OutputFile::begin(&path).map_err(failed)?;
    let span = index.span(member);
    let packed = look
        .storage
        .open_read_range(&raw, span.packed)
        .map_err(|error| absent(&error))?;
    let read = read_member(packed, span.from, member, &mut target).map_err(|error| match error {
        MemberReadError::Input(error) => refused(&StorageError::from_read(error)),
        MemberReadError::Sink(error) => failed(error),
        error => damaged(&raw, format!("of {}: {error}", member.name)),
    })?;
    target.finish().map_err(failed)?;
    let cost = match source {
        IndexSource::Recorded(_) => format!("{} of the archive read", DisplaySize(read.packed_bytes)),
        IndexSource::Archive(_, why) => {
            let whole = DisplaySize(manifest.archive_bytes);
            format!("the whole archive was read, {whole}: {why}")
        }
    };
    let (path, bytes, proof) = (path.display(), read.bytes, read.proof);
    output::print(&format!("{path}: {bytes} bytes of {raw}, {proof}\n{cost}\n"))?;
    Ok(ExitStatus::Done)
}

/// That of the storage, where it is the one that the manifest names; else the archive tells.
fn index(look: &StorageLook, raw: &ObjectKey, manifest: &BookManifest) -> Result<IndexSource, CliError> {
    let key = look.layout.members(&manifest.barcode);
    let named = manifest.companions.iter().find(|named| named.key == key.as_str());
    let why = match named {
        None => "its manifest, of an earlier version, names no index of its files",
        Some(named) => match recorded(look, &key, named)? {
            Some(index) if index.sha256 == manifest.sha256 => return Ok(IndexSource::Recorded(index)),
            _ => "the index of its files is missing or damaged; `grind verify BARCODE` records it",
        },
    };
    Ok(IndexSource::Archive(index_of_archive(look, raw, manifest)?, why))
}

/// The index, if it has size and digest that the manifest names.
fn recorded(look: &StorageLook, key: &ObjectKey, named: &ManifestCompanion) -> Result<Option<MemberIndex>, CliError> {
    let mut packed = Vec::new();
    match look.storage.open_read(key) {
        Err(StorageError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(refused(&error)),
        Ok(object) => object
            .take(named.bytes.saturating_add(1))
            .read_to_end(&mut packed)
            .map_err(|error| refused(&StorageError::from_read(error)))?,
    };
    let is_ours = sha256_hex(&packed) == named.sha256;
    Ok(is_ours.then(|| MemberIndex::read(&packed[..]).ok()).flatten())
}

fn index_of_archive(look: &StorageLook, raw: &ObjectKey, manifest: &BookManifest) -> Result<MemberIndex, CliError> {
    let archive = look.storage.open_read(raw).map_err(|error| absent(&error))?;
    let options = PassOptions {
        extract_text: false,
        extract_marc: false,
        require_volume: false,
        ..PassOptions::default()
    };
    let volume = match process_plain(archive, io::sink(), io::sink(), Some(&manifest.barcode), &options) {
        Ok(volume) => volume,
        Err(ArchiveError::Input(error)) => return Err(refused(&StorageError::from_read(error))),
        Err(error) => return Err(damaged(raw, error.to_string())),
    };
    let (found, expected) = (volume.sha256_hex(), &manifest.sha256);
    if found != *expected {
        return Err(damaged(
            raw,
            format!("its SHA-256 is {found}, and {expected} is recorded"),
        ));
    }
    Ok(MemberIndex::of(&volume))
}

fn damaged(raw: &ObjectKey, why: String) -> CliError {
    CliError::new(ExitStatus::Failed, format!("{raw} is damaged, and nothing was written"))
        .cause(why)
        .advise("`grind verify BARCODE` records it.")
}

fn ambiguous(name: &str, names: &[&str]) -> CliError {
    let message = format!("{name} is the name of {} files", names.len());
    CliError::new(ExitStatus::Failed, message)
        .cause(names.join(", "))
        .advise("Give the name of one of them with its folder.")
}

fn unknown(raw: &ObjectKey, name: &str, similar: &[&str]) -> CliError {
    let error = CliError::new(ExitStatus::Failed, format!("{raw} has no file {name}"));
    match similar {
        [] => error.cause("it has no files at all"),
        names => error.advise(format!("Files with similar names: {}.", names.join(", "))),
    }
}
