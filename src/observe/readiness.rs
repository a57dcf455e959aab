//! Whether the daemon can do its job.

use serde::{Deserialize, Serialize};

/// Whether the daemon can do its job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ready", rename_all = "snake_case")]
pub enum DaemonReadiness {
    /// Yes.
    Yes,
    /// Not yet, not now, or no more, and why: "starting", "signed out: …", "shutting down: …".
    No {
        /// One line for a person.
        why: String,
    },
}
