//! This program as a member of those that share the catalog: who else there is, and which tasks are its own.
//!
//! What counts is what the catalog says. Here stands what it said last, and until when that is good.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::actor::AskContext;
use crate::catalog::{
    AcquireTask, Catalog, CatalogError, LeaveMembers, MemberCard, MemberRound, MemberRow, MemberStanding, ReleaseTask,
    RenewMember, SharedTask, TaskAnswer,
};
use crate::clock::SystemClock;

/// A membership as the program knows it. Clones show the same.
#[derive(Clone)]
pub struct LibraryMembership {
    shared: Arc<SharedMembership>,
}

struct SharedMembership {
    card: MemberCard,
    lease: Duration,
    clock: SystemClock,
    known: Mutex<KnownMembers>,
    changed: watch::Sender<()>,
}

/// What the catalog said last.
#[derive(Debug)]
struct KnownMembers {
    members: Vec<MemberRow>,
    tasks: BTreeSet<SharedTask>,
    /// In milliseconds since the machine started: time in which it slept counts.
    good_until: i64,
    /// What the catalog's clock shows, less that: both in milliseconds.
    clock_ahead: i64,
    /// How often the membership had lapsed.
    lapses: u64,
    trouble: Option<String>,
}

/// What came of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoundResult {
    /// It is a member, as before.
    Kept,
    /// It had been removed for want of renewal, and is a member again; its claims and tasks are gone.
    Rejoined,
    /// Another program has its name.
    Replaced(MemberRow),
}

impl LibraryMembership {
    /// A member that asked to join at this moment, and did just now, when the catalog's clock showed `now`, for `lease`.
    pub fn joined(card: MemberCard, lease: Duration, clock: SystemClock, asked: i64, now: Timestamp) -> Self {
        let known = KnownMembers {
            members: Vec::new(),
            tasks: BTreeSet::new(),
            good_until: asked.saturating_add(millis(lease)),
            clock_ahead: now.as_millisecond() - clock.since_boot(),
            lapses: 0,
            trouble: None,
        };
        Self {
            shared: Arc::new(SharedMembership {
                card,
                lease,
                clock,
                known: Mutex::new(known),
                changed: watch::Sender::new(()),
            }),
        }
    }

    /// The time by the catalog's clock, as well as it is known here. What the catalog compares with times of its own is told in it: the
    /// clock of this machine may be hours wrong.
    pub fn now(&self) -> Timestamp {
        let millis = self.shared.clock.since_boot() + self.known().clock_ahead;
        Timestamp::from_millisecond(millis).unwrap_or_default()
    }

    /// Its own name, which stands in its claims.
    pub fn owner(&self) -> &str {
        &self.shared.card.owner
    }

    /// Its name among the members.
    pub fn instance(&self) -> &str {
        &self.shared.card.instance
    }

    /// How often it must be renewed.
    pub fn every(&self) -> Duration {
        self.shared.lease / 3
    }

    /// All members, this one among them, as of the last round.
    pub fn members(&self) -> Vec<MemberRow> {
        self.known().members.clone()
    }

    /// The tasks it holds.
    pub fn tasks(&self) -> Vec<SharedTask> {
        let good = self.is_good_for(Duration::ZERO);
        self.known().tasks.iter().copied().filter(|_| good).collect()
    }

    /// Whether this task is its own to do: not when it could not renew its membership in time.
    pub fn holds(&self, task: SharedTask) -> bool {
        self.is_good_for(Duration::ZERO) && !self.has_lost(task)
    }

    /// Whether it is surely a member for so long, whatever happens to this program.
    fn is_good_for(&self, time: Duration) -> bool {
        self.known().good_until > self.shared.clock.since_boot().saturating_add(millis(time))
    }

    /// This membership, as long as it has no gap.
    pub fn unbroken(&self) -> UnbrokenMembership {
        UnbrokenMembership {
            membership: self.clone(),
            lapses: self.lapses(),
        }
    }

    /// How often it ceased to be a member without leaving: its claims of before are gone each time.
    pub fn lapses(&self) -> u64 {
        self.known().lapses
    }

    /// How long one that has nothing left to do waits before it takes the work for done: a member that died may hold books for so
    /// long. Nothing when there is no other.
    pub fn patience(&self) -> Duration {
        match self.known().members.len() {
            0 | 1 => Duration::ZERO,
            _ => self.longest_wait(),
        }
    }

    /// After which another member that does not renew is removed.
    pub fn longest_wait(&self) -> Duration {
        self.shared.lease + self.every()
    }

    /// Whether a task that it had was taken from it. One that could not be renewed in time is not, before the catalog says so.
    pub fn has_lost(&self, task: SharedTask) -> bool {
        !self.known().tasks.contains(&task)
    }

    /// Notes that a task is its own.
    pub(super) fn took(&self, task: SharedTask) {
        if self.known().tasks.insert(task) {
            self.shared.changed.send_replace(());
        }
    }

    /// Told when members, tasks or claims changed hands.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.shared.changed.subscribe()
    }

    /// Takes a task, unless another member has it.
    pub async fn acquire(
        &self,
        catalog: &Catalog,
        task: SharedTask,
        cx: &AskContext,
    ) -> Result<TaskAnswer, CatalogError> {
        if !self.is_good_for(Duration::ZERO) {
            return Ok(TaskAnswer::NoMember);
        }
        let owner = self.owner().to_owned();
        let answer = catalog.ask(AcquireTask { task, owner }, cx).await?;
        if matches!(answer, TaskAnswer::Held { .. }) {
            self.took(task);
        }
        Ok(answer)
    }

    /// Gives a task back, so that a member that waits for it need not wait for this one's end.
    pub async fn release(&self, catalog: &Catalog, task: SharedTask, cx: &AskContext) -> Result<(), CatalogError> {
        self.known().tasks.remove(&task);
        let owner = self.owner().to_owned();
        catalog.ask(ReleaseTask { task, owner }, cx).await.map(drop)
    }

    /// Renews the membership.
    pub async fn renew(&self, catalog: &Catalog, cx: &AskContext) -> Result<RoundResult, CatalogError> {
        let began = self.shared.clock.since_boot();
        let held = self.known().tasks.clone();
        let renew = RenewMember {
            member: self.shared.card.clone(),
            lease: self.shared.lease,
        };
        let round = catalog
            .ask(renew, cx)
            .await
            .inspect_err(|error| self.note_trouble(error))?;
        Ok(self.note(round, &held, began))
    }

    /// Ends the membership, and all that it holds.
    pub async fn leave(&self, catalog: &Catalog, cx: &AskContext) -> Result<(), CatalogError> {
        let owner = self.owner().to_owned();
        catalog.ask(LeaveMembers { owner }, cx).await.map(drop)
    }

    fn note_trouble(&self, error: &CatalogError) {
        self.known().trouble = Some(error.to_string());
        self.shared.changed.send_replace(());
    }

    /// Takes over what a round said that `began` when these tasks were held. The lease was renewed after that moment.
    fn note(&self, round: MemberRound, held: &BTreeSet<SharedTask>, began: i64) -> RoundResult {
        let mut known = self.known();
        let mut changed = known.trouble.take().is_some() || round.freed_claims > 0;
        // What was acquired while the round was under way is not in its answer.
        let lost: Vec<_> = held.iter().filter(|task| !round.tasks.contains(task)).collect();
        known.tasks.retain(|task| !lost.contains(&task));
        changed |= !lost.is_empty() || owners(&known.members) != owners(&round.members);
        known.members = round.members;
        // It was looked at between then and now, which may be long: what was known before is kept as far as that allows.
        let earliest = round.now.as_millisecond() - self.shared.clock.since_boot();
        let latest = round.now.as_millisecond() - began;
        known.clock_ahead = known.clock_ahead.clamp(earliest, latest);
        let result = match round.standing {
            MemberStanding::Kept => RoundResult::Kept,
            MemberStanding::Rejoined => {
                known.lapses += 1;
                changed = true;
                RoundResult::Rejoined
            }
            MemberStanding::Replaced { by } => RoundResult::Replaced(by),
        };
        known.good_until = match result {
            RoundResult::Replaced(_) => began,
            RoundResult::Kept | RoundResult::Rejoined => began.saturating_add(millis(self.shared.lease)),
        };
        drop(known);
        if changed {
            self.shared.changed.send_replace(());
        }
        result
    }

    fn known(&self) -> MutexGuard<'_, KnownMembers> {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A membership without a gap. Whatever was claimed under it is another's when it has ended.
#[derive(Clone)]
pub struct UnbrokenMembership {
    membership: LibraryMembership,
    lapses: u64,
}

impl UnbrokenMembership {
    /// Whether it lasts for a sixth of its lease at least: time to end what must not be done beside others.
    pub fn lasts(&self) -> bool {
        self.membership.lapses() == self.lapses && self.membership.is_good_for(self.membership.shared.lease / 6)
    }
}

impl fmt::Debug for UnbrokenMembership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnbrokenMembership").field(&self.lapses).finish()
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn owners(members: &[MemberRow]) -> Vec<&str> {
    members.iter().map(|member| &*member.card.owner).collect()
}

#[cfg(test)]
impl LibraryMembership {
    /// A member that is alone.
    pub fn of_tests() -> Self {
        Self::of_tests_by(SystemClock::system())
    }

    /// The same, by this clock.
    pub fn of_tests_by(clock: SystemClock) -> Self {
        Self::of_tests_for(clock, Duration::from_secs(30))
    }

    /// The same, for so long without being renewed.
    pub fn of_tests_for(clock: SystemClock, lease: Duration) -> Self {
        let (asked, now) = (clock.since_boot(), clock.now());
        Self::joined(MemberCard::of_tests(), lease, clock, asked, now)
    }

    /// As if a round had told of these members.
    pub fn told(&self, members: Vec<MemberRow>, standing: MemberStanding) -> RoundResult {
        let round = MemberRound {
            members,
            tasks: Vec::new(),
            standing,
            freed_claims: 0,
            now: self.shared.clock.now(),
        };
        let held = self.known().tasks.clone();
        self.note(round, &held, self.shared.clock.since_boot())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(30);

    fn round(tasks: &[SharedTask], standing: MemberStanding) -> MemberRound {
        MemberRound {
            members: Vec::new(),
            tasks: tasks.to_vec(),
            standing,
            freed_claims: 0,
            now: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_task_is_held_while_rounds_say_so_and_no_longer_than_the_lease() {
        use MemberStanding::{Kept, Rejoined};
        let clock = SystemClock::manual(Timestamp::UNIX_EPOCH);
        let member = LibraryMembership::of_tests_by(clock.clone());
        let lists = BTreeSet::from([SharedTask::Lists]);
        member.known().tasks = lists.clone();
        assert!(member.holds(SharedTask::Lists) && !member.holds(SharedTask::Plan));
        clock.advance(LEASE);
        assert!(!member.holds(SharedTask::Lists), "nobody renewed it");
        member.note(round(&[SharedTask::Lists], Kept), &lists, clock.since_boot());
        assert!(member.holds(SharedTask::Lists));
        let mut changes = member.changes();
        changes.mark_unchanged();
        let result = member.note(round(&[], Rejoined), &lists, clock.since_boot());
        assert_eq!(result, RoundResult::Rejoined);
        assert!(!member.holds(SharedTask::Lists) && changes.has_changed().unwrap());
        assert_eq!(member.lapses(), 1);
    }

    #[test]
    fn a_membership_is_unbroken_while_a_sixth_of_its_lease_is_left_and_never_again_after_a_lapse() {
        let clock = SystemClock::manual(Timestamp::UNIX_EPOCH);
        let member = LibraryMembership::of_tests_by(clock.clone());
        let renewed = |standing| member.note(round(&[], standing), &BTreeSet::new(), clock.since_boot());
        let before = member.unbroken();
        clock.advance(LEASE * 5 / 6 - Duration::from_millis(1));
        assert!(before.lasts());
        clock.advance(Duration::from_millis(1));
        assert!(!before.lasts(), "it might end in the middle");
        renewed(MemberStanding::Kept);
        assert!(before.lasts());
        clock.advance(LEASE * 2);
        renewed(MemberStanding::Rejoined);
        assert!(!before.lasts() && member.unbroken().lasts());
    }

    #[test]
    fn the_time_is_the_catalogs_whatever_this_machines_clock_shows() {
        let clock = SystemClock::manual(Timestamp::UNIX_EPOCH);
        let member = LibraryMembership::of_tests_by(clock.clone());
        let seconds = |s| Timestamp::from_second(s).unwrap();
        clock.step(20 * 3_600_000);
        assert_eq!(member.now(), seconds(0));
        // Asked, looked at and answered at these seconds; the catalog's clock showed this; what is known of it then.
        for (waited, shown, now) in [(0, 0, 0), (10, 3, 10), (10, 25, 25), (5, 24, 29), (0, 100, 100)] {
            let began = clock.since_boot();
            clock.advance(Duration::from_secs(waited));
            let mut round = round(&[], MemberStanding::Kept);
            round.now = seconds(shown);
            member.note(round, &BTreeSet::new(), began);
            assert_eq!(member.now(), seconds(now), "{shown}");
        }
    }

    #[test]
    fn what_is_acquired_during_a_round_is_not_lost_by_it() {
        let clock = SystemClock::manual(Timestamp::UNIX_EPOCH);
        let member = LibraryMembership::of_tests_by(clock.clone());
        member.known().tasks = BTreeSet::from([SharedTask::Plan]);
        member.note(round(&[], MemberStanding::Kept), &BTreeSet::new(), clock.since_boot());
        assert!(member.holds(SharedTask::Plan));
    }
}
