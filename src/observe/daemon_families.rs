//! What the daemon tells, as metrics.

use crate::observe::daemon::{DaemonSnapshot, ShutdownPhase};
use crate::observe::family::{MetricFamilies, seconds};
use crate::observe::names::MetricName as Metric;
use crate::vocabulary::{BookOutcome, BookState, FixityOutcome, WaitCause};

impl MetricFamilies {
    /// Barcodes, shutdown, config and build.
    pub fn from_daemon(daemon: &DaemonSnapshot) -> Self {
        let mut families = Self::new();
        barcodes(&mut families, daemon);
        fixity(&mut families, daemon);
        hooks(&mut families, daemon);
        second_copy(&mut families, daemon);
        condition(&mut families, daemon);
        let live = daemon.members.iter().filter(|member| member.live);
        families.count(Metric::Members, &[], live.count() as u64);
        families.flag(Metric::BuildInfo, &[&daemon.version, &daemon.commit], true);
        families
    }
}

fn barcodes(families: &mut MetricFamilies, daemon: &DaemonSnapshot) {
    // Any other word is counted as `other`, so that no text out of a database becomes a label.
    for state in BookState::ALL.map(BookState::as_str) {
        families.count(
            Metric::Barcodes,
            &[state],
            daemon.barcodes.get(state).copied().unwrap_or(0),
        );
    }
    let known = |state: &str| state.parse::<BookState>().is_ok();
    let other: u64 = daemon
        .barcodes
        .iter()
        .filter(|(state, _)| !known(state))
        .map(|(_, count)| count)
        .sum();
    if other > 0 {
        families.count(Metric::Barcodes, &["other"], other);
    }
    for outcome in BookOutcome::ALL {
        families.count(Metric::BarcodesFinished, &[outcome.as_str()], daemon.finished(*outcome));
    }
    families.count(Metric::BooksInHand, &[], daemon.books_in_hand);
    families.count(Metric::StoredBytes, &[], daemon.stored_bytes);
    let pending = daemon.oldest_pending.map(|since| daemon.taken_at.duration_since(since));
    let age = pending.map_or(0.0, |age| age.as_secs_f64().max(0.0));
    families.number(Metric::OldestPending, &[], age);
    families.number(Metric::LastDownload, &[], seconds(daemon.last_success));
    families.number(Metric::BackupVerified, &[], seconds(daemon.last_backup));
}

fn fixity(families: &mut MetricFamilies, daemon: &DaemonSnapshot) {
    for outcome in FixityOutcome::ALL {
        let checks = daemon.reread.get(outcome).copied().unwrap_or(0);
        families.count(Metric::FixityChecks, &[outcome.as_str()], checks);
    }
    families.count(Metric::FixityBytes, &[], daemon.reread_bytes);
    let forecast = daemon.fixity.unwrap_or_default();
    families.number(Metric::FixityOldest, &[], seconds(forecast.oldest));
    families.count(Metric::FixityDue, &[], forecast.due);
    families.count(Metric::FixityUnsound, &[], forecast.unsound);
}

fn hooks(families: &mut MetricFamilies, daemon: &DaemonSnapshot) {
    families.count(Metric::HookCalls, &["told"], daemon.hooks.told);
    families.count(Metric::HookCalls, &["failed"], daemon.hooks.failed);
    families.count(Metric::HookWaiting, &[], daemon.hooks.waiting);
}

fn second_copy(families: &mut MetricFamilies, daemon: &DaemonSnapshot) {
    let copies = daemon.second_copy;
    let standing = copies.standing.unwrap_or_default();
    families.count(Metric::SecondCopyBooks, &["copied"], standing.copied);
    families.count(Metric::SecondCopyBooks, &["waiting"], standing.waiting);
    families.count(Metric::SecondCopyBooks, &["failed"], standing.failed);
    families.count(Metric::SecondCopyAttempts, &["copied"], copies.books);
    families.count(Metric::SecondCopyAttempts, &["failed"], copies.failed);
    families.count(Metric::SecondCopyBytes, &[], copies.bytes);
}

fn condition(families: &mut MetricFamilies, daemon: &DaemonSnapshot) {
    for reason in WaitCause::ALL {
        families.flag(Metric::IntakePaused, &[reason.as_str()], daemon.paused.contains(reason));
    }
    for phase in ShutdownPhase::ALL {
        families.flag(
            Metric::ShutdownPhase,
            &[phase.as_str()],
            daemon.shutdown == Some(*phase),
        );
    }
    // The config read at the start is in force, or there would be no daemon.
    let reloaded = daemon.reload.as_ref();
    families.flag(
        Metric::ConfigReloadSuccessful,
        &[],
        reloaded.is_none_or(|reload| reload.successful),
    );
    let at = reloaded.map_or(daemon.since, |reload| reload.at);
    families.number(Metric::ConfigReloadTime, &[], seconds(Some(at)));
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::observe::render;

    #[test]
    fn a_state_that_is_none_does_not_become_a_label() {
        let mut daemon = DaemonSnapshot::starting("0", "0", Timestamp::UNIX_EPOCH);
        daemon.barcodes = [
            ("stored".to_owned(), 3),
            ("HVD123".to_owned(), 1),
            ("x\"y".to_owned(), 1),
        ]
        .into();
        let page = render(&MetricFamilies::from_daemon(&daemon));
        assert!(page.contains("grind_barcodes{state=\"stored\"} 3\n"), "{page}");
        assert!(page.contains("grind_barcodes{state=\"other\"} 2\n"), "{page}");
        assert!(!page.contains("HVD123"), "{page}");
    }

    #[test]
    fn the_phase_of_the_shutdown_is_the_one_that_is_1() {
        let mut daemon = DaemonSnapshot::starting("0", "0", Timestamp::UNIX_EPOCH);
        assert!(!render(&MetricFamilies::from_daemon(&daemon)).contains("grind_shutdown_phase{phase=\"done\"} 1"));
        daemon.shutdown = Some(ShutdownPhase::Done);
        let page = render(&MetricFamilies::from_daemon(&daemon));
        assert!(page.contains("grind_shutdown_phase{phase=\"done\"} 1\n"), "{page}");
        assert!(page.contains("grind_shutdown_phase{phase=\"flushing\"} 0\n"), "{page}");
    }

    #[test]
    fn the_oldest_pending_book_has_an_age_and_none_has_none() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut daemon = DaemonSnapshot::starting("0", "0", at(0));
        daemon.taken_at = at(100);
        // A clock that was set back makes no age below 0.
        for (since, age) in [(None, "0"), (Some(at(40)), "60"), (Some(at(140)), "0")] {
            daemon.oldest_pending = since;
            let page = render(&MetricFamilies::from_daemon(&daemon));
            let line = format!("grind_oldest_pending_barcode_age_seconds {age}\n");
            assert!(page.contains(&line), "{page}");
        }
    }

    #[test]
    fn a_refused_reload_shows_until_the_next() {
        use crate::observe::ReloadState;
        let mut daemon = DaemonSnapshot::starting("0", "0", Timestamp::UNIX_EPOCH);
        assert!(render(&MetricFamilies::from_daemon(&daemon)).contains("_last_reload_successful 1\n"));
        daemon.reload = Some(ReloadState {
            at: Timestamp::UNIX_EPOCH,
            successful: false,
            summary: "typo".into(),
        });
        assert!(render(&MetricFamilies::from_daemon(&daemon)).contains("_last_reload_successful 0\n"));
    }
}
