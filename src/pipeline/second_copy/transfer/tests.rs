//! Room in the second place.

use tokio_util::sync::CancellationToken;

use super::*;
use crate::archive::{ManifestCompanion, ManifestProvenance, ProvenVolume, RecordKind, VolumeAcceptance};
use crate::catalog::StoredArchive;
use crate::storage::StorageConfig;

/// The manifest of an archive of so many bytes, with the encrypted one beside it if it has a name.
fn manifest(barcode: &Barcode, bytes: u64, encrypted: Option<&ObjectKey>) -> BookManifest {
    let volume = ProvenVolume {
        sha256: [1; 32],
        bytes,
        encrypted_bytes: bytes,
        fingerprint: [0; 16],
        marc: None,
        marc_xml: None,
        record: RecordKind::Found,
        acceptance: VolumeAcceptance::default(),
        findings: Vec::new(),
        members: Vec::new(),
        restarts: Vec::new(),
    };
    let provenance = ManifestProvenance {
        barcode: barcode.clone(),
        file_name: None,
        encrypted_etag: None,
        acquired_at: jiff::Timestamp::UNIX_EPOCH,
    };
    let beside = encrypted.map(|key| ManifestCompanion {
        key: key.to_string(),
        bytes,
        sha256: "2".repeat(64),
    });
    BookManifest {
        companions: beside.into_iter().collect(),
        ..BookManifest::of(&volume, provenance)
    }
}

#[test]
fn the_second_place_has_room_for_all_that_is_sent_before_the_first_byte() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [main, copy] = folders
        .each_ref()
        .map(|folder| Storage::open(&StorageConfig::of_url(format!("file://{}", folder.path().display()))).unwrap());
    let room = copy.room().unwrap().unwrap();
    let copier = SecondCopier {
        main,
        copy,
        layout: StorageLayout::new("raw", "full", "meta").unwrap(),
        pace: Arc::new(ReadPace::new(None, CancellationToken::new())),
    };
    let barcode = Barcode::parse("TL0001").unwrap();
    let (archive, encrypted) = (copier.layout.raw(&barcode), copier.layout.encrypted(&barcode));
    let recorded = RecordedBook {
        id: 1,
        barcode: Some(barcode.clone()),
        path: archive.to_string(),
        stored: StoredArchive {
            etag: None,
            sha256: None,
            bytes: None,
        },
        begun: None,
        stored_at: String::new(),
        has_manifest: true,
    };
    // Tenths of the room that the archive takes; whether the encrypted one is kept beside it, and wanted.
    for (tenths, is_kept, is_wanted, is_full) in [
        (6, false, true, false),
        (6, true, true, true),
        (6, true, false, false),
        (4, true, true, false),
        (10, false, true, true),
    ] {
        let manifest = manifest(&barcode, room / 10 * tenths, Some(&encrypted).filter(|_| is_kept));
        let (key, text) = (copier.layout.manifest(&barcode), manifest.to_json());
        copier.main.put(&key, &text, &ObjectMeta::default()).unwrap();
        let staged = copier.stage(&recorded, |key, _| *key != encrypted || is_wanted);
        // Where there is room, it is the archive that is not there.
        let fault = staged.err().unwrap();
        let found = matches!(fault, CopyFault::Copy(StorageError::Full { .. }));
        assert_eq!(found, is_full, "{tenths} {is_kept} {is_wanted}: {fault}");
    }
    copier.copy.with_room_for(room / 10 * 9).unwrap();
}
