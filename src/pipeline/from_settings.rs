//! What the work goes by, out of the settings: archives, storage, limits, and what is to be done.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::archive::{ArchiveLimits, BadSecretKey, PassOptions, SecretKey};
use crate::catalog::{CatalogAddress, CatalogError, WantedBooks};
use crate::grin::barcode_file;
use crate::grin::{LibraryDirectory, SecretBytes, SecretFileError, read_passphrase, read_secret_bytes};
use crate::pipeline::second_copy::SecondCopyPlan;
use crate::pipeline::workers::ArchiveKeyFiles;
use crate::pipeline::{RereadPlan, RetryPolicy, RunScope, TaskIntervals, WorkOptions, compare_after};
use crate::settings::{DEMO_PASSPHRASE, Settings, UnusableSetting};
use crate::storage::StorageConfig;
use crate::vocabulary::Queue;

/// How long a claim lives without renewal, which is every third of it; it ends sooner where its owner ceases to be a member.
pub(crate) const CLAIM_LEASE: Duration = Duration::from_secs(600);

/// Where books are kept; the journal of open uploads lies beside the catalog.
pub fn storage_config(settings: &Settings) -> Result<StorageConfig, CatalogError> {
    let catalog = CatalogAddress::parse(&settings.catalog.url)?;
    let journal = catalog.file().and_then(Path::parent).map(Path::to_owned);
    Ok(StorageConfig::from_settings(settings, journal))
}

/// The second place for the same books; `None` where there is none.
pub fn second_copy_config(settings: &Settings) -> Result<Option<StorageConfig>, CatalogError> {
    let catalog = CatalogAddress::parse(&settings.catalog.url)?;
    let journal = catalog.file().and_then(Path::parent).map(Path::to_owned);
    Ok(StorageConfig::of_second_copy(settings, journal))
}

/// The files with secrets that are read again while the daemon runs.
pub fn secret_files(settings: &Settings) -> Vec<PathBuf> {
    let (archive, auth) = (&settings.archive, &settings.auth);
    let files = [
        &archive.passphrase_file,
        &archive.secret_key_file,
        &auth.service_account_file,
        &auth.credentials_file,
        &auth.client_secret_file,
    ];
    files.into_iter().flatten().cloned().collect()
}

/// How archives are checked and what is taken out of them.
pub fn archive_options(settings: &Settings) -> Result<PassOptions, UnusableSetting> {
    let passphrase = settings
        .archive
        .passphrase_file
        .as_deref()
        .map(passphrase)
        .transpose()?;
    let secret_key = match &settings.archive.secret_key_file {
        Some(file) => Some(secret_key(file, passphrase.as_ref())?),
        None => None,
    };
    Ok(PassOptions {
        passphrase,
        secret_key,
        accept_unauthenticated: settings.archive.accept_unauthenticated,
        ..decrypted_options(settings)
    })
}

/// The same, with keys that follow a change of their files.
pub fn archive_keys(settings: &Settings) -> Result<ArchiveKeyFiles, UnusableSetting> {
    let archive = &settings.archive;
    let files = archive.passphrase_file.iter().chain(&archive.secret_key_file);
    let settings = settings.clone();
    ArchiveKeyFiles::of_files(files.cloned().collect(), move || archive_options(&settings))
}

/// The same for archives that are decrypted already.
pub fn decrypted_options(settings: &Settings) -> PassOptions {
    let archive = &settings.archive;
    PassOptions {
        passphrase: None,
        secret_key: None,
        accept_unauthenticated: false,
        verify_checksums: archive.verify_checksums,
        extract_text: archive.extract_text,
        extract_marc: archive.extract_marc,
        text_by_page: archive.text_by_page,
        keep_encrypted: archive.keep_encrypted,
        compress_text: archive.compress_text,
        require_volume: true,
        library: LibraryDirectory::parse(&settings.library.directory).ok(),
        limits: ArchiveLimits::default(),
    }
}

fn secret_key(path: &Path, passphrase: Option<&SecretBytes>) -> Result<SecretKey, UnusableSetting> {
    let bytes = read_secret_bytes(path).map_err(|error| UnusableSetting(error.to_string()))?;
    SecretKey::unlock(&bytes, passphrase).map_err(|error| {
        let advice = match error {
            BadSecretKey::NotAKey(_) => "",
            BadSecretKey::Locked | BadSecretKey::WrongPassphrase => {
                "; archive.passphrase_file must hold its passphrase"
            }
        };
        UnusableSetting(format!(
            "archive.secret_key_file = {:?}: {error}{advice}",
            path.display()
        ))
    })
}

fn passphrase(path: &Path) -> Result<SecretBytes, UnusableSetting> {
    match read_passphrase(path) {
        // `settings/demo.passphrase` is readable by all in a checkout, and it is no secret.
        Err(SecretFileError::Exposed { .. }) if is_published(path) => Ok(SecretBytes::new(DEMO_PASSPHRASE)),
        read => read.map_err(|error| UnusableSetting(error.to_string())),
    }
}

fn is_published(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.trim_end() == DEMO_PASSPHRASE)
}

/// What the supervisor goes by.
pub fn work_options(settings: &Settings, owner: String) -> WorkOptions {
    let schedule = &settings.schedule;
    WorkOptions {
        owner,
        lease: CLAIM_LEASE,
        retry: RetryPolicy {
            attempts: settings.retry.attempts,
            backoff: (&settings.retry).into(),
            max_sequential_failures: settings.retry.max_sequential_failures,
        },
        conversion_queue_limit: settings.grin.conversion_queue_limit,
        conversion_batch: settings.grin.conversion_batch as usize,
        monthly_report: settings.grin.monthly_report,
        paused: settings.work.paused,
        pause: None,
        force: settings.work.force,
        intervals: TaskIntervals {
            collect: schedule.collect_every.0,
            refresh: schedule.refresh_every.0,
            enrich: schedule.enrich_every.0,
            convert: schedule.convert_every.0,
            backup: schedule.backup_every.0,
            export: schedule.export_every.0,
        },
        reread: RereadPlan {
            every: settings.fixity.reread_every.0,
            bytes_a_day: settings.fixity.bytes_per_day.0,
            hours: settings.fixity.hours,
        },
        second_copy: second_copy_plan(settings),
    }
}

fn second_copy_plan(settings: &Settings) -> Option<SecondCopyPlan> {
    let copy = &settings.storage_copy;
    copy.url.as_ref()?;
    Some(SecondCopyPlan {
        transfers: copy.transfers as usize,
        bytes_a_day: copy.bytes_per_day.0,
        hours: copy.hours,
    })
}

/// The books that the daemon fetches; of a list of barcodes that cannot be read, those of its queues.
pub fn wanted_books(settings: &Settings) -> WantedBooks {
    let scope = scope_of(settings, false).unwrap_or_else(|_| RunScope {
        queues: settings.work.queues.clone(),
        limit: settings.work.limit,
        ..RunScope::default()
    });
    scope.wanted_books()
}

/// The daemon's scope: everything, for the books that the settings choose.
pub fn scope_of(settings: &Settings, once: bool) -> Result<RunScope, UnusableSetting> {
    let work = &settings.work;
    let only = match &work.barcodes_file {
        None => None,
        Some(path) => Some(
            barcode_file::from_file(path)
                .map_err(|error| UnusableSetting(format!("work.barcodes_file: {error}")))?
                .into(),
        ),
    };
    let queues = work.queues.clone();
    Ok(RunScope {
        collect: true,
        enrich: true,
        // Also where only `converted` is served: what leaves the pool before it is fetched is asked for again.
        convert: !work.queues.is_empty(),
        lost_only: work.queues.iter().all(|queue| *queue == Queue::Converted),
        sync: true,
        copies: true,
        once,
        by_hand: false,
        force: work.force,
        recheck: compare_after(&queues),
        limit: work.limit,
        only,
        queues,
        enrich_queues: Vec::new(),
        lists: Vec::new(),
    })
}
