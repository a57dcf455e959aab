//! What the daemon lets be seen.

use std::sync::Arc;

use futures::future::LocalBoxFuture;

use crate::actor::{ActorName, BlackBoxDump, HubSnapshot};
use crate::catalog::BookStory;
use crate::grin::Barcode;
use crate::observe::control::{ControlError, ControlReply, ControlRequest};
use crate::observe::daemon::DaemonSnapshot;
use crate::observe::liveness::{ActorStall, ThreadSilence};
use crate::observe::places::PlaceFigures;
use crate::observe::readiness::DaemonReadiness;
use crate::observe::sharing::SharingView;
use crate::observe::story::StoryError;
use crate::session::SessionSnapshot;

/// Snapshots of the running daemon. Each is a copy taken in microseconds, from counters and never by asking an actor, so
/// that whoever looks can neither slow the daemon nor be blocked by it.
pub trait DaemonView: Send + Sync + 'static {
    /// The daemon as a whole.
    fn daemon(&self) -> DaemonSnapshot;
    /// Actors and their mailboxes.
    fn hub(&self) -> HubSnapshot;
    /// The observer calls this every [`crate::observe::server::READ_EVERY`]: what is shown of the last minutes is read then.
    fn note_windows(&self) {}
    /// The last messages of an actor.
    fn black_box(&self, actor: ActorName) -> BlackBoxDump;
    /// Connections, permits and requests.
    fn session(&self) -> SessionSnapshot;
    /// What catalog and storage count.
    fn places(&self) -> PlaceFigures {
        PlaceFigures::default()
    }
    /// How the library is shared; `None` where it is not.
    fn sharing(&self) -> Option<SharingView> {
        None
    }
    /// The config in force as TOML, without secrets.
    fn config(&self) -> Arc<str> {
        Arc::default()
    }
    /// Threads that have not answered for longer than they may; while there is one, the daemon does not live.
    fn stuck_threads(&self) -> Vec<ThreadSilence> {
        Vec::new()
    }
    /// Actors that come no step further, as read from this snapshot.
    fn stalled_actors(&self, _hub: &HubSnapshot) -> Vec<ActorStall> {
        Vec::new()
    }
    /// Whether the daemon can do its job, as it stood at this moment.
    fn ready(&self, now: &DaemonSnapshot) -> DaemonReadiness;
    /// The last lines of the log, the newest last.
    fn recent_log(&self) -> Vec<String> {
        Vec::new()
    }
    /// Changes the log level of the running daemon: `debug`, or `info,grind::session=trace`. `Err` says in one sentence what
    /// is wrong with it.
    fn set_log_level(&self, level: &str) -> Result<(), String>;
    /// What the catalog knows of a book, read beside everything else; `None`: it does not know the book.
    fn story(&self, _barcode: Barcode) -> LocalBoxFuture<'static, Result<Option<BookStory>, StoryError>> {
        Box::pin(std::future::ready(Err(StoryError::Unsupported)))
    }
    /// Does what an operator asks for. Unlike everything else here this asks an actor: it completes when the catalog has recorded it.
    fn control(&self, _request: ControlRequest) -> LocalBoxFuture<'static, Result<ControlReply, ControlError>> {
        Box::pin(std::future::ready(Err(ControlError::Unsupported)))
    }
}
