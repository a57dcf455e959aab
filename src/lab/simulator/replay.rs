//! Answers out of a support bundle, given again in place of the simulator's own.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse};
use flate2::read::GzDecoder;
use url::Url;

use crate::diagnostics::{UnrecognisedAnswer, UnrecognisedKind};
use crate::lab::simulator::faults::answer as whole_answer;
use crate::lab::simulator::grin::query::{QueryPairs, split_barcodes};
use crate::lab::simulator::shared::SimulatorState;

/// A longer file is none of a bundle's.
const LONGEST_FILE: u64 = 4 << 20;
/// Parameters that say where in a list a page begins.
const PLACES: [&str; 2] = ["first", "ctoken"];

/// What is answered in place of the simulator's own.
#[derive(Debug, Clone, Default)]
pub struct ReplayedAnswers {
    /// The directory of the library, which stands in its answers' links.
    pub library: Option<String>,
    /// What cannot be given again, such as archives, and why.
    pub left_out: Vec<String>,
    answers: Vec<ReplayedAnswer>,
}

#[derive(Debug, Clone)]
struct ReplayedAnswer {
    /// The last part of its path.
    name: String,
    url: Url,
    status: StatusCode,
    /// Where it redirects to.
    location: Option<String>,
    content_type: String,
    body: String,
    /// Nothing in its head says where it ends.
    is_unframed: bool,
    given: Arc<AtomicUsize>,
}

impl ReplayedAnswers {
    /// Reads a bundle of `grind support-bundle`.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut kept = Vec::new();
        let mut library = None;
        let mut archive = tar::Archive::new(GzDecoder::new(File::open(path)?));
        for entry in archive.entries()? {
            let entry = entry?;
            let name = entry.path()?.to_string_lossy().into_owned();
            let mut text = String::new();
            if name.contains("/answers/") || name.ends_with("/about.json") {
                entry.take(LONGEST_FILE).read_to_string(&mut text)?;
            }
            if name.contains("/answers/") {
                kept.push(serde_json::from_str(&text)?);
            } else if !text.is_empty() {
                let about: serde_json::Value = serde_json::from_str(&text)?;
                library = about["library"].as_str().map(str::to_owned);
            }
        }
        Ok(Self {
            library,
            ..Self::of(kept)
        })
    }

    /// Of these answers; one that is kept for several reasons is given once.
    pub fn of(kept: Vec<UnrecognisedAnswer>) -> Self {
        let mut replayed = Self::default();
        for answer in kept {
            match ReplayedAnswer::of(&answer) {
                Ok(new)
                    if replayed
                        .answers
                        .iter()
                        .any(|old| (&old.url, old.status, &old.body) == (&new.url, new.status, &new.body)) => {}
                Ok(new) => replayed.answers.push(new),
                Err(why) => {
                    let what = format!("{}: {} ({why})", answer.kind.as_str(), answer.shape);
                    replayed.left_out.push(what);
                }
            }
        }
        replayed
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.answers.len()
    }

    /// The answer to a request, if there is one: where the request names a place in a list, that of this place; else those of this list
    /// and form in turn.
    fn answer(&self, name: &str, query: &QueryPairs) -> Option<&ReplayedAnswer> {
        let same_form = |answer: &&ReplayedAnswer| {
            let kept = QueryPairs::parse(answer.url.query().unwrap_or_default());
            let same = |parameter: &str| kept.get(parameter) == query.get(parameter);
            let is_placed = PLACES.iter().any(|place| query.get(place).is_some());
            same("format") && same("mode") && (!is_placed || PLACES.iter().all(|place| same(place)))
        };
        let of_name = self.answers.iter().filter(|answer| answer.name == name);
        of_name
            .filter(same_form)
            .min_by_key(|answer| answer.given.load(Ordering::Relaxed))
            .inspect(|answer| _ = answer.given.fetch_add(1, Ordering::Relaxed))
    }
}

impl ReplayedAnswer {
    /// Or why it cannot be given again.
    fn of(answer: &UnrecognisedAnswer) -> Result<Self, &'static str> {
        let url = answer.url.as_deref().and_then(|url| Url::parse(url).ok());
        let url = url.ok_or("its address was not kept")?;
        let name = url.path_segments().and_then(|mut parts| parts.next_back());
        // Lists, searches and requests for conversion begin so, and the summary of the directory has no name; an archive was not kept.
        let name = name.filter(|name| name.starts_with('_') || name.is_empty());
        let name = name
            .ok_or("it is no list, search, summary or request for conversion")?
            .to_owned();
        let location = answer.redirected_to.as_ref().map(|host| format!("https://{host}/"));
        let usual = if location.is_some() { 302 } else { 200 };
        let status =
            StatusCode::from_u16(answer.status.unwrap_or(usual)).map_err(|_| "its status is not one of HTTP")?;
        // Of such an answer nothing was read.
        let is_unframed = answer.kind == UnrecognisedKind::Header && answer.status.is_some();
        if status == StatusCode::OK && !is_unframed && (answer.body.is_empty() || answer.content_type.is_empty()) {
            return Err("its text or its type was not kept");
        }
        let content_type = Some(answer.content_type.as_str()).filter(|kept| !kept.is_empty());
        Ok(Self {
            name,
            status,
            location,
            // A page would show its own end.
            content_type: match is_unframed {
                true => "text/plain".to_owned(),
                false => content_type.unwrap_or("text/html").to_owned(),
            },
            body: match is_unframed {
                true => "Barcode\n".to_owned(),
                false => answer.body.clone(),
            },
            is_unframed,
            url,
            given: Arc::default(),
        })
    }

    /// With links to this simulator; in a table about books that were asked for, those books.
    fn body(&self, origin: &str, asked: &[&str]) -> String {
        let body = self.body.replace(&self.url.origin().ascii_serialization(), origin);
        if asked.is_empty() {
            return body;
        }
        let mut asked = asked.iter();
        let lines = body.split_inclusive('\n').enumerate().map(|(number, line)| {
            match line.split_once('\t').filter(|_| number > 0) {
                Some((_, rest)) => asked.next().map_or_else(String::new, |book| format!("{book}\t{rest}")),
                None => line.to_owned(),
            }
        });
        lines.collect()
    }
}

/// The answer to a request out of a bundle, if there is one.
pub(super) fn answer(shared: &SimulatorState, request: &HttpRequest, name: &str, body: &[u8]) -> Option<HttpResponse> {
    let query = QueryPairs::parse(request.query_string());
    let replayed = shared.catalogue.config.replay.answer(name, &query)?;
    let text = String::from_utf8_lossy(body);
    let form = QueryPairs::parse(&text);
    let mut asked = query.barcodes();
    match form.get("barcodes") {
        Some(_) => asked.extend(form.barcodes()),
        None => asked.extend(split_barcodes(&text)),
    }
    let body = replayed.body(&shared.origin(), &asked);
    let mut answer = HttpResponse::build(replayed.status);
    if let Some(location) = &replayed.location {
        answer.insert_header((LOCATION, location.as_str()));
    }
    let answer = answer.content_type(replayed.content_type.as_str()).body(body);
    Some(match replayed.is_unframed {
        true => whole_answer::unframed(answer),
        false => answer,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(url: &str, body: &str) -> UnrecognisedAnswer {
        UnrecognisedAnswer::new(UnrecognisedKind::Column, body)
            .asked_at(&Url::parse(url).unwrap())
            .answered("text/html", body.as_bytes())
    }

    #[test]
    fn answers_are_given_to_whom_they_were_given_once() {
        let list = "https://books.example/libraries/L/_all_books";
        let replayed = ReplayedAnswers::of(vec![
            kept(&format!("{list}?result_count=5"), "one"),
            kept(&format!("{list}?result_count=5"), "one"),
            kept(&format!("{list}?first=6"), "two"),
            kept(&format!("{list}?format=text&mode=all"), "three"),
            kept("https://books.example/libraries/L/TL1.tar.gz.gpg", "archive"),
            UnrecognisedAnswer::new(UnrecognisedKind::Packet, "AEAD"),
        ]);
        assert_eq!((replayed.count(), replayed.left_out.len()), (3, 2));
        assert_eq!(replayed.left_out[1], "packet: AEAD (its address was not kept)",);
        let given = |name: &str, query: &str| {
            let answer = replayed.answer(name, &QueryPairs::parse(query));
            answer.map(|answer| answer.body("http://here", &[]))
        };
        for (name, query, expected) in [
            ("_all_books", "result_count=9", Some("one")),
            ("_all_books", "result_count=9", Some("two")),
            ("_all_books", "first=6", Some("two")),
            ("_all_books", "first=11", None),
            ("_all_books", "format=text", None),
            ("_all_books", "format=text&mode=all", Some("three")),
            ("_failed", "", None),
        ] {
            assert_eq!(given(name, query).as_deref(), expected, "{name} {query}");
        }
    }

    #[test]
    fn statuses_and_redirects_are_given_again() {
        let list = "https://books.example/libraries/L/_failed";
        let of = |status, redirected_to: Option<&str>| UnrecognisedAnswer {
            status,
            redirected_to: redirected_to.map(str::to_owned),
            content_type: String::new(),
            ..kept(list, "")
        };
        for (answer, status, location) in [
            (of(Some(418), None), Some(418), None),
            (
                of(None, Some("files0.example")),
                Some(302),
                Some("https://files0.example/"),
            ),
            (of(None, None), None, None),
            (of(Some(7), None), None, None),
        ] {
            let replayed = ReplayedAnswer::of(&answer).ok();
            let head = replayed.as_ref().map(|answer| answer.status.as_u16());
            assert_eq!(head, status, "{answer:?}");
            assert_eq!(replayed.and_then(|answer| answer.location).as_deref(), location);
        }
    }

    #[test]
    fn links_lead_here_and_a_table_tells_of_the_books_that_were_asked_for() {
        let search = "https://books.example/libraries/L/_barcode_search?barcodes=A1";
        let body = "Barcode\tColour\nA1\tred\nA2\tblue\nhttps://books.example/x";
        let answer = ReplayedAnswer::of(&kept(search, body)).unwrap();
        assert_eq!(
            answer.body("http://here:1", &["Z9"]),
            "Barcode\tColour\nZ9\tred\nhttp://here:1/x"
        );
    }
}
