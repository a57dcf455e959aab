//! `_process` in all forms of its request (src/grin/PROTOCOL.md, section 7).

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};

use crate::lab::simulator::faults::FaultKind;
use crate::lab::simulator::grin::query::{QueryPairs, split_barcodes};
use crate::lab::simulator::shared::SimulatorState;

/// Asks for conversions and answers with a status for each barcode; 429 when the queue has no room.
pub(crate) fn process(
    shared: &SimulatorState,
    request: &HttpRequest,
    body: &[u8],
    fault: Option<FaultKind>,
) -> HttpResponse {
    let query = QueryPairs::parse(request.query_string());
    let text = String::from_utf8_lossy(body);
    let form = QueryPairs::parse(&text);
    let mut barcodes = query.barcodes();
    if request.method() == Method::POST {
        match form.get("barcodes") {
            Some(_) => barcodes.extend(form.barcodes()),
            None => barcodes.extend(split_barcodes(&text)),
        }
    }
    if shared.is_spoilt(&barcodes) {
        return HttpResponse::InternalServerError().finish();
    }
    let books: Vec<Option<u32>> = barcodes
        .iter()
        .map(|barcode| shared.catalogue.index_of(barcode))
        .collect();
    let Some(answers) = shared.shelf.ask(&books) else {
        return HttpResponse::TooManyRequests()
            .content_type("text/plain")
            .body("Queue limit reached");
    };
    let mut rows = vec![("Barcode".to_owned(), "Status")];
    rows.extend(
        barcodes
            .iter()
            .zip(&answers)
            .map(|(barcode, asked)| ((*barcode).to_owned(), asked.words())),
    );
    match fault {
        Some(FaultKind::UnknownWords) if rows.len() > 1 => rows[1].1 = "Held for review",
        Some(FaultKind::NoAnswer) if rows.len() > 1 => drop(rows.remove(1)),
        _ => {}
    }
    let lines: Vec<String> = rows
        .iter()
        .enumerate()
        .map(|(place, (barcode, words))| match (fault, place) {
            (Some(FaultKind::OddRows), 1) => format!("{barcode}  {words}\n"),
            (Some(FaultKind::OddRows), 2..) => format!("{barcode}\t{words}\tasked for by a program\n"),
            _ => format!("{barcode}\t{words}\n"),
        })
        .collect();
    let table = lines.concat();
    match form.get("process_format").or(query.get("process_format")) {
        Some("html") => HttpResponse::Ok()
            .content_type("text/html; charset=utf-8")
            .body(page(&table)),
        _ => HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(table),
    }
}

/// The status stands in `div#Main > table > tr > td[2] > div > pre`.
fn page(table: &str) -> String {
    let table = table.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<html><body><div id=\"Main\"><table><tr><td><a href=\"_all_books\">Menu</a></td>\
         <td><div><pre>{table}</pre></div></td></tr></table></div></body></html>"
    )
}
