use jiff::Timestamp;

use super::*;
use crate::actor::{ActorName, ActorRegistry, ExitReason, GaveUp};
use crate::observe::process::ProcessFigures;
use crate::observe::{
    BlockingChains, ChainLink, DaemonReadiness, HeldWork, PhaseProgress, PlaceFigures, ReloadState, ShutdownPhase,
    SignedOut, ThreadSilence, WorkPhase,
};
use crate::session::SessionCounters;
use crate::vocabulary::{WaitCause, WaitReason};

/// A daemon with nothing to do and nothing wrong, changed.
fn status(change: impl FnOnce(&mut DaemonStatus)) -> DaemonStatus {
    let mut daemon = DaemonSnapshot::starting("0.1.0", "abc", Timestamp::UNIX_EPOCH);
    daemon.state = DaemonState::Waiting;
    let mut status = DaemonStatus {
        daemon,
        readiness: DaemonReadiness::Yes,
        hub: ActorRegistry::new().snapshot(),
        session: SessionCounters::default().snapshot(),
        sentences: std::collections::BTreeMap::new(),
        chains: BlockingChains::default(),
        sharing: None,
        places: PlaceFigures::default(),
        stuck: Vec::new(),
        stalled: Vec::new(),
        process: ProcessFigures::default(),
    };
    change(&mut status);
    status
}

fn stuck(status: &mut DaemonStatus) {
    status.stuck.push(ThreadSilence {
        thread: "session".into(),
        seconds: 75.0,
        actors: vec![ActorName::SessionOwner],
    });
}

fn stalled(actor: ActorName) -> impl FnOnce(&mut DaemonStatus) {
    move |status| {
        let link = |node: &str| ChainLink {
            node: node.into(),
            ..ChainLink::default()
        };
        let chain = BlockingChain {
            held_back: 3,
            unit: HeldWork::Message,
            links: vec![link("downloader"), link("session_owner")],
        };
        status.chains.by_actor.insert(ActorName::Downloader, chain);
        status.stalled.push(ActorStall {
            actor,
            messages: vec!["open_body".into()],
            seconds: 75.0,
            ends_daemon: false,
        });
    }
}

fn gave_up(status: &mut DaemonStatus) {
    status.hub.gave_up = Some(GaveUp {
        actor: ActorName::Catalog,
        reason: ExitReason::ALL[0],
        fault: Some("disk".into()),
    });
}

fn signed_out(status: &mut DaemonStatus) {
    status.daemon.signed_out = Some(SignedOut {
        since: Timestamp::UNIX_EPOCH,
        why: "revoked".into(),
        advice: "sign in".into(),
    });
}

fn waiting(cause: WaitCause) -> impl FnOnce(&mut DaemonStatus) {
    move |status| status.daemon.waiting = vec![WaitReason::new(cause, "a reason", Timestamp::UNIX_EPOCH)]
}

fn working(books: u64) -> impl FnOnce(&mut DaemonStatus) {
    move |status| {
        (status.daemon.state, status.daemon.books_in_hand) = (DaemonState::Working, books);
        let active = PhaseProgress {
            active: true,
            ..PhaseProgress::default()
        };
        status.daemon.phases.insert(WorkPhase::Collect, active);
    }
}

#[test]
fn the_headline_is_the_worst_that_is_so() {
    use DaemonMood::{NeedsPerson, Waits, Well};
    let all = |status: &mut DaemonStatus| {
        waiting(WaitCause::Disk)(status);
        signed_out(status);
        gave_up(status);
        stuck(status);
    };
    let stopping = |status: &mut DaemonStatus| {
        signed_out(status);
        status.daemon.shutdown = Some(ShutdownPhase::WorkersDraining);
    };
    let paused = |status: &mut DaemonStatus| {
        waiting(WaitCause::Operator)(status);
        status.daemon.state = DaemonState::Paused;
    };
    let starting = |status: &mut DaemonStatus| status.daemon.state = DaemonState::Starting;
    for (status, mood, words, why) in vec![
        (
            status(all),
            NeedsPerson,
            "A part of the daemon does not answer: its thread session",
            None,
        ),
        (
            status(gave_up),
            NeedsPerson,
            "A part of the daemon could not be kept alive: catalog",
            Some("disk"),
        ),
        (status(stopping), Waits, "Stopping", Some("step workers draining")),
        (status(signed_out), NeedsPerson, "Signed out of GRIN", Some("revoked")),
        (status(paused), NeedsPerson, "Paused by an operator", Some("a reason")),
        (
            status(waiting(WaitCause::Passphrase)),
            NeedsPerson,
            "Waiting for the passphrase",
            Some("a reason"),
        ),
        (
            status(waiting(WaitCause::Disk)),
            Waits,
            "Waiting for disk space",
            Some("a reason"),
        ),
        (status(starting), Waits, "Starting", None),
        (status(working(1)), Well, "Working", Some("1 book is in work")),
        (status(working(1_200)), Well, "Working", Some("1 200 books are in work")),
        (status(working(0)), Well, "Working", Some("collect")),
        (status(|_| {}), Well, "Up to date: nothing can be fetched now", None),
    ] {
        let headline = PlainHeadline::of(&status);
        assert_eq!(
            (headline.mood, &*headline.words, headline.why.as_deref()),
            (mood, words, why)
        );
    }
}

#[test]
fn an_actor_that_stands_still_is_told_with_who_waits_for_it() {
    let headline = PlainHeadline::of(&status(stalled(ActorName::SessionOwner)));
    assert_eq!(headline.mood, DaemonMood::NeedsPerson);
    assert_eq!(headline.words, "A part of the daemon stands still: session_owner");
    let why = "the actor session_owner has stood still for 1m 15s with open_body: downloader ← session_owner";
    assert_eq!(headline.why.as_deref(), Some(why));
}

#[test]
fn a_person_is_told_all_that_only_a_person_can_mend() {
    assert!(person_tasks(&status(|_| {})).is_empty());
    let by_itself = person_tasks(&status(waiting(WaitCause::Disk)));
    assert!(by_itself.is_empty(), "{by_itself:?}");
    let told = person_tasks(&status(|status| {
        waiting(WaitCause::Passphrase)(status);
        signed_out(status);
        gave_up(status);
        stuck(status);
        stalled(ActorName::SessionOwner)(status);
        stalled(ActorName::StateStore)(status);
        status.daemon.reload = Some(ReloadState {
            at: Timestamp::UNIX_EPOCH,
            successful: false,
            summary: "unknown key".into(),
        });
    }));
    let begins = [
        "The thread session has not answered for 75 s.",
        "The actor session_owner has stood still for 1m 15s with open_body: downloader ← session_owner.",
        "The actor state_store has stood still for 1m 15s with open_body.",
        "The actor catalog could not be kept alive: disk.",
        "Signed out of GRIN: revoked.",
        "Waiting for the passphrase: a reason.",
        "The changed config is not in force: unknown key.",
    ];
    assert_eq!(told.iter().map(|task| &*task.what).collect::<Vec<_>>(), begins);
    for task in told {
        let first = task.advice.chars().next();
        assert!(
            first.is_some_and(char::is_uppercase) && task.advice.ends_with('.'),
            "{task:?}"
        );
    }
}

#[test]
fn each_cause_has_advice_of_its_own_and_only_a_pause_is_ended_by_resuming() {
    for cause in WaitCause::ALL {
        let told = person_tasks(&status(|status| {
            waiting(*cause)(status);
            status.daemon.waiting[0].needs_person = true;
        }));
        let advice = &told[0].advice;
        assert_eq!(
            advice.contains("grind resume"),
            *cause == WaitCause::Operator,
            "{cause}: {advice}"
        );
        let goes_on = advice.contains("by itself") || matches!(cause, WaitCause::Operator | WaitCause::Members);
        assert!(goes_on, "{cause}: {advice}");
    }
}

#[test]
fn a_wait_says_what_happens_next_and_when() {
    let until = |cause| {
        status(move |status| {
            waiting(cause)(status);
            status.daemon.waiting[0].until = Some(Timestamp::MAX);
        })
    };
    let gate = status(|status| status.daemon.gate_closed_until = Some(Timestamp::MAX));
    let PlainHeadline { mood, words, why, .. } = PlainHeadline::of(&gate);
    assert_eq!(
        (mood, &*words),
        (DaemonMood::Waits, "Waiting for GRIN, which asked for a pause")
    );
    assert_eq!(why.as_deref(), Some("it answered so to another program"));
    for (status, what) in [
        (until(WaitCause::Grin), Some("next attempt at")),
        (until(WaitCause::Passphrase), Some("next attempt at")),
        (until(WaitCause::Operator), Some("the pause ends at")),
        (gate, Some("it is asked again at")),
        (status(waiting(WaitCause::Operator)), None),
        (status(working(1)), None),
    ] {
        let next = PlainHeadline::of(&status).next;
        assert_eq!(next.map(|next| next.what), what);
        assert!(next.is_none_or(|next| next.at == Timestamp::MAX));
    }
}

#[test]
fn fewer_archives_at_once_are_told_with_the_work() {
    let told = PlainHeadline::of(&status(|status| {
        working(12)(status);
        (status.daemon.download_places.now, status.daemon.download_places.most) = (1, 4);
    }));
    let why = "12 books are in work; archives: 1 at once instead of 4, as GRIN cannot keep up";
    assert_eq!(told.why.as_deref(), Some(why));
}
