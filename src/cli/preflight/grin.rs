//! GRIN: the sign-in, the certificate, the clock, a list, and the passphrase against one archive.

use jiff::Timestamp;

use crate::archive::{ArchiveError, try_keys};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::first_contact::{GrinContact, ListSample, SummaryVerdict, speaks_for_itself_alone};
use crate::cli::grin_line;
use crate::cli::grin_line::GrinLine;
use crate::cli::preflight::clock;
use crate::cli::preflight::line::CheckLine;
use crate::grin::{FileName, ListForm, ListKind, ListRow};
use crate::pipeline::archive_options;
use crate::session::{SessionError, SmallAnswer};
use crate::settings::Settings;

const SIGN_IN: &str = "auth";
const CERTIFICATE: &str = "session.ca_file";
const CLOCK: &str = "clock";
const LIST: &str = "grin._converted";
const PASSPHRASE: &str = "archive.passphrase_file";

/// Archives that are tried with the passphrase at most: one that is gone or damaged says nothing about it.
const ARCHIVES: usize = 3;
/// Bytes that nearly always tell whether a key fits.
const BEGINNING: u64 = 64 << 10;
/// Bytes that tell it where the first part that proves itself is as large as gpg makes it.
const LONG_BEGINNING: u64 = 5 << 20;

/// Asks GRIN at most eight times, redirects and tokens not counted.
pub fn check(settings: &Settings) -> Vec<CheckLine> {
    let asked = grin_line::config(settings)
        .and_then(|config| grin_line::with(config, async |line: &GrinLine| ask(line, settings).await));
    asked.unwrap_or_else(|error| {
        let mut lines = vec![CheckLine::of_error(CERTIFICATE, &error)];
        let rest = [SIGN_IN, CLOCK, LIST, PASSPHRASE].into_iter();
        lines.extend(rest.map(|key| CheckLine::not_checked(key, "no session to GRIN can be set up")));
        lines
    })
}

async fn ask(line: &GrinLine, settings: &Settings) -> Result<Vec<CheckLine>, CliError> {
    let contact = GrinContact::new(line, settings)?;
    let summary = contact.summary().await;
    let mut lines = vec![sign_in(&summary), certificate(settings, &summary)];
    let unanswered = |key| CheckLine::not_checked(key, "GRIN gave no answer to the sign-in");
    match &summary {
        Ok(answer) => lines.push(clock::compare(answer, Timestamp::now())),
        Err(error) if speaks_for_itself_alone(error) => lines.push(unanswered(CLOCK)),
        Err(_) => {
            lines.extend([CLOCK, LIST, PASSPHRASE].map(unanswered));
            return Ok(lines);
        }
    }
    match contact.list(ListKind::Converted, ListForm::Html).await {
        Ok(sample) => {
            lines.push(list(&sample));
            lines.push(passphrase(&contact, settings, &sample.rows).await);
        }
        Err(error) => {
            lines.push(CheckLine::of_error(LIST, &grin_line::failed(&error)));
            lines.push(CheckLine::not_checked(
                PASSPHRASE,
                "no list says which archive could be tried",
            ));
        }
    }
    Ok(lines)
}

fn sign_in(summary: &Result<SmallAnswer, SessionError>) -> CheckLine {
    let (verdict, error) = match summary {
        Ok(answer) => {
            let verdict = SummaryVerdict::of(answer);
            (verdict, verdict.into_error(answer))
        }
        // A status that nobody knows says as little of the sign-in as a page.
        Err(error @ SessionError::Unexpected { .. }) => (SummaryVerdict::Unknown, Some(grin_line::failed(error))),
        Err(error) => return CheckLine::of_error(SIGN_IN, &grin_line::failed(error)),
    };
    match (verdict, error) {
        (_, None) => CheckLine::passed(SIGN_IN, "GRIN accepts the sign-in, and knows the library's directory"),
        (SummaryVerdict::Unknown, Some(error)) => CheckLine::doubtful(SIGN_IN, error.in_one_line()),
        (_, Some(error)) => CheckLine::of_error(SIGN_IN, &error),
    }
}

fn certificate(settings: &Settings, summary: &Result<SmallAnswer, SessionError>) -> CheckLine {
    if settings.grin.base_url.scheme() == "http" {
        return CheckLine::passed(CERTIFICATE, "not needed: grin.base_url begins with http://");
    }
    match summary {
        Err(error @ SessionError::Tls { .. }) => CheckLine::of_error(CERTIFICATE, &grin_line::failed(error)),
        Ok(_)
        | Err(
            SessionError::TokenWanted
            | SessionError::Forbidden { .. }
            | SessionError::Throttled { .. }
            | SessionError::Server { .. }
            | SessionError::Unexpected { .. }
            | SessionError::NotFound
            | SessionError::Redirect(_)
            | SessionError::TooLarge { .. },
        ) => CheckLine::passed(CERTIFICATE, "GRIN's certificate is trusted"),
        Err(_) => CheckLine::not_checked(CERTIFICATE, "GRIN itself gave no answer"),
    }
}

fn list(sample: &ListSample) -> CheckLine {
    if sample.is_recognised() {
        return CheckLine::passed(LIST, format!("recognised: {sample}"));
    }
    let text = format!("{sample}: {}. `grind rehearse` tells more.", sample.trouble());
    match sample.refusal {
        Some(_) => CheckLine::failed(LIST, ExitStatus::Unavailable, text),
        None => CheckLine::doubtful(LIST, text),
    }
}

async fn passphrase(contact: &GrinContact<'_>, settings: &Settings, rows: &[ListRow]) -> CheckLine {
    let Ok(options) = archive_options(settings) else {
        return CheckLine::not_checked(PASSPHRASE, "the files that [archive] names cannot be used");
    };
    let mut why = "GRIN has no archive ready that could be tried".to_owned();
    for row in rows.iter().take(ARCHIVES) {
        let name = row.file_name.clone().unwrap_or_else(|| FileName::of(&row.barcode));
        let mut tried = None;
        for last in [BEGINNING, LONG_BEGINNING] {
            match contact.part(&name, 0, last - 1).await {
                Ok(answer) if matches!(answer.status, 200 | 206) => tried = Some(try_keys(&answer.body, &options)),
                Ok(answer) => why = format!("{name} was answered with status {}", answer.status),
                Err(SessionError::TooLarge { status: 200, .. }) => {
                    why = format!("GRIN sends all of {name} in place of its beginning");
                }
                Err(error) => why = format!("{name} cannot be had: {error}"),
            }
            if !matches!(tried, Some(Err(ArchiveError::Truncated { .. }))) {
                break;
            }
        }
        match tried.map(|tried| judge_keys(&name, tried)) {
            Some(Ok(line)) => return line,
            Some(Err(unclear)) => why = unclear,
            None => {}
        }
    }
    CheckLine::not_checked(PASSPHRASE, why)
}

/// What a trial says about the keys; else why it says nothing about them.
fn judge_keys(name: &FileName, tried: Result<(), ArchiveError>) -> Result<CheckLine, String> {
    match tried {
        Ok(()) => Ok(CheckLine::passed(PASSPHRASE, format!("opens {name}"))),
        Err(
            error @ (ArchiveError::WrongPassphrase | ArchiveError::NoPassphrase | ArchiveError::NoSecretKey { .. }),
        ) => {
            let text = format!("{name}: {error}. Put GRIN's passphrase for this library into the file.");
            Ok(CheckLine::failed(PASSPHRASE, ExitStatus::Config, text))
        }
        Err(error @ (ArchiveError::Unsupported { .. } | ArchiveError::NoIntegrityCheck)) => {
            let text = format!("{name}: {error}.");
            Ok(CheckLine::failed(PASSPHRASE, ExitStatus::Config, text))
        }
        Err(error) => Err(format!("{name}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::preflight::line::exit_of;

    #[test]
    fn only_what_the_keys_are_to_blame_for_is_their_fault() {
        let name = FileName::parse("TL0001.tar.gz.gpg").unwrap();
        let judged = |tried| judge_keys(&name, tried).map(|line| exit_of(&[line]));
        assert_eq!(judged(Ok(())), Ok(ExitStatus::Done));
        assert_eq!(judged(Err(ArchiveError::WrongPassphrase)), Ok(ExitStatus::Config));
        assert_eq!(judged(Err(ArchiveError::NoPassphrase)), Ok(ExitStatus::Config));
        assert_eq!(judged(Err(ArchiveError::NoIntegrityCheck)), Ok(ExitStatus::Config));
        assert!(judged(Err(ArchiveError::NotAnArchive { looks_like: "html" })).is_err());
    }
}
