//! The config file, from text to checked values.
//!
//! Layers are merged with the `config` crate, read into typed sections, and then checked for their meaning. Every finding is
//! reported, not only the first; each is one sentence that names its key and where it stands.

mod address;
mod bandwidth;
mod change;
mod check;
mod choices;
mod effective;
mod finding;
mod hook_target;
mod hours;
mod kinds;
mod layer;
mod load;
mod reader;
mod second_copy;
mod section;
mod sections;
#[cfg(test)]
mod tests;

pub(crate) use crate::settings::address::{
    StorageAddress, StoreProvider, catalog_file, diagnostics_folder, wrong_key, wrong_prefix, wrong_run,
};
pub(crate) use crate::settings::bandwidth::{BandwidthLimit, BandwidthNow, BandwidthTimetable};
pub(crate) use crate::settings::change::{ChangeEffect, diff};
pub(crate) use crate::settings::check::wrong_address;
#[cfg(test)]
pub(crate) use crate::settings::choices::ScheduleInterval;
pub(crate) use crate::settings::choices::{DiskReserve, LayoutChoice};
pub(crate) use crate::settings::effective::{masked_catalog_address, without_homes};
pub use crate::settings::finding::SettingsFindingLevel;
pub(crate) use crate::settings::finding::{SettingsError, SettingsFinding, UnusableSetting};
pub(crate) use crate::settings::hook_target::HookTarget;
pub(crate) use crate::settings::hours::DailyHours;
pub use crate::settings::load::SettingsSources;
pub(crate) use crate::settings::load::{LoadedSettings, dropins_of};
pub use crate::settings::sections::Settings;
pub(crate) use crate::settings::sections::{RetrySettings, StorageSettings};

/// The built-in defaults: every key with its comment.
pub const DEFAULT_TOML: &str = include_str!("../../settings/default.toml");

/// The passphrase of `settings/demo.toml`, published with the program and therefore no secret; the simulator's own, too.
pub const DEMO_PASSPHRASE: &str = include_str!("../../settings/demo.passphrase").trim_ascii_end();
