//! Which errors say that an answer of GRIN's was not recognised.

use awc::http::StatusCode;

use crate::diagnostics::{UnrecognisedAnswer, UnrecognisedKind};
use crate::grin::RedirectRefused;
use crate::session::SessionError;

/// What of an answer was not recognised, where that is why there is none.
pub(super) fn unrecognised(error: &SessionError) -> Option<UnrecognisedAnswer> {
    let kind = match error {
        SessionError::Redirect(RedirectRefused::SignIn) => return None,
        SessionError::Redirect(refused) => {
            let answer = UnrecognisedAnswer::new(UnrecognisedKind::Redirect, &error.to_string());
            let redirected_to = match refused {
                RedirectRefused::ForeignHost(host) => Some(host.clone()),
                _ => None,
            };
            return Some(UnrecognisedAnswer {
                redirected_to,
                ..answer
            });
        }
        // The status is what is needed to meet the same again.
        SessionError::NoLength { status } => {
            let answer = UnrecognisedAnswer::new(UnrecognisedKind::Header, &error.to_string());
            return Some(UnrecognisedAnswer {
                status: Some(*status),
                ..answer
            });
        }
        SessionError::Protocol(_) => UnrecognisedKind::Header,
        SessionError::Unexpected { status, snippet } => {
            let reason = StatusCode::from_u16(*status)
                .ok()
                .and_then(|code| code.canonical_reason());
            let shape = format!("status {}", reason.unwrap_or("without a name"));
            let answer = UnrecognisedAnswer::new(UnrecognisedKind::Answer, &shape);
            return Some(UnrecognisedAnswer {
                status: Some(*status),
                ..answer.answered("", snippet.as_bytes())
            });
        }
        _ => return None,
    };
    Some(UnrecognisedAnswer::new(kind, &error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_to_fail_is_recognised() {
        let text = || String::from("x9");
        let host = || RedirectRefused::ForeignHost("files12.example".to_owned());
        for (error, expected) in [
            (SessionError::NotFound, None),
            (SessionError::Reset, None),
            (SessionError::Forbidden { snippet: text() }, None),
            (SessionError::Redirect(RedirectRefused::SignIn), None),
            (
                SessionError::Redirect(host()),
                Some("redirect: redirected to files0.example, which is not in grin.redirect_hosts"),
            ),
            (
                SessionError::Protocol(text()),
                Some("header: answer cannot be understood: x0"),
            ),
            (
                SessionError::Unexpected {
                    status: 410,
                    snippet: text(),
                },
                Some("answer: status Gone"),
            ),
        ] {
            let found = unrecognised(&error).map(|answer| format!("{}: {}", answer.kind.as_str(), answer.shape));
            assert_eq!(found.as_deref(), expected, "{error}");
        }
    }

    #[test]
    fn what_is_needed_to_meet_it_again_is_kept() {
        let gone = SessionError::Unexpected {
            status: 410,
            snippet: "Gone <b>fishing</b>".to_owned(),
        };
        let kept = unrecognised(&gone).unwrap();
        assert_eq!((kept.status, kept.body.as_str()), (Some(410), "Gone <b>fishing</b>"));
        let elsewhere = SessionError::Redirect(RedirectRefused::ForeignHost("files12.example".to_owned()));
        let kept = unrecognised(&elsewhere).unwrap();
        assert_eq!(kept.redirected_to.as_deref(), Some("files12.example"));
    }
}
