//! What of a list, a search or an answer about conversions was not recognised.

use std::collections::BTreeSet;

use url::Url;

use crate::diagnostics::DiagnosticsFolder;
use crate::diagnostics::answer::{UnrecognisedAnswer, UnrecognisedKind};
use crate::grin::{
    AnswerRefusal, EndDoubt, GrinState, ListRow, ProcessOutcome, ProcessResult, RejectedRow, RejectionReason,
};

/// Words of one answer.
const MOST_WORDS: usize = 16;

/// Where an answer came from, and what of it is kept.
#[derive(Debug)]
pub(crate) struct ReportedSource<'a> {
    pub(crate) url: &'a Url,
    pub(crate) content_type: &'a str,
    pub(crate) body: &'a [u8],
}

/// What a parser made of an answer with rows.
#[derive(Debug, Default)]
pub(crate) struct ListReview<'a> {
    pub(crate) refusal: Option<AnswerRefusal>,
    pub(crate) doubt: Option<&'a EndDoubt>,
    pub(crate) unknown_columns: &'a [String],
    pub(crate) rejected: &'a [RejectedRow],
    /// States that are not known, also more than once.
    pub(crate) words: Vec<String>,
}

impl ListReview<'_> {
    /// Takes note of a state that is not known; `true` if the row is wanted. Of each word two rows are: a word that stands in one alone may
    /// be a title in a misread column.
    pub(crate) fn note(words: &mut Vec<String>, row: &ListRow) -> bool {
        let Some(GrinState::Other(word)) = &row.grin_state else {
            return false;
        };
        let times = words.iter().filter(|known| **known == **word).count();
        let is_wanted = words.len() < 2 * MOST_WORDS && times < 2;
        if is_wanted {
            words.push(word.to_string());
        }
        is_wanted
    }

    /// One for each thing that was not recognised.
    fn unrecognised(&self) -> Vec<UnrecognisedAnswer> {
        let mut found: Vec<UnrecognisedAnswer> = self.refusal.and_then(of_refusal).into_iter().collect();
        found.extend(self.doubt.map(of_doubt));
        if !self.unknown_columns.is_empty() {
            let names = self.unknown_columns.join(", ");
            found.push(UnrecognisedAnswer::new(UnrecognisedKind::Column, &names).worded(self.unknown_columns));
        }
        for word in self.words.iter().collect::<BTreeSet<_>>().into_iter().take(MOST_WORDS) {
            found.push(UnrecognisedAnswer::new(UnrecognisedKind::Word, word).worded(std::slice::from_ref(word)));
        }
        let mut reasons: Vec<String> = self.rejected.iter().filter_map(|row| reason(&row.because)).collect();
        reasons.sort();
        reasons.dedup();
        let rows = reasons.iter().take(MOST_WORDS);
        found.extend(rows.map(|reason| UnrecognisedAnswer::new(UnrecognisedKind::Row, reason)));
        found
    }

    /// Reports all of it.
    pub(crate) fn report(&self, diagnostics: &DiagnosticsFolder, source: &ReportedSource<'_>) {
        for answer in self.unrecognised() {
            diagnostics.report_with(answer, |answer| {
                answer.asked_at(source.url).answered(source.content_type, source.body)
            });
        }
    }
}

/// A page that is not what was asked for. Refusals in GRIN's known words, and pages that the network cut, are recognised.
fn of_refusal(refusal: AnswerRefusal) -> Option<UnrecognisedAnswer> {
    let kind = match refusal {
        AnswerRefusal::Unavailable | AnswerRefusal::SignIn | AnswerRefusal::Truncated => return None,
        AnswerRefusal::ForeignNext | AnswerRefusal::Loop => UnrecognisedKind::Pager,
        AnswerRefusal::NotAList
        | AnswerRefusal::Html
        | AnswerRefusal::Empty
        | AnswerRefusal::BadHeader
        | AnswerRefusal::TooLarge
        | AnswerRefusal::TooDeep => UnrecognisedKind::Answer,
    };
    Some(UnrecognisedAnswer::new(kind, refusal.as_str()))
}

fn of_doubt(doubt: &EndDoubt) -> UnrecognisedAnswer {
    let shape = match doubt {
        EndDoubt::OpenLinks(links) => {
            let names = links.first().map(|link| {
                let names: Vec<_> = link.query_pairs().map(|(name, _)| name.into_owned()).collect();
                names.join(", ")
            });
            format!("links with {}", names.unwrap_or_default())
        }
        other => other.to_string(),
    };
    UnrecognisedAnswer::new(UnrecognisedKind::Pager, &shape)
}

/// Why a row was not read; `None` where the network may have cut it.
fn reason(because: &RejectionReason) -> Option<String> {
    match because {
        RejectionReason::Torn | RejectionReason::CutOff => None,
        RejectionReason::Disagree(..) => Some("the row names two volumes".to_owned()),
        RejectionReason::BadBarcode(_) => Some("a cell is no barcode".to_owned()),
        RejectionReason::BadFileName(_) => Some("a cell is no archive's name".to_owned()),
        other => Some(other.to_string()),
    }
}

/// Words about conversions that are not known.
pub(crate) fn of_process_words(outcomes: &[ProcessResult]) -> Vec<String> {
    let unknown = outcomes
        .iter()
        .filter(|processed| processed.outcome == ProcessOutcome::Unknown);
    let mut words: Vec<String> = unknown.map(|processed| processed.words.clone()).collect();
    words.sort();
    words.dedup();
    words.truncate(MOST_WORDS);
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grin::Barcode;

    #[test]
    fn each_thing_that_is_not_recognised_is_one_answer() {
        let link = |query: &str| Url::parse(&format!("https://x.example/_all_books?{query}")).unwrap();
        let links = EndDoubt::OpenLinks(vec![link("start=10&sort=a")]);
        let columns = ["Colour".to_owned(), "Shelf 12".to_owned()];
        let row = |because| RejectedRow {
            barcode: String::new(),
            because,
        };
        let rejected = [
            row(RejectionReason::Disagree("A1".into(), "A2".into())),
            row(RejectionReason::Disagree("A3".into(), "A4".into())),
            row(RejectionReason::TooFewCells(3)),
            row(RejectionReason::CutOff),
        ];
        let review = ListReview {
            refusal: Some(AnswerRefusal::BadHeader),
            doubt: Some(&links),
            unknown_columns: &columns,
            rejected: &rejected,
            words: vec!["ON_HOLD".to_owned(); 2],
        };
        let found = review.unrecognised();
        let shown: Vec<_> = found
            .iter()
            .map(|answer| format!("{}: {}", answer.kind.as_str(), answer.shape))
            .collect();
        assert_eq!(
            shown,
            [
                "answer: bad_header",
                "pager: links with start, sort",
                "column: Colour, Shelf 0",
                "word: ON_HOLD",
                "row: the row names two volumes",
                "row: too few cells: 0",
            ]
        );
        assert_eq!(found[2].words, columns);
    }

    #[test]
    fn of_each_state_that_is_not_known_two_rows_are_wanted() {
        let row = |word: &str| ListRow {
            grin_state: GrinState::read(word),
            ..ListRow::bare(Barcode::parse("TL000001").unwrap())
        };
        let mut words = Vec::new();
        let mut wanted = |word| ListReview::note(&mut words, &row(word));
        assert_eq!(
            ["ON_HOLD", "HELD", "ON_HOLD", "ON_HOLD", "NEW"].map(&mut wanted),
            [true, true, true, false, false]
        );
        let review = ListReview {
            words,
            ..ListReview::default()
        };
        let found = review.unrecognised();
        assert_eq!(
            found.iter().map(|answer| answer.shape.as_str()).collect::<Vec<_>>(),
            ["HELD", "ON_HOLD"]
        );
    }

    #[test]
    fn refusals_that_are_known_and_cut_pages_are_not_reported() {
        for (refusal, kind) in [
            (AnswerRefusal::Unavailable, None),
            (AnswerRefusal::SignIn, None),
            (AnswerRefusal::Truncated, None),
            (AnswerRefusal::Loop, Some(UnrecognisedKind::Pager)),
            (AnswerRefusal::NotAList, Some(UnrecognisedKind::Answer)),
        ] {
            assert_eq!(of_refusal(refusal).map(|answer| answer.kind), kind, "{refusal}");
        }
        assert_eq!(ListReview::default().unrecognised(), []);
    }
}
