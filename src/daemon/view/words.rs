//! What the daemon says of itself in one line, and whether it can do its job.

use jiff::tz::TimeZone;

use crate::observe::{DaemonReadiness, DaemonSnapshot, DaemonState};
use crate::vocabulary::{WaitCause, WaitReason, in_zone};

/// One line for `systemctl status`.
pub(super) fn status_line(now: &DaemonSnapshot) -> String {
    let stored = now.barcodes.get("stored").copied().unwrap_or_default();
    let known: u64 = now.barcodes.values().sum();
    let refused = now.reload.as_ref().filter(|reload| !reload.successful);
    let refused = refused.map(|reload| format!("; the changed config is not in force: {}", reload.summary));
    format!(
        "{stored} of {known} books stored, {} claimed, {}{}",
        now.books_in_hand,
        doing(now, TimeZone::system()),
        refused.unwrap_or_default()
    )
}

/// What it does or waits for. What only a person can mend stands where systemd shows it.
fn doing(now: &DaemonSnapshot, zone: TimeZone) -> String {
    if now.state == DaemonState::Draining {
        return now.state.to_string();
    }
    if let Some(signed_out) = &now.signed_out {
        return format!("signed out: {}", signed_out.advice);
    }
    if let Some(wait) = now.waiting.first() {
        // An outage is met by one book, with waits of its own between its requests.
        let trying = if is_being_tried(wait, now) {
            ", an attempt is under way"
        } else {
            ""
        };
        let ends = if wait.resumes_by_itself {
            "; resumes by itself"
        } else {
            ""
        };
        return format!("{wait}{trying}{ends}");
    }
    if let Some(until) = now.gate_closed_until.filter(|until| *until > now.taken_at) {
        return format!("waiting for GRIN until {}; resumes by itself", in_zone(until, zone));
    }
    let troubles = now.tasks.iter().filter(|(task, _)| now.unfinished.contains(*task));
    let troubles: Vec<_> = troubles.map(|(task, words)| format!("; {task} {words}")).collect();
    format!("{}{}", now.state, troubles.concat())
}

/// The moment of the next attempt has come, and a book makes it.
fn is_being_tried(wait: &WaitReason, now: &DaemonSnapshot) -> bool {
    let by_books = wait.resumes_by_itself && wait.cause.is_tried_by_books();
    by_books && wait.until.is_none() && now.books_in_hand > 0
}

/// Whether it can do its job. A pause that GRIN asked for is part of it.
pub(super) fn readiness(now: &DaemonSnapshot) -> DaemonReadiness {
    let no = |why| DaemonReadiness::No { why };
    if let Some(phase) = now.shutdown {
        return no(format!("shutting down: {phase}"));
    }
    if now.state == DaemonState::Starting {
        return no("starting".into());
    }
    if let Some(signed_out) = &now.signed_out {
        return no(format!("signed out: {}", signed_out.why));
    }
    if let Some(wait) = now.waiting.iter().find(|wait| wait.cause != WaitCause::Gate) {
        return no(wait.to_string());
    }
    DaemonReadiness::Yes
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::observe::{ShutdownPhase, SignedOut};

    fn working() -> DaemonSnapshot {
        let mut now = DaemonSnapshot::starting("0.1.0", "abc", Timestamp::UNIX_EPOCH);
        now.state = DaemonState::Working;
        now
    }

    fn changed(change: impl FnOnce(&mut DaemonSnapshot)) -> DaemonSnapshot {
        let mut now = working();
        change(&mut now);
        now
    }

    fn waiting(cause: WaitCause) -> DaemonSnapshot {
        changed(|now| now.waiting = vec![WaitReason::new(cause, "a reason", Timestamp::UNIX_EPOCH)])
    }

    #[test]
    fn a_book_in_hand_tries_whether_the_wait_is_over() {
        let tried = |cause| DaemonSnapshot {
            books_in_hand: 1,
            ..waiting(cause)
        };
        for (cause, says) in [
            (
                WaitCause::Grin,
                "waiting for GRIN: a reason, an attempt is under way; resumes by itself",
            ),
            (
                WaitCause::Catalog,
                "waiting for the catalog: a reason; resumes by itself",
            ),
            (WaitCause::Disk, "waiting for disk space: a reason; resumes by itself"),
            (WaitCause::Passphrase, "waiting for the passphrase: a reason"),
        ] {
            assert_eq!(doing(&tried(cause), TimeZone::UTC), says);
        }
    }

    #[test]
    fn trouble_is_said_and_makes_it_not_ready() {
        let signed_out = changed(|now| {
            now.signed_out = Some(SignedOut {
                since: Timestamp::UNIX_EPOCH,
                why: "revoked".into(),
                advice: "sign in".into(),
            });
        });
        let unread = changed(|now| {
            now.tasks
                .insert("collect".into(), "not finished: _all_books: 503".into());
            now.unfinished.insert("collect".into());
            // Words alone make no trouble.
            now.tasks.insert("convert".into(), "not finished: 12 requested".into());
        });
        let gate = changed(|now| now.gate_closed_until = Some(Timestamp::from_second(3_600).unwrap()));
        let draining = changed(|now| {
            now.state = DaemonState::Draining;
            now.shutdown = Some(ShutdownPhase::IntakeClosed);
            now.waiting = vec![WaitReason::new(WaitCause::Disk, "full", Timestamp::UNIX_EPOCH)];
        });
        for (now, says, ready) in [
            (working(), "working", true),
            (signed_out, "signed out: sign in", false),
            (
                waiting(WaitCause::Disk),
                "waiting for disk space: a reason; resumes by itself",
                false,
            ),
            (
                waiting(WaitCause::Passphrase),
                "waiting for the passphrase: a reason",
                false,
            ),
            (
                waiting(WaitCause::Grin),
                "waiting for GRIN: a reason; resumes by itself",
                false,
            ),
            (
                waiting(WaitCause::Gate),
                "waiting for GRIN: a reason; resumes by itself",
                true,
            ),
            (
                gate,
                "waiting for GRIN until 1970-01-01 01:00:00 UTC; resumes by itself",
                true,
            ),
            (unread, "working; collect not finished: _all_books: 503", true),
            (
                waiting(WaitCause::Operator),
                "waiting for the operator: a reason",
                false,
            ),
            (draining, "draining", false),
        ] {
            assert_eq!(doing(&now, TimeZone::UTC), says);
            assert_eq!(readiness(&now) == DaemonReadiness::Yes, ready, "{says}");
        }
    }
}
