//! A list as text, which comes whole: its rows are recorded, or their books compared with those of the pages.

use std::hash::{DefaultHasher, Hash, Hasher};

use futures::StreamExt;
use tracing::warn;
use url::Url;

use crate::actor::AskContext;
use crate::catalog::{AskUnknown, CatalogError};
use crate::diagnostics::ListReview;
use crate::grin::{
    AnswerRefusal, Barcode, ListForm, ListPageParser, ListQuery, ListRow, RejectedRow, RejectionReason, TEXT_BEGINNING,
    TextList, TextListParser,
};
use crate::pipeline::workers::grin_session::GrinSession;
use crate::pipeline::workers::list_pages::ROWS_A_BATCH;
use crate::pipeline::workers::list_reading::ListReading;
use crate::pipeline::workers::list_time::ListTime;
use crate::pipeline::workers::page_fault::PageFault;
use crate::pipeline::workers::passing_answer::PassingAnswer;
use crate::pipeline::workers::retry::retried;
use crate::session::{BodyStream, OpenStream, PermitClass, RequestKind};

/// What becomes of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextUse {
    /// They go to the catalog.
    Record,
    /// As [`TextUse::Record`], from a text that is known to have a heading: without one, a word would become a book.
    RecordHeaded,
    /// Their books are compared with those of the pages.
    Compare,
}

/// What a text was.
#[derive(Debug, Default)]
pub(super) struct TextRead {
    /// Books that it names, each counted once.
    pub(super) books: u64,
    /// Those of them that are not known at all; only where they are compared.
    pub(super) unknown: u64,
    names: Vec<u64>,
}

impl TextRead {
    /// A name takes eight bytes, whatever its length: a list may have millions.
    fn note(&mut self, barcode: &Barcode) {
        let mut hasher = DefaultHasher::new();
        barcode.as_str().hash(&mut hasher);
        self.names.push(hasher.finish());
    }

    fn count(&mut self) {
        self.names.sort_unstable();
        self.names.dedup();
        self.books = self.names.len() as u64;
        self.names = Vec::new();
    }
}

/// A text on its way.
struct ArrivingText {
    body: BodyStream,
    passing: PassingAnswer,
    time: ListTime,
}

/// The words among the rejected rows that may be barcodes.
fn lone(rejected: &[RejectedRow]) -> Vec<Barcode> {
    let words = rejected.iter().filter(|row| row.because == RejectionReason::LoneWord);
    words.filter_map(RejectedRow::about).flatten().collect()
}

impl<S: GrinSession> ListReading<'_, S> {
    /// Records the list's rows in a text form.
    pub(super) async fn whole_text(&mut self, form: ListForm, cx: &AskContext) -> Result<TextRead, PageFault> {
        let read = self.text(form, TextUse::Record, cx).await?;
        self.seen.pages += 1;
        Ok(read)
    }

    /// Reads the list in a text form.
    pub(super) async fn text(&mut self, form: ListForm, rows: TextUse, cx: &AskContext) -> Result<TextRead, PageFault> {
        let query = ListQuery { form, page_size: None };
        let (list, url) = (self.list, self.parts.addresses.list(self.list, &query));
        cx.describe(move || format!("{list}: reads its text form"));
        self.text_at(&url, rows, cx).await
    }

    /// After a fault the text is read from its beginning again; rows recorded twice change nothing.
    pub(super) async fn text_at(&mut self, url: &Url, rows: TextUse, cx: &AskContext) -> Result<TextRead, PageFault> {
        let (policy, before) = (self.parts.backoff, self.seen.clone());
        let ask = async || {
            self.seen.rows = before.rows;
            self.text_once(url, rows, cx).await
        };
        retried(&policy, "text_list", PageFault::wait, ask, cx).await
    }

    async fn text_once(&mut self, url: &Url, rows: TextUse, cx: &AskContext) -> Result<TextRead, PageFault> {
        let ask = OpenStream::new(url.clone(), PermitClass::Lists, RequestKind::TextList);
        let mut body = self.parts.session.stream(ask, cx).await?;
        let mut parser = TextListParser::new(self.list, &self.parts.library).of_length(body.has_length);
        let (mut passing, mut time) = (PassingAnswer::of(&body), ListTime::begin());
        if rows == TextUse::RecordHeaded {
            parser = parser.headed();
        }
        let (mut read, mut batch, mut beginning) = (TextRead::default(), Vec::new(), Vec::new());
        while let Some(chunk) = cx.waiting_for("transfer", body.next()).await {
            let chunk = chunk?;
            if beginning.len() < TEXT_BEGINNING {
                beginning.extend_from_slice(&chunk);
            }
            passing.push(&chunk);
            let timed = match parser.push(&chunk) {
                Ok(rows) => {
                    passing.note(&rows);
                    let timed = time.note(rows.len());
                    batch.extend(rows);
                    timed
                }
                Err(refusal) => {
                    let text = ArrivingText { body, passing, time };
                    return Err(self.not_text(refusal, &beginning, text, cx).await);
                }
            };
            if batch.len() >= ROWS_A_BATCH || timed.is_err() {
                self.take(std::mem::take(&mut batch), rows, &mut read, cx).await?;
            }
            timed?;
        }
        let mut end = parser.finish();
        passing.note(&end.rows);
        batch.append(&mut end.rows);
        self.take_known_words(&mut end, &mut batch, cx).await?;
        if let Some(refusal) = end.refusal {
            if refusal == AnswerRefusal::Truncated {
                // What was read is good; nothing follows from what was not.
                self.take(batch, rows, &mut read, cx).await?;
                if let Some(said) = end.rejected.iter().find(|row| row.because == RejectionReason::Message) {
                    warn!(list = %self.list, words = said.barcode, "GRIN's own words stand in place of the rest of the list");
                }
            }
            let text = ArrivingText { body, passing, time };
            return Err(self.not_text(refusal, &beginning, text, cx).await);
        }
        self.warn(&end.warnings);
        self.take_lone_words(&mut end.rejected, &mut batch, cx).await?;
        self.reject(&end.rejected, end.rejected_more);
        let review = ListReview {
            unknown_columns: &end.unknown_columns,
            rejected: &end.rejected,
            ..ListReview::default()
        };
        passing.report(review, &self.parts.session.diagnostics());
        self.take(batch, rows, &mut read, cx).await?;
        // What the rejected rows were about.
        self.record(Vec::new(), None, cx).await?;
        read.count();
        Ok(read)
    }

    /// Takes a text for a list that is none by itself, where all of it is words that the catalog knows as books: few books are few words
    /// of one shape.
    async fn take_known_words(
        &mut self,
        end: &mut TextList,
        batch: &mut Vec<ListRow>,
        cx: &AskContext,
    ) -> Result<(), PageFault> {
        let words = lone(&end.rejected);
        let are_all = words.len() as u64 == end.rejected.len() as u64 + end.rejected_more;
        let may_be_list = end.refusal == Some(AnswerRefusal::NotAList) && are_all && !words.is_empty();
        if may_be_list && self.sight(words.clone(), cx).await? == 0 {
            batch.extend(words.into_iter().map(ListRow::bare));
            (end.rejected, end.refusal) = (Vec::new(), None);
        }
        Ok(())
    }

    /// Takes words unlike the barcodes around them that the catalog knows as books: to stand in the list is all that a row without columns
    /// says of its book.
    async fn take_lone_words(
        &mut self,
        rejected: &mut Vec<RejectedRow>,
        batch: &mut Vec<ListRow>,
        cx: &AskContext,
    ) -> Result<(), CatalogError> {
        let words = lone(rejected);
        let unknown = self.parts.catalog.ask(AskUnknown(words.clone()), cx).await?;
        self.doubt_words(&words, &unknown);
        let is_unknown = |row: &RejectedRow| {
            row.about()
                .is_none_or(|books| books.iter().any(|book| unknown.contains(book)))
        };
        rejected.retain(|row| row.because != RejectionReason::LoneWord || is_unknown(row));
        let known = words.into_iter().filter(|word| !unknown.contains(word));
        batch.extend(known.map(ListRow::bare));
        Ok(())
    }

    /// Why an answer that begins so is no text. The list's own pages say that GRIN does not make a text of it.
    async fn not_text(
        &self,
        refusal: AnswerRefusal,
        beginning: &[u8],
        text: ArrivingText,
        cx: &AskContext,
    ) -> PageFault {
        let ArrivingText {
            mut body,
            passing,
            mut time,
        } = text;
        let review = ListReview {
            refusal: Some(refusal),
            ..ListReview::default()
        };
        let diagnostics = self.parts.session.diagnostics();
        if refusal != AnswerRefusal::Html {
            passing.report(review, &diagnostics);
            return PageFault::Refused(refusal);
        }
        let mut parser = ListPageParser::served_as(&self.parts.library, &body.url, &body.content_type);
        let mut rows = parser.push(beginning).map_or(0, |rows| rows.len());
        while rows == 0
            && let Some(Ok(chunk)) = cx.waiting_for("transfer", body.next()).await
        {
            let Ok(more) = parser.push(&chunk) else { break };
            rows = more.len();
            if let Err(endless) = time.note(rows) {
                return endless.into();
            }
        }
        let (rest, _) = parser.finish();
        if rows + rest.len() > 0 {
            PageFault::PagesInstead
        } else {
            passing.report(review, &diagnostics);
            PageFault::Refused(refusal)
        }
    }

    async fn take(
        &mut self,
        batch: Vec<ListRow>,
        rows: TextUse,
        read: &mut TextRead,
        cx: &AskContext,
    ) -> Result<(), PageFault> {
        let batch = self.settle_names(batch, cx).await?;
        batch.iter().for_each(|row| read.note(&row.barcode));
        if rows == TextUse::Compare {
            let books = batch.into_iter().map(|row| row.barcode).collect();
            read.unknown += self.sight(books, cx).await?;
        } else {
            self.record(batch, None, cx).await?;
        }
        Ok(())
    }
}
