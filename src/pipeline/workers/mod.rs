//! Collect, enrich, convert, check, download: one actor a file.
//!
//! Each worker does one thing at a time, so its mailbox is a true queue. Workers ask downwards only: the session owner, the
//! catalog and the storage; the supervisor asks them.

mod arrivals;
mod check;
mod collect;
mod convert;
mod download;
mod enrich;
mod grin_session;
mod key_files;
mod list_names;
mod list_pages;
mod list_proof;
mod list_reading;
mod list_text;
mod list_time;
mod page_fault;
mod panics;
mod passing_answer;
mod retry;
mod transfers;

pub use arrivals::MonthlyArrivals;
pub use check::CheckWorker;
pub(crate) use check::{CheckBook, CheckError, CheckResult};
pub(crate) use collect::{CollectError, CollectList, CollectResult};
pub use collect::{CollectWorker, CollectorParts};
pub use convert::ConvertWorker;
pub(crate) use convert::{ConvertAnswer, ConvertBatch, ConvertError, ConvertResult};
pub use download::DownloadWorker;
pub(crate) use download::{DownloadBook, DownloadError, DownloadResult, DownloaderParts};
pub use enrich::EnrichWorker;
pub(crate) use enrich::{EnrichAnswer, EnrichBarcodes, EnrichError};
pub(crate) use grin_session::BatchParts;
pub(crate) use key_files::{ArchiveKeyFiles, SecretStamps};
pub(crate) use transfers::{TransferTable, UnderWay};

#[cfg(test)]
mod tests;
