//! Made archives, kept on disk or in memory, so that making them is never what is measured.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::lab::simulator::archive::mets::hex;
use crate::lab::simulator::faults::lock;
use crate::lab::simulator::grin::catalogue::SeededCatalogue;

/// Archives made at the same time.
const MAKERS: usize = 2;

/// Lengths remembered: a few megabytes.
const LENGTHS: usize = 200_000;

/// An archive's bytes.
#[derive(Clone)]
pub(crate) enum ArchiveBytes {
    Memory(Bytes),
    File(Arc<File>, u64),
}

impl ArchiveBytes {
    /// A piece of it; reading a cached file is a copy out of the page cache.
    pub fn read(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        match self {
            Self::Memory(bytes) => {
                let start = usize::try_from(offset).map_err(io::Error::other)?;
                Ok(bytes.slice(start..start + length))
            }
            Self::File(file, _) => {
                let mut buffer = vec![0; length];
                file.read_exact_at(&mut buffer, offset)?;
                Ok(buffer.into())
            }
        }
    }

    pub fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, length) => *length,
        }
    }
}

type Key = (u32, u16);

/// The archives made so far.
pub(crate) struct ArchiveCache {
    catalogue: Arc<SeededCatalogue>,
    folder: Option<PathBuf>,
    memory: Mutex<Memory>,
    makers: tokio::sync::Semaphore,
    lengths: Mutex<HashMap<Key, u64>>,
}

/// A bounded store, the oldest thrown out first.
#[derive(Default)]
struct Memory {
    made: HashMap<Key, Bytes>,
    order: VecDeque<Key>,
    bytes: u64,
}

impl ArchiveCache {
    pub fn new(catalogue: Arc<SeededCatalogue>) -> io::Result<Self> {
        let folder = match &catalogue.config.cache_dir {
            None => None,
            Some(base) => {
                let folder = base.join(fingerprint(&catalogue));
                std::fs::create_dir_all(&folder)?;
                Some(folder)
            }
        };
        Ok(Self {
            catalogue,
            folder,
            memory: Mutex::default(),
            makers: tokio::sync::Semaphore::new(MAKERS),
            lengths: Mutex::default(),
        })
    }

    /// The archive's length, without making it; worked out once for the first books asked for.
    pub fn length(&self, index: u32, generation: u16) -> u64 {
        let key = (index, generation);
        if let Some(length) = lock(&self.lengths).get(&key) {
            return *length;
        }
        let length = self.catalogue.volume(index, generation).encrypted_length();
        let mut lengths = lock(&self.lengths);
        if lengths.len() < LENGTHS {
            lengths.insert(key, length);
        }
        length
    }

    /// The archive, from the cache or made now on a blocking thread.
    pub async fn fetch(self: &Arc<Self>, index: u32, generation: u16) -> io::Result<ArchiveBytes> {
        if let Some(found) = self.find((index, generation))? {
            return Ok(found);
        }
        let _permit = self.makers.acquire().await.map_err(io::Error::other)?;
        let cache = Arc::clone(self);
        let made = tokio::task::spawn_blocking(move || cache.make(index, generation));
        made.await.map_err(io::Error::other)?
    }

    /// Makes an archive unless it is there.
    pub fn make(&self, index: u32, generation: u16) -> io::Result<ArchiveBytes> {
        let key = (index, generation);
        if let Some(found) = self.find(key)? {
            return Ok(found);
        }
        let volume = self.catalogue.volume(index, generation);
        match &self.folder {
            None => {
                let capacity = usize::try_from(volume.encrypted_length()).map_err(io::Error::other)?;
                let bytes = Bytes::from(volume.write_encrypted(Vec::with_capacity(capacity))?);
                lock(&self.memory).keep(key, &bytes, self.catalogue.config.cache_bytes);
                Ok(ArchiveBytes::Memory(bytes))
            }
            Some(folder) => {
                // The name is unique to this maker, so two makers of one book do not meet in one file.
                let unique = format!(".{index}-{generation}-{:?}", std::thread::current().id());
                let temporary = folder.join(unique);
                let mut file = volume.write_encrypted(BufWriter::with_capacity(1 << 18, File::create(&temporary)?))?;
                file.flush()?;
                drop(file);
                let path = path(folder, key);
                std::fs::rename(&temporary, &path)?;
                open(&path)
            }
        }
    }

    fn find(&self, key: Key) -> io::Result<Option<ArchiveBytes>> {
        match &self.folder {
            None => Ok(lock(&self.memory).made.get(&key).cloned().map(ArchiveBytes::Memory)),
            Some(folder) => match open(&path(folder, key)) {
                Ok(source) => Ok(Some(source)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
        }
    }
}

impl Memory {
    fn keep(&mut self, key: Key, bytes: &Bytes, limit: u64) {
        if bytes.len() as u64 > limit || self.made.insert(key, bytes.clone()).is_some() {
            return;
        }
        self.order.push_back(key);
        self.bytes += bytes.len() as u64;
        while self.bytes > limit {
            let Some(oldest) = self.order.pop_front() else { break };
            let gone = self.made.remove(&oldest).map_or(0, |bytes| bytes.len() as u64);
            self.bytes -= gone;
        }
    }
}

fn path(folder: &Path, (index, generation): Key) -> PathBuf {
    folder.join(format!("{index}-{generation}.gpg"))
}

fn open(path: &Path) -> io::Result<ArchiveBytes> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok(ArchiveBytes::File(Arc::new(file), length))
}

/// Names what the bytes of an archive depend on.
fn fingerprint(catalogue: &SeededCatalogue) -> String {
    let config = &catalogue.config;
    let lasting: Vec<_> = config.faults.lasting().collect();
    let text = format!(
        "2 {} {} {} {} {} {:?} {} {lasting:?}",
        config.seed,
        config.library,
        config.pages,
        config.image_bytes,
        config.s2k_count,
        config.form,
        config.passphrase.expose(),
    );
    hex(&Sha256::digest(text))[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::simulator::SimulatorConfig;

    fn cache(config: SimulatorConfig) -> ArchiveCache {
        ArchiveCache::new(Arc::new(SeededCatalogue::new(config))).unwrap()
    }

    fn bytes(source: &ArchiveBytes) -> Bytes {
        source.read(0, usize::try_from(source.length()).unwrap()).unwrap()
    }

    #[test]
    fn folder_and_memory_give_the_same_bytes_and_they_are_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let on_disk = SimulatorConfig {
            cache_dir: Some(folder.path().into()),
            ..SimulatorConfig::default()
        };
        let made = bytes(&cache(SimulatorConfig::default()).make(3, 0).unwrap());
        assert_eq!(made, bytes(&cache(on_disk.clone()).make(3, 0).unwrap()));
        assert!(cache(on_disk).find((3, 0)).unwrap().is_some());
    }

    #[test]
    fn memory_stays_within_its_bound() {
        let mut memory = Memory::default();
        for index in 0..10 {
            memory.keep((index, 0), &Bytes::from(vec![0; 400]), 1_000);
        }
        assert_eq!((memory.bytes, memory.made.len(), memory.order.len()), (800, 2, 2));
        memory.keep((99, 0), &Bytes::from(vec![0; 2_000]), 1_000);
        assert!(!memory.made.contains_key(&(99, 0)));
    }
}
