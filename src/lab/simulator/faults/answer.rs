//! Faults of an answer as a whole, whatever stands in it: its coding, its framing, its end, and dates in its head.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody, to_bytes};
use actix_web::http::{ConnectionType, StatusCode, header};
use actix_web::web::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::lab::simulator::faults::FaultKind;

/// The form of a date in `Retry-After`, besides the usual one (RFC 9110, 5.6.7).
const RFC_850: &str = "%A, %d-%b-%y %H:%M:%S GMT";
const ASCTIME: &str = "%a %b %e %H:%M:%S %Y";

/// Comes back when the answer may begin.
pub(crate) async fn held_back(fault: Option<FaultKind>, stall: Duration) {
    match fault {
        Some(FaultKind::LateHead) => tokio::time::sleep(stall).await,
        Some(FaultKind::HeadSilent) => std::future::pending().await,
        _ => {}
    }
}

/// A refusal that asks for a wait until a date, if that is the fault.
pub(crate) fn wait_until(fault: FaultKind) -> Option<HttpResponse> {
    let form = match fault {
        FaultKind::Status429Rfc850 => RFC_850,
        FaultKind::Status429Asctime => ASCTIME,
        _ => return None,
    };
    // Dates have whole seconds, so the wait is between one and two.
    let until = Timestamp::now().checked_add(2.seconds()).ok()?.to_zoned(TimeZone::UTC);
    let until = until.strftime(form).to_string();
    Some(
        HttpResponse::TooManyRequests()
            .insert_header((header::RETRY_AFTER, until))
            .finish(),
    )
}

/// The answer as the fault leaves it.
pub(crate) async fn changed(answer: HttpResponse, fault: Option<FaultKind>) -> HttpResponse {
    match fault {
        Some(FaultKind::Coded) if answer.status().is_success() => coded(answer).await,
        Some(FaultKind::Unframed) if answer.status() == StatusCode::OK => unframed(answer),
        Some(FaultKind::CutText) if answer.status() == StatusCode::OK => cut(answer).await,
        _ => answer,
    }
}

/// Packs the whole body with gzip, and says so.
async fn coded(answer: HttpResponse) -> HttpResponse {
    let (mut head, body) = answer.into_parts();
    let packed = to_bytes(body).await.ok().and_then(|bytes| gzip(&bytes).ok());
    let Some(packed) = packed else {
        return HttpResponse::InternalServerError().finish();
    };
    let coding = header::HeaderValue::from_static("gzip");
    head.headers_mut().insert(header::CONTENT_ENCODING, coding);
    head.set_body(BoxBody::new(packed))
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Only the connection's end ends the body.
pub(crate) fn unframed(mut answer: HttpResponse) -> HttpResponse {
    answer.head_mut().no_chunking(true);
    answer.head_mut().set_connection_type(ConnectionType::Close);
    answer.map_body(|_, body| BoxBody::new(UnframedBody(body)))
}

/// Half of the body in chunks, and never the last one.
async fn cut(answer: HttpResponse) -> HttpResponse {
    let (head, body) = answer.into_parts();
    let Ok(bytes) = to_bytes(body).await else {
        return HttpResponse::InternalServerError().finish();
    };
    let half = bytes.slice(..bytes.len() / 2);
    let pieces = [Ok(half), Err(io::Error::other("cut on purpose"))];
    let body =
        actix_web::body::BodyStream::new(Box::pin(stream::unfold(pieces.into_iter(), |mut pieces| async move {
            let piece = pieces.next()?;
            if piece.is_err() {
                // The bytes before it leave first.
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            Some((piece, pieces))
        })));
    head.set_body(BoxBody::new(body))
}

/// A body of which nobody is told how long it is.
struct UnframedBody(BoxBody);

impl MessageBody for UnframedBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.0.as_pin_mut().poll_next(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_in_the_old_forms() {
        for (fault, wait) in [
            (FaultKind::Status429Rfc850, true),
            (FaultKind::Status429Asctime, true),
            (FaultKind::Status429, false),
        ] {
            let answer = wait_until(fault);
            assert_eq!(answer.is_some(), wait, "{fault:?}");
            let Some(answer) = answer else { continue };
            let told = answer.headers().get(header::RETRY_AFTER).unwrap().to_str().unwrap();
            let until = httpdate::parse_http_date(told).unwrap();
            let wait = until.duration_since(std::time::SystemTime::now()).unwrap();
            assert!(wait.as_secs() <= 2, "{told}");
        }
    }
}
