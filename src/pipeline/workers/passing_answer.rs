//! What is remembered of an answer while its rows go by, for the case that something of it is not recognised.

use url::Url;

use crate::diagnostics::{AnswerSample, DiagnosticsFolder, ListReview, ReportedSource};
use crate::grin::ListRow;
use crate::session::BodyStream;

/// A list on its way.
pub(super) struct PassingAnswer {
    url: Url,
    content_type: String,
    sample: AnswerSample,
    /// States that are not known, also more than once.
    words: Vec<String>,
}

impl PassingAnswer {
    pub(super) fn of(body: &BodyStream) -> Self {
        Self {
            url: body.url.clone(),
            content_type: body.content_type.clone(),
            sample: AnswerSample::default(),
            words: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.sample.push(chunk);
    }

    /// Rows that were read of what was pushed last.
    pub(super) fn note(&mut self, rows: &[ListRow]) {
        for row in rows {
            if ListReview::note(&mut self.words, row) {
                self.sample.mark(row.barcode.as_str());
            }
        }
    }

    /// Reports what the parser did not recognise, and the states that are not known.
    pub(super) fn report(self, review: ListReview<'_>, diagnostics: &DiagnosticsFolder) {
        let review = ListReview {
            words: self.words,
            ..review
        };
        let source = ReportedSource {
            url: &self.url,
            content_type: &self.content_type,
            body: &self.sample.finish(),
        };
        review.report(diagnostics, &source);
    }
}
