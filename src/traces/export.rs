//! From the end of a span to the collector: a queue of bounded length, and a thread that sends what is in it.

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider};
use tracing::{info, warn};

use crate::traces::TraceTarget;
use crate::traces::client::CollectorClient;

/// Spans that wait to be sent, some 2 MB; further ones are dropped, and nobody waits.
const LONGEST_QUEUE: usize = 4_096;
/// Spans in one request.
const BATCH: usize = 512;
const SEND_EVERY: Duration = Duration::from_secs(5);
/// What is left at the end of the daemon is sent in this time.
const LAST_SEND: Duration = Duration::from_secs(3);

struct RunningTraces {
    tracer: SdkTracer,
    share: f64,
}

/// Of this process; begun once, for as long as it lives.
static RUNNING: OnceLock<RunningTraces> = OnceLock::new();

/// Sends spans until it is dropped.
#[derive(Debug)]
pub(crate) struct TraceExport {
    provider: SdkTracerProvider,
}

impl TraceExport {
    /// Begins to send. A daemon that cannot do so works all the same.
    pub(crate) fn begin(target: &TraceTarget<'_>) -> Option<Self> {
        let provider = match provider(target) {
            Ok(provider) => provider,
            Err(error) => {
                warn!(%error, "no spans are sent to observe.traces_url");
                return None;
            }
        };
        let tracer = provider.tracer("grind");
        let share = target.share;
        if RUNNING.set(RunningTraces { tracer, share }).is_err() {
            warn!("spans are sent for the first daemon of a process only");
            return None;
        }
        info!(url = target.url, share, "spans of books are sent to a collector");
        Some(Self { provider })
    }
}

impl Drop for TraceExport {
    /// A collector that does not answer was told of already.
    fn drop(&mut self) {
        drop(self.provider.shutdown_with_timeout(LAST_SEND));
    }
}

fn provider(target: &TraceTarget<'_>) -> Result<SdkTracerProvider, String> {
    // Nothing is sent twice: the queue is for newer spans, and the end of the daemon does not wait.
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(CollectorClient::new()?)
        .with_retry_policy(RetryPolicy::disabled())
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(target.url)
        .build()
        .map_err(|error| error.to_string())?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(LONGEST_QUEUE)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(SEND_EVERY)
        .build();
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
    let who = [
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id", target.instance.to_owned()),
    ];
    let resource = Resource::builder()
        .with_service_name("grind")
        .with_attributes(who.map(|(key, word)| KeyValue::new(key, word)))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_resource(resource)
        .build())
}

/// By which spans are begun; `None`: nothing is traced.
pub(super) fn tracer() -> Option<&'static SdkTracer> {
    RUNNING.get().map(|running| &running.tracer)
}

/// The same, if the next book is one of those that are traced.
pub(super) fn tracer_of_one() -> Option<&'static SdkTracer> {
    let running = RUNNING.get()?;
    is_traced(running.share, rand::random()).then_some(&running.tracer)
}

/// `chance`: from 0 to just below 1, another for each book.
fn is_traced(share: f64, chance: f64) -> bool {
    chance < share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_books_are_traced_as_the_share_says() {
        for (share, chance, expected) in [
            (0.0, 0.0, false),
            (0.1, 0.099, true),
            (0.1, 0.1, false),
            (1.0, 0.999_999, true),
        ] {
            assert_eq!(is_traced(share, chance), expected, "{share} {chance}");
        }
    }
}
