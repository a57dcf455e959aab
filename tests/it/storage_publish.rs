//! Publication of volumes: what may replace what, companions, quarantine, and a store that agrees with the catalog again after a kill.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::io::Read;
use std::time::Duration;

use grind::archive::{BookManifest, PassOptions};
use grind::catalog::{BegunPublication, StoredArchive, StoredBook};
use grind::grin::{FileName, Validator};
use grind::pipeline::{
    ArchiveTaken, KeepReason, PublicationWindow, PublishError, PublishRecipe, ReconcileBook, StoredCondition,
    VolumePublished, reconcile, stage_taken_over,
};
use grind::storage::{ObjectKey, ObjectMeta, Storage, StorageConfig, StorageLayout};

use crate::support::archives::{BARCODE, Files, MARC, barcode};

/// A folder, an object store in memory.
fn stores() -> Vec<(Storage, Option<tempfile::TempDir>)> {
    let folder = tempfile::tempdir().unwrap();
    let local = Storage::open(&StorageConfig::of_url(format!("file://{}", folder.path().display()))).unwrap();
    let memory = Storage::open(&StorageConfig::of_url("memory:")).unwrap();
    vec![(local, Some(folder)), (memory, None)]
}

fn layout() -> StorageLayout {
    StorageLayout::new("raw", "full", "meta").unwrap()
}

fn recipe(storage: &Storage, etag: &str) -> PublishRecipe {
    PublishRecipe {
        barcode: barcode(),
        file_name: FileName::of(&barcode()),
        validator: Validator::parse(etag).ok(),
        storage: storage.clone(),
        layout: layout(),
        recorded: None,
        options: PassOptions::default(),
    }
}

fn publish(recipe: &PublishRecipe, archive: &[u8]) -> Result<VolumePublished, PublishError> {
    stage_taken_over(archive, recipe, ArchiveTaken::Copied)?.publish(&PublicationWindow::unlimited())
}

fn publish_stored(recipe: &PublishRecipe, archive: &[u8]) -> StoredBook {
    match publish(recipe, archive).unwrap() {
        VolumePublished::Stored(book) => *book,
        VolumePublished::KeptAside { reason, .. } => panic!("kept aside: {reason}"),
    }
}

fn read(storage: &Storage, key: &ObjectKey) -> Vec<u8> {
    let mut bytes = Vec::new();
    storage.open_read(key).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn manifest(storage: &Storage) -> BookManifest {
    serde_json::from_slice(&read(storage, &layout().manifest(&barcode()))).unwrap()
}

fn names(storage: &Storage) -> Vec<String> {
    let mut names: Vec<_> = storage
        .list(None)
        .unwrap()
        .map(|entry| entry.unwrap().key.to_string())
        .collect();
    names.sort();
    names
}

fn raw() -> ObjectKey {
    layout().raw(&barcode())
}

#[test]
fn the_manifest_names_its_companions_with_their_digests() {
    for (storage, _folder) in stores() {
        publish_stored(&recipe(&storage, "\"a\""), &Files::volume(3, 100).tar_gz());
        let manifest = manifest(&storage);
        let keys: Vec<_> = manifest
            .companions
            .iter()
            .map(|companion| companion.key.as_str())
            .collect();
        assert_eq!(
            keys,
            [
                format!("full/{BARCODE}_ocr.jsonl.gz"),
                format!("meta/{BARCODE}.marc.xml"),
                format!("meta/{BARCODE}_members.json.gz")
            ]
        );
        for companion in &manifest.companions {
            let bytes = read(&storage, &ObjectKey::parse(&companion.key).unwrap());
            assert_eq!(bytes.len() as u64, companion.bytes);
            assert_eq!(sha256(&bytes), companion.sha256);
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    crate::support::archives::hex(&sha2::Sha256::digest(bytes))
}

#[test]
fn a_worse_archive_never_takes_the_place_of_a_better_one_and_is_kept_aside() {
    let fewer = Files::volume(2, 100).tar_gz();
    let unproven = Files::volume(4, 100).without("checksum.md5").tar_gz();
    for (archive, why) in [(fewer, KeepReason::FewerPages), (unproven, KeepReason::WeakerProof)] {
        for (storage, _folder) in stores() {
            let good = Files::volume(3, 100).tar_gz();
            publish_stored(&recipe(&storage, "\"a\""), &good);
            let before = names(&storage);
            let published = publish(&recipe(&storage, "\"b\""), &archive).unwrap();
            let VolumePublished::KeptAside { reason, key, .. } = published else {
                panic!("{why:?}: published");
            };
            assert_eq!(reason, why);
            assert_eq!(read(&storage, &raw()), good);
            assert_eq!(read(&storage, &key), archive);
            assert_eq!(manifest(&storage).encrypted_etag.as_deref(), Some("\"a\""));
            let aside: Vec<_> = names(&storage)
                .into_iter()
                .filter(|name| !before.contains(name))
                .collect();
            assert_eq!(aside.len(), 2, "{aside:?}");
            let findings = aside.iter().find(|name| name.ends_with(".findings.json")).unwrap();
            let findings: serde_json::Value =
                serde_json::from_slice(&read(&storage, &ObjectKey::parse(findings).unwrap())).unwrap();
            assert_eq!(findings["stored"]["pages"], 3);
        }
    }
}

#[test]
fn what_may_be_another_books_is_kept_aside_unless_the_stored_one_may_be_too() {
    let doubtful = |pages| {
        let bare = Files::bare(pages, 100);
        let mets = bare.mets(true).replace("TESTLIB:TL0000000001", "TESTLIB:TL0000000002");
        bare.with("TESTLIB_TL0000000001.xml", mets.as_bytes()).tar_gz()
    };
    for (storage, _folder) in stores() {
        let good = Files::volume(3, 100).tar_gz();
        publish_stored(&recipe(&storage, "\"a\""), &good);
        let published = publish(&recipe(&storage, "\"b\""), &doubtful(4)).unwrap();
        assert!(
            matches!(
                published,
                VolumePublished::KeptAside {
                    reason: KeepReason::AnotherBook,
                    ..
                }
            ),
            "{published:?}"
        );
        assert_eq!(read(&storage, &raw()), good);
    }
    for (storage, _folder) in stores() {
        publish_stored(&recipe(&storage, "\"a\""), &doubtful(3));
        publish_stored(&recipe(&storage, "\"b\""), &doubtful(4));
        publish_stored(&recipe(&storage, "\"c\""), &Files::volume(4, 100).tar_gz());
    }
}

/// The manifest as a version wrote it that did not look into the texts.
fn forget_blank_texts(storage: &Storage) {
    change_manifest(storage, |manifest| {
        assert!(manifest.as_object_mut().unwrap().remove("nonblank_texts").is_some());
    });
}

fn change_manifest(storage: &Storage, change: impl FnOnce(&mut serde_json::Value)) {
    let key = layout().manifest(&barcode());
    let mut manifest: serde_json::Value = serde_json::from_slice(&read(storage, &key)).unwrap();
    change(&mut manifest);
    // As one of an earlier version, which had none.
    manifest.as_object_mut().unwrap().remove("manifest_sha256");
    storage
        .put(&key, manifest.to_string().as_bytes(), &ObjectMeta::default())
        .unwrap();
}

#[test]
fn what_a_manifest_of_an_earlier_version_does_not_say_is_asked_of_the_archive() {
    let bare = |without: u32| {
        let pages = Files::bare(3, 100).without(&format!("{without:08}.html"));
        proven_volume(pages, str::to_owned)
    };
    for (storage, _folder) in stores() {
        publish_stored(&recipe(&storage, "\"a\""), &bare(3));
        change_manifest(&storage, |manifest| {
            let fields = manifest.as_object_mut().unwrap();
            for field in ["hocr_pages", "hocr_numbers", "page_numbers", "image_numbers"] {
                assert!(fields.remove(field).is_some(), "{field}");
            }
        });
        let published = publish(&recipe(&storage, "\"b\""), &bare(2)).unwrap();
        let reason = KeepReason::FewerHocr;
        assert!(
            matches!(published, VolumePublished::KeptAside { reason: why, .. } if why == reason),
            "{published:?}"
        );
        publish_stored(&recipe(&storage, "\"c\""), &bare(9));
    }
}

#[test]
fn an_archive_without_the_alto_of_the_stored_one_is_kept_aside() {
    let with_alto = |pages: u32| {
        let files = (1..=pages).fold(Files::bare(3, 100), |files, page| {
            files.with(&format!("alto/{page:08}.xml"), b"<alto/>")
        });
        proven_volume(files, str::to_owned)
    };
    for (storage, _folder) in stores() {
        publish_stored(&recipe(&storage, "\"a\""), &with_alto(2));
        let published = publish(&recipe(&storage, "\"b\""), &with_alto(1)).unwrap();
        let reason = KeepReason::FewerAlto;
        assert!(
            matches!(published, VolumePublished::KeptAside { reason: why, .. } if why == reason),
            "{published:?}"
        );
        publish_stored(&recipe(&storage, "\"c\""), &with_alto(3));
    }
}

#[test]
fn stand_ins_for_images_do_not_replace_them() {
    for (storage, _folder) in stores() {
        publish_stored(&recipe(&storage, "\"a\""), &Files::volume(3, 4_000).tar_gz());
        let published = publish(&recipe(&storage, "\"b\""), &Files::volume(3, 40).tar_gz()).unwrap();
        let reason = KeepReason::FarSmaller;
        assert!(
            matches!(published, VolumePublished::KeptAside { reason: why, .. } if why == reason),
            "{published:?}"
        );
        publish_stored(&recipe(&storage, "\"c\""), &Files::volume(3, 400).tar_gz());
    }
}

#[test]
fn archives_that_are_kept_aside_do_not_replace_the_first_ones() {
    for (storage, _folder) in stores() {
        publish_stored(&recipe(&storage, "\"a\""), &Files::volume(3, 100).tar_gz());
        let mut kept = Vec::new();
        for bytes in [10, 11, 10, 12, 13, 14, 11] {
            let archive = Files::volume(2, bytes).tar_gz();
            let published = publish(&recipe(&storage, "\"b\""), &archive).unwrap();
            let VolumePublished::KeptAside { key, .. } = published else {
                panic!("published");
            };
            assert_eq!(read(&storage, &key), archive);
            kept.push(key.to_string());
        }
        let newest = format!("quarantine/{BARCODE}/{BARCODE}-newest.tar.gz");
        assert_eq!([&kept[4], &kept[5]], [&newest; 2]);
        assert_eq!([&kept[0], &kept[1]], [&kept[2], &kept[6]]);
        kept.sort();
        kept.dedup();
        assert_eq!(kept.len(), 4, "{kept:?}");
        let findings = ObjectKey::parse(&newest.replace("tar.gz", "findings.json")).unwrap();
        let findings: serde_json::Value = serde_json::from_slice(&read(&storage, &findings)).unwrap();
        assert_eq!(findings["replaced"], 1);
    }
}

#[test]
fn the_same_bytes_are_verified_only_as_long_as_they_are_proven() {
    for (storage, _folder) in stores() {
        let unproven = Files::volume(3, 100).without("checksum.md5").tar_gz();
        publish_stored(&recipe(&storage, "\"a\""), &unproven);
        change_manifest(&storage, |manifest| manifest["verified"] = true.into());
        let book = publish_stored(&recipe(&storage, "\"b\""), &unproven);
        assert_eq!(book.verified, Some(false), "an earlier version took it for verified");
    }
}

#[test]
fn texts_that_are_blank_do_not_take_the_place_of_texts() {
    let with_texts = |text: &[u8]| {
        let pages = (1..=3).fold(Files::bare(3, 100), |files, page| {
            files.replace(&format!("{page:08}.txt"), text)
        });
        let mets = pages.mets(false);
        let pages = pages.with("TESTLIB_TL0000000001.xml", mets.as_bytes());
        let list = pages.checksums();
        pages.with("checksum.md5", list.as_bytes()).tar_gz()
    };
    let good = with_texts(b"text");
    for blank in [&b""[..], b" \r\n", b"\xef\xbb\xbf", b"\0\0\0"].map(with_texts) {
        for by_old_version in [false, true] {
            for (storage, _folder) in stores() {
                publish_stored(&recipe(&storage, "\"a\""), &good);
                if by_old_version {
                    forget_blank_texts(&storage);
                }
                let published = publish(&recipe(&storage, "\"b\""), &blank).unwrap();
                assert!(
                    matches!(
                        published,
                        VolumePublished::KeptAside {
                            reason: KeepReason::LessText,
                            ..
                        }
                    ),
                    "{published:?}"
                );
                assert_eq!(read(&storage, &raw()), good);
                // What is blank itself is no better than what is.
                publish_stored(&recipe(&storage, "\"c\""), &good);
                storage.put(&raw(), &blank, &ObjectMeta::default()).unwrap();
                storage.remove(&layout().manifest(&barcode())).unwrap();
                publish_stored(&recipe(&storage, "\"d\""), &with_texts(b"\n"));
                forget_blank_texts(&storage);
                publish_stored(&recipe(&storage, "\"e\""), &blank);
            }
        }
    }
}

/// A verified volume of these pages; the METS is what `mets` makes of a whole one.
fn proven_volume(pages: Files, mets: fn(&str) -> String) -> Vec<u8> {
    let whole = pages.mets(false);
    let pages = pages.with("TESTLIB_TL0000000001.xml", mets(&whole).as_bytes());
    let list = pages.checksums();
    pages.with("checksum.md5", list.as_bytes()).tar_gz()
}

#[test]
fn a_verified_archive_that_lacks_a_page_the_record_or_hocr_is_kept_aside() {
    let pages_but = |last: u32, but: &[&str]| {
        but.iter()
            .fold(Files::bare(last, 100), |files, name| files.without(name))
    };
    let hocr = (1..=5).map(|page| format!("{page:08}.html")).collect::<Vec<_>>();
    let hocr: Vec<&str> = hocr.iter().map(String::as_str).collect();
    let page_5 = ["00000005.jp2", "00000005.html", "00000005.txt"];
    let cut = |mets: &str| mets[..300].to_owned();
    let without_marc = |mets: &str| mets.replace(MARC, "");
    let without_leader = |mets: &str| mets.replace("01234cam a2200301 a 4500", "");
    let with_full_stops = (1..=5).fold(Files::bare(5, 100), |files, page| {
        files.replace(&format!("{page:08}.txt"), b".")
    });
    let cases = [
        // What is cut from its METS may have named more pages.
        (proven_volume(Files::bare(5, 100), cut), KeepReason::WeakerProof),
        (proven_volume(Files::bare(5, 100), without_marc), KeepReason::RecordLost),
        (
            proven_volume(Files::bare(5, 100), without_leader),
            KeepReason::RecordReduced,
        ),
        (proven_volume(with_full_stops, str::to_owned), KeepReason::LessText),
        (proven_volume(pages_but(5, &hocr), str::to_owned), KeepReason::FewerHocr),
        (
            proven_volume(pages_but(6, &page_5), str::to_owned),
            KeepReason::PagesLost,
        ),
        (
            proven_volume(pages_but(6, &page_5[..1]), str::to_owned),
            KeepReason::FewerImages,
        ),
    ];
    for (archive, why) in cases {
        for (storage, _folder) in stores() {
            let good = Files::volume(5, 100).tar_gz();
            publish_stored(&recipe(&storage, "\"a\""), &good);
            let before = names(&storage);
            let VolumePublished::KeptAside { reason, key, .. } = publish(&recipe(&storage, "\"b\""), &archive).unwrap()
            else {
                panic!("{why:?}: published");
            };
            assert_eq!(reason, why);
            assert!(
                read(&storage, &key) == archive && read(&storage, &raw()) == good,
                "{why:?}"
            );
            assert!(before.iter().all(|name| names(&storage).contains(name)), "{why:?}");
        }
    }
}

#[test]
fn without_a_manifest_the_stored_archive_itself_is_the_witness() {
    for (storage, _folder) in stores() {
        let good = Files::volume(3, 100).tar_gz();
        storage.put(&raw(), &good, &ObjectMeta::default()).unwrap();
        let published = publish(&recipe(&storage, "\"b\""), &Files::volume(2, 100).tar_gz()).unwrap();
        assert!(matches!(published, VolumePublished::KeptAside { .. }));
        assert_eq!(read(&storage, &raw()), good);
    }
}

/// What becomes of a stored archive.
type ArchiveDamage = fn(Vec<u8>) -> Vec<u8>;

/// Ways in which a stored archive of three pages may be refused when it is read again.
fn refused_archives() -> Vec<Vec<u8>> {
    let damages: [ArchiveDamage; 4] = [
        |archive| archive[..archive.len() - 40].to_vec(),
        |mut archive| {
            let middle = archive.len() / 2;
            archive[middle..middle + 8].fill(0);
            archive
        },
        |mut archive| {
            let check = archive.len() - 7;
            archive[check] ^= 1;
            archive
        },
        |_| Vec::new(),
    ];
    let whole = Files::volume(3, 100);
    let mut archives: Vec<_> = damages.iter().map(|damage| damage(whole.tar_gz())).collect();
    let another = Files::bare(3, 100).mets(false).replace(BARCODE, "TL0000000002");
    archives.extend([
        whole.clone().replace("00000002.txt", b"corrected by hand").tar_gz(),
        whole.clone().replace("00000002.jp2", b"another image").tar_gz(),
        whole
            .clone()
            .replace("checksum.md5", b"00000000000000000000000000000000  00000001.txt")
            .tar_gz(),
        Files::bare(3, 100).with("other.xml", another.as_bytes()).tar_gz(),
    ]);
    archives
}

fn kept_aside(recipe: &PublishRecipe, archive: &[u8]) -> (KeepReason, StoredCondition) {
    match publish(recipe, archive).unwrap() {
        VolumePublished::KeptAside { reason, stored, .. } => (reason, stored),
        VolumePublished::Stored(book) => panic!("published: {book:?}"),
    }
}

fn quarantined(storage: &Storage) -> Vec<String> {
    let mut names = names(storage);
    names.retain(|name| name.starts_with("quarantine/"));
    names
}

#[test]
fn what_is_stored_and_refused_makes_room_only_for_all_that_its_manifest_says_and_is_kept() {
    for refused in refused_archives() {
        for (storage, _folder) in stores() {
            publish_stored(&recipe(&storage, "\"a\""), &Files::volume(3, 100).tar_gz());
            storage.put(&raw(), &refused, &ObjectMeta::default()).unwrap();
            let kept = kept_aside(&recipe(&storage, "\"b\""), &Files::volume(2, 100).tar_gz());
            assert_eq!(kept, (KeepReason::FewerPages, StoredCondition::Refused));
            assert_eq!(read(&storage, &raw()), refused);

            let before = quarantined(&storage);
            let as_much = Files::volume(3, 101).tar_gz();
            publish_stored(&recipe(&storage, "\"c\""), &as_much);
            assert_eq!(read(&storage, &raw()), as_much);
            let mut kept = quarantined(&storage);
            kept.retain(|name| !before.contains(name));
            let stem = format!("quarantine/{BARCODE}/{BARCODE}-replaced-{}", &sha256(&refused)[..12]);
            assert_eq!(kept, [format!("{stem}.findings.json"), format!("{stem}.tar.gz")]);
            assert_eq!(read(&storage, &ObjectKey::parse(&kept[1]).unwrap()), refused);
        }
    }
}

#[test]
fn what_is_refused_and_has_no_manifest_is_kept_before_it_is_replaced() {
    for refused in refused_archives() {
        for (storage, _folder) in stores() {
            storage.put(&raw(), &refused, &ObjectMeta::default()).unwrap();
            publish_stored(&recipe(&storage, "\"b\""), &Files::volume(4, 100).tar_gz());
            let kept = quarantined(&storage);
            assert_eq!(
                read(&storage, &ObjectKey::parse(&kept[1]).unwrap()),
                refused,
                "{kept:?}"
            );
        }
    }
}

#[test]
fn bytes_that_changed_under_their_manifest_and_kept_their_size_are_kept_too() {
    for (storage, _folder) in stores() {
        let good = Files::volume(3, 100).tar_gz();
        publish_stored(&recipe(&storage, "\"a\""), &good);
        let mut changed = good;
        changed[200..208].fill(0);
        storage.put(&raw(), &changed, &ObjectMeta::default()).unwrap();
        publish_stored(&recipe(&storage, "\"b\""), &Files::volume(4, 100).tar_gz());
        let kept = quarantined(&storage);
        assert_eq!(
            read(&storage, &ObjectKey::parse(&kept[1]).unwrap()),
            changed,
            "{kept:?}"
        );
    }
}

#[test]
fn an_archive_that_lies_where_the_catalog_says_is_asked_and_stays() {
    for (storage, _folder) in stores() {
        let elsewhere = ObjectKey::parse("run1/book.tar.gz").unwrap();
        let good = Files::volume(3, 100).tar_gz();
        storage.put(&elsewhere, &good, &ObjectMeta::default()).unwrap();
        let recorded = PublishRecipe {
            recorded: Some(elsewhere.clone()),
            ..recipe(&storage, "\"b\"")
        };
        let kept = kept_aside(&recorded, &Files::volume(2, 100).tar_gz());
        assert_eq!(kept, (KeepReason::FewerPages, StoredCondition::Whole));
        assert_eq!(storage.stat(&raw()).unwrap(), None);
        publish_stored(&recorded, &Files::volume(4, 100).tar_gz());
        assert_eq!(read(&storage, &elsewhere), good);
    }
}

#[test]
fn the_manifest_of_an_archive_that_is_gone_tells_what_was_stored() {
    for (storage, _folder) in stores() {
        let good = Files::volume(3, 100).tar_gz();
        publish_stored(&recipe(&storage, "\"a\""), &good);
        storage.remove(&raw()).unwrap();
        let before = names(&storage);
        let kept = kept_aside(&recipe(&storage, "\"b\""), &Files::volume(2, 100).tar_gz());
        assert_eq!(kept, (KeepReason::FewerPages, StoredCondition::Missing));
        assert!(before.iter().all(|name| names(&storage).contains(name)));
        assert_eq!(manifest(&storage).pages, 3);
        let findings = quarantined(&storage).remove(0);
        let findings = read(&storage, &ObjectKey::parse(&findings).unwrap());
        let findings: serde_json::Value = serde_json::from_slice(&findings).unwrap();
        assert_eq!(
            (&findings["stored_archive"], &findings["stored"]["pages"]),
            (&"missing".into(), &3.into())
        );
        publish_stored(&recipe(&storage, "\"c\""), &good);
    }
}

#[test]
fn companions_of_what_nobody_knows_go() {
    let cut = |mets: &str| mets.replace(MARC, "");
    for (storage, _folder) in stores() {
        publish_stored(&recipe(&storage, "\"a\""), &Files::volume(3, 100).tar_gz());
        storage.put(&raw(), b"no archive", &ObjectMeta::default()).unwrap();
        storage.remove(&layout().manifest(&barcode())).unwrap();
        publish_stored(&recipe(&storage, "\"b\""), &proven_volume(Files::bare(3, 100), cut));
        assert_eq!(storage.stat(&layout().record(&barcode())).unwrap(), None);
    }
}

#[test]
fn the_same_bytes_keep_the_text_and_record_that_are_not_extracted_any_more() {
    for has_manifest in [true, false] {
        for (storage, _folder) in stores() {
            let archive = Files::volume(3, 100).tar_gz();
            let first = publish_stored(&recipe(&storage, "\"a\""), &archive);
            let (before, companions) = (names(&storage), manifest(&storage).companions);
            if !has_manifest {
                storage.remove(&layout().manifest(&barcode())).unwrap();
            }
            let bare = PublishRecipe {
                options: PassOptions {
                    extract_text: false,
                    extract_marc: false,
                    ..PassOptions::default()
                },
                ..recipe(&storage, "\"b\"")
            };
            let again = publish_stored(&bare, &archive);
            assert_eq!(names(&storage), before);
            if has_manifest {
                assert_eq!((manifest(&storage).companions, again.marc), (companions, first.marc));
            }
            publish_stored(&bare, &Files::volume(4, 100).tar_gz());
            assert_eq!(
                names(&storage),
                [
                    layout().manifest(&barcode()).as_str(),
                    layout().members(&barcode()).as_str(),
                    raw().as_str()
                ]
            );
        }
    }
}

#[test]
fn pages_of_a_stored_archive_that_is_refused_are_not_lost_unless_it_is_another_books() {
    let whole = Files::volume(4, 100);
    let unnamed = whole.clone().without("TESTLIB_TL0000000001.xml");
    let lacking = whole.clone().without("00000002.txt");
    let another = Files::bare(4, 100);
    let another = another.clone().with(
        "other.xml",
        another.mets(false).replace(BARCODE, "TL0000000002").as_bytes(),
    );
    for (stored, may_be_lost) in [(unnamed, false), (lacking, false), (another, true)] {
        for (storage, _folder) in stores() {
            let stored = stored.tar_gz();
            storage.put(&raw(), &stored, &ObjectMeta::default()).unwrap();
            let fewer = Files::volume(3, 100).tar_gz();
            match publish(&recipe(&storage, "\"b\""), &fewer).unwrap() {
                VolumePublished::Stored(_) => assert!(may_be_lost),
                VolumePublished::KeptAside { reason, .. } => {
                    assert_eq!((reason, may_be_lost), (KeepReason::FewerPages, false));
                    assert_eq!(read(&storage, &raw()), stored);
                }
            }
            publish_stored(&recipe(&storage, "\"c\""), &whole.tar_gz());
        }
    }
}

#[test]
fn companions_of_a_replaced_version_go() {
    for (storage, _folder) in stores() {
        publish_stored(&recipe(&storage, "\"a\""), &Files::volume(3, 100).tar_gz());
        let plain = PublishRecipe {
            options: PassOptions {
                compress_text: false,
                extract_marc: false,
                ..PassOptions::default()
            },
            ..recipe(&storage, "\"b\"")
        };
        publish_stored(&plain, &Files::volume(4, 100).tar_gz());
        assert_eq!(
            names(&storage),
            [
                format!("full/{BARCODE}_ocr.jsonl"),
                format!("meta/{BARCODE}.json"),
                format!("meta/{BARCODE}_members.json.gz"),
                format!("raw/{BARCODE}/{BARCODE}.tar.gz")
            ]
        );
    }
}

#[test]
fn the_same_bytes_under_a_new_etag_stay_verified() {
    for (storage, _folder) in stores() {
        let archive = Files::volume(3, 100).tar_gz();
        publish_stored(&recipe(&storage, "\"a\""), &archive);
        let unchecked = PublishRecipe {
            options: PassOptions {
                verify_checksums: false,
                ..PassOptions::default()
            },
            ..recipe(&storage, "\"b\"")
        };
        let book = publish_stored(&unchecked, &archive);
        assert_eq!(
            (book.verified, book.encrypted_etag.as_deref()),
            (Some(true), Some("\"b\""))
        );
    }
}

#[test]
fn nothing_is_published_after_the_claim_has_ended() {
    for (storage, _folder) in stores() {
        let window = PublicationWindow::of(Duration::from_secs(600));
        let staged = stage_taken_over(
            &Files::volume(3, 100).tar_gz()[..],
            &recipe(&storage, "\"a\""),
            ArchiveTaken::Copied,
        );
        window.close();
        let refused = staged.unwrap().publish(&window).unwrap_err();
        assert!(matches!(refused, PublishError::ClaimEnded(_)), "{refused}");
        assert!(names(&storage).is_empty());
    }
}

/// Old and new version of the book: three and four pages.
fn versions() -> (Vec<u8>, Vec<u8>) {
    (Files::volume(3, 100).tar_gz(), Files::volume(4, 100).tar_gz())
}

fn reconcile_book(storage: &Storage, recorded: Option<&StoredBook>, begun: &[u8]) -> ReconcileBook {
    ReconcileBook {
        barcode: barcode(),
        recorded: recorded.map(|book| StoredArchive {
            etag: book.encrypted_etag.clone(),
            sha256: Some(book.sha256.clone()),
            bytes: Some(book.archive_bytes),
        }),
        begun: Some(BegunPublication {
            sha256: sha256(begun),
            etag: Some("\"new\"".into()),
        }),
        place: None,
        storage: storage.clone(),
        layout: layout(),
        options: PassOptions::default(),
        window: PublicationWindow::unlimited(),
        looks_closer: false,
    }
}

#[actix_rt::test]
async fn a_refetch_that_was_killed_behind_its_archive_is_completed() {
    for (storage, _folder) in stores() {
        let (old, new) = versions();
        let recorded = publish_stored(&recipe(&storage, "\"old\""), &old);
        storage.put(&raw(), &new, &ObjectMeta::default()).unwrap();
        let found = reconcile(reconcile_book(&storage, Some(&recorded), &new))
            .await
            .unwrap()
            .unwrap();
        let book = found.into_book();
        assert_eq!(
            (book.page_count, book.encrypted_etag.as_deref()),
            (Some(4), Some("\"new\""))
        );
        let manifest = manifest(&storage);
        assert_eq!((manifest.sha256, manifest.pages), (sha256(&new), 4));
        let text = ObjectKey::parse(&manifest.companions[0].key).unwrap();
        let lines = crate::support::archives::gunzip(&read(&storage, &text));
        assert_eq!(
            lines
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .count(),
            4
        );
    }
}

#[actix_rt::test]
async fn a_refetch_that_was_killed_before_it_was_recorded_is_recorded() {
    for (storage, _folder) in stores() {
        let (old, new) = versions();
        let recorded = publish_stored(&recipe(&storage, "\"old\""), &old);
        publish_stored(&recipe(&storage, "\"new\""), &new);
        let found = reconcile(reconcile_book(&storage, Some(&recorded), &new))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.validator(), Validator::parse("\"new\"").ok());
        assert_eq!(found.into_book().sha256, sha256(&new));
    }
}

#[actix_rt::test]
async fn a_refetch_that_was_killed_before_its_archive_leaves_all_as_it_was() {
    for (storage, _folder) in stores() {
        let (old, new) = versions();
        let recorded = publish_stored(&recipe(&storage, "\"old\""), &old);
        assert!(
            reconcile(reconcile_book(&storage, Some(&recorded), &new))
                .await
                .unwrap()
                .is_none()
        );
        assert_eq!(manifest(&storage).sha256, sha256(&old));
    }
}

#[actix_rt::test]
async fn a_first_fetch_that_was_killed_behind_its_archive_is_completed() {
    for (storage, _folder) in stores() {
        let (_, new) = versions();
        storage.put(&raw(), &new, &ObjectMeta::default()).unwrap();
        let found = reconcile(reconcile_book(&storage, None, &new)).await.unwrap().unwrap();
        assert_eq!(found.into_book().verified, Some(true));
        assert_eq!(manifest(&storage).sha256, sha256(&new));
    }
}

#[test]
fn the_index_says_where_each_file_lies_and_is_the_same_for_the_same_archive() {
    let volume = Files::volume(3, 100);
    let archive = volume.tar_gz();
    let mut first = None;
    for (storage, _folder) in stores() {
        publish_stored(&recipe(&storage, "\"a\""), &archive);
        let index = read(&storage, &layout().members(&barcode()));
        assert_eq!(first.get_or_insert(index.clone()), &index);
        let index: serde_json::Value = serde_json::from_slice(&crate::support::archives::gunzip(&index)).unwrap();
        assert_eq!(index["sha256"], sha256(&archive));
        let members = index["members"].as_array().unwrap();
        assert_eq!(members.len(), volume.0.len());
        let tar = volume.tar();
        for ((name, bytes), member) in volume.0.iter().zip(members) {
            assert_eq!(member["name"], name.as_str());
            let at = usize::try_from(member["offset"].as_u64().unwrap()).unwrap();
            assert_eq!(&tar[at..at + bytes.len()], &bytes[..], "{name}");
            let is_list = name == "checksum.md5";
            assert_eq!(member["listed"].as_bool().unwrap_or(false), !is_list, "{name}");
            let md5 = crate::support::archives::md5_hex(bytes);
            assert_eq!(member["md5"].as_str(), (!is_list).then_some(md5.as_str()), "{name}");
        }
    }
}

/// A volume whose first, second and sixth page are not there, and whose fifth has no text.
fn gapped_volume() -> Files {
    let mut files = Files::volume(7, 100);
    for name in
        ["00000001", "00000002", "00000006"].map(|page| ["jp2", "html", "txt"].map(|end| format!("{page}.{end}")))
    {
        files = name.iter().fold(files, |files, name| files.without(name));
    }
    let files = files
        .without("00000005.txt")
        .without("checksum.md5")
        .without("TESTLIB_TL0000000001.xml");
    let mets = files.mets(false);
    let files = files.with("TESTLIB_TL0000000001.xml", mets.as_bytes());
    let checksums = files.checksums();
    files.with("checksum.md5", checksums.as_bytes())
}

fn by_page(storage: &Storage, etag: &str) -> PublishRecipe {
    PublishRecipe {
        options: PassOptions {
            text_by_page: true,
            ..PassOptions::default()
        },
        ..recipe(storage, etag)
    }
}

#[test]
fn the_text_by_page_names_page_and_image_and_the_manifest_the_order() {
    let key = layout().text_by_page(&barcode());
    let mut first = None;
    for (storage, _folder) in stores() {
        let archive = gapped_volume().tar_gz();
        publish_stored(&by_page(&storage, "\"a\""), &archive);
        let packed = read(&storage, &key);
        assert_eq!(
            first.get_or_insert(packed.clone()),
            &packed,
            "the same bytes for the same archive"
        );
        let text = String::from_utf8(crate::support::archives::gunzip(&packed)).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let plain = crate::support::archives::gunzip(&read(&storage, &layout().text(&barcode(), true)));
        let plain: Vec<serde_json::Value> = String::from_utf8(plain)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let pages: Vec<_> = lines.iter().map(|line| line["page"].as_u64().unwrap()).collect();
        assert_eq!(pages, [1, 2, 3, 4, 5, 6, 7]);
        let images: Vec<_> = lines.iter().map(|line| line["image"].as_str()).collect();
        assert_eq!(
            images,
            [
                None,
                None,
                Some("00000003.jp2"),
                Some("00000004.jp2"),
                Some("00000005.jp2"),
                None,
                Some("00000007.jp2")
            ]
        );
        let texts: Vec<_> = lines.iter().map(|line| line["text"].clone()).collect();
        assert_eq!(texts, plain, "line by line the same text");
        assert_eq!([&texts[0], &texts[4], &texts[5]], [""; 3]);
        let manifest = manifest(&storage);
        let order = manifest.reading_order.unwrap();
        assert_eq!((order.first_page, order.last_page, manifest.pages), (1, 7, 7));
        let characters: usize = texts.iter().map(|text| text.as_str().unwrap().chars().count()).sum();
        assert_eq!(manifest.text_characters, Some(characters as u64));
        let named = manifest
            .companions
            .iter()
            .find(|companion| companion.key == key.as_str())
            .unwrap();
        assert_eq!((named.bytes, &named.sha256), (packed.len() as u64, &sha256(&packed)));
    }
}

#[test]
fn the_text_by_page_goes_with_the_version_that_it_is_of() {
    let key = layout().text_by_page(&barcode());
    for (storage, _folder) in stores() {
        let archive = Files::volume(3, 100).tar_gz();
        publish_stored(&by_page(&storage, "\"a\""), &archive);
        let first = read(&storage, &key);
        // The same archive where it is not wanted any more: it stays, and is named.
        publish_stored(&recipe(&storage, "\"b\""), &archive);
        assert_eq!(read(&storage, &key), first);
        assert!(
            manifest(&storage)
                .companions
                .iter()
                .any(|companion| companion.key == key.as_str())
        );
        // Another one: replaced where it is wanted, removed where not.
        publish_stored(&by_page(&storage, "\"c\""), &Files::volume(4, 100).tar_gz());
        assert_ne!(read(&storage, &key), first);
        publish_stored(&recipe(&storage, "\"d\""), &Files::volume(5, 100).tar_gz());
        assert_eq!(storage.stat(&key).unwrap(), None);
    }
}
