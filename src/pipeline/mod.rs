//! A book's plan, fan-out, failure policy, drain.
//!
//! The supervisor claims books from the catalog, walks each along its plan by asking the workers, and settles it in one
//! transaction. What to do next is decided in [`plan`], a pure function; how long to wait in [`policy`]; who is asked in `pursue`.

mod book_run;
mod fan_out;
pub mod plan;
pub mod policy;
mod progress;
mod publish;
mod recover;
mod supervisor;
mod tasks;
pub mod workers;

pub use progress::{BoardSnapshot, RunProgress};
pub use publish::{
    ArchiveTaken, HomeError, KeepReason, PublicationWindow, PublishRecipe, ReplaceDecision, StagedVolume,
    StoredWitness, VolumePublished, VolumeStanding, examine, may_replace, stage, stage_taken_over, stored_witness,
};
pub use recover::{PublishedVolume, ReconcileBook, reconcile};
pub use supervisor::{
    BeginRun, ChangeOptions, DrainRun, LookAgain, RetryPolicy, RunReport, RunScope, Supervisor, TaskIntervals,
    WorkerPools, compare_after,
};
