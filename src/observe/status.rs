//! Room `observe`: all snapshots in one document, as served at `/api/status`.

use serde::Serialize;

use super::daemon::DaemonSnapshot;
use super::family::Families;
use super::process::ProcessFigures;
use super::readiness::Readiness;
use super::sharing::Sharing;
use super::view::View;
use crate::mailbox::HubSnapshot;
use crate::session::SessionSnapshot;

/// Everything that can be seen of the daemon at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The daemon as a whole.
    pub daemon: DaemonSnapshot,
    /// Whether it can do its job.
    pub readiness: Readiness,
    /// Actors and their mailboxes.
    pub hub: HubSnapshot,
    /// Connections, permits and requests.
    pub session: SessionSnapshot,
    /// How the library is shared with other daemons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sharing: Option<Sharing>,
    /// Memory, CPU time and files.
    pub process: ProcessFigures,
}

impl Status {
    /// Takes all snapshots.
    pub fn of(view: &dyn View) -> Self {
        Self {
            daemon: view.daemon(),
            readiness: view.ready(),
            hub: view.hub(),
            session: view.session(),
            sharing: view.sharing(),
            process: ProcessFigures::read(),
        }
    }

    /// The same as metrics.
    pub fn families(&self) -> Families {
        let mut families = Families::from_daemon(&self.daemon);
        families.extend(Families::from_hub(&self.hub));
        families.extend(Families::from_session(&self.session));
        if let Some(sharing) = &self.sharing {
            families.extend(Families::from_sharing(sharing));
        }
        families.extend(self.process.families());
        families
    }
}
