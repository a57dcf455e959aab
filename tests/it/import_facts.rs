//! What another program knew of its books, and what is left of it.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::io;

use grind::catalog::{
    AdoptedArchive, ArchiveUnfit, BeginAdoption, BegunPublication, EnsureKnown, ImportPlan, ImportTarget, StoredFiles,
};
use grind::grin::Barcode;

use crate::catalog_import::{ArchiveFolder, ImportScene};

/// As [`ArchiveFolder`], and asks for the book before its archive is published, as an import that copies does.
struct CopiedFolder(ArchiveFolder);

impl StoredFiles for CopiedFolder {
    fn names(&mut self) -> io::Result<Box<dyn Iterator<Item = io::Result<String>> + '_>> {
        self.0.names()
    }

    fn adopt(
        &mut self,
        barcode: &Barcode,
        etag: Option<&str>,
        recorded: Option<&str>,
        begin: &mut BeginAdoption<'_>,
    ) -> Result<Option<AdoptedArchive>, ArchiveUnfit> {
        let found = self.0.adopt(barcode, etag, recorded, begin)?;
        if let Some(archive) = &found {
            begin(&BegunPublication {
                sha256: archive.sha256.clone().unwrap_or_default(),
                etag: etag.map(str::to_owned),
            })?;
        }
        Ok(found)
    }
}

#[test]
fn what_the_other_program_knew_of_a_book_is_kept_however_it_comes_to_be_known() {
    let (copied, merged) = (ImportScene::new(), ImportScene::new());
    let mut files = CopiedFolder(ArchiveFolder(copied.folder.path().into()));
    let import = ImportPlan {
        owner: "import".into(),
        from: &copied.folder.path().join("books.db"),
        files: Some(&mut files),
        into: ImportTarget::Catalog(&mut copied.ledger()),
        may_go_on: &|| true,
        progress: &mut |_| {},
    };
    import.run().unwrap();
    // Known before the import, and for a shorter time.
    let mut ledger = merged.ledger();
    ledger
        .execute(EnsureKnown(vec![Barcode::parse("TL0001").unwrap()]))
        .unwrap();
    merged.import(Some(&mut ledger), true);
    for (run, what) in [(copied, "copied"), (merged, "merged")] {
        let story = run
            .reader()
            .explain(&Barcode::parse("TL0001").unwrap())
            .unwrap()
            .unwrap();
        assert_eq!(story.book["created_at"], "2024-12-31T00:00:00.000Z", "{what}");
        assert_eq!(story.book["sync_timestamp"], "2025-01-02T00:00:01.000Z", "{what}");
        let told = story
            .history
            .iter()
            .filter(|event| event.status_value.starts_with("sync:"));
        assert_eq!(told.count(), 3, "{what}");
    }
}
