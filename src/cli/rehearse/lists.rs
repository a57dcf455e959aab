//! What is said of a list and of the search.

use crate::cli::first_contact::{ListSample, SampleEnd};
use crate::cli::rehearse::step::RehearsalStep;
use crate::diagnostics::{DiagnosticsFolder, ListReview};
use crate::grin::{AnswerRefusal, AskedBooks, Barcode, GrinState, ListForm, parse_tsv};
use crate::session::SmallAnswer;

/// States that are named at most.
const NAMED: usize = 5;

/// A list in one form.
pub fn list(sample: &ListSample) -> RehearsalStep {
    let unknown = unknown_states(sample);
    if sample.is_recognised() && unknown.is_empty() {
        return RehearsalStep::recognised(sample.to_string(), after(&sample.end));
    }
    let trouble: Vec<String> = [sample.trouble(), unknown]
        .into_iter()
        .filter(|words| !words.is_empty())
        .collect();
    let seen = format!("{sample}: {}", trouble.join("; "));
    match sample.refusal {
        Some(AnswerRefusal::SignIn) => RehearsalStep::signed_out(seen, in_spite(sample)),
        _ => RehearsalStep::not_recognised(seen, in_spite(sample)),
    }
}

/// Words in the column of the state that are not known.
fn unknown_states(sample: &ListSample) -> String {
    let mut words: Vec<&str> = Vec::new();
    for row in &sample.rows {
        if let Some(GrinState::Other(word)) = &row.grin_state
            && !words.contains(&&**word)
        {
            words.push(word);
        }
    }
    match words.is_empty() {
        true => String::new(),
        false => format!(
            "states that are not known: {}",
            words[..words.len().min(NAMED)].join(", ")
        ),
    }
}

fn after(end: &SampleEnd) -> String {
    match end {
        SampleEnd::Next(next) => format!("The daemon would read on at {next}"),
        SampleEnd::Cut => "More of it was not looked at here; the daemon would read it to its end.".to_owned(),
        _ => "The daemon would take the list for complete.".to_owned(),
    }
}

fn in_spite(sample: &ListSample) -> &'static str {
    match (sample.refusal, &sample.end) {
        (Some(AnswerRefusal::SignIn), _) => {
            "The daemon would ask for another token, and then say that it is signed out."
        }
        (Some(_), _) if sample.form != ListForm::Html => {
            "The daemon would do without this form where it can have the pages; nothing is recorded of such an answer."
        }
        (Some(_), _) => "The daemon would record nothing of it, and try it again.",
        (None, SampleEnd::Torn) => "The daemon would read the page again.",
        (None, SampleEnd::Doubt(_)) => {
            "The daemon would record the rows, compare with the list's text form, and conclude nothing from books that are missing."
        }
        (None, _) => "The daemon would record the rows that it can read, and conclude nothing from the others.",
    }
}

/// The facts of a few books.
pub fn search(answer: &SmallAnswer, asked: &[Barcode], diagnostics: &DiagnosticsFolder) -> RehearsalStep {
    let table = parse_tsv(
        &answer.body,
        &AskedBooks {
            barcodes: Some(asked),
            rows_are_trimmed: false,
        },
    );
    let review = ListReview {
        refusal: table.refusal,
        unknown_columns: &table.columns_unknown,
        rejected: &table.rejected,
        ..ListReview::default()
    };
    review.report(diagnostics, &answer.source());
    let found = asked.iter().filter(|barcode| table.of(barcode).is_some()).count();
    let seen = format!("_barcode_search for {} books, {found} in the answer", asked.len());
    let mut trouble: Vec<String> = table.warnings;
    if answer.status != 200 {
        trouble.push(format!("status {}", answer.status));
    }
    trouble.extend(
        table
            .refusal
            .map(|refusal| format!("the answer is not what was asked for: {refusal}")),
    );
    if !table.columns_unknown.is_empty() {
        trouble.push(format!(
            "columns that are not known: {}",
            table.columns_unknown.join(", ")
        ));
    }
    let rejected = table.rejected.first();
    trouble.extend(rejected.map(|row| format!("a row cannot be read, {:?}: {}", row.barcode, row.because)));
    if !table.torn.is_empty() {
        trouble.push(format!(
            "{} rows have fewer cells than there are columns",
            table.torn.len()
        ));
    }
    match trouble.is_empty() {
        true => RehearsalStep::recognised(
            seen,
            "The daemon would record the facts; books without a row are unknown to GRIN.",
        ),
        false => RehearsalStep::not_recognised(
            format!("{seen}: {}", trouble.join("; ")),
            "The daemon would record the facts of rows that are whole, and ask for the others again.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::first_contact::ServedList;
    use crate::grin::{LibraryDirectory, ListKind};

    fn said(form: ListForm, text: &str) -> String {
        let served = ServedList {
            kind: ListKind::AllBooks,
            form,
            url: "https://books.example/libraries/TESTLIB/_all_books".parse().unwrap(),
            content_type: String::new(),
            bytes: text.as_bytes().to_vec(),
            is_cut: false,
        };
        list(&served.read(&LibraryDirectory::parse("TESTLIB").unwrap())).to_string()
    }

    fn page(columns: &str, cells: &str, rest: &str) -> String {
        format!(
            "<html><table><tr class=heading><th>Barcode</th>{columns}</tr><tr><td>39015000000001</td>{cells}</tr></table>{rest}</html>"
        )
    }

    #[test]
    fn what_is_not_known_is_named_with_what_the_daemon_would_do() {
        let known = page("<th>Status</th>", "<td>NEW</td>", "");
        let cases = [
            (
                ListForm::Html,
                known.as_str(),
                "recognised: _all_books as pages, 1 row",
                "complete",
            ),
            (
                ListForm::Html,
                &page("<th>Status</th>", "<td>ON_HOLD</td>", ""),
                "NOT RECOGNISED: _all_books as pages, 1 row in",
                "ON_HOLD",
            ),
            (
                ListForm::Html,
                &page("<th>Colour</th>", "<td>red</td>", ""),
                "NOT RECOGNISED",
                "not known: Colour",
            ),
            (
                ListForm::Html,
                &page(
                    "<th>Status</th>",
                    "<td>NEW</td>",
                    "<a href=\"_all_books?ctoken=x\">more</a>",
                ),
                "NOT RECOGNISED",
                "compare with the list's text form",
            ),
            (
                ListForm::TextAll,
                "<html>Welcome</html>",
                "NOT RECOGNISED",
                "do without this form",
            ),
            (
                ListForm::Html,
                "<html><form><input type=\"password\"></form></html>",
                "no answer",
                "another token",
            ),
            (
                ListForm::Html,
                "<html>Your request is unavailable</html>",
                "NOT RECOGNISED",
                "unavailable",
            ),
        ];
        for (form, text, begins, has) in cases {
            let said = said(form, text);
            assert!(said.starts_with(begins) && said.contains(has), "{text}: {said}");
        }
    }
}
