//! DOWNLOAD.

use std::path::PathBuf;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::actor::HandleMessage as _;
use crate::archive::{ArchiveError, PassOptions};
use crate::catalog::{CatalogError, ClaimSettlement, MemberStanding, SettleClaim};
use crate::clock::SystemClock;
use crate::grin::{Secret, Validator};
use crate::pipeline::LibraryMembership;
use crate::pipeline::PublishError;
use crate::pipeline::policy::{BookFault, FaultOutlook};
use crate::pipeline::workers::tests::grin_stub::StubAnswer;
use crate::pipeline::workers::{
    DownloadBook, DownloadError, DownloadResult, DownloadWorker, DownloaderParts, TransferTable,
};
use crate::session::BodyError;
use crate::storage::{SpaceReserve, Storage, StorageConfig, StorageError, StorageLayout};
use crate::vocabulary::FailureReason;

/// The volume in `tests/cases/archives/openpgp-ocb`.
const BOOK: &str = "TL7700000007";
const SHA256: &str = "6cedaa2f04f65203c188ddc56733656cca9f0c6c039aecbd09d23b6bb27accb9";
const ETAG: &str = "\"a\"";

fn case(path: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases/archives");
    std::fs::read(folder.join(path)).unwrap()
}

pub(super) fn volume() -> Vec<u8> {
    case("openpgp-ocb/TL7700000007.tar.gz.gpg")
}

/// The same archive, cut.
pub(super) fn damaged() -> Vec<u8> {
    case("openpgp-ocb-cut/TL7700000007.tar.gz.gpg")
}

pub(super) struct DownloadFixture {
    pub base: WorkerFixture,
    transfers: TransferTable,
    layout: StorageLayout,
    pub storage: Storage,
    passphrase: String,
}

impl DownloadFixture {
    pub fn new() -> Self {
        Self::with_reserve(SpaceReserve::Bytes(0))
    }

    fn with_reserve(reserve: SpaceReserve) -> Self {
        let base = WorkerFixture::new();
        let storage = Storage::open(&StorageConfig {
            reserve,
            ..StorageConfig::of_url(format!("file://{}", base.folder.path().join("library").display()))
        });
        Self {
            base,
            transfers: TransferTable::default(),
            layout: StorageLayout::new("raw", "full", "meta").unwrap(),
            storage: storage.unwrap(),
            passphrase: String::from_utf8(case("passphrase.txt")).unwrap().trim().to_owned(),
        }
    }

    fn downloader(&self, membership: LibraryMembership) -> DownloadWorker<GrinStub> {
        DownloadWorker::new(DownloaderParts {
            session: self.base.grin.clone(),
            addresses: addresses(),
            storage: self.storage.clone(),
            layout: self.layout.clone(),
            keys: PassOptions::with_passphrase(Secret::new(self.passphrase.clone())).into(),
            transfers: self.transfers.clone(),
            catalog: self.base.catalog.clone(),
            lease: LEASE,
            membership,
        })
    }

    pub async fn ask(&self) -> DownloadBook {
        DownloadBook {
            barcode: barcode(BOOK),
            file_name: file_name(BOOK),
            claim: self.base.claim(BOOK).await.claim,
            recorded: None,
            unless: None,
            patience: Duration::MAX,
            stop: CancellationToken::new(),
        }
    }

    pub async fn download(&self, ask: DownloadBook) -> Result<DownloadResult, DownloadError> {
        self.download_as(ask, LibraryMembership::of_tests()).await
    }

    async fn download_as(&self, ask: DownloadBook, member: LibraryMembership) -> Result<DownloadResult, DownloadError> {
        let answer = Box::pin(self.downloader(member).handle(ask, &self.base.cx)).await;
        assert!(self.transfers.under_way().is_empty(), "nothing stays in the table");
        assert!(self.base.grin.is_used_up());
        answer
    }

    /// Files in the library's folder, those of unfinished uploads included.
    pub fn files(&self) -> Vec<String> {
        let root = self.base.folder.path().join("library");
        let (mut folders, mut files) = (vec![root.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path.strip_prefix(&root).unwrap().display().to_string());
                }
            }
        }
        files.sort();
        files
    }
}

/// A download of what GRIN answers with.
async fn download(answers: Vec<StubAnswer>) -> (DownloadFixture, Result<DownloadResult, DownloadError>) {
    let fixture = DownloadFixture::new();
    let ask = fixture.ask().await;
    for answer in answers {
        fixture.base.grin.answer(answer);
    }
    let result = fixture.download(ask).await;
    (fixture, result)
}

fn archive(bytes: Vec<u8>) -> StubAnswer {
    ended(bytes, Ok(()))
}

fn ended(bytes: Vec<u8>, end: Result<(), BodyError>) -> StubAnswer {
    StubAnswer::Archive { etag: ETAG, bytes, end }
}

#[test]
fn a_volume_is_published_and_comes_back_with_its_digest() {
    paused(async || {
        let (fixture, result) = download(vec![archive(volume())]).await;
        let Ok(DownloadResult::Stored(book)) = result else {
            panic!("{result:?}");
        };
        assert_eq!(
            (book.sha256.as_str(), book.encrypted_etag.as_deref()),
            (SHA256, Some(ETAG))
        );
        let files = fixture.files();
        assert!(files.contains(&format!("raw/{BOOK}/{BOOK}.tar.gz")), "{files:?}");
        assert!(files.contains(&format!("meta/{BOOK}.json")), "{files:?}");
    });
}

#[test]
fn answers_without_a_body_lead_one_way_each() {
    paused(async || {
        let (_, absent) = download(vec![StubAnswer::Fails(SessionError::NotFound)]).await;
        assert!(matches!(absent, Ok(DownloadResult::NotConverted)), "{absent:?}");
        for error in [forbidden(), throttled(60), signed_out()] {
            let what = error.to_string();
            let (fixture, result) = download(vec![StubAnswer::Fails(error)]).await;
            assert!(
                matches!(&result, Err(DownloadError::Session(found)) if found.to_string() == what),
                "{result:?}"
            );
            assert!(fixture.files().is_empty());
        }
    });
}

#[test]
fn the_archive_that_is_stored_is_not_read_again() {
    paused(async || {
        let fixture = DownloadFixture::new();
        let ask = DownloadBook {
            unless: Validator::parse(ETAG).ok(),
            ..fixture.ask().await
        };
        fixture.base.grin.answer(archive(b"not read".to_vec()));
        let result = fixture.download(ask).await;
        assert!(matches!(result, Ok(DownloadResult::UpToDate)), "{result:?}");
    });
}

#[test]
fn nothing_is_asked_after_a_drain_has_begun() {
    paused(async || {
        let fixture = DownloadFixture::new();
        let ask = fixture.ask().await;
        ask.stop.cancel();
        let result = fixture.download(ask).await;
        assert!(matches!(result, Ok(DownloadResult::NotBegun)), "{result:?}");
        assert_eq!(fixture.base.grin.count(), 0);
    });
}

#[test]
fn damage_that_comes_twice_is_grins_and_goes_to_quarantine() {
    paused(async || {
        let (fixture, result) = download(vec![archive(damaged()), archive(damaged())]).await;
        let Ok(DownloadResult::DamagedAtSource { reason, .. }) = result else {
            panic!("{result:?}");
        };
        assert_eq!(reason, FailureReason::Truncated);
        let kept = [
            format!("quarantine/{BOOK}/{BOOK}.tar.gz.gpg"),
            format!("quarantine/{BOOK}/findings.json"),
        ];
        assert_eq!(fixture.files(), kept);
    });
}

#[test]
fn what_is_no_tar_gz_and_was_decrypted_whole_is_fetched_twice_and_kept() {
    paused(async || {
        let other = || archive(case("openpgp-xz/TL7700000007.tar.gz.gpg"));
        let (fixture, result) = download(vec![other(), other()]).await;
        let Ok(DownloadResult::DamagedAtSource { reason, detail }) = result else {
            panic!("{result:?}");
        };
        assert_eq!(reason, FailureReason::Unsupported);
        assert!(
            detail.contains("decrypted whole") && detail.contains("tar.xz"),
            "{detail}"
        );
        assert!(
            fixture
                .files()
                .contains(&format!("quarantine/{BOOK}/{BOOK}.tar.gz.gpg"))
        );
    });
}

#[test]
fn each_refused_archive_of_a_book_is_kept_beside_the_first_ones() {
    paused(async || {
        let fixture = DownloadFixture::new();
        let claim = fixture.ask().await.claim;
        let cut = |bytes: usize| damaged()[..damaged().len() - bytes].to_vec();
        for (bytes, kept) in [(0, 1), (1, 2), (0, 2), (2, 3), (1, 3), (3, 4), (4, 4), (5, 4)] {
            let ask = DownloadBook {
                barcode: barcode(BOOK),
                file_name: file_name(BOOK),
                claim: claim.clone(),
                recorded: None,
                unless: None,
                patience: Duration::ZERO,
                stop: CancellationToken::new(),
            };
            fixture.base.grin.answer(archive(cut(bytes)));
            fixture.base.grin.answer(archive(cut(bytes)));
            let result = fixture.download(ask).await;
            assert!(
                matches!(result, Ok(DownloadResult::DamagedAtSource { .. })),
                "{result:?}"
            );
            let files = fixture.files();
            assert_eq!(files.len(), 2 * kept, "{bytes}: {files:?}");
        }
        let read = |name: &str| {
            let folder = fixture.base.folder.path().join("library/quarantine").join(BOOK);
            std::fs::read(folder.join(name)).unwrap()
        };
        assert_eq!(read(&format!("{BOOK}.tar.gz.gpg")), cut(0));
        assert_eq!(read(&format!("{BOOK}-newest-refused.tar.gz.gpg")), cut(5));
        let findings = read(&format!("{BOOK}-newest-refused.findings.json"));
        let findings: serde_json::Value = serde_json::from_slice(&findings).unwrap();
        assert_eq!(findings["replaced"], 2);
    });
}

#[test]
fn damage_that_came_on_the_way_is_mended_by_the_second_fetch() {
    paused(async || {
        let (fixture, result) = download(vec![archive(damaged()), archive(volume())]).await;
        assert!(matches!(result, Ok(DownloadResult::Stored(_))), "{result:?}");
        assert!(!fixture.files().iter().any(|file| file.starts_with("quarantine")));
    });
}

#[test]
fn damage_that_differs_proves_nothing_about_the_source() {
    paused(async || {
        let shorter = damaged()[..damaged().len() - 1].to_vec();
        let (fixture, result) = download(vec![archive(damaged()), archive(shorter)]).await;
        let Err(DownloadError::Publish(PublishError::Archive(error))) = &result else {
            panic!("{result:?}");
        };
        assert!(matches!(**error, ArchiveError::Truncated { .. }), "{error}");
        assert!(fixture.files().is_empty(), "{:?}", fixture.files());
    });
}

#[test]
fn a_body_that_ends_with_its_connection_proves_nothing_about_the_source() {
    paused(async || {
        let cut = || StubAnswer::UntilClose(damaged());
        for (answers, is_proven) in [
            (vec![cut(), cut()], false),
            (vec![archive(damaged()), cut()], false),
            (vec![cut(), archive(damaged())], true),
        ] {
            let (fixture, result) = download(answers).await;
            match &result {
                Ok(DownloadResult::DamagedAtSource { .. }) if is_proven => {}
                Err(DownloadError::Publish(PublishError::Archive(error))) if !is_proven => {
                    assert!(matches!(**error, ArchiveError::Truncated { .. }), "{error}");
                    assert!(fixture.files().is_empty(), "{:?}", fixture.files());
                }
                _ => panic!("{result:?}"),
            }
        }
    });
}

#[test]
fn a_spliced_copy_proves_nothing_about_the_source() {
    paused(async || {
        let spliced = || StubAnswer::Spliced(damaged());
        for answers in [
            vec![spliced(), spliced()],
            vec![archive(damaged()), spliced()],
            vec![spliced(), archive(damaged())],
        ] {
            let (fixture, result) = download(answers).await;
            let Err(error) = &result else { panic!("{result:?}") };
            let fault = BookFault::from(error);
            assert_eq!(
                (fault.reason, fault.outlook),
                (FailureReason::Truncated, FaultOutlook::Open),
                "{fault:?}"
            );
            assert!(fixture.files().is_empty(), "{:?}", fixture.files());
        }
        for (first, expected) in [(spliced(), [false, true]), (archive(damaged()), [false, false])] {
            let (fixture, result) = download(vec![first, archive(volume())]).await;
            assert!(matches!(result, Ok(DownloadResult::Stored(_))), "{result:?}");
            assert_eq!(fixture.base.grin.one_version(), expected);
        }
    });
}

#[test]
fn another_books_archive_is_refused_and_kept_in_quarantine() {
    paused(async || {
        let fixture = DownloadFixture::new();
        let other = "TL7700000008";
        let ask = DownloadBook {
            barcode: barcode(other),
            claim: fixture.base.claim(other).await.claim,
            ..fixture.ask().await
        };
        fixture.base.grin.answer(archive(volume()));
        fixture.base.grin.answer(archive(volume()));
        let result = fixture.download(ask).await;
        assert!(
            matches!(result, Ok(DownloadResult::DamagedAtSource { .. })),
            "{result:?}"
        );
        assert!(fixture.files().iter().all(|file| file.starts_with("quarantine/")));
    });
}

#[test]
fn a_wrong_passphrase_is_met_once() {
    paused(async || {
        let fixture = DownloadFixture {
            passphrase: "another one".to_owned(),
            ..DownloadFixture::new()
        };
        let ask = fixture.ask().await;
        fixture.base.grin.answer(archive(volume()));
        let result = fixture.download(ask).await;
        let Err(DownloadError::Publish(PublishError::Archive(error))) = &result else {
            panic!("{result:?}");
        };
        assert!(matches!(**error, ArchiveError::WrongPassphrase), "{error}");
        assert!(fixture.files().is_empty());
    });
}

#[test]
fn an_archive_that_changes_while_it_is_read_is_begun_again_once() {
    paused(async || {
        let changed = || ended(volume()[..700].to_vec(), Err(BodyError::Restart));
        let (_, result) = download(vec![changed(), archive(volume())]).await;
        assert!(matches!(result, Ok(DownloadResult::Stored(_))), "{result:?}");
        let (fixture, result) = download(vec![changed(), changed()]).await;
        let restart = PublishError::Body(BodyError::Restart).to_string();
        assert!(
            matches!(&result, Err(DownloadError::Publish(error)) if error.to_string() == restart),
            "{result:?}"
        );
        assert!(fixture.files().is_empty());
    });
}

#[test]
fn a_body_that_cannot_be_continued_leaves_nothing_and_is_not_taken_for_damage() {
    paused(async || {
        let cut = BodyError::Cut {
            got: 700,
            expected: Some(1_483),
        };
        let (fixture, result) = download(vec![ended(volume()[..700].to_vec(), Err(cut))]).await;
        assert!(
            matches!(
                &result,
                Err(DownloadError::Publish(PublishError::Body(BodyError::Cut { .. })))
            ),
            "{result:?}"
        );
        assert!(fixture.files().is_empty());
    });
}

#[test]
fn a_full_disk_is_told_as_such() {
    paused(async || {
        let fixture = DownloadFixture::with_reserve(SpaceReserve::Bytes(u64::MAX / 2));
        let ask = fixture.ask().await;
        fixture.base.grin.answer(archive(volume()));
        let result = fixture.download(ask).await;
        let full = matches!(
            &result,
            Err(DownloadError::Publish(PublishError::Storage(StorageError::Full { .. })))
        );
        assert!(full, "{result:?}");
    });
}

#[test]
fn under_a_lost_claim_nothing_is_published() {
    paused(async || {
        let fixture = DownloadFixture::new();
        let ask = fixture.ask().await;
        let settle = SettleClaim {
            claim: ask.claim.clone(),
            settlement: ClaimSettlement::Released,
        };
        fixture.base.catalog.ask(settle, &fixture.base.cx).await.unwrap();
        fixture.base.grin.answer(archive(volume()));
        let result = fixture.download(ask).await;
        let stale = matches!(&result, Err(DownloadError::Catalog(CatalogError::Stale { .. })));
        assert!(stale, "{result:?}");
        assert!(fixture.files().is_empty(), "{:?}", fixture.files());
    });
}

impl DownloadFixture {
    /// Downloads while something happens at the question to GRIN, and something else when the catalog was asked in vain.
    async fn download_meanwhile(
        &self,
        ask: DownloadBook,
        member: LibraryMembership,
        [first, later]: [&dyn Fn(); 2],
    ) -> Result<DownloadResult, DownloadError> {
        self.base.grin.answer(archive(volume()));
        let happening = async {
            self.base.grin.first_question().await;
            first();
            self.base.handled("begin_publication").await;
            later();
        };
        futures::join!(self.download_as(ask, member), happening).0
    }
}

#[test]
fn what_is_fetched_waits_for_a_membership_that_could_not_be_renewed_in_time() {
    for (patience, is_stored) in [(Duration::MAX, true), (Duration::ZERO, false)] {
        paused(async || {
            let fixture = DownloadFixture::new();
            let ask = fixture.ask().await;
            let clock = SystemClock::manual(Timestamp::UNIX_EPOCH);
            let member = LibraryMembership::of_tests_by(clock.clone());
            let lapses = || clock.advance(Duration::from_secs(60));
            let renews = || {
                if is_stored {
                    member.told(Vec::new(), MemberStanding::Kept);
                }
            };
            let ask = DownloadBook { patience, ..ask };
            let result = fixture
                .download_meanwhile(ask, member.clone(), [&lapses, &renews])
                .await;
            let ended = matches!(result, Err(DownloadError::Publish(PublishError::ClaimEnded(_))));
            assert_eq!(matches!(result, Ok(DownloadResult::Stored(_))), is_stored, "{result:?}");
            assert_eq!(ended, !is_stored, "{result:?}");
        });
    }
}

#[test]
fn what_is_fetched_waits_for_a_catalog_that_is_away() {
    paused(async || {
        let fixture = DownloadFixture::new();
        let ask = fixture.ask().await;
        let catalog = fixture.base.folder.path().join("catalog.db");
        let elsewhere = catalog.with_extension("elsewhere");
        let goes = || std::fs::rename(&catalog, &elsewhere).unwrap();
        let comes = || std::fs::rename(&elsewhere, &catalog).unwrap();
        let member = LibraryMembership::of_tests();
        let result = fixture.download_meanwhile(ask, member, [&goes, &comes]).await;
        assert!(matches!(result, Ok(DownloadResult::Stored(_))), "{result:?}");
    });
}

#[test]
fn a_panic_costs_the_one_message() {
    paused(async || {
        let (_, result) = download(vec![StubAnswer::Panics]).await;
        assert!(matches!(result, Err(DownloadError::Panicked(_))), "{result:?}");
    });
}

#[test]
fn cancelled_while_grin_does_not_answer_it_ends_at_once() {
    paused(async || {
        let fixture = DownloadFixture::new();
        let ask = fixture.ask().await;
        fixture.base.grin.answer(StubAnswer::Hangs);
        let minute = Duration::from_secs(60);
        let (result, took) = fixture.base.cancel_after(minute, Box::pin(fixture.download(ask))).await;
        assert!(
            matches!(result, Err(DownloadError::Session(SessionError::Cancelled))),
            "{result:?}"
        );
        assert_eq!(took, minute);
    });
}
