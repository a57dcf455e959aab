//! What `_process` answers.

use std::collections::HashMap;

use crate::grin::lines;
use crate::grin::lines::LineCutter;
use crate::grin::{AnswerRefusal, Barcode, ProcessOutcome, refusal, text};

/// Longest line taken.
const LONGEST_LINE: usize = 64 << 10;
/// Longest status words kept.
const LONGEST_WORDS: usize = 500;
/// Warnings kept.
const MOST_NOTES: usize = 1_000;

/// What became of each volume that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessReply {
    /// One for each volume asked for, in that order; if none was named, one for each that the answer names.
    pub outcomes: Vec<ProcessResult>,
    /// Why the answer is not the expected table.
    pub refusal: Option<AnswerRefusal>,
    /// Whatever else is worth a line in the log.
    pub warnings: Vec<String>,
}

/// What became of one volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessResult {
    /// The volume.
    pub barcode: Barcode,
    /// What it means.
    pub outcome: ProcessOutcome,
    /// GRIN's words; empty if there are none.
    pub words: String,
}

/// Reads an answer to a request for conversion of `asked`: text with a header and a row for each volume in any order, or
/// a page with that text in `pre` (PROTOCOL.md, section 7). A status other than 200 speaks for all of them.
pub fn parse_process_reply(status: u16, bytes: &[u8], asked: &[Barcode]) -> ProcessReply {
    let mut reply = ProcessReply::default();
    let mut for_all = ProcessOutcome::of_status(status);
    let mut answers = Answers::default();
    if for_all.is_none() {
        let inner = inner_text(bytes, &mut reply);
        if reply.refusal == Some(AnswerRefusal::Unavailable) {
            for_all = Some(ProcessOutcome::UnavailableService);
        }
        answers = Answers::read(&inner, asked, &mut reply);
    }
    reply.outcomes = match asked {
        [] => answers.all(),
        asked => asked
            .iter()
            .map(|barcode| answers.of(barcode, for_all.unwrap_or(ProcessOutcome::NoAnswer)))
            .collect(),
    };
    reply
}

/// The text of the answer, out of its page if it is one; nothing, with the reason noted, if it is another page.
fn inner_text(bytes: &[u8], reply: &mut ProcessReply) -> Vec<u8> {
    if !refusal::looks_like_html(bytes) {
        reply.refusal = lines::refused(bytes);
        return if reply.refusal.is_none() {
            bytes.to_vec()
        } else {
            Vec::new()
        };
    }
    let page = String::from_utf8_lossy(bytes);
    if let Some(inner) = preformatted(&page) {
        return text_of(inner).into_bytes();
    }
    reply.refusal = Some(refusal::refusal_of_html(bytes));
    Vec::new()
}

/// What stands between the first `<pre …>` and `</pre>`.
fn preformatted(page: &str) -> Option<&str> {
    let find = |from: usize, tag: &str| {
        let bytes = page.as_bytes().get(from..)?;
        bytes
            .windows(tag.len())
            .position(|w| w.eq_ignore_ascii_case(tag.as_bytes()))
            .map(|at| from + at)
    };
    let open = find(0, "<pre")?;
    let start = open + page[open..].find('>')? + 1;
    let end = find(start, "</pre").unwrap_or(page.len());
    page.get(start..end)
}

/// Text without tags and character references, its lines kept; `<br>` ends a line too.
fn text_of(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        let tag = &rest[at + 1..];
        if tag.get(..2).is_some_and(|name| name.eq_ignore_ascii_case("br")) {
            out.push('\n');
        }
        rest = tag.find('>').map_or("", |end| &tag[end + 1..]);
    }
    out.push_str(rest);
    html_escape::decode_html_entities(&out).into_owned()
}

/// The rows of an answer, by barcode.
#[derive(Default)]
struct Answers {
    /// Which cell of a row holds the words.
    status: usize,
    order: Vec<Barcode>,
    words: HashMap<Barcode, String>,
}

impl Answers {
    fn read(inner: &[u8], asked: &[Barcode], reply: &mut ProcessReply) -> Self {
        let mut rows: Vec<String> = Vec::new();
        let mut lines = LineCutter::new(LONGEST_LINE);
        let mut keep = |line: &str| {
            if !line.trim().is_empty() {
                rows.push(line.to_owned());
            }
        };
        lines.push(inner, &mut keep);
        reply.warnings.extend(lines.finish(&mut keep));
        let status = rows.first().and_then(|line| status_column(line));
        let headed = status.is_some();
        let mut answers = Self {
            status: status.unwrap_or(1),
            ..Self::default()
        };
        match (&rows[..], asked) {
            ([only], [barcode]) if !headed && is_words(only) => {
                reply
                    .warnings
                    .push("the answer is one line without a barcode".to_owned());
                answers.add(barcode, only, reply);
            }
            _ => rows
                .iter()
                .skip(usize::from(headed))
                .for_each(|line| answers.row(line, asked, reply)),
        }
        if !headed && !rows.is_empty() {
            note(reply, "the answer has no header".to_owned());
        }
        if answers.order.is_empty() && reply.refusal.is_none() {
            reply.refusal = match (rows.len(), headed) {
                (0, _) => Some(AnswerRefusal::Empty),
                (_, true) => None,
                (_, false) => Some(AnswerRefusal::NotAList),
            };
        }
        answers
    }

    fn row(&mut self, line: &str, asked: &[Barcode], reply: &mut ProcessReply) {
        let cells = cells(line);
        let name = cells.first().copied().unwrap_or_default();
        let words = cells.get(self.status).or(cells.get(1)).copied().unwrap_or_default();
        let Ok(barcode) = Barcode::parse(name) else {
            return note(
                reply,
                format!("not a row of an answer: {}", shortened(&text::one_line(line))),
            );
        };
        match asked {
            [] => self.add(&barcode, words, reply),
            asked => match matching(&barcode, asked) {
                Some(asked) => self.add(asked, words, reply),
                None => note(reply, format!("{barcode} is answered but was not asked for")),
            },
        }
    }

    fn add(&mut self, barcode: &Barcode, words: &str, reply: &mut ProcessReply) {
        let words = shortened(&text::one_line(words));
        match self.words.get(barcode) {
            Some(known) if *known != words => note(reply, format!("{barcode} is answered twice; the first counts")),
            Some(_) => {}
            None => {
                self.order.push(barcode.clone());
                self.words.insert(barcode.clone(), words);
            }
        }
    }

    fn of(&self, barcode: &Barcode, otherwise: ProcessOutcome) -> ProcessResult {
        let words = self.words.get(barcode);
        ProcessResult {
            barcode: barcode.clone(),
            outcome: words.map_or(otherwise, |words| ProcessOutcome::of_words(words)),
            words: words.cloned().unwrap_or_default(),
        }
    }

    fn all(&self) -> Vec<ProcessResult> {
        self.order
            .iter()
            .map(|barcode| self.of(barcode, ProcessOutcome::NoAnswer))
            .collect()
    }
}

/// The volume asked for that an answer means: the same name, or the same but for the case of letters.
fn matching<'a>(barcode: &Barcode, asked: &'a [Barcode]) -> Option<&'a Barcode> {
    let same_but_case = |other: &&Barcode| other.as_str().eq_ignore_ascii_case(barcode.as_str());
    asked
        .iter()
        .find(|other| *other == barcode)
        .or_else(|| asked.iter().find(same_but_case))
}

/// The cells of a row: between tabs, or where there is none between two or more blanks.
fn cells(line: &str) -> Vec<&str> {
    if line.contains('\t') {
        line.split('\t').map(str::trim).collect()
    } else {
        line.split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect()
    }
}

/// Where a header says that the status stands; `None` if the line is no header.
fn status_column(line: &str) -> Option<usize> {
    let cells = cells(line);
    let named = |name: &str| cells.iter().position(|cell| cell.eq_ignore_ascii_case(name));
    (named("Barcode") == Some(0)).then(|| named("Status").unwrap_or(1))
}

/// A line that is a status and no row.
fn is_words(line: &str) -> bool {
    let known = ProcessOutcome::of_words(line) != ProcessOutcome::Unknown;
    cells(line).len() == 1 && (known || Barcode::parse(line.trim()).is_err())
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_WORDS).collect()
}

fn note(reply: &mut ProcessReply, warning: String) {
    if reply.warnings.len() < MOST_NOTES {
        reply.warnings.push(warning);
    }
}

#[cfg(test)]
mod tests;
