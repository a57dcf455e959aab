//! A span, or none.

use std::borrow::Cow;

use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue, Value};

use crate::traces::{WorkSpan, export};

impl WorkSpan {
    /// The root of a book's tree, if this book is one of those that are traced.
    pub(crate) fn of_book(barcode: &str) -> Self {
        let Some(tracer) = export::tracer_of_one() else {
            return Self::default();
        };
        let attributes = vec![KeyValue::new("barcode", barcode.to_owned())];
        let span = tracer.span_builder("book").with_attributes(attributes);
        Self::begun(span, &Context::new())
    }

    /// A message that an actor is asked to handle, from its sending on.
    pub(crate) fn message(&self, actor: &'static str, kind: &'static str) -> Self {
        self.part(|| {
            let attributes = [("actor", actor), ("message", kind)].map(|(key, word)| KeyValue::new(key, word));
            let name = Cow::Owned(format!("{actor} {kind}"));
            SpanBuilder::from_name(name).with_attributes(attributes)
        })
    }

    /// A part of this work.
    pub(crate) fn child(&self, name: &'static str) -> Self {
        self.part(|| SpanBuilder::from_name(name).with_kind(SpanKind::Internal))
    }

    fn part(&self, of: impl FnOnce() -> SpanBuilder) -> Self {
        let parent = self.context.as_ref();
        parent.map(|parent| Self::begun(of(), parent)).unwrap_or_default()
    }

    fn begun(span: SpanBuilder, parent: &Context) -> Self {
        let begin = |tracer| parent.with_span(span.start_with_context(tracer, parent));
        Self {
            context: export::tracer().map(begin),
        }
    }

    /// What it came to, in a word of the code.
    pub(crate) fn word(&self, key: &'static str, word: &'static str) {
        self.note(key, word.into());
    }

    /// A count.
    pub(crate) fn number(&self, key: &'static str, number: u64) {
        self.note(key, i64::try_from(number).unwrap_or(i64::MAX).into());
    }

    fn note(&self, key: &'static str, value: Value) {
        if let Some(context) = &self.context {
            context.span().set_attribute(KeyValue::new(key, value));
        }
    }

    /// It did not succeed.
    pub(crate) fn fail(&self) {
        if let Some(context) = &self.context {
            context.span().set_status(Status::error(""));
        }
    }

    /// It is over; what is said of it afterwards is not taken.
    pub(crate) fn end(&self) {
        if let Some(context) = &self.context {
            context.span().end();
        }
    }
}
