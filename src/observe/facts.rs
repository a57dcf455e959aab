//! A snapshot as short lines for people: the page and `grind status` show the same.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::log::{DisplayCount, DisplayDuration, DisplaySize, DisplaySpeed};
use crate::observe::daemon::DaemonSnapshot;
use crate::observe::headline::{DaemonMood, PlainHeadline, person_tasks};
use crate::observe::rates::MeasuredRate;
use crate::observe::status::DaemonStatus;
use crate::vocabulary::{BookOutcome, WaitCause, in_zone};

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

/// How it is, why, what happens next by itself, and what only a person can mend: the first that whoever is called wants to know.
pub fn how_it_is(status: &DaemonStatus) -> Vec<PageFact> {
    let PlainHeadline { mood, words, why, next } = PlainHeadline::of(status);
    // What needs a person is told below, with what to do about it.
    let why = why.filter(|_| mood != DaemonMood::NeedsPerson);
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    let next = next.map_or_else(String::new, |next| format!("; {} {}", next.what, second(next.at)));
    let first = ("how it is", format!("{}: {words}{why}{next}", mood.as_str()));
    let tasks = person_tasks(status).into_iter();
    let tasks = tasks.map(|task| ("needs a person", format!("{} {}", task.what, task.advice)));
    std::iter::once(first).chain(tasks).collect()
}

fn seconds_since(at: Timestamp, daemon: &DaemonSnapshot) -> f64 {
    daemon.taken_at.duration_since(at).as_secs_f64().max(0.0)
}

/// What [`how_it_is`] does not say.
fn urgent(daemon: &DaemonSnapshot) -> Vec<PageFact> {
    let mut facts = Vec::new();
    facts.extend(
        daemon
            .signed_out
            .as_ref()
            .map(|signed_out| ("signed out", format!("since {}", second(signed_out.since)))),
    );
    facts.extend(daemon.shutdown.map(|phase| ("stopping", phase.to_string())));
    let is_headline = daemon.signed_out.is_none() && daemon.waiting.is_empty();
    let gate = daemon.gate_closed_until.filter(|_| !is_headline);
    facts.extend(gate.map(|until| ("GRIN says wait", format!("until {}", second(until)))));
    let told = |cause| {
        let is_waited_for = daemon.waiting.iter().any(|wait| wait.cause == cause);
        is_waited_for || matches!(cause, WaitCause::SignIn | WaitCause::Gate)
    };
    let paused = daemon.paused.iter().filter(|cause| !told(**cause));
    facts.extend(paused.map(|reason| ("intake paused", reason.to_string())));
    for waiting in daemon.waiting.iter().skip(1) {
        let until = waiting
            .until
            .map(|until| format!(" (until {})", second(until)))
            .unwrap_or_default();
        facts.push((
            "waiting for",
            format!("{}: {}{until}", waiting.cause.label(), waiting.why),
        ));
    }
    let reload = daemon.reload.as_ref().filter(|reload| reload.successful);
    facts.extend(reload.map(|reload| {
        let words = format!("read at {}, in force: {}", second(reload.at), reload.summary);
        ("config", words)
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
    let copies = daemon.second_copy.standing;
    facts.extend(copies.map(|copies| ("second copy", copies.to_string())));
    facts.extend(daemon.hooks.is_used().then(|| ("hook", daemon.hooks.to_string())));
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
    let places = daemon.download_places;
    if places.now < places.most {
        facts.push(("downloads", places.to_string()));
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
    in_zone(at, TimeZone::system())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::SecondCopyStanding;
    use crate::observe::tests::fixture::Seen;
    use crate::observe::{DaemonState, MemberView, SignedOut};
    use crate::vocabulary::{WaitCause, WaitReason};

    fn told(status: &DaemonStatus) -> Vec<String> {
        let facts = how_it_is(status).into_iter().chain(facts(&status.daemon));
        facts.map(|(heading, text)| format!("{heading}: {text}")).collect()
    }

    #[test]
    fn each_trouble_is_told_once_first_and_with_what_happens_next() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut seen = DaemonStatus::of(&Seen::default());
        seen.daemon = DaemonSnapshot::starting("0.1.0", "abc", at(0));
        (seen.stuck, seen.stalled, seen.hub.gave_up) = (Vec::new(), Vec::new(), None);
        seen.daemon.waiting.push(WaitReason {
            until: Some(at(60)),
            needs_person: false,
            ..WaitReason::new(WaitCause::Grin, "503", at(0))
        });
        seen.daemon.paused.push(WaitCause::Grin);
        let lines = told(&seen);
        assert_eq!(
            lines[0],
            format!(
                "how it is: waits: Waiting for GRIN: 503; next attempt at {}",
                second(at(60))
            )
        );
        assert_eq!(
            lines
                .iter()
                .filter(|line| line.contains("503") || line.contains("paused"))
                .count(),
            1,
            "{lines:?}"
        );

        seen.daemon.waiting[0].needs_person = true;
        let lines = told(&seen);
        assert_eq!(
            lines[0],
            format!(
                "how it is: needs a person: Waiting for GRIN; next attempt at {}",
                second(at(60))
            )
        );
        assert!(
            lines[1].starts_with("needs a person: Waiting for GRIN: 503. See grind check-config"),
            "{lines:?}"
        );

        seen.daemon.signed_out = Some(SignedOut {
            since: at(0),
            why: "the refresh token is dead".into(),
            advice: "run `grind auth login`".into(),
        });
        let lines = told(&seen);
        assert_eq!(lines[0], "how it is: needs a person: Signed out of GRIN");
        assert_eq!(
            lines[1],
            "needs a person: Signed out of GRIN: the refresh token is dead. Run `grind auth login`."
        );
        assert_eq!(
            lines.iter().filter(|line| line.contains("dead")).count(),
            1,
            "{lines:?}"
        );
        assert!(
            lines.contains(&format!("signed out: since {}", second(at(0)))),
            "{lines:?}"
        );
    }

    #[test]
    fn hook_second_copy_and_fewer_downloads_are_told_where_there_is_something_to_tell() {
        let mut daemon = DaemonSnapshot::starting("0.1.0", "abc", Timestamp::UNIX_EPOCH);
        let of = |daemon: &DaemonSnapshot, heading| {
            let facts = facts(daemon).into_iter().find(|fact| fact.0 == heading);
            facts.map(|fact| fact.1)
        };
        for heading in ["hook", "second copy", "downloads"] {
            assert_eq!(of(&daemon, heading), None);
        }
        (daemon.hooks.told, daemon.hooks.failed, daemon.hooks.waiting) = (7, 8, 113);
        daemon.second_copy.standing = Some(SecondCopyStanding {
            copied: 3,
            waiting: 4,
            failed: 1,
        });
        (daemon.download_places.now, daemon.download_places.most) = (1, 4);
        let hook = "told of 7 books in this run, 113 waiting; 8 attempts failed, see the log";
        assert_eq!(of(&daemon, "hook").as_deref(), Some(hook));
        let copies = "3 books copied, 4 waiting, 1 of them failed";
        assert_eq!(of(&daemon, "second copy").as_deref(), Some(copies));
        let places = of(&daemon, "downloads").unwrap();
        assert!(
            places.starts_with("1 at once instead of 4: GRIN answered 429 or 503"),
            "{places}"
        );
        assert!(places.contains("one more after each 30 s without that"), "{places}");
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
                format!(
                    "a on attic (daemon 0.1.0, since {}); this one",
                    second(Timestamp::UNIX_EPOCH)
                ),
                format!(
                    "b on attic (daemon 0.1.0, since {}); not heard of since its time was over",
                    second(Timestamp::UNIX_EPOCH)
                )
            ]
        );
    }

    #[test]
    fn a_state_has_an_age_of_its_own() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut daemon = DaemonSnapshot::starting("0.1.0", "abc", at(0));
        (daemon.state, daemon.state_since, daemon.taken_at) = (DaemonState::Paused, at(60), at(72));
        let facts = facts(&daemon);
        assert_eq!(facts[0], ("state", format!("paused since {} (12.0s)", second(at(60)))));
        assert_eq!(facts[1], ("running", format!("since {} (1m 12s)", second(at(0)))));
    }

    #[test]
    fn a_daemon_at_rest_says_what_it_waits_for_and_no_more_than_it_knows() {
        let mut daemon = DaemonSnapshot::starting("0.1.0", "abc", Timestamp::UNIX_EPOCH);
        let wait = |cause| WaitReason {
            until: Some(Timestamp::from_second(60).unwrap()),
            ..WaitReason::new(cause, "no room in /library", Timestamp::UNIX_EPOCH)
        };
        daemon.waiting = vec![wait(WaitCause::Operator), wait(WaitCause::Disk)];
        daemon.barcodes.insert("stored".into(), 1_234);
        daemon.barcodes.insert("failed".into(), 0);
        daemon.tasks.insert("collect".into(), "reading _all_books".into());
        let facts = facts(&daemon);
        let text = |heading| facts.iter().find(|fact| fact.0 == heading).map(|fact| fact.1.as_str());
        let until = format!(
            "disk space: no room in /library (until {})",
            second(Timestamp::from_second(60).unwrap())
        );
        assert_eq!(text("waiting for"), Some(&*until));
        assert_eq!(text("barcodes"), Some("stored 1 234"));
        assert_eq!(text("task"), Some("collect: reading _all_books"));
        assert_eq!(text("ready books"), None);
        assert_eq!(text("library stored"), None);
        assert_eq!(text("last book stored"), None);
    }
}
