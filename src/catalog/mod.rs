//! Room `catalog`: what we know of every book, in one SQLite file; one writer, many readers.

mod actor;
mod ask;
mod backup;
mod blocks;
mod claim;
mod clock;
mod connection;
mod convert;
mod counters;
mod enrich;
mod error;
mod explain;
mod export;
mod facts;
mod follow;
mod group;
mod handle;
mod history;
mod import;
mod leases;
mod ledger;
mod listing;
mod lists;
mod marc;
mod passes;
mod policy;
mod queue;
mod reader;
mod record;
mod report;
mod schema;
mod select;
mod settle;
mod state;
mod tallies;
mod wish;

pub use ask::{AskRemaining, CountBooks, Counts, ListReady, NextBookDue, NextDue, Remaining};
pub use blocks::{BLOCKS, Blocks, block_of};
pub use claim::{Claim, Claimed, Held, StoredArchive};
pub use clock::Clock;
pub use connection::{BUSY_TIMEOUT, path_of};
pub use convert::{ConversionPlan, ConversionsRecorded, PlanConversions, RecordConversions};
pub use counters::{CatalogCounters, CatalogSnapshot};
pub use enrich::{EnrichBatch, EnrichCursor, Enriched, RecordEnrichment, ToEnrich};
pub use error::CatalogError;
pub use explain::{Event, Story};
pub use export::ExportError;
pub use handle::{Catalog, CatalogThread};
pub use import::{
    AdoptedArchive, Depth, Import, ImportError, ImportReport, LocalFiles, Misfit, StoredFiles, Unfit, look_at,
};
pub use leases::{Expire, Holders, Recover, Renew};
pub use ledger::{Ledger, Operation, Tx};
pub use listing::{ListPart, Upserted};
pub use lists::name as list_name;
pub use marc::MarcColumns;
pub use passes::{BeginPass, FinishPass, Pass, PassEnd, PassId};
pub use policy::Policy;
pub use queue::{NoQueue, Queue};
pub use reader::Reader;
pub use report::{Day, Forecast, ListReport, Report};
pub use schema::VERSION as SCHEMA_VERSION;
pub use select::Selection;
pub use settle::{Downloading, Settle, Settlement, StoredBook};
pub use state::{BookState, NoState};
pub use wish::{EnsureKnown, ResetFailed, SetPriority};

#[cfg(test)]
mod tests;
