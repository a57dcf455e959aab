//! Where in a run's storage an archive lies, and what its key tells.

use crate::grin::Barcode;

/// The part of an archive's key before its barcode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ArchivePlace {
    /// `<folder><BARCODE>/<BARCODE>.tar.gz`, as on that program's disks.
    Own(String),
    /// `<folder><BARCODE>.tar.gz`, as in its buckets, a folder a run.
    Shared(String),
}

const END: &str = ".tar.gz";

impl ArchivePlace {
    pub(super) fn key(&self, barcode: &Barcode) -> String {
        match self {
            Self::Own(folder) => format!("{folder}{barcode}/{barcode}{END}"),
            Self::Shared(folder) => format!("{folder}{barcode}{END}"),
        }
    }

    /// The place of an archive with this key, and what the archive is called.
    pub(super) fn of(key: &str) -> Option<(Self, &str)> {
        let whole = key.strip_suffix(END)?;
        let (folder, name) = whole.rsplit_once('/').unwrap_or(("", whole));
        if folder == name || folder.ends_with(&format!("/{name}")) {
            return Some((Self::Own(folder[..folder.len() - name.len()].to_owned()), name));
        }
        let folder = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        Some((Self::Shared(folder), name))
    }
}

/// Of `TL0001/TL0001_old.tar.gz` the key of the archive beside which it may lie, `TL0001/TL0001.tar.gz`. Where that is not there, the
/// folder is one of a run that happens to be called like the beginning of a barcode.
pub(super) fn main_archive(key: &str) -> Option<String> {
    let (folder, name) = key.strip_suffix(END)?.rsplit_once('/')?;
    let of_book = folder.rsplit('/').next().unwrap_or_default();
    let is_beside = !of_book.is_empty() && name != of_book && name.starts_with(of_book);
    is_beside.then(|| format!("{folder}/{of_book}{END}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_found_where_either_layout_puts_them() {
        let own = |folder: &str| ArchivePlace::Own(folder.into());
        let shared = |folder: &str| ArchivePlace::Shared(folder.into());
        for (key, place) in [
            ("raw/TL0001/TL0001.tar.gz", own("raw/")),
            ("TL0001/TL0001.tar.gz", own("")),
            ("a/b/TL0001/TL0001.tar.gz", own("a/b/")),
            ("harvard_2024/TL0001.tar.gz", shared("harvard_2024/")),
            ("TL0001.tar.gz", shared("")),
            ("TL00011/TL0001.tar.gz", shared("TL00011/")),
        ] {
            let barcode = Barcode::parse("TL0001").unwrap();
            assert_eq!(ArchivePlace::of(key), Some((place.clone(), "TL0001")), "{key}");
            assert_eq!(place.key(&barcode), key);
        }
        assert_eq!(ArchivePlace::of("full/run/TL0001_ocr.jsonl.gz"), None);
        assert_eq!(ArchivePlace::of("HN/HN1ABC.tar.gz"), Some((shared("HN/"), "HN1ABC")));
    }
}
