//! Room `workers`: collect, enrich, convert, check, download: one actor a file.
//!
//! Each worker does one thing at a time, so its mailbox is a true queue. Workers ask downwards only: the session owner, the
//! catalog and the storage; the supervisor asks them.

mod arrivals;
mod check;
mod collect;
mod convert;
mod download;
mod enrich;
mod home;
mod kept;
mod page_fault;
mod patience;
mod record;
mod transfers;

pub use arrivals::Arrivals;
pub use check::{Check, CheckError, Checked, Checker};
pub use collect::{Collect, CollectError, Collected, Collector, CollectorParts};
pub use convert::{Convert, ConvertError, Converted, Converter};
pub use download::{Download, DownloadError, Downloaded, Downloader, DownloaderParts};
pub use enrich::{Enrich, EnrichError, Enricher};
pub use home::{HomeError, Recipe, Taken, bring_home, take_over};
pub use kept::{Kept, kept};
pub use transfers::{Transfers, UnderWay};
