//! Room `cli`: the stored files of a run that is taken over, in whatever storage grind can open.

use std::io;

use crate::catalog::{AdoptedArchive, Depth, StoredFiles, Unfit, look_at};
use crate::grin::Barcode;
use crate::storage::{Layout, Storage, StorageError};

/// Archives under `raw/<barcode>/` of a storage.
pub struct StorageFiles {
    storage: Storage,
    layout: Layout,
    depth: Depth,
}

impl StorageFiles {
    /// Files of a storage that is open already.
    pub fn new(storage: Storage, layout: Layout, depth: Depth) -> Self {
        Self { storage, layout, depth }
    }
}

impl StoredFiles for StorageFiles {
    fn names(&mut self) -> io::Result<Box<dyn Iterator<Item = io::Result<String>> + '_>> {
        let folder = self.layout.raw_folder();
        let under = folder.parts().count();
        let listing = self.storage.list(Some(folder)).map_err(io::Error::other)?;
        let names = listing.map(move |entry| {
            let entry = entry.map_err(io::Error::other)?;
            // The folder below `raw` has the volume's name.
            Ok(entry.key.parts().nth(under).unwrap_or_default().to_owned())
        });
        Ok(Box::new(names))
    }

    fn adopt(&mut self, barcode: &Barcode) -> Result<Option<AdoptedArchive>, Unfit> {
        let unreadable = |error: StorageError| Unfit::Unreadable(io::Error::other(error));
        let key = self.layout.raw(barcode);
        let Some(stat) = self.storage.stat(&key).map_err(unreadable)? else {
            return Ok(None);
        };
        let sha256 = look_at(|| self.storage.open_read(&key).map_err(io::Error::other), self.depth)?;
        Ok(Some(AdoptedArchive {
            storage_path: key.as_str().to_owned(),
            bytes: stat.bytes,
            sha256,
            encrypted_etag: stat.meta.encrypted_etag,
            ..AdoptedArchive::default()
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::storage::{ObjectMeta, StorageConfig};

    #[test]
    fn what_an_object_store_holds_is_adopted_by_what_it_is() {
        let storage = Storage::open(&StorageConfig::of_url("memory:")).unwrap();
        let layout = Layout::new("raw", "full", "meta").unwrap();
        let whole = {
            let mut out = GzEncoder::new(Vec::new(), Compression::fast());
            out.write_all(&[7; 10_000]).unwrap();
            out.finish().unwrap()
        };
        let (one, two) = (Barcode::parse("TL0001").unwrap(), Barcode::parse("TL0002").unwrap());
        let meta = ObjectMeta {
            encrypted_etag: Some("\"a\"".into()),
            ..ObjectMeta::default()
        };
        storage.put(&layout.raw(&one), &whole, &meta).unwrap();
        storage
            .put(&layout.raw(&two), b"<html>", &ObjectMeta::default())
            .unwrap();

        let mut files = StorageFiles::new(storage, layout, Depth::Full);
        let mut names: Vec<_> = files.names().unwrap().collect::<Result<_, _>>().unwrap();
        names.sort();
        assert_eq!(names, ["TL0001", "TL0002"]);
        let adopted = files.adopt(&one).unwrap().unwrap();
        assert_eq!(adopted.bytes, whole.len() as u64);
        assert_eq!(adopted.encrypted_etag.as_deref(), Some("\"a\""));
        assert!(adopted.sha256.is_some());
        assert!(matches!(files.adopt(&two), Err(Unfit::NotGzip(_))));
        assert!(files.adopt(&Barcode::parse("TL0003").unwrap()).unwrap().is_none());
    }
}
