//! What an operator asks of the running daemon over its socket, and what the daemon answers.

use serde::{Deserialize, Serialize};

use crate::grin::Barcode;

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

/// What came of a [`RetryRequest`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryReply {
    /// Books that are tried again.
    pub reset: u64,
    /// Books with nothing to reset, each with its state.
    pub unchanged: Vec<(Barcode, String)>,
    /// Barcodes that the catalog does not know. With any of them nothing was changed.
    pub unknown: Vec<Barcode>,
}

/// Why the daemon did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// It is stopping.
    #[error("the daemon is stopping; nothing was changed")]
    Stopping,
    /// The catalog did not do it.
    #[error("the catalog could not do it: {0}")]
    Catalog(String),
    /// This view controls nothing.
    #[error("this daemon cannot be controlled")]
    Unsupported,
}
