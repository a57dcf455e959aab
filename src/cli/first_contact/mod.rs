//! The few requests by which GRIN is met for the first time: by `grind check-config --connect` and `grind rehearse`.

mod sample;
mod summary;

use futures::StreamExt as _;

pub use sample::{ListSample, SampleEnd, ServedList};
pub use summary::{SummaryVerdict, speaks_for_itself_alone};

use crate::actor::AskContext;
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::grin_line::GrinLine;
use crate::diagnostics::ReportedSource;
use crate::grin::{Barcode, FileName, GrinAddresses, LibraryDirectory, ListForm, ListKind, ListQuery};
use crate::session::{
    AuthMode, BodyError, FetchAnswer, HeadRequest, OpenStream, PermitClass, RequestKind, RequestMethod, SessionError,
    SmallAnswer, TimeoutPhase,
};
use crate::settings::Settings;

/// Bytes of the summary of the directory.
const SUMMARY: usize = 256 << 10;
/// Rows asked for in a page: few enough that a long list has a second page, and shows how it is led to.
const ROWS: i64 = 100;
/// Bytes of a page that are looked at.
const PAGE: usize = 4 << 20;
/// Bytes of a text that are looked at; GRIN gives a list's text whole, which can be many millions of lines.
const TEXT: usize = 256 << 10;

/// Whom to ask, and by what.
pub struct GrinContact<'a> {
    /// The session.
    pub line: &'a GrinLine,
    /// The library's addresses.
    pub addresses: GrinAddresses,
    /// The library.
    pub library: LibraryDirectory,
    cx: AskContext,
}

/// The library and its addresses, as the settings name them.
pub fn addressed(settings: &Settings) -> Result<(LibraryDirectory, GrinAddresses), CliError> {
    let wrong = |error: &dyn std::error::Error| CliError::new(ExitStatus::Config, "cannot ask GRIN").because(error);
    let library = LibraryDirectory::parse(&settings.library.directory).map_err(|error| wrong(&error))?;
    let addresses = GrinAddresses::new(&settings.grin.base_url, &library).map_err(|error| wrong(&error))?;
    Ok((library, addresses))
}

impl<'a> GrinContact<'a> {
    /// Over a session that has begun.
    pub fn new(line: &'a GrinLine, settings: &Settings) -> Result<Self, CliError> {
        let (library, addresses) = addressed(settings)?;
        Ok(Self {
            line,
            addresses,
            library,
            cx: line.cx.with_timeout(settings.session.total_timeout),
        })
    }

    /// The summary of the directory, the cheapest thing that needs a sign-in. One that is not recognised is kept.
    pub async fn summary(&self) -> Result<SmallAnswer, SessionError> {
        let fetch = FetchAnswer::get(self.addresses.summary(), RequestKind::Other, SUMMARY);
        let answer = self.line.session.ask(fetch, &self.cx).await?;
        if let Some(unrecognised) = SummaryVerdict::of(&answer).unrecognised(&answer) {
            self.line.session.diagnostics().report(unrecognised);
        }
        Ok(answer)
    }

    /// The beginning of a list, in one form.
    pub async fn list(&self, kind: ListKind, form: ListForm) -> Result<ListSample, SessionError> {
        let is_page = form == ListForm::Html;
        let query = ListQuery {
            form,
            page_size: is_page.then_some(ROWS),
        };
        let (asked, most) = match is_page {
            true => (RequestKind::ListPage, PAGE),
            false => (RequestKind::TextList, TEXT),
        };
        let open = OpenStream::new(self.addresses.list(kind, &query), PermitClass::Lists, asked);
        let mut body = self.line.session.ask(open, &self.cx).await?;
        let mut served = ServedList {
            kind,
            form,
            url: body.url.clone(),
            content_type: body.content_type.clone(),
            bytes: Vec::new(),
            is_cut: false,
        };
        while let Some(chunk) = body.next().await {
            served.bytes.extend_from_slice(&chunk.map_err(of_body)?);
            if served.bytes.len() > most {
                served.bytes.truncate(most);
                served.is_cut = true;
                break;
            }
        }
        let source = ReportedSource {
            url: &body.url,
            content_type: &body.content_type,
            body: &served.bytes,
        };
        let sample = served.read(&self.library);
        sample.review().report(self.line.session.diagnostics(), &source);
        Ok(sample)
    }

    /// The facts of a few books.
    pub async fn search(&self, barcodes: &[Barcode]) -> Result<SmallAnswer, SessionError> {
        let fetch = FetchAnswer::get(self.addresses.barcode_search(barcodes), RequestKind::Search, PAGE);
        self.line.session.ask(fetch, &self.cx).await
    }

    /// The headers of an archive.
    pub async fn head(&self, name: &FileName) -> Result<SmallAnswer, SessionError> {
        let head = HeadRequest {
            url: self.addresses.archive(name),
            class: PermitClass::Check,
            kind: RequestKind::ArchiveHead,
            auth: AuthMode::Grin,
        };
        self.line.session.ask(head, &self.cx).await
    }

    /// Bytes `first` to `last` of an archive.
    pub async fn part(&self, name: &FileName, first: u64, last: u64) -> Result<SmallAnswer, SessionError> {
        let limit = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
        let fetch = FetchAnswer {
            url: self.addresses.archive(name),
            method: RequestMethod::Get,
            headers: vec![("range".to_owned(), format!("bytes={first}-{last}"))],
            class: PermitClass::Bulk,
            kind: RequestKind::ArchiveBody,
            auth: AuthMode::Grin,
            limit,
        };
        self.line.session.ask(fetch, &self.cx).await
    }
}

/// A body that ended early, as the error of its request.
fn of_body(error: BodyError) -> SessionError {
    match error {
        BodyError::Session(error) => error,
        BodyError::Cut { got, expected } => SessionError::Short { got, expected },
        BodyError::Morsels { got } => SessionError::Short { got, expected: None },
        BodyError::Stalled => SessionError::Timeout {
            phase: TimeoutPhase::Read,
        },
        BodyError::Restart | BodyError::TooSlow | BodyError::Cancelled => SessionError::Reset,
    }
}
