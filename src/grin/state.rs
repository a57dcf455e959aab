//! The state in which GRIN has a volume.

use std::fmt;

/// GRIN's state of a volume (PROTOCOL.md, section 6).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GrinState {
    /// Scanned, never converted for this library; conversion can be asked for.
    New,
    /// Conversion asked for.
    InProcess,
    /// The archive is ready.
    Converted,
    /// Was converted and fetched; the archive may be gone; conversion can be asked for again.
    PreviouslyDownloaded,
    /// At Google, not scanned.
    CheckedIn,
    /// Not allowed.
    NotAvailableForDownload,
    /// A word that is not known here, as GRIN wrote it.
    Other(Box<str>),
}

const WORDS: &[(&str, GrinState)] = &[
    ("NEW", GrinState::New),
    ("IN_PROCESS", GrinState::InProcess),
    ("CONVERTED", GrinState::Converted),
    ("PREVIOUSLY_DOWNLOADED", GrinState::PreviouslyDownloaded),
    ("CHECKED_IN", GrinState::CheckedIn),
    ("NOT_AVAILABLE_FOR_DOWNLOAD", GrinState::NotAvailableForDownload),
];

impl GrinState {
    /// Reads a cell; `None` if it is blank. Case, and blanks for underscores, do not count.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let known = WORDS
            .iter()
            .find(|(word, _)| same_word(word, text))
            .map(|(_, state)| state.clone());
        Some(known.unwrap_or_else(|| Self::Other(text.into())))
    }

    /// GRIN's word for it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::New => "NEW",
            Self::InProcess => "IN_PROCESS",
            Self::Converted => "CONVERTED",
            Self::PreviouslyDownloaded => "PREVIOUSLY_DOWNLOADED",
            Self::CheckedIn => "CHECKED_IN",
            Self::NotAvailableForDownload => "NOT_AVAILABLE_FOR_DOWNLOAD",
            Self::Other(word) => word,
        }
    }
}

fn same_word(word: &str, text: &str) -> bool {
    word.len() == text.len()
        && word.bytes().zip(text.bytes()).all(|(w, t)| match t {
            b' ' | b'-' => w == b'_',
            _ => w == t.to_ascii_uppercase(),
        })
}

impl fmt::Display for GrinState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for GrinState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_word_is_read_back() {
        for (word, state) in WORDS {
            assert_eq!(GrinState::read(word).as_ref(), Some(state));
            assert_eq!(state.as_str(), *word);
        }
        assert_eq!(
            GrinState::read(" previously downloaded "),
            Some(GrinState::PreviouslyDownloaded)
        );
        assert_eq!(GrinState::read("AVAILABLE"), Some(GrinState::Other("AVAILABLE".into())));
        assert_eq!(GrinState::read("NEWER"), Some(GrinState::Other("NEWER".into())));
        assert_eq!(GrinState::read(" \t"), None);
    }
}
