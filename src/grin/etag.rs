//! What follows from an archive's `ETag`.

use crate::grin::Validator;

/// Whether there is anything to download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EtagDecision {
    /// What is stored is what GRIN has.
    Skip,
    /// Nothing is stored, or GRIN has another archive.
    Download,
    /// GRIN gave no validator, so nothing can be concluded.
    Error,
}

impl EtagDecision {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Download => "download",
            Self::Error => "error",
        }
    }
}

/// Compares GRIN's validator with the one kept with the archive that is *stored*. Quotes and the mark of a weak tag do not
/// count, since today's tool keeps tags without them; what is no tag, or one without content, is none.
pub fn compare_validators(grin: Option<&Validator>, stored: Option<&Validator>) -> EtagDecision {
    match (grin, stored) {
        (None, _) => EtagDecision::Error,
        (Some(grin), Some(stored)) if grin.same_archive(stored) => EtagDecision::Skip,
        (Some(_), _) => EtagDecision::Download,
    }
}

/// The same for tags as they stand in a header and in a catalog.
pub fn decide_etag(grin: &str, stored: Option<&str>) -> EtagDecision {
    let read = |tag: &str| Validator::parse(tag).ok();
    compare_validators(read(grin).as_ref(), stored.and_then(read).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use EtagDecision::{Download, Error, Skip};

    #[test]
    fn decisions() {
        for (grin, stored, decision) in [
            ("\"a\"", Some("\"a\""), Skip),
            ("\"a\"", Some("a"), Skip),
            ("W/\"a\"", Some("\"a\""), Skip),
            ("\"a\"", Some("\"b\""), Download),
            ("\"a\"", Some("\"A\""), Download),
            ("\"a\"", None, Download),
            ("\"a\"", Some(""), Download),
            ("", Some(""), Error),
            ("\"\"", Some("\"\""), Error),
            (" ", None, Error),
            ("\"a", Some("\"a\""), Error),
            ("\"a\"", Some("\"a"), Download),
        ] {
            assert_eq!(decide_etag(grin, stored), decision, "{grin} {stored:?}");
        }
    }
}
