//! `grind status`: asks the running daemon.

use clap::Args;
use serde::de::DeserializeOwned;

use crate::cli::args::ReachArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::output;
use crate::log::PlainText;
use crate::observe::{ClientError, DaemonEndpoint, DaemonStatus, DisplaySize, STARTING, client, facts, how_it_is};

/// `grind status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub reach: ReachArgs,
    /// Everything there is to know, as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// Prints what the daemon says of itself.
pub fn run(args: &StatusArgs) -> CommandResult {
    let endpoints = args.reach.endpoints()?;
    if args.json {
        output::print_json(&ask::<serde_json::Value>(&endpoints)?)?;
    } else {
        output::print(&in_words(&ask(&endpoints)?))?;
    }
    Ok(ExitStatus::Done)
}

/// Asks each endpoint in turn for its status; the first answer counts.
pub fn ask<T: DeserializeOwned>(endpoints: &[DaemonEndpoint]) -> Result<T, CliError> {
    ask_at(endpoints, "/api/status")
}

/// Asks each endpoint in turn for what it has at this path.
pub fn ask_at<T: DeserializeOwned>(endpoints: &[DaemonEndpoint], path: &str) -> Result<T, CliError> {
    let mut errors = Vec::new();
    for endpoint in endpoints {
        match client::get(endpoint, path) {
            Ok(body) => return serde_json::from_slice(&body).map_err(|error| other_version(endpoint, &error)),
            Err(error) => errors.push(error),
        }
    }
    Err(not_running(&errors))
}

fn other_version(endpoint: &DaemonEndpoint, error: &serde_json::Error) -> CliError {
    CliError::new(
        ExitStatus::Internal,
        format!("cannot read what the daemon at {endpoint} says"),
    )
    .because(error)
    .advise("Are this program and the daemon of the same version?")
}

/// Nobody answered at any of the places where a daemon was looked for; one that runs and does not answer, and one that the caller may
/// not ask, are told from none.
pub fn not_running(errors: &[ClientError]) -> CliError {
    let is_any = |kind: fn(&ClientError) -> bool| errors.iter().any(kind);
    if let Some(words) = errors.iter().find_map(starting) {
        return CliError::new(ExitStatus::Unavailable, words)
            .advise("Ask again when that is over; `systemctl status grind` and `journalctl -u grind` tell more.");
    }
    let (exit, what, advice) = if is_any(|error| matches!(error, ClientError::Silent { .. })) {
        (
            ExitStatus::Unavailable,
            "the daemon runs, but does not answer",
            "It is stopped or hangs; `systemctl status grind` and `journalctl -u grind` tell more. Under systemd it is ended and started again by itself.",
        )
    } else if is_any(|error| matches!(error, ClientError::Denied { .. })) {
        (
            ExitStatus::NotPermitted,
            "you are not permitted to ask the daemon",
            "Its socket is for its user and group: ask as root, as `sudo -u grind grind …`, or as a member of the group (`usermod -aG grind NAME`, then sign in anew).",
        )
    } else if is_any(|error| matches!(error, ClientError::Refused { status: 401, .. })) {
        (
            ExitStatus::NotPermitted,
            "you are not permitted to ask the daemon at its address",
            "Its page wants the token of observe.token_file: open it in a browser, or ask over the daemon's socket, as root or as `sudo -u grind grind …` (--socket).",
        )
    } else {
        (
            ExitStatus::Unavailable,
            "no running daemon was found",
            "Start it with `systemctl start grind` or `grind run`, or say where it is with --socket or --address.",
        )
    };
    let error = CliError::new(exit, what);
    errors
        .iter()
        .fold(error, |error, cause| error.because(cause))
        .advise(advice)
}

/// What a daemon says that is not up yet.
fn starting(error: &ClientError) -> Option<&str> {
    match error {
        ClientError::Refused { text, .. } if text.starts_with(STARTING) => Some(text),
        _ => None,
    }
}

fn in_words(told: &DaemonStatus) -> String {
    let mut lines = how_it_is(told);
    lines.extend(facts(&told.daemon));
    lines.extend(
        told.process
            .resident_bytes
            .map(|bytes| ("memory", DisplaySize(bytes).to_string())),
    );
    lines
        .iter()
        .map(|(heading, text)| [&format!("{heading:<17}{}", PlainText(text)), "\n"].concat())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::ActorName;
    use crate::observe::ActorStall;

    #[test]
    fn without_a_daemon_the_code_is_69_and_every_place_tried_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let reach = ReachArgs {
            socket: Some(folder.path().join("s")),
            address: Some("127.0.0.1:1".parse().unwrap()),
            ..ReachArgs::default()
        };
        let error = run(&StatusArgs { reach, json: false }).unwrap_err();
        assert_eq!(error.exit(), ExitStatus::Unavailable);
        let text = error.to_string();
        assert!(
            text.starts_with("grind: no running daemon was found\n -> no daemon answers at /"),
            "{text}"
        );
        assert!(text.contains(" -> no daemon answers at 127.0.0.1:1\n"), "{text}");
    }

    #[test]
    fn who_may_not_ask_is_told_from_where_there_is_none() {
        let endpoint = || DaemonEndpoint::Socket("/run/grind/grind.sock".into());
        let source = || std::io::ErrorKind::ConnectionRefused.into();
        let none = || ClientError::Unreachable {
            endpoint: endpoint(),
            source: source(),
        };
        let denied = || ClientError::Denied { endpoint: endpoint() };
        let silent = || ClientError::Silent { endpoint: endpoint() };
        let starting = || ClientError::Refused {
            endpoint: endpoint(),
            status: 503,
            text: format!("{STARTING}; waiting up to 31 s: an earlier grind ended"),
        };
        let stranger = || ClientError::Refused {
            endpoint: DaemonEndpoint::Address("127.0.0.1:9737".parse().unwrap()),
            status: 401,
            text: "the token is needed".to_owned(),
        };
        for (errors, exit, what) in [
            (vec![none()], ExitStatus::Unavailable, "no running daemon"),
            (
                vec![none(), stranger()],
                ExitStatus::NotPermitted,
                "you are not permitted",
            ),
            (
                vec![denied(), none()],
                ExitStatus::NotPermitted,
                "you are not permitted",
            ),
            (
                vec![denied(), silent()],
                ExitStatus::Unavailable,
                "the daemon runs, but",
            ),
            (
                vec![starting(), none()],
                ExitStatus::Unavailable,
                "grind: the daemon is starting; waiting up to 31 s",
            ),
        ] {
            let error = not_running(&errors);
            assert_eq!(error.exit(), exit, "{error}");
            assert!(error.to_string().contains(what), "{error}");
        }
        let told = not_running(&[denied()]).to_string();
        assert!(told.contains("no permission to use /run/grind/grind.sock\n"), "{told}");
    }

    #[test]
    fn words_cannot_steer_the_terminal() {
        let mut told = crate::cli::frame::tests::seen();
        told.daemon.library = "file:///\u{1b}[2J".into();
        told.stalled.push(ActorStall {
            actor: ActorName::Catalog,
            messages: vec!["settle".into()],
            seconds: 400.0,
            ends_daemon: true,
        });
        let text = in_words(&told);
        assert!(!text.contains('\u{1b}'), "{text}");
        let stall = "needs a person   The actor catalog has stood still for 6m 40s with settle. It may go on";
        assert!(text.contains(stall), "{text}");
    }
}
