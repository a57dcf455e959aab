//! GRIN's answers without their books: cells of rows about books are replaced, headings and pagers stay.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use crate::cli::support_bundle::pseudonyms::{BookPseudonyms, IN_ANSWERS, runs_of};
use crate::diagnostics::{UnrecognisedAnswer, UnrecognisedKind};
use crate::grin::columns::{by_tsv, folded};
use crate::grin::{GrinState, LibraryDirectory, ListPageParser, ListRow, ProcessOutcome};

/// Cells from which on a row is taken for one about a book where no barcode was read.
const CELLS: usize = 3;

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
        pieces(body, "<tr")
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

/// The answer with pseudonyms. `words` are those of all answers that are kept: the same page is there once for each.
pub(super) fn without_books(
    answer: &UnrecognisedAnswer,
    words: &BTreeSet<String>,
    names: &BookPseudonyms,
) -> UnrecognisedAnswer {
    let plain = |text: &str| names.plain(text, IN_ANSWERS);
    let is_kept = |word: &String| words.contains(word);
    let cells = AnswerCells { names, words };
    let said = |text: &str, is_kept: bool| if is_kept { plain(text) } else { names.words(text) };
    UnrecognisedAnswer {
        // The shape of a word is the word.
        shape: said(&answer.shape, answer.words.iter().all(is_kept)),
        words: answer.words.iter().map(|word| said(word, is_kept(word))).collect(),
        url: answer.url.as_deref().map(plain),
        redirected_to: answer.redirected_to.as_deref().map(plain),
        body: if is_page(&answer.body) {
            cells.page(&answer.body)
        } else {
            cells.text(&answer.body)
        },
        ..answer.clone()
    }
}

struct AnswerCells<'a> {
    names: &'a BookPseudonyms,
    /// What the answers are kept for.
    words: &'a BTreeSet<String>,
}

impl AnswerCells<'_> {
    fn plain(&self, text: &str) -> String {
        self.names.plain(text, IN_ANSWERS)
    }

    /// A page: what stands between one `<tr` and the next is a row.
    fn page(&self, page: &str) -> String {
        let pieces = pieces(page, "<tr");
        let is_about_book = |piece: &str| is_row(piece) && runs_of(piece).any(|run| digits(run) >= IN_ANSWERS);
        let usual = pieces
            .iter()
            .find(|piece| is_about_book(piece))
            .map(|piece| cells(piece));
        let is_data = |piece: &str| {
            is_about_book(piece) || is_row(piece) && usual.map_or(cells(piece) >= CELLS, |usual| cells(piece) == usual)
        };
        let piece = |piece: &&str| match is_data(piece) {
            true => self.row(piece),
            false => self.plain(piece),
        };
        pieces.iter().map(piece).collect()
    }

    /// A row of a page, and what follows its table.
    fn row(&self, row: &str) -> String {
        let end = lower(row).find("</table").unwrap_or(row.len());
        let (row, rest) = row.split_at(end);
        let mut cells = pieces(row, "<td").into_iter();
        let begin = cells.next().map(|begin| self.plain(begin)).unwrap_or_default();
        let cells: String = cells.map(|cell| self.cell(cell)).collect();
        [begin, cells, self.plain(rest)].concat()
    }

    /// A cell of a page: its text, and what its tags say of the book.
    fn cell(&self, cell: &str) -> String {
        let parts = pieces(cell, "<").into_iter().map(|part| {
            let (tag, text) = part.split_at(part.find('>').map_or(0, |end| end + 1));
            self.tag(tag) + &self.value(text)
        });
        parts.collect()
    }

    fn tag(&self, tag: &str) -> String {
        let attributes = [
            "title=",
            "alt=",
            "value=",
            "aria-label=",
            "?id=",
            "&id=",
            "&amp;id=",
            "vid=",
        ];
        let found = attributes
            .iter()
            .filter_map(|name| Some(lower(tag).find(name)? + name.len()));
        let Some(begin) = found.min() else {
            return self.plain(tag);
        };
        let (before, value) = tag.split_at(begin);
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let ends = |c: char| {
            quote.map_or(c.is_whitespace() || matches!(c, '"' | '\'' | '&' | '>'), |quote| {
                c == quote
            })
        };
        let from = quote.map_or(0, char::len_utf8);
        let end = value[from..].find(ends).map_or(value.len(), |end| from + end);
        let (value, rest) = value.split_at(end);
        let (quote, value) = value.split_at(from);
        [&self.plain(before), quote, &self.names.words(value), &self.tag(rest)].concat()
    }

    /// A text, one line a book or with a heading of columns.
    fn text(&self, text: &str) -> String {
        let lines = text.split_inclusive('\n').map(|line| {
            let separator = if line.contains('\t') { "\t" } else { "  " };
            let first = line.split(separator).next().unwrap_or_default().trim();
            let is_message = !line.contains(separator) && line.split_whitespace().count() > 1;
            if is_heading(first) || is_message {
                return self.plain(line);
            }
            let cells: Vec<String> = line.split(separator).map(|cell| self.value(cell)).collect();
            cells.join(separator)
        });
        lines.collect()
    }

    /// The text of a cell, unless it is a word that says nothing of a book.
    fn value(&self, text: &str) -> String {
        let word = text.trim();
        let is_known = self.words.contains(word)
            || matches!(GrinState::read(word), Some(state) if !matches!(state, GrinState::Other(_)))
            || ProcessOutcome::of_words(word) != ProcessOutcome::Unknown
            || is_heading(word)
            || ["true", "false"].contains(&lower(word).as_str());
        let is_number = !word.contains(char::is_alphabetic) && runs_of(word).all(|run| run.len() < IN_ANSWERS);
        if is_known || is_number {
            self.plain(text)
        } else {
            self.names.words(text)
        }
    }
}

/// The parts of a text that begin with `tag`, and what stands before the first.
fn pieces<'a>(text: &'a str, tag: &str) -> Vec<&'a str> {
    let lower = lower(text);
    let mut starts: Vec<usize> = lower.match_indices(tag).map(|(at, _)| at).collect();
    starts.insert(0, 0);
    starts.push(text.len());
    starts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

/// In ASCII alone, so that places stay the same.
fn lower(text: &str) -> String {
    text.to_ascii_lowercase()
}

fn is_page(body: &str) -> bool {
    body.trim_start().starts_with('<')
}

fn is_row(piece: &str) -> bool {
    let lower = lower(piece);
    let is_heading = lower.contains("<th") || lower.split('>').next().is_some_and(|tag| tag.contains("heading"));
    lower.starts_with("<tr") && !is_heading && cells(piece) > 0
}

fn cells(piece: &str) -> usize {
    lower(piece).matches("<td").count()
}

fn digits(run: &str) -> usize {
    run.bytes().filter(u8::is_ascii_digit).count()
}

fn is_heading(name: &str) -> bool {
    by_tsv(name).is_some() || ["filename", "file_name", "title", "status"].contains(&folded(name).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &[&str], body: &str) -> String {
        let words: BTreeSet<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let answer = UnrecognisedAnswer::new(UnrecognisedKind::Word, "x").answered("text/html", body.as_bytes());
        without_books(&answer, &words, &BookPseudonyms::new(&[], Vec::new(), &[])).body
    }

    #[test]
    fn a_word_that_stands_in_one_row_may_be_a_title_in_a_misread_column_and_goes() {
        let page = "<table><tr><th>Barcode</th><th>Status</th></tr>\
            <tr><td>TL000001</td><td title=\"Typee\">Typee</td></tr><tr><td>TL000002</td><td>ON HOLD</td></tr>\
            <tr><td>TL000003</td><td>ON HOLD</td></tr></table>";
        let text = "Barcode\tStatus\nTL000001\tTypee\nTL000002\tON HOLD\nTL000003\tON HOLD\n";
        for body in [page, text] {
            let answer = |kind, word: &str| {
                let answer = UnrecognisedAnswer::new(kind, word).worded(&[word.to_owned()]);
                answer.answered("text/html", body.as_bytes())
            };
            let answers = [
                answer(UnrecognisedKind::Word, "Typee"),
                answer(UnrecognisedKind::Word, "ON HOLD"),
                answer(UnrecognisedKind::Column, "Status"),
            ];
            let words = kept_words(&answers);
            assert!(words.iter().eq(["ON HOLD", "Status"]), "{words:?}");
            let names = BookPseudonyms::new(&[], Vec::new(), &[]);
            let [title, state, column] = answers.map(|answer| without_books(&answer, &words, &names));
            assert!(!format!("{title:?}{state:?}{column:?}").contains("Typee"), "{title:?}");
            assert!(
                title.words == [title.shape.clone()] && title.body.contains(&title.shape),
                "{title:?}"
            );
            assert_eq!(
                (state.words, state.shape.as_str()),
                (vec!["ON HOLD".to_owned()], "ON HOLD")
            );
            let process = "https://books.example/libraries/TESTLIB/_process".parse().unwrap();
            let reply = answer(UnrecognisedKind::Word, "Held for review").asked_at(&process);
            assert!(kept_words(&[reply]).contains("Held for review"));
        }
    }

    const PAGE: &str = "<html><table><tr><td><a href=\"/home\">Welcome reader</a></td><td><table>\
        <tr class=heading><td>Barcode</td><td>Title</td><td>Colour</td><td>Status</td></tr>\
        <tr><td><input name=\"barcodes\" value=\"TL000001\"><a href=\"TL000001.tar.gz.gpg\">TL000001</a></td>\
        <td title='Leviathan Ashore'>Leviathan <i>Ashore</i></td><td>crimson</td><td>ON HOLD</td>\
        <td><a href=\"https://books.google.com/books?id=aBcQx&amp;source=grin\">2024/01/02 10:11</a></td></tr>\
        <tr><td>see there<td>Typee</td><td>turquoise<td>NEW<td>12</td></tr></table></td></tr></table>\
        <a href=\"_all_books?first=100\">Next 100</a></html>";

    #[test]
    fn cells_of_books_go_and_headings_words_and_pagers_stay() {
        let said = said(&["Colour", "ON HOLD"], PAGE);
        for gone in [
            "TL000001",
            "Leviathan",
            "Ashore",
            "crimson",
            "turquoise",
            "Typee",
            "see there",
            "aBcQx",
        ] {
            assert!(!said.contains(gone), "{gone}: {said}");
        }
        for stays in [
            "Welcome reader",
            "<td>Barcode</td><td>Title</td><td>Colour</td><td>Status</td>",
            "<td>ON HOLD</td>",
            "<td>NEW<td>12</td>",
            "2024/01/02 10:11",
            ".tar.gz.gpg\">",
            "<a href=\"_all_books?first=100\">Next 100</a>",
        ] {
            assert!(said.contains(stays), "{stays}: {said}");
        }
        assert_eq!(said.len(), PAGE.len());
        let value = said.split("value=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(said.matches(value).count(), 3, "{said}");
    }

    #[test]
    fn cells_of_a_text_go_and_its_heading_and_messages_stay() {
        let said = said(
            &["On hold until further notice", "Colour"],
            "Barcode\tStatus\tColour\nABQXZ12\tOn hold until further notice\tcrimson\nABQXZ13\tSuccess\tdark crimson\nABQXZ14\nAn error occurred\n",
        );
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!((lines[0], lines[4]), ("Barcode\tStatus\tColour", "An error occurred"));
        assert!(lines[1].contains("\tOn hold until further notice\t") && lines[2].contains("\tSuccess\t"));
        assert!(!said.contains("ABQXZ1") && !said.contains("crimson"), "{said}");
    }
}
