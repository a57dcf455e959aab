//! Which address answers what, and what every answer passes through first.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{self, Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use crate::lab::simulator::archive::http;
use crate::lab::simulator::config::TokenRefusal;
use crate::lab::simulator::faults::{FaultKind, answer as whole_answer};
use crate::lab::simulator::grin::lists;
use crate::lab::simulator::grin::lists::{NoPage, SimulatedList};
use crate::lab::simulator::grin::lists_html;
use crate::lab::simulator::grin::lists_html::HtmlPage;
use crate::lab::simulator::grin::lists_text;
use crate::lab::simulator::grin::lists_text::{TextColumns, TextPage};
use crate::lab::simulator::grin::query::QueryPairs;
use crate::lab::simulator::grin::{oauth, process};
use crate::lab::simulator::replay;
use crate::lab::simulator::shared::SimulatorState;
use crate::lab::simulator::stats::SimulatorRequest;

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
        .route("/signed/{ticket}/{file}", web::route().to(signed_for_get))
        .route("/o/oauth2/auth", web::get().to(authorize))
        .route("/token", web::post().to(token))
        .route("/ServiceLogin", web::route().to(sign_in))
        .default_service(web::route().to(nothing));
}

type State = Data<Arc<SimulatorState>>;

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
    if let Some(given) =
        refused_list(&shared, &request, &name).or_else(|| replay::answer(&shared, &request, &name, &body))
    {
        return given;
    }
    // The way round a redirect is free of faults, so that following one leads somewhere.
    let fault = if asked.detour {
        None
    } else {
        shared
            .dice
            .throw(asked.op, asked.key, request.headers().contains_key(header::RANGE))
    };
    if let Some(fault) = fault {
        if let Some(answer) = answered_by(&shared, fault, &name) {
            shared.counters.fault(fault);
            return answer;
        }
        if fault != FaultKind::RedirectDowngrade {
            shared.counters.fault(fault);
        }
    }
    let given = AnswerInput {
        name: &name,
        body: &body,
        fault,
    };
    whole_answer::held_back(fault, shared.dice.faults().stall).await;
    let answer = answer(&shared, &request, &asked, given).await;
    whole_answer::changed(answer, fault).await
}

/// The answer to a list that is not handed out, in this form or in any.
fn refused_list(shared: &SimulatorState, request: &HttpRequest, name: &str) -> Option<HttpResponse> {
    let refused = &shared.catalogue.config.refused_lists;
    let query = QueryPairs::parse(request.query_string());
    let refusal = refused.iter().find(|refusal| refusal.concerns(name, &query))?;
    let status = StatusCode::from_u16(refusal.status).ok()?;
    let page = "<html><body>The requested page cannot be shown.</body></html>";
    Some(HttpResponse::build(status).content_type(HTML).body(page))
}

/// What a request is about.
struct Asked {
    op: SimulatorRequest,
    /// The book or page whose faults are counted together.
    key: u64,
    index: Option<u32>,
    detour: bool,
}

impl Asked {
    fn of(shared: &SimulatorState, request: &HttpRequest, name: &str) -> Self {
        let file = name.rsplit('/').next().unwrap_or(name);
        let index = shared.catalogue.index_of_file(file);
        let text = request.query_string().contains("format=text");
        let op = match name {
            "" => SimulatorRequest::Summary,
            "_process" => SimulatorRequest::Process,
            "_barcode_search" => SimulatorRequest::Search,
            "_monthly_report" => SimulatorRequest::Report,
            list if SimulatedList::named(list).is_some() => {
                if text {
                    SimulatorRequest::TextList
                } else {
                    SimulatorRequest::ListPage
                }
            }
            _ if request.method() == Method::HEAD => SimulatorRequest::Head,
            _ if file.ends_with(".tar.gz.gpg") => SimulatorRequest::Get,
            _ => SimulatorRequest::Other,
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
    let query = QueryPairs::parse(request.query_string());
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
async fn before(shared: &SimulatorState, request: &HttpRequest, op: SimulatorRequest) -> Option<HttpResponse> {
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

fn refuse(refusal: TokenRefusal) -> HttpResponse {
    match refusal {
        TokenRefusal::Unauthorized => HttpResponse::Unauthorized()
            .insert_header((header::WWW_AUTHENTICATE, "Bearer"))
            .finish(),
        TokenRefusal::Redirect => HttpResponse::Found()
            .insert_header((header::LOCATION, SIGN_IN))
            .finish(),
        TokenRefusal::Page => HttpResponse::Ok().content_type(HTML).body(lists_html::sign_in()),
    }
}

fn is_foreign(shared: &SimulatorState, request: &HttpRequest) -> bool {
    let foreign = shared.bound.get().and_then(|bound| bound.foreign);
    foreign == Some(request.app_config().local_addr())
}

fn note_foreign(shared: &SimulatorState, request: &HttpRequest) {
    shared.counters.foreign_requests.fetch_add(1, Relaxed);
    if request.headers().contains_key(header::AUTHORIZATION) {
        shared.counters.tokens_leaked.fetch_add(1, Relaxed);
    }
}

/// Faults that are the whole answer.
fn answered_by(shared: &SimulatorState, fault: FaultKind, name: &str) -> Option<HttpResponse> {
    let status = |code: StatusCode| HttpResponse::build(code);
    let wait = (header::RETRY_AFTER, "1");
    Some(match fault {
        FaultKind::Status403 => status(StatusCode::FORBIDDEN).body("Request has expired"),
        FaultKind::Status404 => status(StatusCode::NOT_FOUND).finish(),
        FaultKind::Status500 => status(StatusCode::INTERNAL_SERVER_ERROR).finish(),
        FaultKind::Status503 => status(StatusCode::SERVICE_UNAVAILABLE).finish(),
        FaultKind::Status503Wait | FaultKind::Head503Wait => {
            status(StatusCode::SERVICE_UNAVAILABLE).insert_header(wait).finish()
        }
        FaultKind::Status429 => status(StatusCode::TOO_MANY_REQUESTS).finish(),
        FaultKind::Status429Wait => status(StatusCode::TOO_MANY_REQUESTS).insert_header(wait).finish(),
        FaultKind::Status429Rfc850 | FaultKind::Status429Asctime => whole_answer::wait_until(fault)?,
        FaultKind::TokenRefused => refuse(TokenRefusal::Unauthorized),
        FaultKind::SignInRedirect => refuse(TokenRefusal::Redirect),
        FaultKind::SignInPage => refuse(TokenRefusal::Page),
        FaultKind::Unavailable => status(StatusCode::OK)
            .content_type(HTML)
            .body(lists_html::unavailable()),
        _ => return http::in_its_place(shared, fault, name),
    })
}

/// What an answer is made of, besides the request's head.
struct AnswerInput<'a> {
    /// The path below the library's directory.
    name: &'a str,
    /// The request's body.
    body: &'a [u8],
    /// What goes wrong with this answer.
    fault: Option<FaultKind>,
}

async fn answer(
    shared: &Arc<SimulatorState>,
    request: &HttpRequest,
    asked: &Asked,
    AnswerInput { name, body, fault }: AnswerInput<'_>,
) -> HttpResponse {
    let query = QueryPairs::parse(request.query_string());
    match asked.op {
        SimulatorRequest::Summary => HttpResponse::Ok().content_type(TEXT).body(summary(shared)),
        SimulatorRequest::Process => process::process(shared, request, body, fault),
        SimulatorRequest::Search if shared.is_spoilt(&query.barcodes()) => HttpResponse::InternalServerError().finish(),
        SimulatorRequest::Search => HttpResponse::Ok()
            .content_type(TEXT)
            .body(lists_text::search(shared, &query.barcodes())),
        SimulatorRequest::Report => report(shared, &query),
        SimulatorRequest::TextList | SimulatorRequest::ListPage => list(shared, name, &query, fault),
        SimulatorRequest::Head | SimulatorRequest::Get => {
            match (name.split('/').collect::<Vec<_>>().as_slice(), asked.index) {
                (["_loop", hop, file], Some(_)) => http::endless(hop, file),
                ([_] | ["_mirror", _], Some(index)) => http::archive(shared, request, index, fault).await,
                _ => HttpResponse::NotFound().finish(),
            }
        }
        _ => HttpResponse::NotFound().finish(),
    }
}

fn list(shared: &Arc<SimulatorState>, name: &str, query: &QueryPairs, fault: Option<FaultKind>) -> HttpResponse {
    let Some(list) = SimulatedList::named(name) else {
        return HttpResponse::NotFound().finish();
    };
    if query.get("format") == Some("text") {
        let all = query.get("mode") == Some("all");
        let page = TextPage::new(Arc::clone(shared), TextColumns::List { list, all }, query);
        return HttpResponse::Ok().content_type(TEXT).streaming(page.stream());
    }
    let asked = match lists::page_asked(&shared.shelf, &shared.catalogue, list, query) {
        Ok(asked) => asked,
        Err(NoPage::BadMark) => return HttpResponse::Ok().content_type(HTML).body(lists_html::unavailable()),
    };
    let page = HtmlPage::new(Arc::clone(shared), list, asked);
    let page = match fault {
        Some(FaultKind::CutList) => page.cut(),
        Some(FaultKind::EmptyList) => page.without_rows(),
        Some(FaultKind::NoHeading) => page.without_heading(),
        Some(odd @ (FaultKind::LongCell | FaultKind::NoBarcode)) => page.with_odd_row(odd),
        _ => page,
    };
    HttpResponse::Ok().content_type(HTML).streaming(page.stream())
}

fn report(shared: &Arc<SimulatorState>, query: &QueryPairs) -> HttpResponse {
    let Some((start, end)) = lists_text::report_span(query) else {
        return HttpResponse::BadRequest().content_type(TEXT).body("no such days\n");
    };
    let page = TextPage::new(Arc::clone(shared), TextColumns::CheckedIn { start, end }, query);
    HttpResponse::Ok().content_type(TEXT).streaming(page.stream())
}

/// The summary of the directory: how many books it has.
fn summary(shared: &SimulatorState) -> String {
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
        SimulatorRequest::Head
    } else {
        SimulatorRequest::Get
    };
    shared.counters.request(op);
    if request.headers().contains_key(header::AUTHORIZATION) {
        shared.counters.tokens_leaked.fetch_add(1, Relaxed);
    }
    let (ticket, file) = path.into_inner();
    match shared.catalogue.index_of_file(&file) {
        Some(index) if ticket == http::ticket(&shared, &file) => http::archive(&shared, &request, index, None).await,
        _ => HttpResponse::Forbidden().finish(),
    }
}

/// As [`other_host`], at an address whose signature holds for GET alone.
async fn signed_for_get(shared: State, request: HttpRequest, path: Path<(String, String)>) -> HttpResponse {
    if request.method() == Method::HEAD {
        shared.counters.request(SimulatorRequest::Head);
        return HttpResponse::Forbidden().body("SignatureDoesNotMatch");
    }
    other_host(shared, request, path).await
}

async fn authorize(shared: State, request: HttpRequest) -> HttpResponse {
    shared.counters.request(SimulatorRequest::Authorize);
    match &shared.auth {
        Some(auth) => oauth::authorize(auth, &request),
        None => HttpResponse::NotFound().finish(),
    }
}

async fn token(shared: State, body: Bytes) -> HttpResponse {
    shared.counters.request(SimulatorRequest::Token);
    let Some(auth) = &shared.auth else {
        return HttpResponse::NotFound().finish();
    };
    if let Some(fault) = shared.dice.throw(SimulatorRequest::Token, 0, false) {
        shared.counters.fault(fault);
        return HttpResponse::ServiceUnavailable().finish();
    }
    let answer = oauth::token(auth, &format!("{}/token", shared.origin()), &body);
    if answer.status() == StatusCode::OK {
        shared.counters.tokens_issued.fetch_add(1, Relaxed);
    }
    answer
}

async fn sign_in(shared: State) -> HttpResponse {
    shared.counters.request(SimulatorRequest::SignIn);
    HttpResponse::Ok().content_type(HTML).body(lists_html::sign_in())
}

async fn nothing(shared: State, request: HttpRequest) -> HttpResponse {
    shared.counters.request(SimulatorRequest::Other);
    if is_foreign(&shared, &request) {
        note_foreign(&shared, &request);
    }
    HttpResponse::NotFound().finish()
}
