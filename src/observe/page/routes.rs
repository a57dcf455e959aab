//! What is answered at the page's addresses.

use actix_web::http::header::{ContentType, RETRY_AFTER};
use actix_web::web::{Data, Path, ServiceConfig};
use actix_web::{HttpResponse, HttpResponseBuilder, get, head, route};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::Markup;

use crate::grin::Barcode;
use crate::observe::page;
use crate::observe::page::clock::PageClock;
use crate::observe::page::live::LivePage;
use crate::observe::status::DaemonStatus;
use crate::observe::view::DaemonView;

/// The page, what it is made of, and the pages it leads to.
pub fn all(config: &mut ServiceConfig) {
    config
        .service(document)
        .service(events)
        .service(events_head)
        .service(book)
        .service(config_in_force)
        .service(style)
        .service(script)
        .service(icon);
}

#[route("/", method = "GET", method = "HEAD")]
async fn document(view: Data<dyn DaemonView>) -> HttpResponse {
    let status = DaemonStatus::of(view.get_ref());
    let page = page::document(&status, TimeZone::system());
    html(&mut HttpResponse::Ok(), page)
}

#[get("/events")]
async fn events(live: Data<LivePage>) -> HttpResponse {
    match live.watch() {
        Some(events) => HttpResponse::Ok().content_type("text/event-stream").streaming(events),
        // Until then the browser loads the page as it is. The connection ends with the answer: idle ones of those refused would take the places of whoever asks for the page.
        None => HttpResponse::ServiceUnavailable()
            .content_type(ContentType::plaintext())
            .insert_header((RETRY_AFTER, page::LOAD_AGAIN_SECONDS))
            .force_close()
            .body("too many watch already\n"),
    }
}

/// Without a place among those who watch.
#[head("/events")]
async fn events_head() -> HttpResponse {
    HttpResponse::Ok().content_type("text/event-stream").finish()
}

#[route("/book/{barcode}", method = "GET", method = "HEAD")]
async fn book(barcode: Path<String>, view: Data<dyn DaemonView>) -> HttpResponse {
    let Ok(barcode) = Barcode::parse(&barcode) else {
        return html(
            &mut HttpResponse::NotFound(),
            page::note("No such book", "This is no barcode."),
        );
    };
    let clock = PageClock::new(Timestamp::now(), TimeZone::system());
    match view.story(barcode.clone()).await {
        Ok(Some(story)) => html(&mut HttpResponse::Ok(), page::book::document(&story, &clock)),
        Ok(None) => {
            let text = format!("The catalog does not know {barcode}.");
            html(&mut HttpResponse::NotFound(), page::note("No such book", &text))
        }
        Err(error) => {
            let note = page::note("Not now", &error.to_string());
            html(&mut HttpResponse::ServiceUnavailable(), note)
        }
    }
}

#[route("/config", method = "GET", method = "HEAD")]
async fn config_in_force(view: Data<dyn DaemonView>) -> HttpResponse {
    html(&mut HttpResponse::Ok(), page::config(&view.config()))
}

#[route("/page.css", method = "GET", method = "HEAD")]
async fn style() -> HttpResponse {
    part("text/css; charset=utf-8", include_str!("page.css"))
}

#[route("/page.js", method = "GET", method = "HEAD")]
async fn script() -> HttpResponse {
    part("text/javascript; charset=utf-8", include_str!("page.js"))
}

#[route("/icon.svg", method = "GET", method = "HEAD")]
async fn icon() -> HttpResponse {
    part("image/svg+xml", include_str!("icon.svg"))
}

fn part(kind: &'static str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok().content_type(kind).body(text)
}

fn html(response: &mut HttpResponseBuilder, page: Markup) -> HttpResponse {
    response.content_type(ContentType::html()).body(page.into_string())
}
