//! What an operator asks of the running daemon over its socket, and what the daemon answers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::grin::Barcode;
use crate::vocabulary::WaitReason;

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ControlRequest {
    /// Try books again.
    Retry(RetryRequest),
    /// These books go before others.
    Prioritise(Vec<Barcode>),
    /// These books are left out.
    Forget(Vec<Barcode>),
    /// Begin nothing more.
    Pause {
        /// When the pause ends by itself.
        until: Option<Timestamp>,
    },
    /// The pause is over.
    Resume,
}

/// Try books again: either these, or all failed ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RetryRequest {
    /// These books.
    Barcodes(Vec<Barcode>),
    /// Every failed book.
    Failed {
        /// Only those that failed for this reason.
        reason: Option<String>,
    },
}

/// What came of a [`ControlRequest`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlReply {
    /// Books that were changed.
    pub changed: u64,
    /// Books with nothing to change, each with its state.
    pub unchanged: Vec<(Barcode, String)>,
    /// Barcodes that the catalog does not know. With any of them nothing was changed.
    pub unknown: Vec<Barcode>,
    /// Of books that go before others, why they are not fetched all the same.
    #[serde(default)]
    pub unserved: Vec<(Barcode, String)>,
    /// Why no book is begun, after a pause or its end.
    pub paused: Option<WaitReason>,
}

/// Why the daemon did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// It is stopping.
    #[error("the daemon is stopping; nothing was changed")]
    Stopping,
    /// It is stopping, and has recorded a pause or its end.
    #[error("the daemon is stopping; what was asked for is recorded and holds from its next start")]
    StoppingRecorded,
    /// The catalog did not do it.
    #[error("the catalog could not do it: {0}")]
    Catalog(String),
    /// This view controls nothing.
    #[error("this daemon cannot be controlled")]
    Unsupported,
}
