//! A book as a bag (RFC 8493, BagIt 1.0).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::grin::LibraryDirectory;
use crate::pipeline::package::contents::PackageContents;
use crate::pipeline::package::copy::ObjectCopier;
use crate::pipeline::package::error::PackageError;
use crate::pipeline::package::folder::{PackageFolder, bytes_of, write_new};
use crate::pipeline::package::{MAKER, PackageOutcome, PackedBook};
use crate::storage::{ObjectKey, sha256_hex};

/// The declaration; its text is prescribed.
const DECLARATION: &str = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";
const INFO: &str = "bag-info.txt";
const MANIFEST: &str = "manifest-sha256.txt";
const TAG_MANIFEST: &str = "tagmanifest-sha256.txt";

/// What a bag says of itself besides its files.
pub(super) struct BagFacts {
    pub organization: String,
    pub identifier: String,
    pub date: Date,
}

impl BagFacts {
    /// Of a bag that is made now.
    pub fn now(library: &LibraryDirectory, identifier: String) -> Self {
        Self {
            organization: library.to_string(),
            identifier,
            date: Timestamp::now().to_zoned(TimeZone::UTC).date(),
        }
    }
}

/// The payload as it was written.
struct BagPayload {
    files: usize,
    bytes: u64,
}

impl BagPayload {
    fn oxum(&self) -> String {
        format!("Payload-Oxum: {}.{}", self.bytes, self.files)
    }
}

/// Makes the bag of a book, unless there is one with the same payload; another one is left alone, as bags do not change.
pub(super) fn pack(
    folder: &PackageFolder,
    contents: &PackageContents,
    facts: &BagFacts,
    copier: &mut ObjectCopier<'_>,
) -> Result<PackedBook, PackageError> {
    let path = folder.path().join(contents.barcode.for_key().as_ref());
    let manifest = manifest(&contents.objects);
    if let Some(there) = manifest_of(&path)? {
        if there != manifest.as_bytes() {
            let why = "it is no bag of what is stored now; move it away, or choose another folder";
            return Err(PackageError::occupied(&path, why));
        }
        check_payload(&path, contents)?;
        return Ok(packed(&path, PackageOutcome::Unchanged, 0));
    }
    let staged = folder.stage()?;
    let payload = copy_payload(contents, &staged.path, copier)?;
    write_tags(&staged.path, &manifest, &bag_info(facts, &payload))?;
    let from = staged.path.clone();
    folder.publish(staged, &from, &path)?;
    Ok(packed(&path, PackageOutcome::Made, payload.bytes))
}

fn packed(path: &Path, outcome: PackageOutcome, bytes: u64) -> PackedBook {
    PackedBook {
        outcome,
        path: path.to_owned(),
        version: None,
        bytes,
    }
}

/// The payload manifest of what stands in the bag's place, empty if it has none; `None`: nothing stands there.
fn manifest_of(path: &Path) -> Result<Option<Vec<u8>>, PackageError> {
    if !path.try_exists().map_err(PackageError::at(path))? {
        return Ok(None);
    }
    Ok(Some(fs::read(path.join(MANIFEST)).unwrap_or_default()))
}

/// Whether a bag still has all that it says it has, by number and size: what is read by nobody is not digested again.
fn check_payload(path: &Path, contents: &PackageContents) -> Result<(), PackageError> {
    let payload = BagPayload {
        files: contents.objects.len(),
        bytes: bytes_of(&path.join("data"), contents.objects.keys().map(ObjectKey::as_str))?,
    };
    let info = fs::read_to_string(path.join(INFO)).unwrap_or_default();
    if info.lines().any(|line| line == payload.oxum()) {
        return Ok(());
    }
    let why = "its payload has another size than its bag-info.txt says; move it away, and it is made anew";
    Err(PackageError::occupied(path, why))
}

fn copy_payload(
    contents: &PackageContents,
    bag: &Path,
    copier: &mut ObjectCopier<'_>,
) -> Result<BagPayload, PackageError> {
    let mut bytes = 0;
    for key in contents.objects.keys() {
        bytes += copier.copy(contents, key, &bag.join("data").join(key.as_str()))?;
    }
    Ok(BagPayload {
        files: contents.objects.len(),
        bytes,
    })
}

fn write_tags(bag: &Path, manifest: &str, info: &str) -> Result<(), PackageError> {
    let tags = [(INFO, info), ("bagit.txt", DECLARATION), (MANIFEST, manifest)];
    let lines: String = tags
        .map(|(name, text)| line(&sha256_hex(text.as_bytes()), name))
        .concat();
    for (name, text) in tags.into_iter().chain([(TAG_MANIFEST, lines.as_str())]) {
        write_new(&bag.join(name), text.as_bytes())?;
    }
    Ok(())
}

/// No name of an object has a character that would have to be encoded here.
fn manifest(objects: &BTreeMap<ObjectKey, String>) -> String {
    objects
        .iter()
        .map(|(key, sha256)| line(sha256, &format!("data/{key}")))
        .collect()
}

fn line(sha256: &str, path: &str) -> String {
    format!("{sha256}  {path}\n")
}

fn bag_info(facts: &BagFacts, payload: &BagPayload) -> String {
    let BagFacts {
        organization,
        identifier,
        date,
    } = facts;
    let oxum = payload.oxum();
    format!(
        "Source-Organization: {organization}\nExternal-Identifier: {identifier}\nBagging-Date: {date}\n\
         {oxum}\nBag-Software-Agent: {MAKER}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::package::contents::tests::contents;

    #[test]
    fn the_manifest_names_each_file_of_the_payload_once() {
        let text = manifest(&contents("+Z170669505", "a").objects);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert_eq!(
            lines[2],
            format!("{}  data/raw/=2BZ170669505/=2BZ170669505.tar.gz", "a".repeat(64))
        );
    }

    #[test]
    fn a_bag_says_whose_it_is_and_what_it_has() {
        let facts = BagFacts {
            organization: "Harvard".to_owned(),
            identifier: "grin:Harvard/$B123456".to_owned(),
            date: "2026-11-29".parse().unwrap(),
        };
        let info = bag_info(&facts, &BagPayload { files: 3, bytes: 70 });
        for line in [
            "Source-Organization: Harvard",
            "External-Identifier: grin:Harvard/$B123456",
            "Bagging-Date: 2026-11-29",
            "Payload-Oxum: 70.3",
        ] {
            assert!(info.lines().any(|there| there == line), "{line}: {info}");
        }
    }
}
