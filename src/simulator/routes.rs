//! Room `simulator`: which address answers what, and what every answer passes through first.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{self, Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use super::config::Refusal;
use super::faults::Fault;
use super::lists::{self, List, NoPage};
use super::lists_html::{self, HtmlPage};
use super::lists_text::{self, Lines, TextPage};
use super::query::Query;
use super::shared::Shared;
use super::stats::Op;
use super::{archive_http, oauth, process};

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
/// Where GRIN redirects requests whose token it does not accept (src/grin/PROTOCOL.md, section 2).
const SIGN_IN: &str = "https://accounts.google.com/ServiceLogin?service=print&passive=1209600";
/// Addresses longer than this are refused, as Google's front ends do.
const LONGEST_ADDRESS: usize = 8_192;
/// A body of barcodes longer than this is refused.
const LONGEST_BODY: usize = 4 << 20;

/// Lays out the addresses.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .app_data(web::PayloadConfig::new(LONGEST_BODY))
        .route("/libraries/{library}", web::route().to(directory))
        .route("/libraries/{library}/{name:.*}", web::route().to(grin))
        .route("/bytes/{ticket}/{file}", web::route().to(other_host))
        .route("/o/oauth2/auth", web::get().to(authorize))
        .route("/token", web::post().to(token))
        .route("/ServiceLogin", web::route().to(sign_in))
        .default_service(web::route().to(nothing));
}

type State = Data<Arc<Shared>>;

async fn directory(shared: State, request: HttpRequest, library: Path<String>, body: Bytes) -> HttpResponse {
    grin(shared, request, Path::from((library.into_inner(), String::new())), body).await
}

/// Everything of a library's directory.
async fn grin(shared: State, request: HttpRequest, path: Path<(String, String)>, body: Bytes) -> HttpResponse {
    let shared = Arc::clone(shared.get_ref());
    let (library, name) = path.into_inner();
    let asked = Asked::of(&shared, &request, &name);
    if let Some(refused) = before(&shared, &request, asked.op).await {
        return refused;
    }
    if library != shared.catalogue.config.library {
        let page = "<html><body>You do not have permission to view this library.</body></html>";
        return HttpResponse::Forbidden().content_type(HTML).body(page);
    }
    // The way round a redirect is free of faults, so that following one leads somewhere.
    let fault = if asked.detour {
        None
    } else {
        shared.dice.throw(asked.op, asked.key)
    };
    if let Some(fault) = fault {
        if let Some(answer) = answered_by(&shared, fault, &name) {
            shared.counters.fault(fault);
            return answer;
        }
        if fault != Fault::RedirectDowngrade {
            shared.counters.fault(fault);
        }
    }
    answer(&shared, &request, &asked, &name, (fault, &body)).await
}

/// What a request is about.
struct Asked {
    op: Op,
    /// The book or page whose faults are counted together.
    key: u64,
    index: Option<u32>,
    detour: bool,
}

impl Asked {
    fn of(shared: &Shared, request: &HttpRequest, name: &str) -> Self {
        let file = name.rsplit('/').next().unwrap_or(name);
        let index = shared.catalogue.index_of_file(file);
        let text = request.query_string().contains("format=text");
        let op = match name {
            "" => Op::Summary,
            "_process" => Op::Process,
            "_barcode_search" => Op::Search,
            "_monthly_report" => Op::Report,
            list if List::named(list).is_some() => {
                if text {
                    Op::TextList
                } else {
                    Op::ListPage
                }
            }
            _ if request.method() == Method::HEAD => Op::Head,
            _ if file.ends_with(".tar.gz.gpg") => Op::Get,
            _ => Op::Other,
        };
        let key = match index {
            Some(index) => u64::from(index),
            None => page_key(request),
        };
        Self {
            op,
            key,
            index,
            detour: name.starts_with("_mirror/") || name.starts_with("_loop/"),
        }
    }
}

/// Pages are told apart by where they begin; searches and requests by what they ask for.
fn page_key(request: &HttpRequest) -> u64 {
    let query = Query::parse(request.query_string());
    let marked = query.get("ctoken").and_then(lists::place_of_mark);
    let place = query.get("first").or(query.get("barcodes")).or(marked.as_deref());
    key_of_page(request.path(), place.unwrap_or("1"))
}

/// The number by which faults know a page: its path, and the 1-based place of its first row.
pub(super) fn key_of_page(path: &str, place: &str) -> u64 {
    let text = format!("{path} {place}");
    text.bytes()
        .fold(7, |hash: u64, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

/// Delay, rate and sign-in; `Some` is the refusal.
async fn before(shared: &Shared, request: &HttpRequest, op: Op) -> Option<HttpResponse> {
    shared.counters.request(op);
    if request.headers().contains_key(header::RANGE) {
        shared.counters.range_requests.fetch_add(1, Relaxed);
    }
    if !shared.catalogue.config.delay.is_zero() {
        tokio::time::sleep(shared.catalogue.config.delay).await;
    }
    if is_foreign(shared, request) {
        note_foreign(shared, request);
        return Some(HttpResponse::Ok().body("nobody should have come here"));
    }
    if request
        .uri()
        .path_and_query()
        .is_some_and(|address| address.as_str().len() > LONGEST_ADDRESS)
    {
        return Some(HttpResponse::UriTooLong().finish());
    }
    if shared.throttle.as_ref().is_some_and(|throttle| !throttle.passes()) {
        shared.counters.throttled.fetch_add(1, Relaxed);
        return Some(
            HttpResponse::TooManyRequests()
                .insert_header((header::RETRY_AFTER, "1"))
                .finish(),
        );
    }
    let auth = shared.auth.as_ref()?;
    if auth.admits(bearer(request)) {
        return None;
    }
    shared.counters.refused.fetch_add(1, Relaxed);
    Some(refuse(auth.config.refusal))
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    request.headers().get(header::AUTHORIZATION)?.to_str().ok()
}

fn refuse(refusal: Refusal) -> HttpResponse {
    match refusal {
        Refusal::Unauthorized => HttpResponse::Unauthorized()
            .insert_header((header::WWW_AUTHENTICATE, "Bearer"))
            .finish(),
        Refusal::Redirect => HttpResponse::Found()
            .insert_header((header::LOCATION, SIGN_IN))
            .finish(),
        Refusal::Page => HttpResponse::Ok().content_type(HTML).body(lists_html::sign_in()),
    }
}

fn is_foreign(shared: &Shared, request: &HttpRequest) -> bool {
    let foreign = shared.bound.get().and_then(|bound| bound.foreign);
    foreign == Some(request.app_config().local_addr())
}

fn note_foreign(shared: &Shared, request: &HttpRequest) {
    shared.counters.foreign_requests.fetch_add(1, Relaxed);
    if request.headers().contains_key(header::AUTHORIZATION) {
        shared.counters.tokens_leaked.fetch_add(1, Relaxed);
    }
}

/// Faults that are the whole answer.
fn answered_by(shared: &Shared, fault: Fault, name: &str) -> Option<HttpResponse> {
    let status = |code: StatusCode| HttpResponse::build(code);
    let wait = (header::RETRY_AFTER, "1");
    Some(match fault {
        Fault::Status500 => status(StatusCode::INTERNAL_SERVER_ERROR).finish(),
        Fault::Status503 => status(StatusCode::SERVICE_UNAVAILABLE).finish(),
        Fault::Status503Wait => status(StatusCode::SERVICE_UNAVAILABLE).insert_header(wait).finish(),
        Fault::Status429 => status(StatusCode::TOO_MANY_REQUESTS).finish(),
        Fault::Status429Wait => status(StatusCode::TOO_MANY_REQUESTS).insert_header(wait).finish(),
        Fault::TokenRefused => refuse(Refusal::Unauthorized),
        Fault::SignInRedirect => refuse(Refusal::Redirect),
        Fault::SignInPage => refuse(Refusal::Page),
        Fault::Unavailable => status(StatusCode::OK)
            .content_type(HTML)
            .body(lists_html::unavailable()),
        _ => return archive_http::in_its_place(shared, fault, name),
    })
}

async fn answer(
    shared: &Arc<Shared>,
    request: &HttpRequest,
    asked: &Asked,
    name: &str,
    (fault, body): (Option<Fault>, &[u8]),
) -> HttpResponse {
    let query = Query::parse(request.query_string());
    match asked.op {
        Op::Summary => HttpResponse::Ok().content_type(TEXT).body(summary(shared)),
        Op::Process => process::process(shared, request, body, fault),
        Op::Search => HttpResponse::Ok()
            .content_type(TEXT)
            .body(lists_text::search(shared, &query.barcodes())),
        Op::Report => report(shared, &query),
        Op::TextList | Op::ListPage => list(shared, name, &query, fault),
        Op::Head | Op::Get => match (name.split('/').collect::<Vec<_>>().as_slice(), asked.index) {
            (["_loop", hop, file], Some(_)) => archive_http::endless(hop, file),
            ([_] | ["_mirror", _], Some(index)) => archive_http::archive(shared, request, index, fault).await,
            _ => HttpResponse::NotFound().finish(),
        },
        _ => HttpResponse::NotFound().finish(),
    }
}

fn list(shared: &Arc<Shared>, name: &str, query: &Query, fault: Option<Fault>) -> HttpResponse {
    let Some(list) = List::named(name) else {
        return HttpResponse::NotFound().finish();
    };
    if query.get("format") == Some("text") {
        let all = query.get("mode") == Some("all");
        let page = TextPage::new(Arc::clone(shared), Lines::List { list, all }, query);
        return HttpResponse::Ok().content_type(TEXT).streaming(page.stream());
    }
    let asked = match lists::page_asked(&shared.shelf, &shared.catalogue, list, query) {
        Ok(asked) => asked,
        Err(NoPage::BadMark) => return HttpResponse::Ok().content_type(HTML).body(lists_html::unavailable()),
    };
    let page = HtmlPage::new(Arc::clone(shared), list, asked);
    let page = match fault {
        Some(Fault::CutList) => page.cut(),
        Some(Fault::NoHeading) => page.without_heading(),
        Some(odd @ (Fault::LongCell | Fault::NoBarcode)) => page.with_odd_row(odd),
        _ => page,
    };
    HttpResponse::Ok().content_type(HTML).streaming(page.stream())
}

fn report(shared: &Arc<Shared>, query: &Query) -> HttpResponse {
    let Some((start, end)) = lists_text::report_span(query) else {
        return HttpResponse::BadRequest().content_type(TEXT).body("no such days\n");
    };
    let page = TextPage::new(Arc::clone(shared), Lines::CheckedIn { start, end }, query);
    HttpResponse::Ok().content_type(TEXT).streaming(page.stream())
}

/// The summary of the directory: how many books it has.
fn summary(shared: &Shared) -> String {
    format!(
        "Library,{}\nAll books,{}\n",
        shared.catalogue.config.library,
        shared.catalogue.books()
    )
}

/// The host that hands out archives to whoever has the ticket from a redirect.
async fn other_host(shared: State, request: HttpRequest, path: Path<(String, String)>) -> HttpResponse {
    let shared = Arc::clone(shared.get_ref());
    if is_foreign(&shared, &request) {
        note_foreign(&shared, &request);
        return HttpResponse::Ok().body("nobody should have come here");
    }
    let op = if request.method() == Method::HEAD {
        Op::Head
    } else {
        Op::Get
    };
    shared.counters.request(op);
    if request.headers().contains_key(header::AUTHORIZATION) {
        shared.counters.tokens_leaked.fetch_add(1, Relaxed);
    }
    let (ticket, file) = path.into_inner();
    match shared.catalogue.index_of_file(&file) {
        Some(index) if ticket == archive_http::ticket(&shared, &file) => {
            archive_http::archive(&shared, &request, index, None).await
        }
        _ => HttpResponse::Forbidden().finish(),
    }
}

async fn authorize(shared: State, request: HttpRequest) -> HttpResponse {
    shared.counters.request(Op::Authorize);
    match &shared.auth {
        Some(auth) => oauth::authorize(auth, &request),
        None => HttpResponse::NotFound().finish(),
    }
}

async fn token(shared: State, body: Bytes) -> HttpResponse {
    shared.counters.request(Op::Token);
    let Some(auth) = &shared.auth else {
        return HttpResponse::NotFound().finish();
    };
    let answer = oauth::token(auth, &format!("{}/token", shared.origin()), &body);
    if answer.status() == StatusCode::OK {
        shared.counters.tokens_issued.fetch_add(1, Relaxed);
    }
    answer
}

async fn sign_in(shared: State) -> HttpResponse {
    shared.counters.request(Op::SignIn);
    HttpResponse::Ok().content_type(HTML).body(lists_html::sign_in())
}

async fn nothing(shared: State, request: HttpRequest) -> HttpResponse {
    shared.counters.request(Op::Other);
    if is_foreign(&shared, &request) {
        note_foreign(&shared, &request);
    }
    HttpResponse::NotFound().finish()
}
