//! Members, their tasks, and the rate that they share.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::catalog::tests::shelf::{LEASE, Shelf, codes, queue, stored, three};
use crate::catalog::*;

use BookState as S;

pub const MEMBERSHIP: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

pub fn card(instance: &str, process: &str) -> MemberCard {
    MemberCard {
        instance: instance.into(),
        owner: format!("{instance}:{process}"),
        host: "host".into(),
        program: "daemon".into(),
        version: "1".into(),
    }
}

pub fn join(shelf: &mut Shelf, member: &MemberCard) -> JoinAnswer {
    let member = member.clone();
    let lease = MEMBERSHIP;
    shelf.ledger.execute(JoinMembers { member, lease }).unwrap()
}

pub fn renew(shelf: &mut Shelf, member: &MemberCard) -> MemberRound {
    let member = member.clone();
    let lease = MEMBERSHIP;
    shelf.ledger.execute(RenewMember { member, lease }).unwrap()
}

pub fn acquire(shelf: &mut Shelf, member: &MemberCard, task: SharedTask) -> TaskAnswer {
    let owner = member.owner.clone();
    shelf.ledger.execute(AcquireTask { task, owner }).unwrap()
}

fn leave(shelf: &mut Shelf, member: &MemberCard) -> u64 {
    shelf.leave(&member.owner)
}

fn holder(answer: &TaskAnswer) -> Option<&str> {
    match answer {
        TaskAnswer::HeldBy(member) => Some(&member.card.owner),
        _ => None,
    }
}

/// How many claims joining freed.
fn freed(answer: &JoinAnswer) -> Option<u64> {
    match answer {
        JoinAnswer::Joined { freed_claims, .. } => Some(*freed_claims),
        JoinAnswer::Taken { .. } => None,
    }
}

#[test]
fn a_name_is_one_members_until_its_lease_ends() {
    let mut shelf = Shelf::new();
    let (first, second) = (card("a", "1"), card("a", "2"));
    assert_eq!(freed(&join(&mut shelf, &first)), Some(0));
    assert_eq!(freed(&join(&mut shelf, &card("b", "1"))), Some(0), "another name");
    shelf.clock.advance(MEMBERSHIP - SECOND);
    let JoinAnswer::Taken { by } = join(&mut shelf, &second) else {
        panic!("one of this name lives");
    };
    assert_eq!((by.card, by.renewals, by.left), (first.clone(), 0, SECOND));
    renew(&mut shelf, &first);
    let JoinAnswer::Taken { by } = join(&mut shelf, &second) else {
        panic!("it renewed");
    };
    assert_eq!((by.renewals, by.left), (1, MEMBERSHIP));
    shelf.clock.advance(MEMBERSHIP);
    assert_eq!(freed(&join(&mut shelf, &second)), Some(0));
    renew(&mut shelf, &second);
    let members = renew(&mut shelf, &second).members;
    assert_eq!(members.len(), 1, "all expired ones are removed: {members:?}");
    assert!(members[0].is_live() && members[0].card == second);
}

#[test]
fn a_member_may_ask_twice_to_join() {
    let mut shelf = Shelf::new();
    let member = card("a", "1");
    assert_eq!(freed(&join(&mut shelf, &member)), Some(0));
    // As after an answer that was lost.
    assert_eq!(freed(&join(&mut shelf, &member)), Some(0));
    leave(&mut shelf, &member);
    assert_eq!(
        freed(&join(&mut shelf, &card("a", "2"))),
        Some(0),
        "whoever left has no name"
    );
}

#[test]
fn only_the_clock_of_the_database_ends_a_membership() {
    const STEP: i64 = 5 * 3_600_000;
    for step in [STEP, -STEP] {
        let mut shelf = Shelf::new();
        join(&mut shelf, &card("a", "1"));
        shelf.clock.step(step);
        let answer = join(&mut shelf, &card("a", "2"));
        assert!(matches!(answer, JoinAnswer::Taken { .. }), "stepped by {step} ms");
        shelf.clock.advance(MEMBERSHIP);
        assert_eq!(
            freed(&join(&mut shelf, &card("a", "2"))),
            Some(0),
            "stepped by {step} ms"
        );
    }
}

#[test]
fn after_a_restart_of_the_machine_nobody_is_a_member() {
    let mut shelf = Shelf::new();
    join(&mut shelf, &card("a", "1"));
    acquire(&mut shelf, &card("a", "1"), SharedTask::Plan);
    shelf.clock.reboot();
    assert!(!shelf.ledger.execute(ListMembers).unwrap()[0].is_live());
    assert_eq!(freed(&join(&mut shelf, &card("a", "2"))), Some(0));
    let answer = acquire(&mut shelf, &card("a", "2"), SharedTask::Plan);
    assert!(matches!(answer, TaskAnswer::Held { .. }), "{answer:?}");
}

#[test]
fn a_member_is_never_removed_by_itself() {
    let mut shelf = Shelf::new();
    let member = card("a", "1");
    join(&mut shelf, &member);
    acquire(&mut shelf, &member, SharedTask::Lists);
    three(&mut shelf);
    shelf.claim_of(&member.owner, queue(&[Queue::Converted]), 3);
    shelf.clock.advance(MEMBERSHIP * 3);
    let expired = shelf.ledger.execute(ListMembers).unwrap();
    assert_eq!((expired.len(), expired[0].left), (1, Duration::ZERO));
    let round = renew(&mut shelf, &member);
    assert_eq!(round.standing, MemberStanding::Kept);
    assert_eq!((round.tasks, round.freed_claims), (vec![SharedTask::Lists], 0));
    assert_eq!(round.members[0].left, MEMBERSHIP);
    assert_eq!(shelf.state("TL0001"), S::Checking);
}

#[test]
fn whoever_was_silent_itself_removes_nobody_before_the_others_had_their_time() {
    let mut shelf = Shelf::new();
    let [first, second, gone] = ["a", "b", "c"].map(|instance| card(instance, "1"));
    three(&mut shelf);
    for member in [&first, &second, &gone] {
        join(&mut shelf, member);
        acquire(&mut shelf, member, SharedTask::Lists);
        shelf.claim_of(&member.owner, queue(&[Queue::Converted]), 1);
    }
    // The server stood still.
    shelf.clock.advance(MEMBERSHIP * 2);
    for member in [&first, &second] {
        let round = renew(&mut shelf, member);
        assert_eq!((round.standing, round.freed_claims), (MemberStanding::Kept, 0));
    }
    shelf.clock.advance(SECOND);
    let round = renew(&mut shelf, &first);
    assert_eq!((round.tasks, round.freed_claims), (vec![SharedTask::Lists], 1));
    assert_eq!(round.members.len(), 2, "the one that stays silent is gone");
}

#[test]
fn whoever_has_just_joined_removes_nobody_before_the_others_had_their_time() {
    let mut shelf = Shelf::new();
    let [silent, gone, new] = ["a", "b", "c"].map(|instance| card(instance, "1"));
    three(&mut shelf);
    for member in [&silent, &gone] {
        join(&mut shelf, member);
        shelf.claim_of(&member.owner, queue(&[Queue::Converted]), 1);
    }
    // The server let nobody write.
    shelf.clock.advance(MEMBERSHIP * 2);
    assert_eq!(freed(&join(&mut shelf, &new)), Some(0));
    assert_eq!(renew(&mut shelf, &new).freed_claims, 0);
    assert_eq!(renew(&mut shelf, &silent).standing, MemberStanding::Kept);
    shelf.clock.advance(SECOND);
    let round = renew(&mut shelf, &new);
    assert_eq!((round.freed_claims, round.members.len()), (1, 2));
}

#[test]
fn claims_of_a_member_end_with_its_membership_and_not_before() {
    let mut shelf = Shelf::new();
    let [silent, other] = ["a", "b"].map(|instance| card(instance, "1"));
    three(&mut shelf);
    join(&mut shelf, &silent);
    join(&mut shelf, &other);
    let held = shelf.claim_of(&silent.owner, queue(&[Queue::Converted]), 2);
    // The server was away for longer than claims last, and the other one is the first that it answers.
    shelf.clock.advance(LEASE * 2);
    assert_eq!(renew(&mut shelf, &other).freed_claims, 0);
    let taken = shelf.claim_of(&other.owner, queue(&[Queue::Converted]), 9);
    assert_eq!(taken.len(), 1, "what the silent one fetched meanwhile is still its own");
    shelf.settle(&held[0], stored("TL0002", "\"a\"")).unwrap();
    shelf.clock.advance(SECOND);
    assert_eq!(renew(&mut shelf, &other).freed_claims, 1);
}

#[test]
fn what_an_expired_member_held_is_free_and_it_is_told_when_it_comes_back() {
    let mut shelf = Shelf::new();
    let (gone, other) = (card("a", "1"), card("b", "1"));
    join(&mut shelf, &gone);
    join(&mut shelf, &other);
    three(&mut shelf);
    let claimed = shelf.claim_of(&gone.owner, queue(&[Queue::Converted]), 2);
    let kept = shelf.claim_of(&other.owner, queue(&[Queue::Converted]), 1);
    acquire(&mut shelf, &gone, SharedTask::Lists);
    shelf.clock.advance(MEMBERSHIP - SECOND);
    assert_eq!(renew(&mut shelf, &other).freed_claims, 0);
    shelf.clock.advance(SECOND);
    let round = renew(&mut shelf, &other);
    assert_eq!((round.freed_claims, round.members.len()), (2, 1));
    assert_eq!(shelf.state(claimed[0].claim.barcode.as_str()), S::Available);
    assert_eq!(shelf.state(kept[0].claim.barcode.as_str()), S::Checking);
    let causes = shelf.causes(claimed[0].claim.barcode.as_str());
    assert_eq!(causes.last().unwrap(), "available:lease_expired");
    assert!(matches!(
        acquire(&mut shelf, &gone, SharedTask::Lists),
        TaskAnswer::NoMember
    ));

    let late = shelf.settle(&claimed[0], ClaimSettlement::Released).unwrap_err();
    assert!(matches!(late, CatalogError::Stale { .. }), "{late}");
    // A claim that it made before it learned of its removal.
    shelf.claim_of(&gone.owner, queue(&[Queue::Converted]), 1);
    let back = renew(&mut shelf, &gone);
    assert_eq!((back.standing, back.tasks), (MemberStanding::Rejoined, vec![]));
    assert_eq!((back.freed_claims, back.members.len()), (1, 2));
}

/// What became of the books of one that was cut off, each in its own way, when it is a member again.
#[test]
fn a_member_that_comes_back_has_the_claims_again_that_nobody_took() {
    let mut shelf = Shelf::new();
    let (cut_off, other) = (card("a", "1"), card("b", "1"));
    join(&mut shelf, &cut_off);
    join(&mut shelf, &other);
    three(&mut shelf);
    let held = shelf.claim_of(&cut_off.owner, queue(&[Queue::Converted]), 3);
    shelf.clock.advance(MEMBERSHIP);
    renew(&mut shelf, &other);
    shelf.clock.advance(SECOND);
    assert_eq!(renew(&mut shelf, &other).freed_claims, 3);
    let theirs = shelf.claim_of(&other.owner, queue(&[Queue::Converted]), 1);
    assert_eq!(codes(&theirs), ["TL0002"]);
    let begin = |claimed: &ClaimedBook| BeginPublication {
        claim: claimed.claim.clone(),
        archive: BegunPublication {
            sha256: "aa".into(),
            etag: None,
        },
        lease: LEASE,
    };
    let early = shelf.ledger.execute(begin(&held[1])).unwrap_err();
    assert!(matches!(early, CatalogError::Stale { .. }), "it is no member: {early}");
    assert_eq!(renew(&mut shelf, &cut_off).standing, MemberStanding::Rejoined);
    // One by a renewal, one by a write.
    let renew = RenewClaims {
        owner: cut_off.owner.clone(),
        claims: held[..2].iter().map(|book| book.claim.clone()).collect(),
        lease: LEASE,
    };
    assert_eq!(shelf.ledger.execute(renew).unwrap(), [held[0].claim.clone()]);
    shelf.ledger.execute(begin(&held[2])).unwrap();
    for book in &held[1..] {
        let code = book.claim.barcode.as_str();
        assert_eq!(shelf.state(code), S::Checking);
        shelf.settle(book, stored(code, "\"a\"")).unwrap();
        let late = shelf.settle(book, ClaimSettlement::Released).unwrap_err();
        assert!(matches!(late, CatalogError::Stale { .. }), "settled once: {late}");
    }
    // What another had in hand meanwhile is not taken from it, nor when it has put it back.
    let put_back = ClaimSettlement::Released;
    shelf.settle(&theirs[0], put_back).unwrap();
    let late = shelf.settle(&held[0], stored("TL0002", "\"a\"")).unwrap_err();
    assert!(matches!(late, CatalogError::Stale { .. }), "{late}");
}

#[test]
fn a_restart_frees_what_the_killed_one_of_its_name_held() {
    let mut shelf = Shelf::new();
    let (killed, next) = (card("a", "1"), card("a", "2"));
    join(&mut shelf, &killed);
    three(&mut shelf);
    shelf.claim_of(&killed.owner, queue(&[Queue::Converted]), 3);
    shelf.clock.advance(MEMBERSHIP);
    assert_eq!(freed(&join(&mut shelf, &next)), Some(3));
    assert_eq!(shelf.causes("TL0001").last().unwrap(), "available:recovered");
    // It was only stopped, and wakes up.
    let round = renew(&mut shelf, &killed);
    let MemberStanding::Replaced { by } = round.standing else {
        panic!("{round:?}");
    };
    assert_eq!(by.card, next);
}

#[test]
fn whoever_leaves_gives_everything_back() {
    let mut shelf = Shelf::new();
    let member = card("a", "1");
    join(&mut shelf, &member);
    three(&mut shelf);
    shelf.claim_of(&member.owner, queue(&[Queue::Converted]), 2);
    shelf.claim_of("other", queue(&[Queue::Converted]), 1);
    acquire(&mut shelf, &member, SharedTask::Plan);
    assert_eq!(leave(&mut shelf, &member), 2);
    assert_eq!(leave(&mut shelf, &member), 0, "twice is once");
    assert!(shelf.ledger.execute(ListMembers).unwrap().is_empty());
    assert_eq!(shelf.causes("TL0002").last().unwrap(), "available:handed_back");
    join(&mut shelf, &card("b", "1"));
    let answer = acquire(&mut shelf, &card("b", "1"), SharedTask::Plan);
    assert!(matches!(answer, TaskAnswer::Held { .. }));
}

#[test]
fn a_task_has_one_holder_and_a_number_that_grows() {
    let mut shelf = Shelf::new();
    let (one, two) = (card("a", "1"), card("b", "1"));
    assert_eq!(acquire(&mut shelf, &one, SharedTask::Lists), TaskAnswer::NoMember);
    join(&mut shelf, &one);
    join(&mut shelf, &two);
    let TaskAnswer::Held { fence: first } = acquire(&mut shelf, &one, SharedTask::Lists) else {
        panic!("it is free");
    };
    assert_eq!(
        acquire(&mut shelf, &one, SharedTask::Lists),
        TaskAnswer::Held { fence: first },
        "asked twice"
    );
    let answer = acquire(&mut shelf, &two, SharedTask::Lists);
    assert_eq!(holder(&answer), Some(one.owner.as_str()));
    assert!(matches!(
        acquire(&mut shelf, &two, SharedTask::Plan),
        TaskAnswer::Held { .. }
    ));
    let release = |shelf: &mut Shelf, owner: &MemberCard| {
        let owner = owner.owner.clone();
        let task = SharedTask::Lists;
        shelf.ledger.execute(ReleaseTask { task, owner }).unwrap()
    };
    assert!(!release(&mut shelf, &two), "it is another's");
    assert!(release(&mut shelf, &one));
    let TaskAnswer::Held { fence: second } = acquire(&mut shelf, &two, SharedTask::Lists) else {
        panic!("it is free again");
    };
    assert!(second > first);
    // Its holder's lease runs out, and nobody has removed it yet.
    shelf.clock.advance(MEMBERSHIP);
    let answer = acquire(&mut shelf, &one, SharedTask::Lists);
    assert!(
        matches!(answer, TaskAnswer::Held { fence } if fence > second),
        "{answer:?}"
    );
    assert_eq!(renew(&mut shelf, &two).tasks, [SharedTask::Plan], "told so");
}

#[test]
fn two_members_never_hold_one_task() {
    let mut shelf = Shelf::new();
    let held = AtomicBool::new(false);
    let members: Vec<_> = (0..4).map(|at| card(&format!("m{at}"), "1")).collect();
    for member in &members {
        join(&mut shelf, member);
    }
    let work = |mut ledger: CatalogLedger, owner: String| {
        let (mut turns, task) = (0, SharedTask::Lists);
        while turns < 15 {
            let owner = owner.clone();
            let asked = AcquireTask {
                task,
                owner: owner.clone(),
            };
            if matches!(ledger.execute(asked).unwrap(), TaskAnswer::Held { .. }) {
                assert!(!held.swap(true, Ordering::SeqCst), "{owner} is not alone");
                turns += 1;
                held.store(false, Ordering::SeqCst);
                assert!(ledger.execute(ReleaseTask { task, owner }).unwrap());
            }
        }
    };
    let ledgers: Vec<_> = members.iter().map(|_| shelf.another()).collect();
    std::thread::scope(|scope| {
        for (ledger, member) in ledgers.into_iter().zip(&members) {
            let work = &work;
            scope.spawn(move || work(ledger, member.owner.clone()));
        }
    });
}

#[test]
fn of_many_that_join_by_one_name_at_once_one_does() {
    let shelf = Shelf::new();
    let ledgers: Vec<_> = (0..4).map(|_| shelf.another()).collect();
    let joined = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for (at, mut ledger) in ledgers.into_iter().enumerate() {
            let (member, joined) = (card("a", &at.to_string()), &joined);
            let lease = MEMBERSHIP;
            scope.spawn(move || {
                if freed(&ledger.execute(JoinMembers { member, lease }).unwrap()).is_some() {
                    joined.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(joined.into_inner(), 1);
}

#[test]
fn a_membership_does_not_end_claims_of_those_who_are_none() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    shelf.claim_of("import", queue(&[Queue::Converted]), 3);
    join(&mut shelf, &card("a", "1"));
    shelf.clock.advance(LEASE / 2);
    assert_eq!(renew(&mut shelf, &card("a", "1")).freed_claims, 0);
    let left = shelf.claim_of("other", queue(&[Queue::Converted]), 9);
    assert!(codes(&left).is_empty());
}

#[test]
fn a_start_that_is_refused_leaves_no_trace_in_the_catalog() {
    let mut shelf = Shelf::new();
    let sessions = |shelf: &Shelf| -> i64 {
        let count = shelf
            .ledger
            .conn()
            .one("SELECT count(*) FROM sessions", &[], |row| row.at(0));
        count.unwrap()
    };
    let before = sessions(&shelf);
    let unnoted = |shelf: &Shelf| {
        let address = shelf.ledger.address();
        CatalogLedger::open_unnoted(address, shelf.clock.clone(), CatalogPolicy::default()).unwrap()
    };
    join(&mut shelf, &card("a", "1"));
    let (lease, copier) = (
        MEMBERSHIP,
        MemberCard {
            program: "catalog-copy".into(),
            ..card("c", "1")
        },
    );
    let mut second = unnoted(&shelf);
    let member = card("a", "2");
    let taken = second.execute(JoinMembers { member, lease }).unwrap();
    assert!(matches!(taken, JoinAnswer::Taken { .. }), "{taken:?}");
    unnoted(&shelf)
        .execute(JoinMembers {
            member: copier.clone(),
            lease,
        })
        .unwrap();
    let member = card("b", "1");
    let refused = second.execute(JoinMembers {
        member: member.clone(),
        lease,
    });
    assert!(matches!(refused, Err(CatalogError::BeingCopied { .. })), "{refused:?}");
    assert_eq!(sessions(&shelf), before, "neither was granted membership");
    shelf.leave(&copier.owner);
    let join = JoinMembers {
        member: member.clone(),
        lease,
    };
    assert_eq!(freed(&second.execute(join).unwrap()), Some(0));
    second.execute(RenewMember { member, lease }).unwrap();
    assert_eq!(sessions(&shelf), before + 1, "once");
}

#[test]
fn a_program_has_the_catalog_open_since_its_first_transaction_by_the_catalogs_clock() {
    let shelf = Shelf::new();
    let address = shelf.ledger.address();
    let mut ledger = CatalogLedger::open_unnoted(address, shelf.clock.clone(), CatalogPolicy::default()).unwrap();
    shelf.clock.advance(MEMBERSHIP);
    let (member, lease) = (card("a", "1"), MEMBERSHIP);
    ledger.execute(JoinMembers { member, lease }).unwrap();
    let members = ledger.execute(ListMembers).unwrap();
    let latest = "SELECT max(opened_at) FROM sessions";
    let opened: String = ledger.conn().one(latest, &[], |row| row.at(0)).unwrap();
    assert_eq!(opened, members[0].joined_at);
}
