//! GRIN's answers without their books: cells of rows about books are replaced, headings and pagers stay. Of an answer in which no row was
//! read, whatever is not known to say nothing of a book is replaced, too.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use crate::cli::support_bundle::cells::{AnswerCells, is_page, pieces};
use crate::cli::support_bundle::pseudonyms::{BookPseudonyms, IN_ANSWERS};
use crate::cli::support_bundle::unread::ending_of_path;
use crate::diagnostics::{UnrecognisedAnswer, UnrecognisedKind};
use crate::grin::{LibraryDirectory, ListPageParser, ListRow};

/// The books and titles that an answer names, as far as it can be read.
pub(super) fn rows_of(answer: &UnrecognisedAnswer, library: &LibraryDirectory) -> Vec<ListRow> {
    let Some(url) = answer.url.as_deref().and_then(|url| url.parse().ok()) else {
        return Vec::new();
    };
    let mut parser = ListPageParser::served_as(library, &url, &answer.content_type);
    let mut rows = parser.push(answer.body.as_bytes()).unwrap_or_default();
    rows.extend(parser.finish().0);
    rows
}

/// The words in question that no bundle replaces. What stands in a list where a state is looked for is kept if it stands in two rows of an
/// answer: in a misread column it is what tells of a book. An answer about conversions has no such column.
pub(super) fn kept_words(answers: &[UnrecognisedAnswer]) -> BTreeSet<String> {
    let repeated: BTreeSet<&str> = answers.iter().flat_map(|answer| repeated(&answer.body)).collect();
    let mut kept = BTreeSet::new();
    for answer in answers {
        let are_kept = answer.kind != UnrecognisedKind::Word || is_about_conversions(answer);
        let words = answer.words.iter();
        kept.extend(
            words
                .filter(|word| are_kept || repeated.contains(word.as_str()))
                .cloned(),
        );
    }
    kept
}

fn is_about_conversions(answer: &UnrecognisedAnswer) -> bool {
    let url = answer.url.as_deref().and_then(|url| Url::parse(url).ok());
    url.is_some_and(|url| url.path().ends_with("/_process"))
}

/// What stands in more than one row.
fn repeated(body: &str) -> Vec<&str> {
    let rows = if is_page(body) {
        pieces(body, &["<tr"])
    } else {
        body.lines().collect()
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        let cells = row
            .split(['<', '>', '\t'])
            .flat_map(|part| part.split("  "))
            .map(str::trim);
        for cell in cells.collect::<BTreeSet<_>>() {
            *counts.entry(cell).or_default() += 1;
        }
    }
    let repeated = counts.into_iter().filter(|(_, rows)| *rows > 1);
    repeated.map(|(cell, _)| cell).collect()
}

/// The answer with pseudonyms; `is_read`: rows about books were found in it. `words` are those of all answers that are kept: the same page is
/// there once for each.
pub(super) fn without_books(
    answer: &UnrecognisedAnswer,
    is_read: bool,
    words: &BTreeSet<String>,
    names: &BookPseudonyms,
) -> UnrecognisedAnswer {
    if is_of_archive(answer.kind) {
        return UnrecognisedAnswer {
            shape: without_paths(&answer.shape, names),
            words: answer.words.iter().map(|word| names.words(word)).collect(),
            body: without_paths(&answer.body, names),
            ..answer.clone()
        };
    }
    let plain = |text: &str| names.plain(text, IN_ANSWERS);
    let is_kept = |word: &String| words.contains(word);
    let cells = AnswerCells { names, words, is_read };
    let said = |text: &str, is_kept: bool| if is_kept { plain(text) } else { names.words(text) };
    UnrecognisedAnswer {
        // The shape of a word is the word.
        shape: said(&answer.shape, answer.words.iter().all(is_kept)),
        words: answer.words.iter().map(|word| said(word, is_kept(word))).collect(),
        url: answer.url.as_deref().map(plain),
        redirected_to: answer.redirected_to.as_deref().map(plain),
        body: cells.body(&answer.body),
        ..answer.clone()
    }
}

/// What is said of an archive are this program's own words, among names of files.
fn is_of_archive(kind: UnrecognisedKind) -> bool {
    matches!(
        kind,
        UnrecognisedKind::Packet | UnrecognisedKind::Mets | UnrecognisedKind::Member
    )
}

/// Such a text without the names: of a path the ending alone stays.
fn without_paths(text: &str, names: &BookPseudonyms) -> String {
    let words = text
        .split_inclusive(char::is_whitespace)
        .map(|word| match ending_of_path(word) {
            Some(at) => names.words(&word[..at]) + &word[at..],
            None => names.log(word),
        });
    words.collect()
}

#[cfg(test)]
mod tests;
