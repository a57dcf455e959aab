//! Whether GRIN answered the last request, and whether there was a token for it, for whoever has to say why a run is not complete.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use crate::session::{RequestKind, SessionError};

/// What became of the last request to GRIN, or for its token.
#[derive(Debug, Default)]
pub(super) struct LastAnswer {
    is_away: AtomicBool,
    is_untrusted: AtomicBool,
    lacks_token: AtomicBool,
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
        if kind != RequestKind::Token && error.is_none() {
            self.lacks_token.store(false, Relaxed);
        }
    }

    /// A token was asked for; `is_missing`: none came, and nothing shows that a person has to sign in.
    pub fn note_token(&self, is_missing: bool) {
        self.lacks_token.store(is_missing, Relaxed);
    }

    /// No token could be had last, whatever the token address answered.
    pub fn is_without_token(&self) -> bool {
        self.lacks_token.load(Relaxed)
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

    #[test]
    fn an_answer_of_grin_shows_that_a_token_was_had() {
        let last = LastAnswer::default();
        for (kind, is_missing, is_without) in [
            (RequestKind::Token, Some(true), true),
            // The token address answers, without a token.
            (RequestKind::Token, None, true),
            (RequestKind::Token, Some(false), false),
            (RequestKind::Token, Some(true), true),
            (RequestKind::Search, None, false),
        ] {
            last.note(kind, None);
            is_missing
                .into_iter()
                .for_each(|is_missing| last.note_token(is_missing));
            assert_eq!(last.is_without_token(), is_without, "{kind:?} {is_missing:?}");
        }
    }
}
