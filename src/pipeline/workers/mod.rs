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
mod list_pages;
mod list_reading;
mod list_text;
mod page_fault;
mod panics;
mod retry;
mod transfers;

pub use arrivals::MonthlyArrivals;
pub use check::{CheckBook, CheckError, CheckResult, Checker};
pub use collect::{CollectError, CollectList, CollectResult, Collector, CollectorParts};
pub use convert::{ConvertBatch, ConvertError, ConvertResult, Converter};
pub use download::{DownloadBook, DownloadError, DownloadResult, Downloader, DownloaderParts};
pub use enrich::{EnrichBarcodes, EnrichError, Enricher};
pub use transfers::{TransferTable, UnderWay};
