//! A list as text, which comes whole: its rows are recorded, or only counted.

use futures::StreamExt;
use url::Url;

use crate::actor::AskContext;
use crate::grin::{ListForm, ListQuery, ListRow, TextListParser};
use crate::pipeline::workers::grin_session::GrinSession;
use crate::pipeline::workers::list_pages::ROWS_A_BATCH;
use crate::pipeline::workers::list_reading::ListReading;
use crate::pipeline::workers::page_fault::PageFault;
use crate::pipeline::workers::retry::retried;
use crate::session::{OpenStream, PermitClass, RequestKind};

/// What becomes of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextUse {
    /// They go to the catalog.
    Record,
    /// As [`TextUse::Record`], from a text that is known to have a heading: without one, a word would become a book.
    RecordHeaded,
    /// They are counted.
    Count,
}

impl<S: GrinSession> ListReading<'_, S> {
    /// Records the list's rows in a text form.
    pub(super) async fn whole_text(&mut self, form: ListForm, cx: &AskContext) -> Result<(), PageFault> {
        self.text(form, TextUse::Record, cx).await?;
        self.seen.pages += 1;
        Ok(())
    }

    /// Reads the list in a text form; returns its rows, those that could not be taken included.
    pub(super) async fn text(&mut self, form: ListForm, rows: TextUse, cx: &AskContext) -> Result<u64, PageFault> {
        let query = ListQuery { form, page_size: None };
        let url = self.parts.addresses.list(self.list, &query);
        self.text_at(&url, rows, cx).await
    }

    /// After a fault the text is read from its beginning again; rows recorded twice change nothing.
    pub(super) async fn text_at(&mut self, url: &Url, rows: TextUse, cx: &AskContext) -> Result<u64, PageFault> {
        let (policy, before) = (self.parts.backoff, self.seen.clone());
        let ask = async || {
            self.seen.rows = before.rows;
            self.text_once(url, rows, cx).await
        };
        retried(&policy, "text_list", PageFault::wait, ask, cx).await
    }

    async fn text_once(&mut self, url: &Url, rows: TextUse, cx: &AskContext) -> Result<u64, PageFault> {
        let ask = OpenStream::new(url.clone(), PermitClass::Lists, RequestKind::TextList);
        let mut body = self.parts.session.stream(ask, cx).await?;
        let mut parser = TextListParser::new(self.list, &self.parts.library);
        if rows == TextUse::RecordHeaded {
            parser = parser.headed();
        }
        let (mut count, mut batch) = (0, Vec::new());
        while let Some(chunk) = body.next().await {
            batch.extend(parser.push(&chunk?).map_err(PageFault::Refused)?);
            if batch.len() >= ROWS_A_BATCH {
                count += self.take(std::mem::take(&mut batch), rows, cx).await?;
            }
        }
        let end = parser.finish();
        if let Some(refusal) = end.refusal {
            return Err(PageFault::Refused(refusal));
        }
        batch.extend(end.rows);
        count += end.rejected.len() as u64;
        if rows != TextUse::Count {
            self.warn(&end.warnings);
            self.reject(&end.rejected, 0);
        }
        Ok(count + self.take(batch, rows, cx).await?)
    }

    async fn take(&mut self, batch: Vec<ListRow>, rows: TextUse, cx: &AskContext) -> Result<u64, PageFault> {
        let count = batch.len() as u64;
        if rows != TextUse::Count {
            self.record(batch, None, cx).await?;
        }
        Ok(count)
    }
}
