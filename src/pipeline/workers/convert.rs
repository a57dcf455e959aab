//! CONVERT asks GRIN to make archives of a batch of barcodes and records what it said to each.

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::actor::{ActorName, AskContext, HandleMessage, Message, Worker};
use crate::catalog::{CatalogError, RecordConversions};
use crate::diagnostics::{ListReview, of_process_words};
use crate::grin::{AnswerRefusal, Barcode, ProcessForm, ProcessOutcome, parse_process_reply};
use crate::log::CountedNoun;
use crate::pipeline::workers::grin_session::{BatchParts, GrinSession};
use crate::pipeline::workers::retry;
use crate::session::{
    AuthMode, FetchAnswer, PermitClass, RequestKind, RequestMethod, Session, SessionError, SmallAnswer,
};

/// Longest answer taken: a row is a barcode and a few words.
const ANSWER_LIMIT: usize = 1 << 20;

/// Batches of which no form brings a book, before the others are no longer tried: a batch with a book that spoils it has many parts.
const FORM_TRIES: u32 = 8;

/// One conversion worker: one batch at a time.
pub struct ConvertWorker<S = Session> {
    parts: BatchParts<S>,
    /// How the request is written.
    form: ProcessForm,
    /// So many batches more are asked for in each form where GRIN names no book; 0: it has named some in this form.
    form_tries: u32,
}

/// Ask for the conversion of these barcodes.
#[derive(Debug)]
pub struct ConvertBatch {
    /// The batch; other clients have sent 200 and more (src/grin/PROTOCOL.md, section 3).
    pub barcodes: Vec<Barcode>,
    /// Attempts at most; `None`: as many as are configured.
    pub attempts: Option<u32>,
    /// Cancelled while GRIN wants no request: nothing is asked.
    pub stop: CancellationToken,
}

impl Message for ConvertBatch {
    type Reply = Result<ConvertAnswer, ConvertError>;
    const KIND: &'static str = "convert";
}

/// An answer about a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ConvertAnswer {
    /// What came of the books that it names.
    pub result: ConvertResult,
    /// Books that it does not name; nothing is recorded of them.
    pub unnamed: Vec<Barcode>,
}

/// What came of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConvertResult {
    /// Newly asked for.
    pub requested: usize,
    /// Already in process or ready.
    pub already: usize,
    /// Refused for good.
    pub refused: usize,
    /// Anything else: asked again later.
    pub later: usize,
    /// GRIN's queue is full: stop asking for now.
    pub queue_full: bool,
}

/// Why a batch has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The session could not get an answer, or a person must act.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The answer could not be recorded.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// GRIN answered with something that says nothing about any book.
    #[error(
        "GRIN's answer to _process is not a table of books: {0} (grin.conversion_form says in which form it is asked for)"
    )]
    Refused(AnswerRefusal),
    /// GRIN answered with such a table, and none of so many books is in it.
    #[error(
        "GRIN's answer to _process names none of {0} books (grin.conversion_form says in which form it is asked for)"
    )]
    Unnamed(usize),
    /// GRIN has no such page.
    #[error("GRIN answered _process with status {0}")]
    Status(u16),
}

impl ConvertError {
    /// One of the books may be the reason: a smaller batch may be answered.
    pub fn parts_may_be_answered(&self) -> bool {
        match self {
            Self::Session(error) => retry::parts_may_be_answered(error),
            Self::Refused(refusal) => retry::parts_may_not_be_refused(*refusal),
            Self::Unnamed(_) | Self::Status(_) => true,
            Self::Catalog(_) => false,
        }
    }

    /// The next batch would meet it too.
    pub fn needs_person(&self) -> bool {
        match self {
            Self::Session(error) => retry::needs_person(error),
            Self::Catalog(error) => !error.may_pass(),
            Self::Refused(_) | Self::Unnamed(_) | Self::Status(_) => false,
        }
    }
}

impl<S: GrinSession> ConvertWorker<S> {
    /// A worker over shared parts.
    pub fn new(parts: BatchParts<S>, form: ProcessForm) -> Self {
        Self {
            parts,
            form,
            form_tries: FORM_TRIES,
        }
    }
}

impl<S: GrinSession> Worker for ConvertWorker<S> {
    const NAME: ActorName = ActorName::Converter;
}

impl<S: GrinSession> HandleMessage<ConvertBatch> for ConvertWorker<S> {
    async fn handle(&mut self, batch: ConvertBatch, cx: &AskContext) -> Result<ConvertAnswer, ConvertError> {
        let books = batch.barcodes.len() as u64;
        cx.describe(move || format!("asks GRIN to convert {}", CountedNoun(books, "book")));
        let answer = match self.ask_in_some_form(&batch, cx).await {
            Err(SessionError::QueueFull) => {
                let result = ConvertResult {
                    queue_full: true,
                    ..ConvertResult::default()
                };
                return Ok(ConvertAnswer {
                    result,
                    unnamed: Vec::new(),
                });
            }
            other => other?,
        };
        if answer.status != 200 {
            return Err(ConvertError::Status(answer.status));
        }
        let reply = parse_process_reply(answer.status, &answer.body, &batch.barcodes);
        let review = ListReview {
            refusal: reply.refusal,
            words: of_process_words(&reply.outcomes),
            ..ListReview::default()
        };
        review.report(&self.parts.session.diagnostics(), &answer.source());
        if let Some(refusal) = reply.refusal {
            return Err(ConvertError::Refused(refusal));
        }
        for warning in &reply.warnings {
            warn!(%warning, "answer to a request for conversion");
        }
        let outcomes = reply.outcomes.into_iter();
        let (unnamed, named): (Vec<_>, Vec<_>) =
            outcomes.partition(|processed| processed.outcome == ProcessOutcome::NoAnswer);
        if named.is_empty() {
            return Err(ConvertError::Unnamed(unnamed.len()));
        }
        self.form_tries = 0;
        let result = summarise(named.iter().map(|processed| processed.outcome));
        let rows = named
            .into_iter()
            .map(|processed| (processed.barcode, processed.outcome, processed.words))
            .collect();
        self.parts.catalog.ask(RecordConversions(rows), cx).await?;
        Ok(ConvertAnswer {
            result,
            unnamed: unnamed.into_iter().map(|processed| processed.barcode).collect(),
        })
    }
}

impl<S: GrinSession> ConvertWorker<S> {
    /// In the form that GRIN took last; where it does not take that one, in the others, each once.
    async fn ask_in_some_form(&mut self, batch: &ConvertBatch, cx: &AskContext) -> Result<SmallAnswer, SessionError> {
        let first = self.ask(self.form, batch, cx).await;
        let Some(mut why) = self.form_fault(&first, batch) else {
            return first;
        };
        let mut form = self.form;
        for _ in 1..ProcessForm::ALL.len() {
            let next = form.next();
            warn!(
                why,
                ?form,
                ?next,
                "GRIN does not take this form of a request for conversion; another one is tried (grin.conversion_form)"
            );
            form = next;
            let answer = self.ask(form, batch, cx).await;
            let Some(again) = self.form_fault(&answer, batch) else {
                if answer.is_ok() {
                    self.form = form;
                }
                return answer;
            };
            why = again;
        }
        self.form_tries = self.form_tries.saturating_sub(1);
        first
    }

    fn form_fault(&self, answer: &Result<SmallAnswer, SessionError>, batch: &ConvertBatch) -> Option<String> {
        form_fault(answer, &batch.barcodes, self.form_tries > 0)
    }

    async fn ask(&self, form: ProcessForm, batch: &ConvertBatch, cx: &AskContext) -> Result<SmallAnswer, SessionError> {
        let request = self.parts.addresses.process_request(form, &batch.barcodes);
        let method = match request.post {
            Some((content_type, body)) => RequestMethod::Post {
                content_type,
                body: Bytes::from(body),
            },
            None => RequestMethod::Get,
        };
        let ask = FetchAnswer {
            url: request.url,
            method,
            headers: Vec::new(),
            class: PermitClass::Lists,
            kind: RequestKind::Process,
            auth: AuthMode::Grin,
            limit: ANSWER_LIMIT,
        };
        let policy = self.parts.backoff.limited(batch.attempts);
        retry::fetch(&self.parts.session, ask, &policy, &batch.stop, cx).await
    }
}

/// Why GRIN seems not to take the form of a request, if it does. `undecided`: in no form a book was named yet; where GRIN does not take
/// one it may say so with status 200, with a page, nothing or a bare heading (src/grin/PROTOCOL.md, section 7).
fn form_fault(answer: &Result<SmallAnswer, SessionError>, asked: &[Barcode], undecided: bool) -> Option<String> {
    let status = match answer {
        Ok(answer) => answer.status,
        Err(SessionError::Unexpected { status, .. } | SessionError::Server { status }) => *status,
        Err(_) => return None,
    };
    if ProcessForm::is_refused_by(status) || undecided && status == 400 {
        return Some(format!("status {status}"));
    }
    let answer = answer.as_ref().ok().filter(|_| undecided && status == 200)?;
    let reply = parse_process_reply(status, &answer.body, asked);
    match reply.refusal {
        // Of the books or of us, in whatever form.
        Some(AnswerRefusal::SignIn | AnswerRefusal::Unavailable) => None,
        Some(refusal) => Some(refusal.to_string()),
        None => {
            let is_unnamed = |outcome| outcome == ProcessOutcome::NoAnswer;
            let names_none = reply.outcomes.iter().all(|processed| is_unnamed(processed.outcome));
            names_none.then(|| "it names no book".to_owned())
        }
    }
}

fn summarise(outcomes: impl Iterator<Item = ProcessOutcome>) -> ConvertResult {
    let mut summary = ConvertResult::default();
    for outcome in outcomes {
        match outcome {
            ProcessOutcome::Requested => summary.requested += 1,
            ProcessOutcome::InProcess | ProcessOutcome::AlreadyAvailable => summary.already += 1,
            ProcessOutcome::NotAllowed => summary.refused += 1,
            ProcessOutcome::QueueFull => summary.queue_full = true,
            _ => summary.later += 1,
        }
    }
    summary
}
