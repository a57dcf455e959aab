//! Which errors say that an answer of GRIN's was not recognised.

use awc::http::StatusCode;

use crate::diagnostics::{UnrecognisedAnswer, UnrecognisedKind};
use crate::grin::RedirectRefused;
use crate::session::SessionError;

/// What of an answer was not recognised, where that is why there is none.
pub(super) fn unrecognised(error: &SessionError) -> Option<UnrecognisedAnswer> {
    let kind = match error {
        SessionError::Redirect(RedirectRefused::SignIn) => return None,
        SessionError::Redirect(_) => UnrecognisedKind::Redirect,
        SessionError::NoLength { .. } | SessionError::Protocol(_) => UnrecognisedKind::Header,
        SessionError::Unexpected { status, snippet } => {
            let reason = StatusCode::from_u16(*status)
                .ok()
                .and_then(|code| code.canonical_reason());
            let shape = format!("status {}", reason.unwrap_or("without a name"));
            let answer = UnrecognisedAnswer::new(UnrecognisedKind::Answer, &shape);
            return Some(answer.answered("", format!("{status} {snippet}").as_bytes()));
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
}
