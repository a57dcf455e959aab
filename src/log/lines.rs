//! The tracing layer that turns events into lines.

use std::collections::VecDeque;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use indicatif::MultiProgress;
use jiff::Timestamp;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record as SpanRecord};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::log::journal::JournalSocket;
use crate::log::limit::{LimitVerdict, RepeatLimit};
use crate::log::render::{LogFields, LogRecord, LogStyle};
use crate::log::speaker::speaker;

/// Where lines go, and how they look.
pub struct LogSink {
    state: Mutex<State>,
    /// The last lines, for who looks at the running program: it waits for no line that nobody takes.
    recent: Mutex<VecDeque<String>>,
}

struct State {
    style: LogStyle,
    /// Where standard error leads to journald; used for its style.
    journal: Option<JournalSocket>,
    out: Out,
    limit: RepeatLimit,
}

/// Lines that are kept.
const KEPT_LINES: usize = 200;
/// Characters of a line that are kept.
const KEPT_CHARACTERS: usize = 1_000;

enum Out {
    Stderr,
    /// Bars stand below; they are taken away while a line is written.
    Above(MultiProgress),
    #[cfg(test)]
    Memory(String),
}

impl LogSink {
    /// Writes to standard error, and for journald to this socket, if there is one.
    pub fn new(style: LogStyle, journal: Option<JournalSocket>) -> Self {
        Self::to(style, Out::Stderr, journal)
    }

    fn to(style: LogStyle, out: Out, journal: Option<JournalSocket>) -> Self {
        Self {
            state: Mutex::new(State {
                style,
                journal,
                out,
                limit: RepeatLimit::default(),
            }),
            recent: Mutex::default(),
        }
    }

    /// Changes how lines look.
    pub fn set_style(&self, style: LogStyle) {
        self.state().style = style;
    }

    /// The last lines that were written, the newest last.
    pub fn recent(&self) -> Vec<String> {
        self.kept().iter().cloned().collect()
    }

    fn keep(&self, record: &LogRecord<'_>) {
        let line = record.line(LogStyle::Text { colour: false });
        let line = line.trim_end().chars().take(KEPT_CHARACTERS).collect();
        let mut kept = self.kept();
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes above these bars, or straight to standard error again.
    pub fn draw_above(&self, bars: Option<MultiProgress>) {
        self.state().out = bars.map_or(Out::Stderr, Out::Above);
    }

    /// A poisoned lock is taken all the same: the log must still speak after a panic elsewhere.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, event: &Event<'_>, fields: LogFields) {
        let mut state = self.state();
        let metadata = event.metadata();
        let record = LogRecord {
            at: Timestamp::now(),
            level: *metadata.level(),
            target: metadata.target(),
            actor: speaker(),
            fields,
            left_out: 0,
        };
        if let Some(left_out) = state.allowance(event, &record) {
            let record = LogRecord { left_out, ..record };
            self.keep(&record);
            state.write(&record);
        }
    }
}

impl State {
    /// What journald does not take as a datagram is written as a line, which it takes too.
    fn write(&mut self, record: &LogRecord<'_>) {
        let journal = self.journal.as_ref().filter(|_| self.style == LogStyle::Journald);
        if !journal.is_some_and(|journal| journal.send(record)) {
            self.out.write(&record.line(self.style));
        }
    }

    /// How many messages were left out before this one; `None` if this one is left out too. Only warnings and errors are
    /// limited: they come in floods when something is down; the rest is wanted or switched off.
    fn allowance(&mut self, event: &Event<'_>, record: &LogRecord<'_>) -> Option<u32> {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN {
            return Some(0);
        }
        match self.limit.judge(metadata.callsite(), &record.gist(), Instant::now()) {
            LimitVerdict::Write { left_out } => Some(left_out),
            LimitVerdict::LeaveOut => None,
        }
    }
}

impl Out {
    /// A line that cannot be written is lost: there is nowhere left to say so.
    fn write(&mut self, line: &str) {
        match self {
            Self::Stderr => drop(std::io::stderr().write_all(line.as_bytes())),
            Self::Above(bars) => bars.suspend(|| drop(std::io::stderr().write_all(line.as_bytes()))),
            #[cfg(test)]
            Self::Memory(text) => text.push_str(line),
        }
    }
}

#[cfg(test)]
impl LogSink {
    pub(super) fn to_memory(style: LogStyle) -> Self {
        Self::to(style, Out::Memory(String::new()), None)
    }

    pub(super) fn written(&self) -> String {
        match &self.state().out {
            Out::Memory(text) => text.clone(),
            _ => String::new(),
        }
    }
}

/// The layer: collects the fields of an event and of the spans round it.
pub struct LogLayer {
    sink: Arc<LogSink>,
}

impl LogLayer {
    /// Writes to this sink.
    pub fn new(sink: Arc<LogSink>) -> Self {
        Self { sink }
    }
}

/// Fields of a span, kept with it.
struct SpanFields(LogFields);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LogLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let mut fields = Collect::default();
        attributes.record(&mut fields);
        if let Some(span) = cx.span(id) {
            span.extensions_mut().insert(SpanFields(fields.0));
        }
    }

    fn on_record(&self, id: &Id, values: &SpanRecord<'_>, cx: Context<'_, S>) {
        let Some(span) = cx.span(id) else { return };
        if let Some(SpanFields(known)) = span.extensions_mut().get_mut() {
            let mut fields = Collect::default();
            values.record(&mut fields);
            // A field told again replaces what was told before: a span that lives long must not grow.
            known.retain(|(name, _)| !fields.0.iter().any(|(new, _)| new == name));
            known.append(&mut fields.0);
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let mut fields = Collect::default();
        event.record(&mut fields);
        // Wherever a macro put it, the message comes first.
        fields.0.sort_by_key(|(name, _)| *name != "message");
        for span in cx.event_scope(event).into_iter().flatten() {
            if let Some(SpanFields(outer)) = span.extensions().get() {
                fields.0.extend(outer.iter().cloned());
            }
        }
        self.sink.write(event, fields.0);
    }
}

/// Names of fields that nobody should log; if somebody does, the value stays out.
const NEVER: [&str; 6] = [
    "authorization",
    "client_secret",
    "passphrase",
    "password",
    "secret",
    "token",
];

#[derive(Default)]
struct Collect(LogFields);

impl Collect {
    fn push(&mut self, field: &Field, value: Value) {
        let name = field.name();
        let hidden = NEVER
            .iter()
            .any(|never| name.eq_ignore_ascii_case(never) || name.ends_with("_token"));
        self.0.push((name, if hidden { "***".into() } else { value }));
    }
}

impl Visit for Collect {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.push(field, value.to_string().into());
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::log::journal::tests::received;
    use tracing_subscriber::layer::SubscriberExt;

    fn logged(style: LogStyle, speak: impl FnOnce()) -> String {
        let sink = Arc::new(LogSink::to_memory(style));
        let subscriber = tracing_subscriber::registry().with(LogLayer::new(Arc::clone(&sink)));
        tracing::subscriber::with_default(subscriber, speak);
        sink.written()
    }

    #[test]
    fn fields_of_the_spans_round_it_are_said_too() {
        let text = logged(LogStyle::Journald, || {
            let span = tracing::info_span!("book", barcode = "ABC1", step = tracing::field::Empty);
            let _inside = span.enter();
            span.record("step", "check");
            span.record("step", "download");
            tracing::info!(bytes = 7, "arrived");
        });
        assert_eq!(text, "<6>arrived bytes=7 barcode=ABC1 step=download\n");
    }

    #[test]
    fn journald_is_sent_fields_and_standard_error_what_it_does_not_take() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let journald = UnixDatagram::bind(&path).unwrap();
        let sink = LogSink::to(
            LogStyle::Journald,
            Out::Memory(String::new()),
            Some(JournalSocket::to(&path).unwrap()),
        );
        let sink = Arc::new(sink);
        let subscriber = tracing_subscriber::registry().with(LogLayer::new(Arc::clone(&sink)));
        tracing::subscriber::with_default(subscriber, || {
            crate::log::as_actor("downloader", || {
                tracing::info!(barcode = "ABC1", passphrase = "open", "arrived")
            });
            let told = received(&journald);
            for field in [
                "BARCODE=ABC1\n",
                "ACTOR=downloader\n",
                "PRIORITY=6\n",
                "PASSPHRASE=***\n",
            ] {
                assert!(told.contains(field), "{told}");
            }
            sink.set_style(LogStyle::Json);
            tracing::info!("as JSON");
            sink.set_style(LogStyle::Journald);
            drop(journald);
            tracing::info!("journald is gone");
        });
        let written = sink.written();
        assert!(
            !written.contains("arrived") && written.contains("\"as JSON\""),
            "{written}"
        );
        assert!(written.ends_with("<6>journald is gone\n"), "{written}");
    }

    #[test]
    fn the_last_lines_are_told_while_nobody_takes_the_next_one() {
        let sink = Arc::new(LogSink::to_memory(LogStyle::Journald));
        let subscriber = tracing_subscriber::registry().with(LogLayer::new(Arc::clone(&sink)));
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..=KEPT_LINES {
                tracing::info!(number, passphrase = "open", "said");
            }
        });
        let writing = sink.state();
        let (told, telling) = std::sync::mpsc::channel();
        let asked = Arc::clone(&sink);
        std::thread::spawn(move || told.send(asked.recent()));
        let recent = telling.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
        drop(writing);
        assert_eq!(recent.len(), KEPT_LINES);
        assert!(recent[0].contains("number=1 "), "the first has gone: {}", recent[0]);
        assert!(recent.iter().all(|line| !line.contains("open")), "{recent:?}");
    }

    #[test]
    fn what_is_named_a_secret_is_not_written() {
        let text = logged(LogStyle::Json, || {
            tracing::error!(access_token = "ya29.x", passphrase = "open", error = %std::fmt::Error, "no");
        });
        assert!(!text.contains("ya29") && !text.contains("open"), "{text}");
        assert!(text.contains("\"access_token\":\"***\""), "{text}");
    }

    #[test]
    fn a_flood_of_one_warning_is_cut() {
        let text = logged(LogStyle::Journald, || {
            for number in 0..100 {
                tracing::warn!(number, "cut");
                tracing::info!("all the same");
            }
        });
        assert_eq!(text.matches("<4>").count(), 20);
        assert_eq!(text.matches("<6>").count(), 100);
    }

    #[test]
    fn a_fault_that_lasts_is_written_twice_whatever_the_next_attempt_is() {
        let text = logged(LogStyle::Journald, || {
            for attempt in 1..6 {
                let delay = std::time::Duration::from_millis(attempt * attempt);
                tracing::warn!(what = "list_page", attempt, ?delay, "request failed; trying again");
            }
            tracing::warn!(what = "search", attempt = 1, "request failed; trying again");
        });
        assert_eq!(text.matches("list_page").count(), 2, "{text}");
        assert_eq!(text.matches("search").count(), 1, "{text}");
    }
}
