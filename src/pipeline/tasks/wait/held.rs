//! What is done about a task that another member has.

use std::time::Duration;

use crate::catalog::{MemberRow, SharedTask};
use crate::pipeline::supervisor::RunScope;

/// For so long a run that ends by itself waits for a member that lives; a pass over all lists of a large library takes part of it.
const LONGEST: Duration = Duration::from_hours(1);

/// Who wants a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskSeeker {
    /// It has all the time there is.
    Daemon,
    /// The work of a daemon, once.
    Once,
    /// One step that a person wants now.
    ByHand,
}

impl TaskSeeker {
    pub fn of(scope: &RunScope) -> Self {
        match (scope.by_hand, scope.once) {
            (true, _) => Self::ByHand,
            (false, true) => Self::Once,
            (false, false) => Self::Daemon,
        }
    }
}

/// A task that another member has.
#[derive(Debug, Clone)]
pub(super) struct HeldTask {
    pub task: SharedTask,
    pub holder: MemberRow,
    /// The holder renewed its membership since it was seen first. Until then it may have ended without leaving.
    pub lives: bool,
    /// How long it has been waited for.
    pub waited: Duration,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeldStep {
    /// It is asked for again, until it is known whether the holder lives.
    Look,
    /// It is asked for again.
    Wait,
    /// The holder does it.
    Leave,
    /// It is not done.
    GiveUp,
}

impl HeldTask {
    /// One that died is waited for: its work is to be done, and the catalog gives its task away when its lease is over.
    pub fn step(&self, seeker: TaskSeeker) -> HeldStep {
        match (seeker, self.task) {
            (_, _) if !self.lives => HeldStep::Look,
            (TaskSeeker::Daemon, _) => HeldStep::Wait,
            // Both are had for as long as the holder does them at intervals, or plans in place of this run.
            (TaskSeeker::Once, SharedTask::Lists | SharedTask::Plan) => HeldStep::Leave,
            (_, _) if self.waited < LONGEST => HeldStep::Wait,
            (_, _) => HeldStep::GiveUp,
        }
    }

    /// What is said of it; nothing of one that may be dead but what is known.
    pub fn words(&self, step: HeldStep) -> String {
        let card = &self.holder.card;
        let (who, does) = (format!("{} on {}", card.instance, card.host), doing(self.task));
        match step {
            HeldStep::Leave => format!("left to {who}, which {does}"),
            // For as long as that one lives.
            HeldStep::Wait if self.task == SharedTask::Lists => format!("left to {who}, which {does}"),
            HeldStep::GiveUp => format!("{who} still {does}, after {} minutes", self.waited.as_secs() / 60),
            HeldStep::Wait => format!("waiting for {who}, which {does}"),
            HeldStep::Look => {
                let seconds = self.holder.left.as_secs() + 1;
                format!("{who} had this task last, and may have ended; waiting up to {seconds} s")
            }
        }
    }
}

fn doing(task: SharedTask) -> &'static str {
    match task {
        SharedTask::Lists | SharedTask::Reading => "reads the lists",
        SharedTask::Plan => "plans conversions",
        SharedTask::Facts => "asks for facts",
        SharedTask::Backup => "makes the backup of the catalog",
        SharedTask::Export => "makes the export of the catalog",
        SharedTask::Fixity => "reads stored books again",
        SharedTask::SecondCopy => "copies books to the second place",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::tasks::tests::stub::other;

    #[test]
    fn a_dead_member_is_waited_for_and_a_living_one_as_long_as_it_makes_sense() {
        use HeldStep::{GiveUp, Leave, Look, Wait};
        use SharedTask::{Facts, Lists, Plan, Reading};
        use TaskSeeker::{ByHand, Daemon, Once};
        for (seeker, task, lives, minutes, step) in [
            (Daemon, Lists, true, 9_999, Wait),
            (Daemon, Reading, true, 9_999, Wait),
            (Daemon, Plan, false, 9_999, Look),
            // It may be dead: its lease's end is waited for, whoever asks.
            (Once, Lists, false, 0, Look),
            (Once, Reading, false, 0, Look),
            (ByHand, Reading, false, 0, Look),
            (ByHand, Plan, false, 61, Look),
            // What a living one does at intervals is its own; what it does just now ends.
            (Once, Lists, true, 0, Leave),
            (Once, Plan, true, 0, Leave),
            (Once, Reading, true, 59, Wait),
            (Once, Reading, true, 60, GiveUp),
            (ByHand, Reading, true, 0, Wait),
            (ByHand, Reading, true, 59, Wait),
            (ByHand, Reading, true, 60, GiveUp),
            (Once, Facts, true, 59, Wait),
            (ByHand, Facts, true, 59, Wait),
            (ByHand, Facts, true, 60, GiveUp),
            (ByHand, Plan, true, 59, Wait),
            (ByHand, Plan, true, 60, GiveUp),
        ] {
            let held = HeldTask {
                task,
                holder: other(0),
                lives,
                waited: Duration::from_mins(minutes),
            };
            assert_eq!(held.step(seeker), step, "{seeker:?} {held:?}");
        }
    }

    #[test]
    fn of_a_member_that_may_be_dead_nothing_is_said_that_only_a_living_one_does() {
        use HeldStep::{GiveUp, Leave, Look, Wait};
        for (step, said) in [
            (
                Look,
                "other on elsewhere had this task last, and may have ended; waiting up to 11 s",
            ),
            (Wait, "waiting for other on elsewhere, which reads the lists"),
            (Leave, "left to other on elsewhere, which reads the lists"),
            (GiveUp, "other on elsewhere still reads the lists, after 60 minutes"),
        ] {
            let held = HeldTask {
                task: SharedTask::Reading,
                holder: other(0),
                lives: step != Look,
                waited: LONGEST,
            };
            assert_eq!(held.words(step), said);
        }
    }
}
