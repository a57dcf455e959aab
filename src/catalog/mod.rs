//! What we know of every book, in one SQLite file; one writer, many readers.

mod error;
mod import;
mod lifecycle;
mod observations;
mod planning;
mod queries;
mod writer;

pub use crate::clock::SystemClock;
pub use crate::grin::{BLOCKS, BlockSet, block_of};
pub use crate::vocabulary::{BookState, NoState};
pub use crate::vocabulary::{NoQueue, Queue};
pub use error::CatalogError;
pub use import::{
    AdoptedArchive, ArchiveUnfit, BeginAdoption, ImportError, ImportMisfit, ImportPlan, ImportReport, StoredFiles,
    check_beginning,
};
pub use lifecycle::claim::{BegunPublication, ClaimBooks, ClaimToken, ClaimedBook, StoredArchive};
pub use lifecycle::leases::{ClaimHolders, RecoverClaims, RenewClaims};
pub use lifecycle::policy::CatalogPolicy;
pub use lifecycle::publication::{BeginPublication, RecordDoubtfulPublication};
pub use lifecycle::retry::{RetriedBooks, RetryBooks};
pub use lifecycle::settle::{ClaimSettlement, RecordDownloading, SettleClaim, StoredBook, StoredFinding};
pub use lifecycle::wish::{EnsureKnown, ResetFailed, SetPriority};
pub use observations::enrich::{EnrichBatch, EnrichCursor, EnrichmentCounts, RecordEnrichment, ToEnrich};
pub use observations::listing::{ListPart, ListPartCounts};
pub use observations::lists::name as list_name;
pub use observations::passes::{BeginPass, FinishPass, ListPass, PassEnd, PassId};
pub use planning::convert::{ConversionPlan, ConversionsRecorded, PlanConversions, RecordConversions};
pub use planning::select::BookSelection;
pub use queries::ask::{AskRemaining, CountBooks, ListReady, NextBookDue, RemainingWork, StateCounts};
pub use queries::explain::{BookEvent, BookStory};
pub use queries::export::ExportError;
pub use queries::reader::CatalogReader;
pub use queries::report::{DayReport, LibraryReport, ListReport, ReportForecast};
pub use queries::verification::{UnverifiedBook, VerificationCounts};
pub use writer::connection::{BUSY_TIMEOUT, path_of};
pub use writer::counters::{CatalogCounters, CatalogSnapshot};
pub use writer::handle::{Catalog, CatalogThread};
pub use writer::ledger::{CatalogLedger, CatalogOperation, CatalogTransaction};
pub use writer::schema::VERSION as SCHEMA_VERSION;

#[cfg(test)]
mod tests;
