//! HEAD and GET of an archive: tag, length, ranges, and the faults of both.

use std::sync::Arc;

use actix_web::body::SizedStream;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

use crate::lab::simulator::archive::body::{BodyScript, RangeTransfer};
use crate::lab::simulator::archive::cache::ArchiveBytes;
use crate::lab::simulator::faults::{FaultKind, FaultPlan};
use crate::lab::simulator::grin::lists_html;
use crate::lab::simulator::seed::DrawPurpose;
use crate::lab::simulator::shared::SimulatorState;

/// Bytes missing from an archive truncated in transit.
const MISSING: u64 = 600;

/// Where a part begins that is sent from a block's border.
const BLOCK: u64 = 4_096;

/// Answers HEAD and GET of book number `index`.
pub(crate) async fn archive(
    shared: &Arc<SimulatorState>,
    request: &HttpRequest,
    index: u32,
    fault: Option<FaultKind>,
) -> HttpResponse {
    let mut life = shared.shelf.life(index);
    if !shared.shelf.has_archive(&life) {
        return HttpResponse::NotFound()
            .content_type("text/html")
            .body("<html><body>404</body></html>");
    }
    if fault == Some(FaultKind::Remade) {
        life = shared.shelf.remake(index);
    }
    let mut etag = shared.catalogue.etag(index, life.generation);
    if fault == Some(FaultKind::OtherTag) {
        etag.insert_str(etag.len() - 1, "-other");
    }
    let tagged = shared.catalogue.config.etags && fault != Some(FaultKind::NoTag);
    let mut answer = HttpResponse::Ok();
    answer.content_type("application/octet-stream");
    if tagged {
        answer.insert_header((header::ETAG, etag.as_str()));
    }
    if shared.catalogue.config.ranges {
        answer.insert_header((header::ACCEPT_RANGES, "bytes"));
    }
    if request.method() == Method::HEAD {
        let length = shared.cache.length(index, life.generation);
        return answer.body(SizedStream::new(
            length,
            futures::stream::empty::<Result<_, std::io::Error>>(),
        ));
    }
    shared.counters.sends(index);
    match shared.cache.fetch(index, life.generation).await {
        Err(error) => HttpResponse::InternalServerError().body(format!("archive could not be made: {error}")),
        Ok(source) => send(
            shared,
            request,
            ServedArchive {
                index,
                source,
                etag,
                fault,
            },
            answer,
        ),
    }
}

/// One archive to be sent, and what goes wrong with it.
struct ServedArchive {
    index: u32,
    source: ArchiveBytes,
    etag: String,
    fault: Option<FaultKind>,
}

fn send(
    shared: &Arc<SimulatorState>,
    request: &HttpRequest,
    archive: ServedArchive,
    mut answer: HttpResponseBuilder,
) -> HttpResponse {
    let ServedArchive {
        index,
        source,
        etag,
        fault,
    } = archive;
    let total = source.length();
    let range = if shared.catalogue.config.ranges {
        asked_range(request, &etag, total)
    } else {
        Asked::Whole
    };
    let (start, end) = match range {
        Asked::Whole => (0, total),
        Asked::Part(..) if fault == Some(FaultKind::RangeIgnored) => (0, total),
        Asked::Part(start, end) => {
            answer.status(StatusCode::PARTIAL_CONTENT);
            let (start, end) = match fault {
                Some(FaultKind::RangeEarlier) => (start - start % BLOCK, end),
                Some(FaultKind::RangeShorter) => (start, end - (end - start) / 2),
                _ => (start, end),
            };
            let value = match fault {
                Some(FaultKind::RangeTotalUnknown) => format!("bytes {start}-{}/*", end - 1),
                _ => format!("bytes {start}-{}/{total}", end - 1),
            };
            answer.insert_header((header::CONTENT_RANGE, value));
            (start, end)
        }
        Asked::Nothing => {
            return HttpResponse::RangeNotSatisfiable()
                .insert_header((header::CONTENT_RANGE, format!("bytes */{total}")))
                .finish();
        }
    };
    // Somewhere in the middle third of what is asked for.
    let mut draw = shared
        .catalogue
        .draw(DrawPurpose::Place, u64::from(index) ^ start << 20);
    let middle = start + (end - start) / 3 + draw.below((end - start) / 3 + 1);
    let Marred { sent_to, said, script } = marred(fault, &BodySpan { start, middle, end }, &shared.dice.faults());
    let downloaded = Arc::clone(shared);
    let transfer = RangeTransfer {
        source,
        position: start,
        end: sent_to,
        script,
        counters: Arc::clone(&shared.counters),
        done: (sent_to == total).then(|| Box::new(move || downloaded.shelf.downloaded(index)) as Box<dyn FnOnce()>),
    };
    match fault {
        Some(FaultKind::Chunked) => answer.streaming(transfer.stream()),
        _ => answer.body(SizedStream::new(said, Box::pin(transfer.stream()))),
    }
}

/// What a fault makes of an answer: where it really ends, the length that it tells, and what befalls it on the way.
struct Marred {
    sent_to: u64,
    said: u64,
    script: BodyScript,
}

/// The bytes that are asked for, and the place between at which a fault strikes.
struct BodySpan {
    start: u64,
    middle: u64,
    end: u64,
}

fn marred(fault: Option<FaultKind>, span: &BodySpan, measures: &FaultPlan) -> Marred {
    let BodySpan { start, middle, end } = *span;
    let mut script = BodyScript::default();
    let (mut sent_to, mut said) = (end, end - start);
    match fault {
        Some(FaultKind::Cut) => script.cut_at = Some(middle),
        Some(FaultKind::Stall) => script.stall_at = Some((middle, measures.stall)),
        Some(FaultKind::Trickle) => script.trickle = Some(measures.trickle),
        Some(FaultKind::DamagedOnce) => script.flip_at = Some(middle),
        Some(FaultKind::TruncatedOnce) => {
            sent_to = end.saturating_sub(MISSING).max(start);
            said = sent_to - start;
        }
        Some(FaultKind::ShortLength) => {
            sent_to = middle;
            said = middle - start;
        }
        Some(FaultKind::LongLength) => {
            said += 1_000;
            script.cut_at = Some(end);
        }
        _ => {}
    }
    Marred { sent_to, said, script }
}

/// What part of an archive is asked for; ends are exclusive.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(u64, u64),
    Nothing,
}

fn asked_range(request: &HttpRequest, etag: &str, total: u64) -> Asked {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let Some(range) = text(header::RANGE) else {
        return Asked::Whole;
    };
    match text(header::IF_RANGE) {
        Some(validator) if validator != etag => Asked::Whole,
        _ => parse_range(range, total),
    }
}

/// One range of bytes; several, or nonsense, count as none (RFC 9110, section 14.2).
fn parse_range(text: &str, total: u64) -> Asked {
    let parts = text.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let Some((first, last)) = parts else {
        return Asked::Whole;
    };
    match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), _) if first >= total => Asked::Nothing,
        (Ok(first), Ok(last)) if last >= first => Asked::Part(first, total.min(last.saturating_add(1))),
        (Ok(first), Err(_)) if last.is_empty() => Asked::Part(first, total),
        (Err(_), Ok(0)) if first.is_empty() => Asked::Nothing,
        (Err(_), Ok(count)) if first.is_empty() => Asked::Part(total.saturating_sub(count), total),
        _ => Asked::Whole,
    }
}

/// Faults that answer in place of the archive.
pub(crate) fn in_its_place(shared: &SimulatorState, fault: FaultKind, file: &str) -> Option<HttpResponse> {
    let bound = shared.bound.get()?;
    let library = &shared.catalogue.config.library;
    let location = match fault {
        FaultKind::Html => {
            let page = lists_html::unavailable();
            return Some(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page));
        }
        FaultKind::RedirectSameHost => format!("{}/libraries/{library}/_mirror/{file}", bound.origin()),
        FaultKind::RedirectRelative => format!("_mirror/{file}"),
        FaultKind::RedirectOtherHost => format!("{}/bytes/{}/{file}", bound.other_origin(), ticket(shared, file)),
        FaultKind::RedirectSigned => format!("{}/signed/{}/{file}", bound.other_origin(), ticket(shared, file)),
        FaultKind::RedirectForeign => format!("{}/bytes/{}/{file}", bound.foreign_origin(), ticket(shared, file)),
        FaultKind::RedirectLoop => format!("/libraries/{library}/_loop/1/{file}"),
        FaultKind::RedirectDowngrade if bound.scheme == "https" => {
            format!("http://{}:{}/libraries/{library}/{file}", bound.host, bound.port)
        }
        _ => return None,
    };
    Some(
        HttpResponse::Found()
            .insert_header((header::LOCATION, location))
            .finish(),
    )
}

/// Opens the archive's bytes on the other host, where no token is asked for.
pub(crate) fn ticket(shared: &SimulatorState, file: &str) -> String {
    let index = shared.catalogue.index_of_file(file).map_or(u64::MAX, u64::from);
    format!("{:016x}", shared.catalogue.draw(DrawPurpose::Token, index << 8).next())
}

/// A redirect that leads to one more of its kind.
pub(crate) fn endless(hop: &str, file: &str) -> HttpResponse {
    let next = hop.parse::<u64>().unwrap_or(0).wrapping_add(1);
    HttpResponse::Found()
        .insert_header((header::LOCATION, format!("../{next}/{file}")))
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let cases = [
            ("bytes=0-9", Asked::Part(0, 10)),
            ("bytes=90-", Asked::Part(90, 100)),
            ("bytes=90-900", Asked::Part(90, 100)),
            ("bytes=-5", Asked::Part(95, 100)),
            ("bytes=100-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=5-4", Asked::Whole),
            ("bytes=0-1,5-6", Asked::Whole),
            ("lines=0-1", Asked::Whole),
            ("bytes=x", Asked::Whole),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_range(text, 100), expected, "{text}");
        }
    }
}
