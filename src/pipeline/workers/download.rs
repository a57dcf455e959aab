//! DOWNLOAD fetches one volume and publishes it: one GET, one pass, one publication.

mod publication;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::actor::{ActorName, AskContext, HandleMessage, Message, Worker};
use crate::archive::{ArchiveError, SeenArchive};
use crate::catalog::{Catalog, CatalogError, ClaimToken, StoredBook};
use crate::diagnostics::{UnrecognisedAnswer, of_archive_error, of_findings};
use crate::grin::{Barcode, EtagDecision, FileName, GrinAddresses, Validator, compare_validators};
use crate::log::{BodyPace, DisplaySize, as_actor};
use crate::pipeline::LibraryMembership;
use crate::pipeline::publish;
use crate::pipeline::publish::{CopyOrigin, DamagePlace, PublishError, PublishRecipe, StagedVolume, place_of_damage};
use crate::pipeline::room::needed_room;
use crate::pipeline::workers::grin_session::{GrinSession, unless_held_back};
use crate::pipeline::workers::key_files::ArchiveKeyFiles;
use crate::pipeline::workers::panics;
use crate::pipeline::workers::transfers::TransferTable;
use crate::session::{ArchiveBody, BodyError, OpenBody, Session, SessionError};
use crate::storage::{ObjectKey, ObjectMeta, ObjectUpload, Storage, StorageError, StorageLayout};
use crate::vocabulary::FailureReason;

/// One DOWNLOAD worker: one volume at a time; its pass runs on a blocking thread of its own.
pub struct DownloadWorker<S = Session> {
    parts: DownloaderParts<S>,
}

/// What every DOWNLOAD worker shares.
#[derive(Clone)]
pub struct DownloaderParts<S = Session> {
    /// The one session.
    pub session: S,
    /// Where the library's archives lie at GRIN.
    pub addresses: GrinAddresses,
    /// Where volumes are kept.
    pub storage: Storage,
    /// Under which names.
    pub layout: StorageLayout,
    /// How archives are opened and checked, and what is taken out of them.
    pub keys: ArchiveKeyFiles,
    /// Where bodies on their way are listed.
    pub transfers: TransferTable,
    /// Confirms the claim before anything is published.
    pub catalog: Catalog,
    /// How long a claim holds, at most as long as the membership.
    pub lease: Duration,
    /// With which all claims end.
    pub membership: LibraryMembership,
}

/// Fetch and publish this volume.
#[derive(Debug)]
pub struct DownloadBook {
    /// The volume.
    pub barcode: Barcode,
    /// Its archive's name as GRIN lists it.
    pub file_name: FileName,
    /// Under which its objects may be published.
    pub claim: ClaimToken,
    /// Where the catalog says that its archive is.
    pub recorded: Option<ObjectKey>,
    /// Not if GRIN's archive still has this validator: it is the one that is stored.
    pub unless: Option<Validator>,
    /// How long a catalog that does not answer is waited for when all is fetched.
    pub patience: Duration,
    /// Cancelled before the worker takes the message, or while GRIN wants no request: nothing is begun.
    pub stop: CancellationToken,
}

impl Message for DownloadBook {
    type Reply = Result<DownloadResult, DownloadError>;
    const KIND: &'static str = "download";
}

/// A DOWNLOAD that came to its end; each variant is one way on for the supervisor.
#[derive(Debug)]
pub enum DownloadResult {
    /// Verified and published: record it.
    Stored(Box<StoredBook>),
    /// The head of the answer says that what is stored is what GRIN has.
    UpToDate,
    /// A drain had begun before GRIN was asked.
    NotBegun,
    /// It is a volume and worse than the stored one, which stays; kept in quarantine.
    KeptAside {
        /// Why, and where the new archive is.
        detail: String,
    },
    /// 404: the archive is not ready, or was pushed out of the pool.
    NotConverted,
    /// Fetched twice with the same bytes and the same fault: kept in quarantine, not to be tried again by itself.
    DamagedAtSource {
        /// The fault, as a reason for reports.
        reason: FailureReason,
        /// The fault in words.
        detail: String,
    },
}

/// What came of the fetch before this one.
#[derive(Debug, Clone)]
enum EarlierCopy {
    None,
    /// Damaged.
    Damaged(SeenArchive),
    /// Damaged, perhaps only where parts of two versions were put together.
    Spliced,
}

/// Why a DOWNLOAD did not come to its end; nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The session could not open the body.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The body, the archive or the store.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The claim is lost, or the catalog could not be asked for it.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The archive is damaged, perhaps only where the answers were put together of which it came.
    #[error("{0}, received in more than one answer")]
    Spliced(Box<ArchiveError>),
    /// The second fetch brought the same bytes with the same fault, and was no cut on the way; they are kept in quarantine.
    #[error(transparent)]
    Proven(Box<ArchiveError>),
    /// The worker or its blocking thread panicked; one attempt of one book.
    #[error("the download of {0} panicked")]
    Panicked(Barcode),
}

impl From<StorageError> for DownloadError {
    fn from(error: StorageError) -> Self {
        Self::Publish(PublishError::Storage(error))
    }
}

impl<S: GrinSession> DownloadWorker<S> {
    /// A worker over shared parts.
    pub fn new(parts: DownloaderParts<S>) -> Self {
        Self { parts }
    }
}

impl<S: GrinSession> Worker for DownloadWorker<S> {
    const NAME: ActorName = ActorName::Downloader;
}

impl<S: GrinSession> HandleMessage<DownloadBook> for DownloadWorker<S> {
    async fn handle(&mut self, download: DownloadBook, cx: &AskContext) -> Result<DownloadResult, DownloadError> {
        if download.stop.is_cancelled() {
            return Ok(DownloadResult::NotBegun);
        }
        let downloaded = panics::caught(self.download(&download, cx)).await;
        downloaded.unwrap_or(Err(DownloadError::Panicked(download.barcode)))
    }
}

impl<S: GrinSession> DownloadWorker<S> {
    /// At most two fetches: the second tells damage at GRIN's from damage on the way.
    async fn download(&self, download: &DownloadBook, cx: &AskContext) -> Result<DownloadResult, DownloadError> {
        let earlier = match self.fetch(download, cx, EarlierCopy::None).await {
            Err(DownloadError::Publish(PublishError::Archive(error))) => match error.seen() {
                Some(seen) => {
                    warn!(barcode = %download.barcode, %error, "the archive is not taken; it is fetched once more, to see whether the same bytes come");
                    EarlierCopy::Damaged(seen.clone())
                }
                None => return Err(PublishError::Archive(error).into()),
            },
            Err(error @ DownloadError::Spliced(_)) => {
                warn!(barcode = %download.barcode, %error, "the archive is not taken; it is fetched once more, to see whether the same bytes come");
                EarlierCopy::Spliced
            }
            other => return other,
        };
        match self.fetch(download, cx, earlier).await {
            Err(DownloadError::Proven(error)) => Ok(DownloadResult::DamagedAtSource {
                reason: error.reason(),
                detail: error.to_string(),
            }),
            other => other,
        }
    }

    /// One GET and one pass; begins again from zero, once, when GRIN has put another archive in its place meanwhile.
    async fn fetch(
        &self,
        download: &DownloadBook,
        cx: &AskContext,
        earlier: EarlierCopy,
    ) -> Result<DownloadResult, DownloadError> {
        match self.fetch_once(download, cx, earlier.clone()).await {
            Err(DownloadError::Publish(PublishError::Body(error @ BodyError::Restart))) => {
                warn!(barcode = %download.barcode, %error, "download begins again from its first byte");
                self.fetch_once(download, cx, earlier).await
            }
            other => other,
        }
    }

    async fn fetch_once(
        &self,
        download: &DownloadBook,
        cx: &AskContext,
        earlier: EarlierCopy,
    ) -> Result<DownloadResult, DownloadError> {
        let open = OpenBody::new(self.parts.addresses.archive(&download.file_name))
            .of_one_version(matches!(earlier, EarlierCopy::Spliced));
        let first = match earlier {
            EarlierCopy::Damaged(seen) => Some(seen),
            EarlierCopy::None | EarlierCopy::Spliced => None,
        };
        let session = &self.parts.session;
        describe(cx, &download.barcode, || "asks GRIN for the archive".to_owned());
        let ask = async |cx: &AskContext| session.archive(open, cx).await;
        let body = match unless_held_back(session, &download.stop, cx, ask).await {
            None => return Ok(DownloadResult::NotBegun),
            Some(Ok(body)) => body,
            Some(Err(SessionError::NotFound)) => return Ok(DownloadResult::NotConverted),
            Some(Err(error)) => return Err(error.into()),
        };
        if compare_validators(body.head.validator.as_ref(), download.unless.as_ref()) == EtagDecision::Skip {
            return Ok(DownloadResult::UpToDate);
        }
        let recipe = self.recipe(download, &body);
        let _listed = self
            .parts
            .transfers
            .begin(&download.barcode, body.reader.arrival(), body.head.length);
        describe_transfer(cx, download, &body);
        let pass = actix_rt::task::spawn_blocking(move || as_downloader(|| one_pass(body, recipe, first)));
        let staged = cx
            .span()
            .during("archive_pass", cx.waiting_for("transfer", pass))
            .await
            .map_err(|_panic| DownloadError::Panicked(download.barcode.clone()))?
            .inspect(|staged| self.report(of_findings(staged.findings())))
            .inspect_err(|error| self.report(unrecognised(error)))?;
        self.publish(download, staged, cx).await
    }

    /// Reports what of an archive was not recognised.
    fn report(&self, odd: Vec<UnrecognisedAnswer>) {
        let diagnostics = self.parts.session.diagnostics();
        odd.into_iter().for_each(|answer| diagnostics.report(answer));
    }

    fn recipe(&self, download: &DownloadBook, body: &ArchiveBody) -> PublishRecipe {
        PublishRecipe {
            barcode: download.barcode.clone(),
            file_name: download.file_name.clone(),
            validator: body.head.validator.clone(),
            storage: self.parts.storage.clone(),
            layout: self.parts.layout.clone(),
            recorded: download.recorded.clone(),
            options: self.parts.keys.current(),
        }
    }
}

/// `39015012345678: 31.2 MiB of 51.0 MiB, 4.2 MB/s`, as it stands when somebody looks.
fn describe_transfer(cx: &AskContext, download: &DownloadBook, body: &ArchiveBody) {
    let (arrival, length, began) = (body.reader.arrival(), body.head.length, Instant::now());
    describe(cx, &download.barcode, move || {
        let of = length.map_or_else(String::new, |length| format!(" of {}", DisplaySize(length)));
        let pace = BodyPace {
            received: arrival.bytes(),
            seconds: began.elapsed().as_secs_f64(),
            silent_seconds: arrival.silent_for().as_secs_f64(),
        };
        format!("{}{of}, {pace}", DisplaySize(pace.received))
    });
}

fn describe(cx: &AskContext, barcode: &Barcode, words: impl Fn() -> String + Send + Sync + 'static) {
    let barcode = barcode.clone();
    cx.describe(move || format!("{barcode}: {}", words()));
}

fn unrecognised(error: &DownloadError) -> Vec<UnrecognisedAnswer> {
    match error {
        DownloadError::Publish(PublishError::Archive(error)) | DownloadError::Spliced(error) => {
            let mut odd = of_findings(error.findings());
            odd.extend(of_archive_error(error));
            odd
        }
        _ => Vec::new(),
    }
}

/// What is logged on a blocking thread is this actor's, too.
fn as_downloader<T>(act: impl FnOnce() -> T) -> T {
    as_actor(ActorName::Downloader.as_str(), act)
}

/// Runs on a blocking thread. When the first fetch was damaged, the second keeps its encrypted bytes: if they are the same,
/// they go to quarantine, so that the damage can be shown to GRIN's people. A body that ends with its connection proves nothing: what is
/// on the way may cut each at the same byte. Nor does a spliced one, neither as the first of two nor as the second.
fn one_pass(
    body: ArchiveBody,
    mut recipe: PublishRecipe,
    first: Option<SeenArchive>,
) -> Result<StagedVolume, DownloadError> {
    if let Some(length) = body.head.length {
        let copies = u64::from(first.is_some()) + u64::from(recipe.options.keep_encrypted);
        recipe.storage = recipe.storage.with_room_for(needed_room(length, copies))?;
    }
    let recipe = &recipe;
    let mut evidence = first.as_ref().map(|_| begin_evidence(recipe)).transpose()?;
    let (framed, spliced) = (body.head.framed, body.reader.spliced());
    let error = match publish::stage(body.reader, recipe, evidence.as_mut()) {
        Err(PublishError::Archive(error)) if error.seen().is_some() => error,
        other => {
            evidence.into_iter().for_each(ObjectUpload::abort);
            return Ok(other?);
        }
    };
    let spliced = spliced.load(Relaxed);
    let same_as_first = first.is_some_and(|first| publish::same_bytes(&first, &error));
    match (place_of_damage(CopyOrigin { framed, spliced }, same_as_first), evidence) {
        (DamagePlace::Source, Some(evidence)) => {
            publish::keep_evidence(recipe, evidence, &error)?;
            Err(DownloadError::Proven(error))
        }
        (place, evidence) => {
            evidence.into_iter().for_each(ObjectUpload::abort);
            Err(match place {
                DamagePlace::Splice => DownloadError::Spliced(error),
                DamagePlace::Source | DamagePlace::Unknown => PublishError::Archive(error).into(),
            })
        }
    }
}

fn begin_evidence(recipe: &PublishRecipe) -> Result<ObjectUpload, StorageError> {
    let key = publish::evidence_key(recipe)?;
    recipe.storage.begin(&key, &ObjectMeta::default())
}
