//! Stored books are read again and compared with what was recorded when they were stored. Blocking; a check writes nothing to the storage,
//! and what is not sound is put in its place again apart from it (`fixity/decrypt.rs`, `second_copy/restore.rs`).

mod check;
mod decrypt;
mod follow_up;
mod judge;
mod listing;
mod owner;
mod pace;
mod reread;
mod schedule;

pub(crate) use check::{BookCheck, BookChecker, CheckStop, ObjectFinding};
pub(in crate::pipeline) use follow_up::{MOVING, keep_aside, set_manifest_aside};
pub(crate) use listing::{
    ListingCounts, ListingFault, ListingFinding, ListingPart, ListingRepair, ListingStop, StoreListing,
};
pub(crate) use pace::ReadPace;
pub(crate) use reread::{RereadBook, RereadNext};
pub(crate) use schedule::{DueMoments, RereadForecast, RereadPlan, RereadStep, forecast_of};
