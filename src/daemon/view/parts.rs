//! Parts of a snapshot: tasks, members, transfers, what keeps books from being begun.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::catalog::MemberRow;
use crate::observe::{DaemonSnapshot, MemberView, SignedOut, TransferView};
use crate::pipeline::workers::UnderWay;
use crate::pipeline::{LibraryMembership, ProgressSnapshot};
use crate::vocabulary::{WaitCause, WaitReason};

/// What each task says, and when it goes on.
pub(super) fn tell_tasks(shown: &mut DaemonSnapshot, progress: &ProgressSnapshot) {
    let tasks = progress.tasks.iter().map(|(task, news)| ((*task).to_owned(), news));
    shown.tasks = tasks.clone().map(|(task, news)| (task, news.words.clone())).collect();
    shown.unfinished = tasks
        .filter(|(_, news)| news.is_unfinished)
        .map(|(task, _)| task)
        .collect();
    let next = progress.next.iter();
    shown.next = next.map(|(task, at)| ((*task).to_owned(), *at)).collect();
}

pub(super) fn members(membership: &LibraryMembership) -> Vec<MemberView> {
    let members = membership.members().into_iter();
    let view = |member: MemberRow| MemberView {
        this: member.card.owner == membership.owner(),
        live: member.is_live(),
        since: member.joined_at.parse().ok(),
        seen: member.seen_at.parse().ok(),
        instance: member.card.instance,
        host: member.card.host,
        program: member.card.program,
        version: member.card.version,
    };
    members.map(view).collect()
}

pub(super) fn transfer(under_way: UnderWay) -> TransferView {
    TransferView {
        barcode: under_way.barcode.to_string(),
        received: under_way.received,
        length: under_way.length,
        seconds: under_way.seconds,
        silent_seconds: under_way.silent_seconds,
    }
}

pub(super) fn signed_out(since: &mut Option<Timestamp>, why: Option<&str>) -> Option<SignedOut> {
    let Some(why) = why else {
        *since = None;
        return None;
    };
    let since = *since.get_or_insert_with(Timestamp::now);
    let advice =
        "run `grind auth login` on this machine, or put a working service account key in place; work goes on by itself";
    Some(SignedOut {
        since,
        why: why.to_owned(),
        advice: advice.to_owned(),
    })
}

/// What the work waits for: told by the run, and by the catalog's writer, whose wait the run may not have met yet. A moment that is over
/// is none any more: what was to happen then is under way.
pub(super) fn waits(
    progress: &ProgressSnapshot,
    add_of_catalog: impl FnOnce(&mut Vec<WaitReason>),
    now: Timestamp,
) -> Vec<WaitReason> {
    let mut waiting: Vec<_> = progress.paused.iter().chain(&progress.waiting).cloned().collect();
    add_of_catalog(&mut waiting);
    for wait in &mut waiting {
        wait.until = wait.until.filter(|until| *until > now);
    }
    waiting
}

/// Everything that keeps new books from being begun: what the work waits for, and what the session knows.
pub(super) fn pauses(shown: &DaemonSnapshot, turns_missing: bool) -> Vec<WaitCause> {
    let known = [
        (shown.signed_out.is_some(), WaitCause::SignIn),
        // Requests wait for it that were begun; nothing new is gained by beginning more.
        (turns_missing, WaitCause::Catalog),
        (
            shown.gate_closed_until.is_some_and(|until| until > shown.taken_at),
            WaitCause::Gate,
        ),
    ];
    let known = known.into_iter().filter_map(|(holds, cause)| holds.then_some(cause));
    let causes: BTreeSet<_> = shown.waiting.iter().map(|wait| wait.cause).chain(known).collect();
    causes.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn wait(cause: WaitCause, why: &str) -> WaitReason {
        WaitReason::new(cause, why, NOW)
    }

    #[test]
    fn a_moment_that_is_over_is_not_the_next_attempt() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for (until, now, shown) in [
            (Some(10), 9, Some(10)),
            (Some(10), 10, None),
            (Some(10), 20, None),
            (None, 0, None),
        ] {
            let progress = ProgressSnapshot {
                waiting: Some(WaitReason {
                    until: until.map(at),
                    ..wait(WaitCause::Grin, "timeout (head)")
                }),
                ..ProgressSnapshot::default()
            };
            assert_eq!(
                waits(&progress, |_| {}, at(now))[0].until,
                shown.map(at),
                "{until:?} at {now}"
            );
        }
    }
}
