//! What the catalog does as a whole, through its ledger.

mod again;
mod claims;
mod conversions;
mod copies;
mod enriching;
mod exports;
mod failures;
mod fixity;
mod fixity_changes;
mod groups;
mod hooks;
mod leases;
mod lists;
mod month;
mod passes;
mod rates;
mod rights;
mod second_copies;
mod server_schemas;
mod servers;
mod settlements;
mod sharing;
pub(in crate::catalog) mod shelf;
mod totals;
mod troubles;
mod upgrades;
mod wishes;
