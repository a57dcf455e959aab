//! Room `grin`: what follows from an archive's `ETag`.

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

/// Compares GRIN's `ETag` with the one kept with the archive that is *stored*. Quotes and the mark of a weak tag do not
/// count, since today's tool keeps tags without them; a tag without content is none.
pub fn decide_etag(grin: &str, stored: Option<&str>) -> EtagDecision {
    match (opaque(grin), stored.map(opaque)) {
        ("", _) => EtagDecision::Error,
        (grin, Some(stored)) if grin == stored => EtagDecision::Skip,
        _ => EtagDecision::Download,
    }
}

fn opaque(tag: &str) -> &str {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    tag.strip_prefix('"')
        .and_then(|tag| tag.strip_suffix('"'))
        .unwrap_or(tag)
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
        ] {
            assert_eq!(decide_etag(grin, stored), decision, "{grin} {stored:?}");
        }
    }
}
