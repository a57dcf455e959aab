//! GRIN as a list of answers, given one after the other to whatever is asked.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use url::Url;

use crate::actor::AskContext;
use crate::pipeline::workers::grin_session::GrinSession;
use crate::session::tests::canned;
use crate::session::{
    ArchiveBody, BodyError, BodyStream, FetchAnswer, HeadRequest, OpenBody, OpenStream, SessionError, SmallAnswer,
};

/// What the next question is answered with.
#[derive(Debug)]
pub enum StubAnswer {
    /// A status, a validator, a text.
    Small(u16, Option<&'static str>, String),
    Archive {
        etag: &'static str,
        bytes: Vec<u8>,
        end: Result<(), BodyError>,
    },
    /// An archive with a `Content-Length` that is not its own.
    Longer(Vec<u8>, u64),
    /// An archive that is put together of two answers.
    Spliced(Vec<u8>),
    /// An archive that ends with its connection.
    UntilClose(Vec<u8>),
    List {
        text: String,
        end: Result<(), BodyError>,
    },
    /// A list that begins so, and goes on with this for ever.
    Drips(String, String),
    Fails(SessionError),
    Panics,
    /// None before the question is cancelled.
    Hangs,
}

#[derive(Debug, Clone, Default)]
pub struct GrinStub {
    script: Arc<Mutex<GrinScript>>,
    asked: Arc<Notify>,
}

#[derive(Debug, Default)]
struct GrinScript {
    answers: VecDeque<StubAnswer>,
    asked: Vec<(Instant, Url)>,
    /// Of each archive that was asked for: whether only one version of it may come.
    one_version: Vec<bool>,
    held_back: bool,
}

impl GrinStub {
    fn script(&self) -> MutexGuard<'_, GrinScript> {
        self.script.lock().unwrap()
    }

    pub fn answer(&self, answer: StubAnswer) {
        self.script().answers.push_back(answer);
    }

    pub fn small(&self, status: u16, text: &str) {
        self.answer(StubAnswer::Small(status, None, text.to_owned()));
    }

    pub fn list(&self, text: &str) {
        let text = text.to_owned();
        self.answer(StubAnswer::List { text, end: Ok(()) });
    }

    pub fn fails(&self, error: SessionError) {
        self.answer(StubAnswer::Fails(error));
    }

    /// From now on GRIN wants no request.
    pub fn hold_back(&self) {
        self.script().held_back = true;
    }

    /// Waits for the first question.
    pub async fn first_question(&self) {
        self.asked.notified().await;
    }

    /// How often it was asked.
    pub fn count(&self) -> usize {
        self.script().asked.len()
    }

    /// What was asked for, without the library's part of the addresses.
    pub fn asked(&self) -> Vec<String> {
        let script = self.script();
        let asked = script.asked.iter();
        let rest = |url: &Url| url.as_str().replace("https://books.example/libraries/EXAMPLE/", "");
        asked.map(|(_, url)| rest(url)).collect()
    }

    /// Of each archive that was asked for: whether only one version of it may come.
    pub fn one_version(&self) -> Vec<bool> {
        self.script().one_version.clone()
    }

    /// Times between two questions.
    pub fn waits(&self) -> Vec<Duration> {
        let script = self.script();
        script.asked.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
    }

    /// Every answer was given.
    pub fn is_used_up(&self) -> bool {
        self.script().answers.is_empty()
    }

    async fn next(&self, url: &Url, cx: &AskContext) -> Result<StubAnswer, SessionError> {
        let answer = {
            let mut script = self.script();
            script.asked.push((Instant::now(), url.clone()));
            script.answers.pop_front()
        };
        self.asked.notify_one();
        match answer.unwrap_or_else(|| panic!("nothing more is expected to be asked: {url}")) {
            StubAnswer::Fails(error) => Err(error),
            StubAnswer::Panics => panic!("a panic, for the test"),
            StubAnswer::Hangs => {
                cx.cancelled().await;
                Err(SessionError::Cancelled)
            }
            other => Ok(other),
        }
    }

    async fn small_answer(&self, url: &Url, cx: &AskContext) -> Result<SmallAnswer, SessionError> {
        match self.next(url, cx).await? {
            StubAnswer::Small(status, etag, text) => Ok(canned::answer(status, etag, &text)),
            other => panic!("{other:?} does not answer {url}"),
        }
    }
}

impl GrinSession for GrinStub {
    async fn head(&self, ask: HeadRequest, cx: &AskContext) -> Result<SmallAnswer, SessionError> {
        self.small_answer(&ask.url, cx).await
    }

    async fn fetch(&self, ask: FetchAnswer, cx: &AskContext) -> Result<SmallAnswer, SessionError> {
        self.small_answer(&ask.url, cx).await
    }

    async fn archive(&self, ask: OpenBody, cx: &AskContext) -> Result<ArchiveBody, SessionError> {
        self.script().one_version.push(ask.one_version);
        match self.next(&ask.url, cx).await? {
            StubAnswer::Archive { etag, bytes, end } => Ok(canned::archive(etag, &bytes, end)),
            StubAnswer::Longer(bytes, length) => {
                let mut body = canned::archive("\"longer\"", &bytes, Ok(()));
                body.head.length = Some(length);
                Ok(body)
            }
            StubAnswer::Spliced(bytes) => {
                let body = canned::archive("\"spliced\"", &bytes, Ok(()));
                body.reader.spliced().store(true, Ordering::Relaxed);
                Ok(body)
            }
            StubAnswer::UntilClose(bytes) => {
                let mut body = canned::archive("\"until-close\"", &bytes, Ok(()));
                body.head.framed = false;
                Ok(body)
            }
            other => panic!("{other:?} is no archive"),
        }
    }

    async fn stream(&self, ask: OpenStream, cx: &AskContext) -> Result<BodyStream, SessionError> {
        match self.next(&ask.url, cx).await? {
            StubAnswer::List { text, end } => Ok(canned::stream(&ask.url, &text, end)),
            StubAnswer::Drips(begins, drop) => Ok(canned::dripping(&ask.url, &begins, &drop)),
            other => panic!("{other:?} is no list"),
        }
    }

    fn is_held_back(&self) -> bool {
        self.script().held_back
    }
}
