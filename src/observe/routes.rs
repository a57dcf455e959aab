//! What is answered at which address.
//!
//! `GET /` and what belongs to it: the page (`src/observe/page.rs`) · `GET /metrics` Prometheus text · `GET /api/status` the same as JSON · `GET /api/actors/NAME/black-box` an actor's
//! last messages · `GET /api/log` the last lines of the log (over the Unix socket only) · `GET /live` 200 while all threads answer and no actor stands still for so long that systemd is to end the daemon, else 503 · `GET /ready` 200, or 503 with the reason for which it cannot do its job · `PUT /api/log-level` changes the log level live · `POST /api/control`
//! does what an operator asks for (over the Unix socket only, whose file says who may).

use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{Data, Json, JsonConfig, PayloadConfig, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, post, put, route, web};
use jiff::Timestamp;

use crate::actor::ActorName;
use crate::observe::client::ORDER_UNTIL;
use crate::observe::control::ControlRequest;
use crate::observe::page;
use crate::observe::readiness::DaemonReadiness;
use crate::observe::status::DaemonStatus;
use crate::observe::text;
use crate::observe::view::DaemonView;

/// A log level has a few words.
const LONGEST_BODY: usize = 1024;
/// Some 20,000 barcodes.
const LONGEST_REQUEST: usize = 512 * 1024;

/// All addresses.
pub fn all(config: &mut ServiceConfig) {
    config
        .app_data(PayloadConfig::new(LONGEST_BODY))
        .configure(page::all)
        .service(metrics)
        .service(api_status)
        .service(black_box)
        .service(recent_log)
        .service(live)
        .service(ready)
        .app_data(JsonConfig::default().limit(LONGEST_REQUEST))
        .service(log_level)
        .service(control);
}

#[route("/metrics", method = "GET", method = "HEAD")]
async fn metrics(view: Data<dyn DaemonView>) -> HttpResponse {
    let families = DaemonStatus::of(view.get_ref()).families();
    HttpResponse::Ok()
        .content_type(text::CONTENT_TYPE)
        .body(text::render(&families))
}

#[route("/api/status", method = "GET", method = "HEAD")]
async fn api_status(view: Data<dyn DaemonView>) -> HttpResponse {
    HttpResponse::Ok().json(DaemonStatus::of(view.get_ref()))
}

#[route("/api/actors/{name}/black-box", method = "GET", method = "HEAD")]
async fn black_box(name: web::Path<String>, view: Data<dyn DaemonView>) -> HttpResponse {
    match ActorName::ALL.into_iter().find(|actor| actor.as_str() == *name) {
        Some(actor) => HttpResponse::Ok().json(view.black_box(actor)),
        None => plain(&mut HttpResponse::NotFound(), &format!("there is no actor {:?}", *name)),
    }
}

#[route("/api/log", method = "GET", method = "HEAD")]
async fn recent_log(request: HttpRequest, view: Data<dyn DaemonView>) -> HttpResponse {
    if let Some(refused) = refused_stranger(&request) {
        return refused;
    }
    HttpResponse::Ok().json(view.recent_log())
}

#[route("/live", method = "GET", method = "HEAD")]
async fn live(view: Data<dyn DaemonView>) -> HttpResponse {
    let (stuck, stalled) = (view.stuck_threads(), view.stalled_actors(&view.hub()));
    let stalled = stalled.iter().filter(|stall| stall.ends_daemon);
    let told: Vec<_> = stuck
        .iter()
        .map(ToString::to_string)
        .chain(stalled.map(ToString::to_string))
        .collect();
    if told.is_empty() {
        return plain(&mut HttpResponse::Ok(), "live");
    }
    plain(&mut HttpResponse::ServiceUnavailable(), &told.join("\n"))
}

#[route("/ready", method = "GET", method = "HEAD")]
async fn ready(view: Data<dyn DaemonView>) -> HttpResponse {
    let (stuck, stalled) = (view.stuck_threads(), view.stalled_actors(&view.hub()));
    match view.ready(&view.daemon()).among(&stuck, &stalled) {
        DaemonReadiness::Yes => plain(&mut HttpResponse::Ok(), "ready"),
        DaemonReadiness::No { why } => plain(&mut HttpResponse::ServiceUnavailable(), &format!("not ready: {why}")),
    }
}

#[put("/api/log-level")]
async fn log_level(request: HttpRequest, body: web::Bytes, view: Data<dyn DaemonView>) -> HttpResponse {
    if let Some(refused) = refused_stranger(&request) {
        return refused;
    }
    let level = String::from_utf8_lossy(&body);
    match view.set_log_level(level.trim()) {
        Ok(()) => plain(&mut HttpResponse::Ok(), &format!("log level: {}", level.trim())),
        Err(why) => plain(&mut HttpResponse::BadRequest(), &why),
    }
}

#[post("/api/control")]
async fn control(request: HttpRequest, body: Json<ControlRequest>, view: Data<dyn DaemonView>) -> HttpResponse {
    if let Some(refused) = refused_stranger(&request) {
        return refused;
    }
    if is_too_late(request.headers(), Timestamp::now()) {
        let why = "whoever gave this order waits for it no longer; it is not carried out";
        return plain(&mut HttpResponse::RequestTimeout(), why);
    }
    match view.control(body.into_inner()).await {
        Ok(reply) => HttpResponse::Ok().json(reply),
        Err(error) => plain(&mut HttpResponse::ServiceUnavailable(), &error.to_string()),
    }
}

/// Whether an order lay in a daemon that stood still until nobody waited for its answer any more.
fn is_too_late(headers: &HeaderMap, now: Timestamp) -> bool {
    let until = headers
        .get(ORDER_UNTIL)
        .and_then(|until| until.to_str().ok()?.parse().ok());
    until.is_some_and(|until: i64| until < now.as_millisecond())
}

/// Orders are taken, and the log is shown, over the Unix socket, whose mode says who may, and to no page in a browser (those send an
/// `Origin`). Any user of this machine may connect to the loopback interface.
fn refused_stranger(request: &HttpRequest) -> Option<HttpResponse> {
    let is_refused = request.peer_addr().is_some() || request.headers().contains_key(header::ORIGIN);
    is_refused.then(|| {
        plain(
            &mut HttpResponse::Forbidden(),
            "the daemon takes orders and shows its log over its Unix socket only (observe.socket)",
        )
    })
}

fn plain(response: &mut actix_web::HttpResponseBuilder, text: &str) -> HttpResponse {
    response
        .content_type("text/plain; charset=utf-8")
        .body(format!("{text}\n"))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn an_order_is_carried_out_only_while_somebody_waits_for_its_answer() {
        let now = Timestamp::from_millisecond(1_000_000).unwrap();
        for (until, too_late) in [
            (None, false),
            (Some("999999"), true),
            (Some("1000000"), false),
            (Some("1030000"), false),
            (Some("soon"), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(until) = until {
                headers.insert(HeaderName::from_static(ORDER_UNTIL), HeaderValue::from_static(until));
            }
            assert_eq!(is_too_late(&headers, now), too_late, "{until:?}");
        }
    }
}
