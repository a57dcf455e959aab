//! Spans of what is done about a book, sent to a collector over OTLP where `observe.traces_url` names one.
//!
//! A span goes with the [`AskContext`](crate::actor::AskContext) of a piece of work, so that what others are asked for it becomes a part of
//! the same tree on whatever thread it is done. Without a span nothing is allocated and no clock is read: each call looks whether there is one. Spans
//! carry words of the code, counts and the barcode, never an address or the text of an error.

#[cfg(feature = "traces")]
mod client;
#[cfg(feature = "traces")]
mod export;
#[cfg(feature = "traces")]
mod span;
#[cfg(not(feature = "traces"))]
mod unbuilt;

#[cfg(feature = "traces")]
pub(crate) use export::TraceExport;

/// The span of a piece of work; clones are handles to the same one. Where nothing is traced, or not this book, it is none, and so are its parts.
///
/// It ends when that is said, or with its last handle.
#[derive(Debug, Clone, Default)]
pub(crate) struct WorkSpan {
    #[cfg(feature = "traces")]
    context: Option<opentelemetry::Context>,
}

/// Ends its span when it is dropped, whoever still holds another handle to it.
#[derive(Debug)]
pub(crate) struct EndingSpan(pub(crate) WorkSpan);

impl Drop for EndingSpan {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl WorkSpan {
    /// Waits for a part of the work, which becomes a span of its own.
    pub(crate) async fn during<F: Future>(&self, name: &'static str, part: F) -> F::Output {
        let _ending = EndingSpan(self.child(name));
        part.await
    }
}

/// Where spans are sent, and how many.
#[cfg(feature = "traces")]
#[derive(Debug, Clone)]
pub(crate) struct TraceTarget<'a> {
    /// The whole address, with its path: `http://127.0.0.1:4318/v1/traces`.
    pub url: &'a str,
    /// Of how many books, from 0 to 1.
    pub share: f64,
    /// Who sends them.
    pub instance: &'a str,
}
