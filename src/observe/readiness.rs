//! Whether the daemon can do its job.

use serde::{Deserialize, Serialize};

/// Whether the daemon can do its job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ready", rename_all = "snake_case")]
pub enum DaemonReadiness {
    /// Yes.
    Yes,
    /// Not yet, or no more, and why: "waiting for the first sign-in", "draining".
    No {
        /// One line for a person.
        why: String,
    },
}
