//! Whether GRIN answered the last request, for whoever has to say why a run is not complete.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use crate::session::{RequestKind, SessionError};

/// What became of the last request to GRIN, or for its token.
#[derive(Debug, Default)]
pub(super) struct LastAnswer {
    is_away: AtomicBool,
    is_untrusted: AtomicBool,
}

impl LastAnswer {
    /// `None`: it was answered.
    pub fn note(&self, kind: RequestKind, error: Option<&SessionError>) {
        if !kind.is_of_grin() {
            return;
        }
        self.is_away.store(error.is_some(), Relaxed);
        // The server of tokens is another one, and who asks it tells what is wrong with it.
        let is_untrusted = kind != RequestKind::Token && matches!(error, Some(SessionError::Tls { .. }));
        self.is_untrusted.store(is_untrusted, Relaxed);
    }

    /// It got no answer.
    pub fn is_away(&self) -> bool {
        self.is_away.load(Relaxed)
    }

    /// The certificate that it was shown was refused.
    pub fn is_untrusted(&self) -> bool {
        self.is_untrusted.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_request_to_grin_tells() {
        let last = LastAnswer::default();
        let tls = SessionError::Tls {
            host: "grin".to_owned(),
            cause: "UnknownIssuer".to_owned(),
        };
        for (kind, error, is_away, is_untrusted) in [
            (RequestKind::Search, Some(&SessionError::Reset), true, false),
            (RequestKind::Search, Some(&tls), true, true),
            (RequestKind::Hook, None, true, true),
            (RequestKind::Token, Some(&tls), true, false),
            (RequestKind::Search, Some(&tls), true, true),
            (RequestKind::Search, None, false, false),
        ] {
            last.note(kind, error);
            assert_eq!(
                (last.is_away(), last.is_untrusted()),
                (is_away, is_untrusted),
                "{kind:?} {error:?}"
            );
        }
    }
}
