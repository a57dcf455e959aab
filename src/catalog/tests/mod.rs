//! What the catalog does as a whole, through its ledger.

mod again;
mod blocks;
mod claims;
mod conversions;
mod enriching;
mod failures;
mod groups;
mod leases;
mod lists;
mod passes;
mod servers;
mod settlements;
mod shelf;
mod totals;
mod troubles;
