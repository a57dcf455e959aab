//! What a run that ended by itself did, in one line.

use crate::log::CountedNoun;
use crate::observe::{DaemonSnapshot, DisplayCount, DisplaySize, WorkPhase};
use crate::vocabulary::BookOutcome;

/// What else becomes of a book, in words after 1 and after other numbers; a book may have several failed attempts. One that was released is still to be done, by this run or the next.
const OTHERWISE: [(BookOutcome, [&str; 2]); 3] = [
    (BookOutcome::UpToDate, ["up to date"; 2]),
    (BookOutcome::NotConverted, ["waiting for GRIN"; 2]),
    (BookOutcome::Retry, ["failed attempt", "failed attempts"]),
];

/// What became of books that were neither stored nor failed, as far as it happened: the words and how many.
pub fn otherwise(daemon: &DaemonSnapshot) -> impl Iterator<Item = (&'static str, DisplayCount)> {
    let counts = OTHERWISE.map(|(outcome, words)| (words, daemon.finished(outcome)));
    let happened = counts.into_iter().filter(|(_, count)| *count > 0);
    happened.map(|([one, more], count)| (if count == 1 { one } else { more }, DisplayCount(count)))
}

/// `3 books stored, 1 failed (timeout 1)`: the phases asked for, and others in which something was done; last, how much could not
/// be read.
pub fn summary(daemon: &DaemonSnapshot, asked_for: &[WorkPhase], incomplete: usize) -> String {
    let mut parts = Vec::new();
    for phase in WorkPhase::ALL {
        let is_asked_for = asked_for.contains(phase);
        let (noun, done_with) = match phase {
            WorkPhase::Collect => ("row", "of GRIN's lists read"),
            WorkPhase::Enrich => ("book", "enriched"),
            WorkPhase::Convert => ("conversion", "requested"),
            WorkPhase::Download => {
                parts.extend(books(daemon, is_asked_for));
                continue;
            }
        };
        let done = daemon.phases.get(phase).map_or(0, |phase| phase.done);
        if is_asked_for || done > 0 {
            parts.push(format!("{} {done_with}", CountedNoun(done, noun)));
        }
    }
    match incomplete {
        0 => {}
        1 => parts.push("1 list or batch could not be read".to_owned()),
        more => parts.push(format!("{more} lists or batches could not be read")),
    }
    parts.join(", ")
}

fn books(daemon: &DaemonSnapshot, is_asked_for: bool) -> Vec<String> {
    let stored = daemon.finished(BookOutcome::Stored);
    let (books, size) = (CountedNoun(stored, "book"), DisplaySize(daemon.stored_bytes));
    let mut parts = Vec::new();
    match stored {
        0 if is_asked_for => parts.push(format!("{books} stored")),
        0 => {}
        _ => parts.push(format!("{books} stored ({size})")),
    }
    parts.extend(otherwise(daemon).map(|(words, count)| format!("{count} {words}")));
    let failed = daemon.finished(BookOutcome::Failed);
    parts.extend((failed > 0).then(|| format!("{} failed{}", DisplayCount(failed), failed_because(daemon))));
    parts
}

/// ` (wrong_passphrase 1, damaged_at_source 1)`, the most frequent first; nothing where none is known.
pub fn failed_because(daemon: &DaemonSnapshot) -> String {
    let mut reasons: Vec<_> = daemon.failures.iter().filter(|(_, count)| **count > 0).collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let reasons: Vec<_> = reasons
        .iter()
        .map(|(reason, count)| format!("{reason} {}", DisplayCount(**count)))
        .collect();
    if reasons.is_empty() {
        String::new()
    } else {
        format!(" ({})", reasons.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::PhaseProgress;
    use crate::vocabulary::FailureReason;

    fn ended() -> DaemonSnapshot {
        DaemonSnapshot::starting("0", "0", jiff::Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_step_tells_what_it_was_asked_for_even_if_there_was_nothing_to_do() {
        for (phase, text) in [
            (WorkPhase::Collect, "0 rows of GRIN's lists read"),
            (WorkPhase::Enrich, "0 books enriched"),
            (WorkPhase::Convert, "0 conversions requested"),
            (WorkPhase::Download, "0 books stored"),
        ] {
            assert_eq!(summary(&ended(), &[phase], 0), text);
        }
    }

    #[test]
    fn one_is_told_as_one() {
        let mut daemon = ended();
        for (attempts, told) in [
            (1, "0 books stored, 1 failed attempt"),
            (2, "0 books stored, 2 failed attempts"),
        ] {
            daemon.finished = [(BookOutcome::Retry, attempts)].into();
            assert_eq!(summary(&daemon, &[WorkPhase::Download], 0), told);
        }
    }

    #[test]
    fn a_step_tells_only_what_it_did() {
        let mut daemon = ended();
        let done = |done| PhaseProgress {
            done,
            ..PhaseProgress::default()
        };
        daemon.phases.insert(WorkPhase::Enrich, done(1_200));
        let words = summary(&daemon, &[WorkPhase::Enrich], 1);
        assert_eq!(words, "1 200 books enriched, 1 list or batch could not be read");
        daemon.finished = [
            (BookOutcome::Stored, 1),
            (BookOutcome::UpToDate, 2),
            (BookOutcome::NotConverted, 3),
            (BookOutcome::Released, 9),
            (BookOutcome::Failed, 3),
        ]
        .into();
        daemon.failures = [(FailureReason::Timeout, 1), (FailureReason::WrongPassphrase, 2)].into();
        daemon.stored_bytes = 1024;
        assert_eq!(
            summary(&daemon, &[WorkPhase::Download], 2),
            "1 200 books enriched, 1 book stored (1.0 KiB), 2 up to date, 3 waiting for GRIN, \
             3 failed (wrong_passphrase 2, timeout 1), 2 lists or batches could not be read"
        );
    }
}
