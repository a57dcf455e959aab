//! All snapshots in one document, as served at `/api/status`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::actor::{ActorName, HubSnapshot};
use crate::observe::chain::{BlockingChains, ChainInputs};
use crate::observe::daemon::DaemonSnapshot;
use crate::observe::family::MetricFamilies;
use crate::observe::liveness::{ActorStall, ThreadSilence};
use crate::observe::places::PlaceFigures;
use crate::observe::process::ProcessFigures;
use crate::observe::readiness::DaemonReadiness;
use crate::observe::sentence::sentences;
use crate::observe::sharing::SharingView;
use crate::observe::view::DaemonView;
use crate::session::SessionSnapshot;

/// Everything that can be seen of the daemon at one moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// The daemon as a whole.
    pub daemon: DaemonSnapshot,
    /// Whether it can do its job.
    pub readiness: DaemonReadiness,
    /// Actors and their mailboxes.
    pub hub: HubSnapshot,
    /// Connections, permits and requests.
    pub session: SessionSnapshot,
    /// What catalog and storage count.
    #[serde(default)]
    pub places: PlaceFigures,
    /// What each actor does, in one sentence.
    #[serde(default)]
    pub sentences: BTreeMap<ActorName, String>,
    /// Why who waits.
    #[serde(default)]
    pub chains: BlockingChains,
    /// How the library is shared with other daemons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing: Option<SharingView>,
    /// Threads that have not answered for longer than they may.
    #[serde(default)]
    pub stuck: Vec<ThreadSilence>,
    /// Actors that come no step further.
    #[serde(default)]
    pub stalled: Vec<ActorStall>,
    /// Memory, CPU time and files.
    pub process: ProcessFigures,
}

impl DaemonStatus {
    /// Takes all snapshots.
    pub fn of(view: &dyn DaemonView) -> Self {
        let (daemon, hub, session) = (view.daemon(), view.hub(), view.session());
        let (stuck, stalled) = (view.stuck_threads(), view.stalled_actors(&hub));
        let inputs = ChainInputs {
            hub: &hub,
            session: &session,
            daemon: &daemon,
            stalled: &stalled,
        };
        Self {
            sentences: sentences(&hub, &session, &daemon),
            chains: inputs.chains(),
            readiness: view.ready(&daemon).among(&stuck, &stalled),
            sharing: view.sharing(),
            places: view.places(),
            stuck,
            stalled,
            daemon,
            hub,
            session,
            process: ProcessFigures::read(),
        }
    }

    /// The same as metrics.
    pub fn families(&self) -> MetricFamilies {
        let mut families = MetricFamilies::from_daemon(&self.daemon);
        families.extend(MetricFamilies::from_hub(&self.hub));
        families.extend(MetricFamilies::from_stalls(&self.hub, &self.stalled));
        families.extend(MetricFamilies::from_session(&self.session));
        if let Some(sharing) = &self.sharing {
            families.extend(MetricFamilies::from_sharing(sharing));
        }
        families.extend(MetricFamilies::from_places(&self.places));
        families.extend(self.process.families());
        // A family is there from the start, with its type and help, also while none of its series has begun.
        families.name_all();
        families
    }
}
