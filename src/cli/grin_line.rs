//! A session of a command's own, for its few requests to GRIN.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::actor::{ActorRegistry, AskContext};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::session::{CloseSession, Session, SessionConfig, SessionError};
use crate::settings::Settings;
use crate::vocabulary::in_zone;

/// What to do about a certificate that is not trusted.
pub const TRUST: &str = "Name the file of its certificate authority (PEM) as session.ca_file, or leave the key out for the system's authorities; a proxy \
                         that opens TLS has an authority of its own. Nothing is lost.";

/// How long the last connections have for their farewell.
const GRACE: Duration = Duration::from_secs(1);

/// What the session is asked with.
pub struct GrinLine {
    pub session: Session,
    pub cx: AskContext,
}

/// The session's config as the daemon would have it.
pub fn config(settings: &Settings) -> Result<SessionConfig, CliError> {
    SessionConfig::from_settings(settings).map_err(|error| {
        CliError::new(ExitStatus::Config, "GRIN cannot be asked with this configuration").because(&error)
    })
}

/// Runs `work` on a system of its own, with a session that is closed afterwards.
pub fn with<T>(config: SessionConfig, work: impl AsyncFnOnce(&GrinLine) -> Result<T, CliError>) -> Result<T, CliError> {
    actix_rt::System::new().block_on(async {
        let (session, thread) = Session::start(&ActorRegistry::new(), config).map_err(|error| failed(&error))?;
        let line = GrinLine {
            session,
            cx: AskContext::root("command"),
        };
        let done = work(&line).await;
        // What is asked for is done or not by now; the farewell changes nothing about it.
        drop(line.session.ask(CloseSession { grace: GRACE }, &line.cx).await);
        line.session.shut();
        line.session.drained().await;
        drop(thread.join());
        done
    })
}

/// GRIN answers, and the network is sound: a person only has to wait.
fn asked_to_wait(pause: Option<Duration>, now: Timestamp) -> CliError {
    let until = pause.and_then(|pause| now.checked_add(pause).ok());
    let (what, advice) = match until.map(|until| in_zone(until, TimeZone::system())) {
        Some(until) => (
            format!("GRIN asks to wait until {until}"),
            "Nothing was changed. Try again then; the daemon waits by itself.",
        ),
        None => (
            "GRIN asks to wait, and does not say how long".to_owned(),
            "Nothing was changed. Try again in some minutes; the daemon waits by itself.",
        ),
    };
    CliError::new(ExitStatus::Unavailable, what).advise(advice)
}

/// A request that has no answer.
pub fn failed(error: &SessionError) -> CliError {
    match error {
        SessionError::SignedOut { .. } | SessionError::TokenWanted => {
            CliError::new(ExitStatus::NotPermitted, "not signed in: no access token can be got")
                .because(error)
                .advise("Sign in with `grind auth login`, or put a working service account key in place.")
        }
        SessionError::Redirect(_) => {
            CliError::new(ExitStatus::NotPermitted, "GRIN redirects to a host that is not allowed")
                .because(error)
                .advise(
                    "Sign in with `grind auth login`; if that is done, look at grin.base_url and grin.redirect_hosts.",
                )
        }
        SessionError::Forbidden { .. } => CliError::new(
            ExitStatus::NotPermitted,
            "GRIN accepts the sign-in and refuses this account",
        )
        .because(error)
        .advise(
            "Ask Google's partner manager whether this account is on the library's list (a new permission takes up \
                 to 12 hours), and check library.directory.",
        ),
        SessionError::Setup(_) => CliError::new(ExitStatus::Config, "no session can be set up")
            .because(error)
            .advise("Look at session.ca_file; `grind check-config` checks it."),
        SessionError::Tls { .. } => CliError::new(ExitStatus::Config, "GRIN's certificate is not trusted")
            .because(error)
            .advise(TRUST),
        SessionError::Throttled { retry_after, .. } | SessionError::NotServed { retry_after, .. } => {
            asked_to_wait(*retry_after, Timestamp::now()).because(error)
        }
        SessionError::Server { .. } => CliError::new(ExitStatus::Unavailable, "GRIN answers with a fault of its own")
            .because(error)
            .advise("Nothing was changed. Try again later; if that lasts, ask Google's partner manager."),
        SessionError::Unexpected { .. }
        | SessionError::NotFound
        | SessionError::TooLarge { .. }
        | SessionError::NoLength { .. }
        | SessionError::Protocol(_) => {
            CliError::new(ExitStatus::Unavailable, "GRIN gives another answer than is known here")
                .because(error)
                .advise(
                    "Nothing was changed. `grind rehearse` looks at more of its answers, and `grind support-bundle` packs what was kept of \
                     them, without books and secrets.",
                )
        }
        _ => CliError::new(ExitStatus::Unavailable, "a server could not be asked")
            .because(error)
            .advise("Nothing was changed. Look at the network and try again."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_to_wait_is_told_until_when_and_not_to_look_at_the_network() {
        let throttled = |retry_after| SessionError::Throttled {
            status: Some(429),
            retry_after,
            longest: None,
        };
        let until = in_zone(Timestamp::from_second(120).unwrap(), TimeZone::system());
        let told = asked_to_wait(Some(Duration::from_secs(120)), Timestamp::UNIX_EPOCH).to_string();
        assert!(told.contains(&format!("GRIN asks to wait until {until}\n")), "{told}");
        for (error, words) in [
            (throttled(Some(Duration::from_secs(60))), "GRIN asks to wait until "),
            (throttled(None), "GRIN asks to wait, and does not say how long"),
            (
                SessionError::Server { status: 500 },
                "GRIN answers with a fault of its own",
            ),
            (
                SessionError::Unexpected {
                    status: 410,
                    snippet: String::new(),
                },
                "GRIN gives another answer than is known here",
            ),
            (SessionError::Reset, "a server could not be asked"),
        ] {
            let (told, is_of_network) = (failed(&error), matches!(error, SessionError::Reset));
            assert_eq!(told.exit(), ExitStatus::Unavailable);
            assert!(told.to_string().contains(words), "{told}");
            assert_eq!(told.to_string().contains("network"), is_of_network, "{told}");
        }
        let untrusted = failed(&SessionError::Tls {
            host: "grin".to_owned(),
            cause: "UnknownIssuer".to_owned(),
        });
        assert_eq!(
            untrusted.exit(),
            ExitStatus::Config,
            "as the preflight says: {untrusted}"
        );
    }
}
