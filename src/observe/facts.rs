//! A snapshot as short lines for people: the page and `grind status` show the same.

use jiff::Timestamp;

use crate::log::{DisplayCount, DisplayDuration, DisplaySize, DisplaySpeed};
use crate::observe::daemon::{DaemonSnapshot, DownloadPlaces};
use crate::observe::headline::{person_tasks, stall_words};
use crate::observe::rates::MeasuredRate;
use crate::observe::status::DaemonStatus;
use crate::vocabulary::BookOutcome;

/// A heading and what there is to say under it.
pub type PageFact = (&'static str, String);

/// What a person wants to know, most urgent first; what is not so is not mentioned.
pub fn facts(daemon: &DaemonSnapshot) -> Vec<PageFact> {
    let mut facts = vec![(
        "state",
        format!(
            "{} since {} ({})",
            daemon.state,
            second(daemon.state_since),
            DisplayDuration(seconds_since(daemon.state_since, daemon))
        ),
    )];
    let running = DisplayDuration(daemon.running_seconds());
    facts.push(("running", format!("since {} ({running})", second(daemon.since))));
    facts.extend(urgent(daemon));
    facts.extend(work(daemon));
    facts.extend(speeds(daemon));
    facts.extend(members(daemon));
    facts.push(("storage", daemon.library.clone()));
    facts.push(("version", format!("{} ({})", daemon.version, daemon.commit)));
    facts
}

/// What only a person can mend, and what to do about it.
pub fn needs_person(status: &DaemonStatus) -> Vec<PageFact> {
    let tasks = person_tasks(status).into_iter();
    tasks
        .map(|task| ("needs a person", format!("{} {}", task.what, task.advice)))
        .collect()
}

/// Threads and actors that come no step further.
pub fn stands_still(status: &DaemonStatus) -> Vec<PageFact> {
    let threads = status.stuck.iter().map(ToString::to_string);
    let actors = status.stalled.iter().map(|stall| stall_words(status, stall));
    threads.chain(actors).map(|words| ("stands still", words)).collect()
}

fn seconds_since(at: Timestamp, daemon: &DaemonSnapshot) -> f64 {
    daemon.taken_at.duration_since(at).as_secs_f64().max(0.0)
}

fn urgent(daemon: &DaemonSnapshot) -> Vec<PageFact> {
    let mut facts = Vec::new();
    if let Some(signed_out) = &daemon.signed_out {
        facts.push((
            "signed out",
            format!("since {}: {}", second(signed_out.since), signed_out.why),
        ));
        facts.push(("to do", signed_out.advice.clone()));
    }
    facts.extend(daemon.shutdown.map(|phase| ("stopping", phase.to_string())));
    facts.extend(
        daemon
            .gate_closed_until
            .map(|until| ("GRIN says wait", format!("until {}", second(until)))),
    );
    facts.extend(daemon.paused.iter().map(|reason| ("intake paused", reason.to_string())));
    for waiting in &daemon.waiting {
        let until = waiting
            .until
            .map(|until| format!(" (until {})", second(until)))
            .unwrap_or_default();
        facts.push((
            "waiting for",
            format!("{}: {}{until}", waiting.cause.label(), waiting.why),
        ));
    }
    facts.extend(daemon.reload.as_ref().map(|reload| {
        let outcome = if reload.successful {
            "in force"
        } else {
            "not in force as it stands"
        };
        (
            "config",
            format!("read at {}, {outcome}: {}", second(reload.at), reload.summary),
        )
    }));
    facts
}

fn work(daemon: &DaemonSnapshot) -> Vec<PageFact> {
    let states: Vec<_> = daemon.barcodes.iter().filter(|(_, count)| **count > 0).collect();
    let states = states
        .iter()
        .map(|(state, count)| format!("{state} {}", DisplayCount(**count)));
    let finished = BookOutcome::ALL.iter().filter(|outcome| daemon.finished(**outcome) > 0);
    let finished = finished.map(|outcome| format!("{outcome} {}", DisplayCount(daemon.finished(*outcome))));
    let failures = daemon
        .failures
        .iter()
        .map(|(reason, count)| format!("{reason} {}", DisplayCount(*count)));
    let mut facts = vec![
        ("barcodes", listed(states)),
        (
            "this run",
            format!("{}; {}", listed(finished), DisplaySize(daemon.stored_bytes)),
        ),
        ("claimed", DisplayCount(daemon.books_in_hand).to_string()),
    ];
    if !daemon.failures.is_empty() {
        facts.push(("failed because", listed(failures)));
    }
    facts.extend(
        daemon
            .tasks
            .iter()
            .map(|(task, words)| ("task", format!("{task}: {words}"))),
    );
    facts.extend(daemon.last_success.map(|at| ("last book stored", second(at))));
    facts.extend(daemon.last_backup.map(|at| ("last backup", second(at))));
    let fixity = daemon.fixity.filter(|forecast| forecast.oldest.is_some());
    facts.extend(fixity.map(|forecast| ("read again", forecast.to_string())));
    facts
}

fn speeds(daemon: &DaemonSnapshot) -> Vec<PageFact> {
    let rates = &daemon.rates;
    let mut facts = vec![
        ("last minute", speed(rates.minute)),
        ("last 15 minutes", speed(rates.quarter_hour)),
        ("last hour", speed(rates.hour)),
    ];
    facts.extend(
        daemon
            .eta_seconds
            .map(|eta| ("ready books", format!("stored in {}", DisplayDuration(eta)))),
    );
    let DownloadPlaces { now, most } = daemon.download_places;
    if now < most {
        let why = "GRIN answered 429 or 503, or not in time";
        facts.push(("downloads", format!("{now} at once instead of {most}: {why}")));
    }
    let limit = daemon.bandwidth;
    facts.extend(limit.map(|limit| ("bandwidth", format!("limited to {}/s", DisplaySize(limit)))));
    let forecast = daemon.forecast.as_ref();
    facts.extend(forecast.map(|forecast| ("library stored", forecast.to_string())));
    facts
}

/// Who shares the catalog, where that is not this daemon alone.
fn members(daemon: &DaemonSnapshot) -> Vec<PageFact> {
    let members = daemon.members.iter().filter(|_| daemon.members.len() > 1);
    let words = members.map(|member| {
        let since = member.since.map(|since| format!(", since {}", second(since)));
        let note = match (member.this, member.live) {
            (true, _) => "; this one",
            (false, true) => "",
            (false, false) => "; not heard of since its time was over",
        };
        format!(
            "{} on {} ({} {}{}){note}",
            member.instance,
            member.host,
            member.program,
            member.version,
            since.unwrap_or_default()
        )
    });
    words.map(|words| ("member", words)).collect()
}

fn speed(rate: MeasuredRate) -> String {
    format!(
        "{:.2} books/s, {}",
        rate.books_per_second,
        DisplaySpeed(rate.bytes_per_second)
    )
}

fn listed(words: impl Iterator<Item = String>) -> String {
    let words: Vec<_> = words.collect();
    if words.is_empty() {
        "none".into()
    } else {
        words.join(", ")
    }
}

fn second(at: Timestamp) -> String {
    format!("{at:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{DaemonState, MemberView, SignedOut};
    use crate::vocabulary::{WaitCause, WaitReason};

    #[test]
    fn what_a_person_must_do_comes_before_the_numbers() {
        let mut daemon = DaemonSnapshot::starting("0.1.0", "abc", Timestamp::UNIX_EPOCH);
        daemon.signed_out = Some(SignedOut {
            since: Timestamp::UNIX_EPOCH,
            why: "the refresh token is dead".into(),
            advice: "Run `grind auth login`.".into(),
        });
        daemon.paused.push(WaitCause::SignIn);
        let facts = facts(&daemon);
        assert_eq!(facts[2].1, "since 1970-01-01T00:00:00Z: the refresh token is dead");
        assert_eq!(facts[3], ("to do", "Run `grind auth login`.".into()));
        assert_eq!(facts[4], ("intake paused", "signed_out".into()));
    }

    #[test]
    fn members_are_listed_where_there_are_several() {
        let mut daemon = DaemonSnapshot::starting("0.1.0", "abc", Timestamp::UNIX_EPOCH);
        let listed = |daemon: &DaemonSnapshot| {
            let facts = facts(daemon).into_iter().filter(|fact| fact.0 == "member");
            facts.map(|fact| fact.1).collect::<Vec<_>>()
        };
        let member = |instance: &str, this, live| MemberView {
            instance: instance.into(),
            host: "attic".into(),
            program: "daemon".into(),
            version: "0.1.0".into(),
            since: Some(Timestamp::UNIX_EPOCH),
            seen: None,
            live,
            this,
        };
        daemon.members.push(member("a", true, true));
        assert_eq!(listed(&daemon), [""; 0]);
        daemon.members.push(member("b", false, false));
        assert_eq!(
            listed(&daemon),
            [
                "a on attic (daemon 0.1.0, since 1970-01-01T00:00:00Z); this one",
                "b on attic (daemon 0.1.0, since 1970-01-01T00:00:00Z); not heard of since its time was over"
            ]
        );
    }

    #[test]
    fn a_state_has_an_age_of_its_own() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut daemon = DaemonSnapshot::starting("0.1.0", "abc", at(0));
        (daemon.state, daemon.state_since, daemon.taken_at) = (DaemonState::Paused, at(60), at(72));
        let facts = facts(&daemon);
        assert_eq!(facts[0], ("state", "paused since 1970-01-01T00:01:00Z (12.0s)".into()));
        assert_eq!(facts[1], ("running", "since 1970-01-01T00:00:00Z (1m 12s)".into()));
    }

    #[test]
    fn a_daemon_at_rest_says_what_it_waits_for_and_no_more_than_it_knows() {
        let mut daemon = DaemonSnapshot::starting("0.1.0", "abc", Timestamp::UNIX_EPOCH);
        daemon.waiting.push(WaitReason {
            until: Some(Timestamp::from_second(60).unwrap()),
            ..WaitReason::new(WaitCause::Disk, "no room in /library", Timestamp::UNIX_EPOCH)
        });
        daemon.barcodes.insert("stored".into(), 1_234);
        daemon.barcodes.insert("failed".into(), 0);
        daemon.tasks.insert("collect".into(), "reading _all_books".into());
        let facts = facts(&daemon);
        let text = |heading| facts.iter().find(|fact| fact.0 == heading).map(|fact| fact.1.as_str());
        assert_eq!(
            text("waiting for"),
            Some("disk space: no room in /library (until 1970-01-01T00:01:00Z)")
        );
        assert_eq!(text("barcodes"), Some("stored 1 234"));
        assert_eq!(text("task"), Some("collect: reading _all_books"));
        assert_eq!(text("ready books"), None);
        assert_eq!(text("library stored"), None);
        assert_eq!(text("last book stored"), None);
    }
}
