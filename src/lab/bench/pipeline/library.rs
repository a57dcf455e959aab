//! A simulated library of a given size, served by a process of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::lab::bench::error::BenchError;
use crate::lab::bench::report::number;
use crate::lab::bench::rig::helper::{HelperProcess, ourselves};

/// A page's share of an archive besides its image, about: text and hOCR, compressed (measured with images of one byte).
const PAGE_EXTRA: u64 = 10_000;

/// How large a library is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LibrarySize {
    /// Books.
    pub books: u32,
    /// Bytes of a book's archive, about.
    pub bytes: u64,
    /// Octets that the key derivation hashes.
    pub s2k: u32,
}

impl LibrarySize {
    /// The name of the cell.
    pub fn cell(&self) -> String {
        format!(
            "{} books of about {} kB, S2K {}",
            self.books,
            number(self.bytes as f64 / 1_000.0),
            self.s2k
        )
    }

    /// Pages and bytes of an image that make about so large an archive.
    fn pages(&self) -> (u64, u64) {
        let pages = (self.bytes / 170_000).clamp(8, 600);
        (pages, (self.bytes / pages).saturating_sub(PAGE_EXTRA).max(1))
    }
}

/// A library being served.
#[derive(Debug)]
pub struct BenchLibrary {
    /// Serves as long as this lives.
    _server: HelperProcess,
    folder: PathBuf,
    /// What goes before the library's directory.
    pub base: String,
}

impl BenchLibrary {
    /// Makes every archive, then serves. `archives: false`: none is made before it is asked for.
    pub fn start(size: &LibrarySize, folder: &Path, archives: bool) -> Result<Self, BenchError> {
        let (pages, image) = size.pages();
        let mut command = ourselves()?;
        command
            .args([
                "-q",
                "simulate",
                "--listen",
                "127.0.0.1:0",
                "--no-auth",
                "--until-input-ends",
            ])
            .args(["--books", &size.books.to_string(), "--s2k-count", &size.s2k.to_string()])
            .args(["--pages", &pages.to_string(), "--image-bytes", &image.to_string()])
            .arg("--cache-dir")
            .arg(folder.join("cache"))
            .arg("--write-config")
            .arg(folder.join("data"))
            .stderr(Stdio::null());
        if archives {
            command.arg("--prepare");
        } else {
            command.args(["--mix", "converted"]);
        }
        let mut server = HelperProcess::start(command)?;
        let base = server.line()?;
        Ok(Self {
            _server: server,
            folder: folder.to_owned(),
            base,
        })
    }

    /// Where config, catalog and store of a run are.
    pub fn data_folder(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The file with the passphrase.
    pub fn passphrase_file(&self) -> PathBuf {
        self.data_folder().join("gpg_passphrase.asc")
    }

    /// The address of a book's archive, without the barcode and its ending.
    pub fn archives(&self) -> String {
        format!("{}TESTLIB", self.base)
    }

    /// An empty data folder: config without pacing, no catalog, no store.
    pub fn fresh_data_folder(&self, downloads: usize) -> Result<PathBuf, BenchError> {
        let data = self.data_folder();
        for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm", "library"] {
            remove(&data.join(name))?;
        }
        let dropins = data.join("grind.toml.d");
        fs::create_dir_all(&dropins).map_err(BenchError::file(&dropins))?;
        let text = format!(
            "[grin]\nrequests_per_second = 1000000.0\n[storage]\ndisk_reserve = \"0%\"\n[workers]\ndownload = {downloads}\ncheck = {}\n",
            downloads.clamp(1, 64)
        );
        let path = dropins.join("bench.toml");
        fs::write(&path, text).map_err(BenchError::file(path))?;
        Ok(data)
    }

    /// The barcodes of what a run stored, in order.
    pub fn stored(&self) -> Result<Vec<String>, BenchError> {
        let raw = self.data_folder().join("library").join("raw");
        let mut barcodes = names(&raw)?;
        barcodes.sort();
        Ok(barcodes)
    }

    /// Bytes of the archives that a run stored.
    pub fn stored_bytes(&self) -> Result<u64, BenchError> {
        let raw = self.data_folder().join("library").join("raw");
        let size = |barcode: &String| {
            let path = raw.join(barcode).join(format!("{barcode}.tar.gz"));
            fs::metadata(&path)
                .map(|file| file.len())
                .map_err(BenchError::file(path))
        };
        self.stored()?.iter().map(size).sum()
    }
}

/// A program of ours or another's, quiet, with its errors in a file.
pub fn quiet(mut command: Command, errors: &Path) -> Result<Command, BenchError> {
    let file = fs::File::create(errors).map_err(BenchError::file(errors))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
    Ok(command)
}

/// Removes a file or folder that may not be there.
pub fn remove(path: &Path) -> Result<(), BenchError> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(BenchError::file(path)(error)),
        _ => Ok(()),
    }
}

fn names(folder: &Path) -> Result<Vec<String>, BenchError> {
    let entries = fs::read_dir(folder).map_err(BenchError::file(folder))?;
    Ok(entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_add_up_to_the_size_asked_for() {
        for bytes in [245_000, 51_000_000, 1_000_000_000] {
            let size = LibrarySize {
                books: 1,
                bytes,
                s2k: 65_536,
            };
            let (pages, image) = size.pages();
            assert_eq!(pages * (image + PAGE_EXTRA) / 1_000, bytes / pages * pages / 1_000);
        }
        let tiny = LibrarySize {
            books: 1,
            bytes: 10,
            s2k: 1_024,
        };
        assert_eq!(tiny.pages(), (8, 1));
    }
}
