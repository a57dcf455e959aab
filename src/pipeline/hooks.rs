//! The operator's hook is told of each book that was recorded as stored, at least once: the book's manifest goes to a command's standard input, or to
//! an address by POST. What it was not told of yet is in the catalog.

mod command;

use std::io;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::actor::AskContext;
use crate::archive::{BookManifest, ManifestFault};
use crate::catalog::{ClaimHook, DueHook, HookQueue, HookSettlement, SettleHook};
use crate::grin::Barcode;
use crate::pipeline::supervisor::WorkerPools;
use crate::pipeline::task_services::TaskFault;
use crate::session::{
    AuthMode, FetchAnswer, PermitClass, RequestKind, RequestMethod, RetryBackoff, Session, SessionError,
};
use crate::settings::{HookTarget, Settings};
use crate::storage::{ObjectKey, Storage, StorageError, StorageLayout};

/// How long to wait before a book is told again.
const WAITS: RetryBackoff = RetryBackoff {
    base: Duration::from_secs(10),
    cap: Duration::from_hours(1),
    attempts: u32::MAX,
};
/// Beyond the hook's own time: for the storage and the catalog.
const LEASE_MARGIN: Duration = Duration::from_secs(30);
/// What an address answers is not read further.
const LONGEST_ANSWER: usize = 64 << 10;

/// Tells the hook.
#[derive(Clone)]
pub struct StoredHook {
    /// Whom.
    target: HookTarget,
    /// How long one telling may take.
    timeout: Duration,
    /// Sends what goes to an address.
    session: Session,
    /// Has the manifests.
    storage: Storage,
    /// Under which names.
    layout: StorageLayout,
}

/// Why the hook was not told.
#[derive(Debug, thiserror::Error)]
enum HookFault {
    /// The storage has no manifest of the book any more.
    #[error("the manifest is not in the storage any more")]
    Gone,
    /// The storage could not be read.
    #[error("the manifest cannot be read: {0}")]
    Manifest(StorageError),
    /// What is told is never a part of it.
    #[error("the manifest is not sent: {0}")]
    Unfit(#[from] ManifestFault),
    /// The command could not be begun, or not be given the manifest.
    #[error("the command cannot be run: {0}")]
    Command(#[from] io::Error),
    /// The command ended otherwise than with 0.
    #[error("the command ended with {0}")]
    Failed(String),
    /// The command took too long, and was killed.
    #[error("the command did not end within {0:?}, and was killed")]
    Hung(Duration),
    /// The address answered otherwise than with 2xx.
    #[error("the address answered {0}")]
    Refused(u16),
    /// The address did not answer.
    #[error(transparent)]
    Unanswered(#[from] SessionError),
    /// The program ends.
    #[error("the daemon was stopped meanwhile")]
    Stopped,
    /// A thread panicked.
    #[error("it panicked")]
    Panicked,
}

/// What came of telling the hook of a book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HookStep {
    /// The program ends.
    Stopped,
    /// The hook was told of it, or there was nothing to tell.
    Told,
    /// It was not, and why.
    Failed(String),
}

/// How long to wait before a book is told again, after so many attempts.
pub(super) fn wait_after(attempts: u32) -> Duration {
    WAITS.bound(attempts)
}

impl WorkerPools {
    /// Takes the next book that is due.
    pub(super) async fn next_hook(&self, cx: &AskContext) -> Result<HookQueue, TaskFault> {
        let Some(hook) = &self.hook else {
            return Ok(HookQueue::default());
        };
        let lease = hook.timeout + LEASE_MARGIN;
        Ok(self.catalog.ask(ClaimHook { lease }, cx).await?)
    }

    /// Tells the hook of a book that was taken; not beyond `stop`.
    pub(super) async fn tell_of(
        &self,
        due: DueHook,
        stop: &CancellationToken,
        cx: &AskContext,
    ) -> Result<HookStep, TaskFault> {
        let Some(hook) = &self.hook else {
            return Ok(HookStep::Stopped);
        };
        let told = tokio::select! {
            biased;
            () = stop.cancelled() => Err(HookFault::Stopped),
            told = hook.tell(&due.barcode, cx) => told,
        };
        let (settlement, step) = match told {
            Ok(()) => (HookSettlement::Told, HookStep::Told),
            Err(HookFault::Gone) => (HookSettlement::Dropped, HookStep::Told),
            Err(fault) => {
                let error = fault.to_string();
                let wait = match fault {
                    HookFault::Stopped => Duration::ZERO,
                    _ => wait_after(due.attempts),
                };
                let why = format!("{}: {error}", due.barcode);
                // That the program ends is not the hook's fault.
                let step = match fault {
                    HookFault::Stopped => HookStep::Stopped,
                    _ => HookStep::Failed(why),
                };
                (HookSettlement::Retry { wait, error }, step)
            }
        };
        // Also when a drain has cut everything: else the book would wait until its taking runs out.
        let settle = SettleHook { due, settlement };
        self.catalog.ask(settle, &AskContext::root("supervisor")).await?;
        Ok(step)
    }
}

impl StoredHook {
    /// The one that the settings name, if they name one; what makes no sense was refused before.
    pub(crate) fn of(
        settings: &Settings,
        session: &Session,
        storage: &Storage,
        layout: &StorageLayout,
    ) -> Option<Self> {
        Some(Self {
            target: HookTarget::parse(settings.hooks.on_stored.as_deref()?).ok()?,
            timeout: settings.hooks.timeout,
            session: session.clone(),
            storage: storage.clone(),
            layout: layout.clone(),
        })
    }

    async fn tell(&self, barcode: &Barcode, cx: &AskContext) -> Result<(), HookFault> {
        let manifest = self.manifest(barcode).await?;
        match &self.target {
            HookTarget::Command(words) => command::run(words, barcode, &manifest, self.timeout).await,
            HookTarget::Address(url) => {
                let post = FetchAnswer {
                    url: url.clone(),
                    method: RequestMethod::Post {
                        content_type: "application/json",
                        body: manifest.into(),
                    },
                    headers: vec![("GRIND-Barcode".to_owned(), barcode.to_string())],
                    class: PermitClass::Hook,
                    kind: RequestKind::Hook,
                    // No token, and no redirect is followed.
                    auth: AuthMode::None,
                    limit: LONGEST_ANSWER,
                };
                let status = match self.session.ask(post, cx).await {
                    Ok(answer) => answer.status,
                    // What it says is of no matter.
                    Err(SessionError::TooLarge { status, .. }) => status,
                    Err(error) => return Err(error.into()),
                };
                match status {
                    200..=299 => Ok(()),
                    status => Err(HookFault::Refused(status)),
                }
            }
        }
    }

    async fn manifest(&self, barcode: &Barcode) -> Result<Vec<u8>, HookFault> {
        let (storage, key) = (self.storage.clone(), self.layout.manifest(barcode));
        let read = actix_rt::task::spawn_blocking(move || whole_manifest(&storage, &key));
        read.await.map_err(|_| HookFault::Panicked)?
    }
}

/// The manifest under this name. It is gone only from a storage that is proven: in one that is away there is nothing either.
fn whole_manifest(storage: &Storage, key: &ObjectKey) -> Result<Vec<u8>, HookFault> {
    let read = || -> Result<Vec<u8>, StorageError> {
        BookManifest::bytes_of(storage.open_read(key)?).map_err(StorageError::from_read)
    };
    let mut found = read();
    if matches!(found, Err(StorageError::NotFound(_))) {
        storage.prove_marker().map_err(HookFault::Manifest)?;
        found = read();
    }
    match found {
        Ok(manifest) => {
            BookManifest::check_length(&manifest)?;
            Ok(manifest)
        }
        Err(StorageError::NotFound(_)) => Err(HookFault::Gone),
        Err(error) => Err(HookFault::Manifest(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{ObjectMeta, StorageConfig};

    #[test]
    fn each_wait_is_twice_as_long_up_to_an_hour() {
        for (attempts, seconds) in [
            (0, 10),
            (1, 10),
            (2, 20),
            (3, 40),
            (9, 2_560),
            (10, 3_600),
            (u32::MAX, 3_600),
        ] {
            assert_eq!(wait_after(attempts), Duration::from_secs(seconds), "{attempts}");
        }
    }

    #[test]
    fn a_manifest_is_gone_only_from_a_storage_that_is_proven() {
        let folder = tempfile::tempdir().unwrap();
        let (place, away) = (folder.path().join("library"), folder.path().join("away"));
        let storage = Storage::open(&StorageConfig::of_url(format!("file://{}", place.display()))).unwrap();
        storage.guard();
        storage.write_marker("a").unwrap();
        let key = ObjectKey::parse("meta/x.json").unwrap();
        assert!(matches!(whole_manifest(&storage, &key), Err(HookFault::Gone)));
        storage.put(&key, b"{}", &ObjectMeta::default()).unwrap();
        assert_eq!(whole_manifest(&storage, &key).unwrap(), b"{}");
        let long = vec![b' '; 5 << 20];
        storage.put(&key, &long, &ObjectMeta::default()).unwrap();
        assert!(matches!(whole_manifest(&storage, &key), Err(HookFault::Unfit(_))));
        // As if the volume were not mounted: the same path, another folder.
        std::fs::rename(&place, &away).unwrap();
        std::fs::create_dir(&place).unwrap();
        let absent = ObjectKey::parse("meta/y.json").unwrap();
        assert!(matches!(whole_manifest(&storage, &absent), Err(HookFault::Manifest(_))));
    }
}
