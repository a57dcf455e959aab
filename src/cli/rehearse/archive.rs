//! What is said of an archive: its headers, its first bytes and its last.

use crate::archive::{ArchiveError, PassOptions, try_keys};
use crate::cli::rehearse::step::RehearsalStep;
use crate::grin::{FileName, Validator};
use crate::session::{SessionError, SmallAnswer};

/// The answer to a HEAD. One that is refused is an answer, too: a GET decides then.
pub fn head(name: &FileName, answer: &Result<SmallAnswer, SessionError>) -> RehearsalStep {
    let what = format!("HEAD of {name}");
    match answer {
        Ok(answer) if answer.status == 404 => RehearsalStep::not_recognised(
            format!("{what}: status 404, although a list names it"),
            "The daemon would ask for its conversion.",
        ),
        Ok(answer) => match answer.headers.get("etag").map(Validator::parse) {
            Some(Ok(_)) => RehearsalStep::recognised(
                format!("{what}: it has an ETag"),
                "The daemon would tell by it whether the archive has changed.",
            ),
            Some(Err(bad)) => RehearsalStep::not_recognised(format!("{what}: {bad}"), BY_GET),
            None => RehearsalStep::not_recognised(format!("{what}: it has no ETag"), BY_GET),
        },
        Err(
            error @ (SessionError::Forbidden { .. }
            | SessionError::RefusedByHost { .. }
            | SessionError::Unexpected { .. }),
        ) => RehearsalStep::not_recognised(format!("{what}: refused: {error}"), BY_GET),
        Err(error) => RehearsalStep::of_error(&what, error),
    }
}

const BY_GET: &str = "The daemon would download the archive to tell whether it has changed.";

/// The first part, and whether the keys open it.
pub fn first_part(name: &FileName, answer: &SmallAnswer, options: &PassOptions) -> RehearsalStep {
    let what = format!("the first {} bytes of {name}", answer.body.len());
    if !matches!(answer.status, 200 | 206) {
        return RehearsalStep::not_recognised(format!("{what}: status {}", answer.status), LATER);
    }
    match try_keys(&answer.body, options) {
        Ok(()) => RehearsalStep::recognised(
            format!("{what}: an encrypted archive, and the passphrase or key opens it"),
            "The daemon would decrypt, check and store it. Only its end proves that it is whole.",
        ),
        Err(ArchiveError::Truncated { .. }) => RehearsalStep::recognised(
            format!("{what}: an encrypted archive; more of it is needed to tell whether the key fits"),
            "The daemon would decrypt, check and store it if the key fits.",
        ),
        Err(
            error @ (ArchiveError::WrongPassphrase | ArchiveError::NoPassphrase | ArchiveError::NoSecretKey { .. }),
        ) => RehearsalStep::not_recognised(
            format!("{what}: {error}"),
            "The daemon would wait for the right passphrase or key.",
        ),
        Err(error) => RehearsalStep::not_recognised(format!("{what}: {error}"), LATER),
    }
}

const LATER: &str = "The daemon would not store it, and try it again later.";

/// No part, for this reason. An answer that is larger is the whole.
pub fn no_part(what: &str, error: &SessionError) -> RehearsalStep {
    match error {
        SessionError::TooLarge { status: 200, .. } => RehearsalStep::not_recognised(
            format!("{what}: GRIN sends the whole archive in place of a part"),
            FROM_ZERO,
        ),
        error => RehearsalStep::of_error(what, error),
    }
}

const FROM_ZERO: &str = "The daemon would begin a download that was cut from its first byte.";

/// The last part, which GRIN must be able to hand out alone so that a download that was cut can go on.
pub fn last_part(name: &FileName, answer: &SmallAnswer, total: u64) -> RehearsalStep {
    let what = format!("the last {} bytes of {name}", answer.body.len());
    match (answer.status, total_of(answer)) {
        (206, Some(same)) if same == total => RehearsalStep::recognised(
            format!("{what}, which has {total}: a part alone can be had"),
            "The daemon would go on with a download where it was cut.",
        ),
        (status, _) => RehearsalStep::not_recognised(
            format!("{what}: status {status}, which is not the part that was asked for"),
            FROM_ZERO,
        ),
    }
}

/// A first part that does not say how long the whole is, so that no last one can be asked for.
pub fn no_total(what: &str) -> RehearsalStep {
    let seen = format!("{what}: GRIN does not say of a part how long the whole is");
    RehearsalStep::not_recognised(seen, FROM_ZERO)
}

/// How long an archive is, by the answer to a request for a part of it.
pub fn total_of(answer: &SmallAnswer) -> Option<u64> {
    let range = answer.headers.get("content-range")?;
    range.rsplit_once('/')?.1.trim().parse().ok()
}
