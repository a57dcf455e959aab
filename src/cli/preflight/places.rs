//! Storage and the room in it: tried as the daemon uses them.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::catalog::{KeptStorageMark, MarkedPlace};
use crate::cli::exit::ExitStatus;
use crate::cli::own_folder::not_its_own;
use crate::cli::preflight::line::CheckLine;
use crate::cli::preflight::service_user;
use crate::cli::reading;
use crate::pipeline::{check_place, second_copy_config, storage_config};
use crate::settings::{Settings, StorageAddress};
use crate::storage::{ObjectKey, ObjectMeta, Storage, StorageConfig, StorageError, StorageErrorClass, TEMPORARY};

const STORAGE: &str = "storage.url";
const LAYOUT: &str = "storage.layout";
const ROOM: &str = "storage.disk_reserve";
const SECOND_COPY: &str = "storage.copy.url";
const ROOM_OF_COPY: &str = "storage.copy.disk_reserve";

/// What is written, read back, compared and removed.
const CONTENT: &[u8] = b"Written by grind check-config --connect; it may be removed.\n";

/// A storage as it is configured.
struct TriedStorage<'a> {
    /// The key of its address, and that of the room it leaves.
    keys: (&'static str, &'static str),
    /// Each place, and a folder of keys that is there; empty for the root.
    folders: Vec<(&'static str, &'a str)>,
    config: StorageConfig,
    place: MarkedPlace,
    /// What the catalog knows of it; `None` where there is no catalog yet, or it cannot be asked.
    kept: Option<KeptStorageMark>,
}

/// Tries the storage, and the second place if there is one, and says what room they have.
pub fn storage(settings: &Settings) -> Vec<CheckLine> {
    let (main, copy) = match (storage_config(settings), second_copy_config(settings)) {
        (Ok(main), Ok(copy)) => (main, copy),
        (Err(error), _) | (_, Err(error)) => return vec![CheckLine::not_checked(STORAGE, error.to_string())],
    };
    let foreign = not_their_own(settings);
    if !foreign.is_empty() {
        return foreign;
    }
    let made: Vec<_> = settings.book_places().map(|(_, url)| MadeFolders::below(url)).collect();
    let kept = |place| reading::storage_mark(&settings.catalog.url, place);
    let main = TriedStorage {
        kept: kept(MarkedPlace::Main),
        place: MarkedPlace::Main,
        keys: (STORAGE, ROOM),
        folders: folders(settings).collect(),
        config: main,
    };
    let copy = copy.map(|config| TriedStorage {
        kept: kept(MarkedPlace::SecondCopy),
        place: MarkedPlace::SecondCopy,
        keys: (SECOND_COPY, ROOM_OF_COPY),
        folders: vec![(SECOND_COPY, "")],
        config,
    });
    let lines = [Some(main), copy]
        .into_iter()
        .flatten()
        .flat_map(|storage| storage.lines())
        .collect();
    made.into_iter().for_each(MadeFolders::remove);
    lines
}

/// Folders that cannot be a library's: nothing is tried in somebody's home.
fn not_their_own(settings: &Settings) -> Vec<CheckLine> {
    let is_of_unit = service_user::is_asked_for();
    let lines = settings.book_places().filter_map(|(key, url)| {
        let why = not_its_own(&StorageAddress::folder_of(url)?, is_of_unit)?;
        Some(CheckLine::failed(key, ExitStatus::Config, why))
    });
    let mut lines: Vec<_> = lines.collect();
    if !lines.is_empty() {
        lines.push(CheckLine::not_checked(ROOM, "the storage cannot be there"));
    }
    lines
}

impl TriedStorage<'_> {
    fn lines(&self) -> Vec<CheckLine> {
        let (key, of_room) = self.keys;
        match Storage::open(&self.config) {
            Ok(storage) => {
                if let Some(line) = self.not_ours(&storage) {
                    let why = "this is not the storage that the catalog knows";
                    return vec![line, CheckLine::not_checked(of_room, why)];
                }
                let tried = self.folders.iter().map(|(key, folder)| tried(&storage, key, folder));
                tried
                    .chain([room(&storage, of_room)])
                    .chain(other_layout(&storage))
                    .collect()
            }
            Err(error) => vec![
                failed(key, "cannot be opened", &error),
                CheckLine::not_checked(of_room, "the storage cannot be opened"),
            ],
        }
    }

    /// Said of a storage that the daemon would refuse. That it cannot be looked at is said by what is tried in it.
    fn not_ours(&self, storage: &Storage) -> Option<CheckLine> {
        match check_place(storage, self.place, self.kept.as_ref()?) {
            Err(error @ StorageError::NotOurs { .. }) => Some(failed(self.keys.0, "is not used", &error)),
            _ => None,
        }
    }
}

/// Each place, and a folder of keys that is there; empty for the root.
fn folders(settings: &Settings) -> impl Iterator<Item = (&'static str, &str)> {
    let storage = &settings.storage;
    storage.addresses().map(|(key, _)| match key {
        "storage.raw_url" => (key, storage.raw_prefix.as_str()),
        "storage.full_url" => (key, storage.full_prefix.as_str()),
        "storage.meta_url" => (key, storage.meta_prefix.as_str()),
        _ => (key, ""),
    })
}

/// Why a storage cannot be used; `None`: it took an object and gave it back.
pub fn storage_fault(config: &StorageConfig) -> Option<String> {
    let made = MadeFolders::below(&config.url);
    let fault = match Storage::open(config) {
        Ok(storage) => Some(tried(&storage, STORAGE, "")).filter(|line| !line.is_passed()),
        Err(error) => Some(failed(STORAGE, "cannot be opened", &error)),
    };
    made.remove();
    fault.map(CheckLine::into_text)
}

fn tried(storage: &Storage, setting: &'static str, folder: &str) -> CheckLine {
    let slash = if folder.is_empty() { "" } else { "/" };
    let name = format!(
        "{folder}{slash}grind-check-config-{}-{}",
        std::process::id(),
        Timestamp::now().as_millisecond()
    );
    let named = ObjectKey::parse(&name).map_err(|error| TriedFault {
        what: "cannot be used",
        error: error.into(),
    });
    match named.and_then(|key| round_trip(storage, &key)) {
        Ok(true) => CheckLine::passed(setting, "a small object was written, read back, compared and removed"),
        Ok(false) => CheckLine::failed(
            setting,
            ExitStatus::Config,
            format!(
                "the object {name} that was written is not what is read back. Look at the file system or the object store."
            ),
        ),
        Err(fault) => failed(setting, fault.what, &fault.error),
    }
}

/// Which of the things that the daemon does cannot be done, and why.
struct TriedFault {
    what: &'static str,
    error: StorageError,
}

/// Whether what is read back is what was written; it is removed in any case.
fn round_trip(storage: &Storage, key: &ObjectKey) -> Result<bool, TriedFault> {
    let fault = |what| move |error| TriedFault { what, error };
    storage
        .put(key, CONTENT, &ObjectMeta::default())
        .map_err(fault("takes no object"))?;
    let mut read = Vec::new();
    let came = storage.open_read(key).and_then(|mut reader| {
        reader.read_to_end(&mut read).map_err(StorageError::from_read)?;
        Ok(())
    });
    let removed = storage.remove(key).and_then(|_| storage.stat(key));
    came.map_err(fault("takes objects, but they cannot be read"))?;
    let left = removed.map_err(fault(
        "takes objects, but the one that was written cannot be removed and stays",
    ))?;
    Ok(read == CONTENT && left.is_none())
}

/// Said only where the marker names another layout than the configured one.
fn other_layout(storage: &Storage) -> Option<CheckLine> {
    match storage.read_marker() {
        Err(error @ StorageError::OtherLayout { .. }) => Some(failed(LAYOUT, "is another", &error)),
        _ => None,
    }
}

fn room(storage: &Storage, key: &str) -> CheckLine {
    match storage.room() {
        Ok(Some(free)) => {
            let free = bytesize::ByteSize::b(free).display().iec();
            CheckLine::passed(key, format!("{free} are free, more than the reserve"))
        }
        Ok(None) => CheckLine::passed(key, "means nothing for this storage, which is no disk"),
        Err(error) => failed(key, "is not kept", &error),
    }
}

fn failed(key: &str, what: &str, error: &StorageError) -> CheckLine {
    let advice = match error {
        StorageError::Full { .. } => "Make room, or name another place.",
        StorageError::Denied { .. } => {
            "The daemon's user, or the keys that it has, need the right to write, read and remove there."
        }
        StorageError::ReadOnly { .. } => "Mount it for writing.",
        StorageError::NotOurs { .. } => "Until then nothing is stored there.",
        StorageError::NoBucket(_) => "Make the bucket, or correct its address.",
        _ => match error.class() {
            StorageErrorClass::Transient => "Look at the store and the network, and try again.",
            _ => "Correct the configuration.",
        },
    };
    let exit = match error.class() {
        // Such a name is no matter of the store's.
        StorageErrorClass::Permanent => ExitStatus::Config,
        _ => crate::cli::storage::exit_of(error),
    };
    CheckLine::failed(key, exit, format!("{what}: {error}. {advice}"))
}

/// Folders of the storage that are not there yet, with the one of its temporary files: the check leaves none behind, as they might belong
/// to the wrong user.
struct MadeFolders(Vec<PathBuf>);

impl MadeFolders {
    fn below(url: &str) -> Self {
        let temporary = StorageAddress::folder_of(url).map(|folder| folder.join(TEMPORARY));
        let ancestors = temporary.iter().flat_map(|temporary| temporary.ancestors());
        let missing = ancestors.take_while(|ancestor| matches!(ancestor.try_exists(), Ok(false)));
        Self(missing.map(Path::to_owned).collect())
    }

    /// Removes those that are empty.
    fn remove(self) {
        for folder in self.0 {
            // What is in use by now stays.
            drop(std::fs::remove_dir(folder));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::preflight::line::exit_of;

    #[test]
    fn a_storage_that_takes_an_object_keeps_nothing_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&StorageConfig::of_url(format!("file://{}", folder.path().display()))).unwrap();
        assert_eq!(
            exit_of(&[tried(&storage, STORAGE, ""), room(&storage, ROOM)]),
            ExitStatus::Done
        );
        assert_eq!(storage.list(None).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_was_there_and_empty_is_empty_again() {
        let folder = tempfile::tempdir().unwrap();
        let config = StorageConfig::of_url(format!("file://{}", folder.path().display()));
        assert_eq!(storage_fault(&config), None);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn each_fault_of_a_storage_says_what_to_do_and_has_its_code() {
        let place = || "s3://b".to_owned();
        let detail = || "x".to_owned();
        for (error, exit, words) in [
            (
                StorageError::NoBucket("b".to_owned()),
                ExitStatus::Config,
                "Make the bucket",
            ),
            (
                StorageError::Denied {
                    place: place(),
                    detail: detail(),
                },
                ExitStatus::NotPermitted,
                "right",
            ),
            (
                StorageError::Full {
                    place: place(),
                    detail: detail(),
                },
                ExitStatus::CannotCreate,
                "room",
            ),
            (
                StorageError::NotOurs {
                    place: place(),
                    detail: detail(),
                },
                ExitStatus::CannotCreate,
                "grind storage adopt",
            ),
            (
                StorageError::store("writing".to_owned(), &"503"),
                ExitStatus::Unavailable,
                "try again",
            ),
        ] {
            let line = failed(STORAGE, "cannot be used", &error);
            assert!(line.to_string().contains(words), "{line}");
            assert_eq!(exit_of(&[line]), exit);
        }
    }
}
