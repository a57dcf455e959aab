//! The state of a book in the catalog.

use std::fmt;
use std::str::FromStr;

/// The state of a book in the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BookState {
    /// Listed by GRIN; nothing asked for yet, or to be asked for again.
    Known,
    /// GRIN was asked to convert it.
    Requested,
    /// GRIN says that it converts it.
    InProcess,
    /// GRIN has the archive ready.
    Available,
    /// Claimed: GRIN is asked for the archive's headers.
    Checking,
    /// Claimed: the archive is on its way.
    Downloading,
    /// Home, verified and published.
    Stored,
    /// GRIN does not give it out.
    Unavailable,
    /// GRIN failed to convert it; asked for again at growing intervals, some times.
    ConversionFailed,
    /// Given up until somebody says otherwise; the reason stands beside it.
    Failed,
    /// An operator wants it left out: it is neither asked for nor missing. What is stored of it stays.
    Forgotten,
}

impl BookState {
    /// All states, in the order of a book's way.
    pub const ALL: [Self; 11] = [
        Self::Known,
        Self::Requested,
        Self::InProcess,
        Self::Available,
        Self::Checking,
        Self::Downloading,
        Self::Stored,
        Self::Unavailable,
        Self::ConversionFailed,
        Self::Failed,
        Self::Forgotten,
    ];

    /// The word in the catalog, in metrics and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Requested => "requested",
            Self::InProcess => "in_process",
            Self::Available => "available",
            Self::Checking => "checking",
            Self::Downloading => "downloading",
            Self::Stored => "stored",
            Self::Unavailable => "unavailable",
            Self::ConversionFailed => "conversion_failed",
            Self::Failed => "failed",
            Self::Forgotten => "forgotten",
        }
    }

    /// Whether GRIN's lists decide what becomes of it, rather than we.
    pub const fn follows_grin(self) -> bool {
        matches!(
            self,
            Self::Known
                | Self::Requested
                | Self::InProcess
                | Self::Available
                | Self::Unavailable
                | Self::ConversionFailed
        )
    }
}

impl fmt::Display for BookState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no state of a book.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no state of a book")]
pub struct NoState(String);

impl FromStr for BookState {
    type Err = NoState;

    fn from_str(word: &str) -> Result<Self, NoState> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| NoState(word.into()))
    }
}

impl serde::Serialize for BookState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for state in BookState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert!("completed".parse::<BookState>().is_err());
    }
}
