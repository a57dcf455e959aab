//! A book's plan, fan-out, failure policy, drain.
//!
//! The supervisor claims books from the catalog, runs each along its plan by asking the workers, and settles it in one
//! transaction. What to do next is decided in [`plan`], whose fault an error is and how long to wait in [`policy`], whether a
//! book may be begun in [`intake`]: pure functions all. `book_run` asks the workers.

mod book_run;
mod book_services;
mod copies;
mod fan_out;
mod fixity;
mod from_settings;
mod hooks;
mod intake;
mod membership;
mod mount;
mod package;
pub(crate) mod plan;
pub(crate) mod policy;
mod progress;
mod publish;
mod recover;
mod restore;
mod room;
mod second_copy;
mod supervisor;
mod task_services;
mod tasks;
pub mod workers;

pub(crate) use copies::{CopyMaker, CopyScratch, DatedBackups, KeptCopyError, unpack};
pub(crate) use fixity::{
    BookCheck, BookChecker, CheckStop, ListingCounts, ListingFault, ListingFinding, ListingPart, ListingRepair,
    ListingStop, ObjectFinding, ReadPace, RereadForecast, RereadPlan, StoreListing,
};
pub use from_settings::scope_of;
pub(crate) use from_settings::{
    CLAIM_LEASE, archive_keys, archive_options, decrypted_options, second_copy_config, secret_files, storage_config,
    wanted_books, work_options,
};
pub(crate) use hooks::StoredHook;
pub(crate) use intake::{GrinSilence, unnoticed_wait};
pub(crate) use membership::{LibraryMembership, RoundResult, UnbrokenMembership};
pub(crate) use mount::{
    MountError, adopt_storage, check_layout, check_place, confirm_by_hand, confirm_layout, confirm_place_by_hand,
};
pub(crate) use package::{BookPacker, PackageError, PackageForm, PackageOrder, PackageOutcome, PackedBook};
pub(crate) use progress::{HookCounts, ProgressSnapshot, RunProgress, SecondCopyCounts};
pub use publish::{
    ArchiveTaken, KeepReason, PublicationWindow, PublishError, PublishRecipe, StoredCondition, VolumePublished,
    stage_taken_over,
};
pub(crate) use publish::{ReplaceDecision, examine};
pub(crate) use recover::PublishedVolume;
pub use recover::{ReconcileBook, reconcile};
pub(crate) use restore::{ReconcileError, RestoredBooks, StoreComparison};
pub(crate) use second_copy::SecondPlace;
pub use supervisor::Supervisor;
pub(crate) use supervisor::{
    BeginRun, ChangeOptions, ChangePause, DrainRun, LookAgain, RetryPolicy, RunReport, RunScope, TaskIntervals,
    WorkOptions, WorkerPools, compare_after,
};
