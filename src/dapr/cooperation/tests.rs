//! Members that come, go, die and are cut off, and what each of them may do.

use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::SystemClock;
use crate::dapr::cooperation::{CooperationConfig, LeaseRounds, SEATS, WorkShare};
use crate::dapr::leases::{LeaseKeeper as _, LeaseTerms, ProcessLeases};
use crate::grin::{BlockSet, block_of};

const LEASE: Duration = Duration::from_secs(60);

struct Town {
    leases: ProcessLeases,
    clock: SystemClock,
}

struct Member {
    rounds: LeaseRounds,
    sees: WorkShare,
}

impl Town {
    fn new() -> Self {
        let clock = SystemClock::manual(Timestamp::UNIX_EPOCH);
        let terms = LeaseTerms {
            owner: String::new(),
            clock: clock.clone(),
            margin: LEASE / 12,
        };
        Self {
            leases: ProcessLeases::new(terms),
            clock,
        }
    }

    fn member(&self, owner: &str, apart: bool) -> Member {
        let config = CooperationConfig {
            owner: owner.to_owned(),
            clock: self.clock.clone(),
            lease: LEASE,
            apart,
        };
        let leases = Rc::new(self.leases.member(config.terms()));
        let (rounds, sees) = LeaseRounds::new(leases, config);
        Member { rounds, sees }
    }

    /// A quarter of a lease, as between two rounds.
    fn pass(&self) {
        self.clock.advance(LEASE / 4);
    }
}

/// Rounds in turn until everybody has what is its due.
async fn settle(members: &mut [&mut Member]) {
    for _ in 0..6 {
        for member in members.iter_mut() {
            member.rounds.round().await;
        }
    }
    assert!(members.iter().all(|member| member.sees.is_settled()));
}

/// Fails unless every block and share is exactly one member's, and one of them reads the lists.
fn divided(members: &[&Member]) {
    let blocks: usize = members.iter().map(|member| member.sees.blocks().count()).sum();
    let mut all = BlockSet::default();
    for block in 0..=255 {
        if members.iter().any(|member| member.sees.blocks().contains(block)) {
            all.insert(block);
        }
    }
    assert_eq!((blocks, all), (256, BlockSet::ALL), "each block is one member's");
    let rate: f64 = members.iter().map(|member| member.sees.rate_share()).sum();
    assert!((rate - 1.0).abs() < 1e-9, "{rate}");
    assert_eq!(members.iter().filter(|member| member.sees.may_collect()).count(), 1);
}

#[actix_rt::test]
async fn one_alone_has_everything_after_its_first_round() {
    let town = Town::new();
    let mut one = town.member("one", false);
    assert_eq!((one.sees.blocks().count(), one.sees.may_work()), (0, false));
    one.rounds.round().await;
    divided(&[&one]);
    assert!(one.sees.is_settled() && one.sees.may_work());
    assert_eq!(one.sees.patience(), Duration::ZERO);
    let nobody = WorkShare::alone();
    assert!(
        nobody.blocks() == BlockSet::ALL && nobody.may_collect() && nobody.may_work() && nobody.snapshot().is_none()
    );
}

#[actix_rt::test]
async fn members_that_come_get_their_part_and_those_that_leave_give_it_back() {
    let town = Town::new();
    let [mut one, mut two, mut three] = ["one", "two", "three"].map(|owner| town.member(owner, false));
    one.rounds.round().await;
    settle(&mut [&mut one, &mut two]).await;
    divided(&[&one, &two]);
    assert_eq!((one.sees.blocks().count(), two.sees.blocks().count()), (128, 128));
    assert!(one.sees.patience() > LEASE, "the other might have died a moment ago");
    settle(&mut [&mut one, &mut two, &mut three]).await;
    divided(&[&one, &two, &three]);
    assert!((three.sees.rate(6.0) - 2.0).abs() < 1e-9);
    two.rounds.leave().await;
    assert_eq!(two.sees.blocks().count(), 0);
    settle(&mut [&mut one, &mut three]).await;
    divided(&[&one, &three]);
}

#[actix_rt::test]
async fn shares_of_the_rate_never_add_up_to_more_than_the_rate() {
    let town = Town::new();
    let (mut one, mut two) = (town.member("one", false), town.member("two", false));
    // What the session was last told, as the daemon does after each round.
    let mut told = [0.0, 0.0];
    for _ in 0..8 {
        one.rounds.round().await;
        assert!(told[1] + f64::max(told[0], one.sees.rate_share()) <= 1.0 + 1e-9);
        told[0] = one.sees.rate_share();
        two.rounds.round().await;
        assert!(
            told[0] + f64::max(told[1], two.sees.rate_share()) <= 1.0 + 1e-9,
            "{told:?}"
        );
        told[1] = two.sees.rate_share();
    }
    assert!((told[0] - 0.5).abs() < 1e-9 && (told[1] - 0.5).abs() < 1e-9);
}

#[actix_rt::test]
async fn a_killed_members_part_is_taken_over_when_its_leases_have_run_out() {
    let town = Town::new();
    let (mut one, mut killed) = (town.member("one", false), town.member("killed", false));
    settle(&mut [&mut one, &mut killed]).await;
    drop(killed.rounds);
    for _ in 0..3 {
        town.pass();
        one.rounds.round().await;
        assert_eq!(one.sees.blocks().count(), 128, "not before its time");
    }
    for _ in 0..4 {
        town.pass();
        one.rounds.round().await;
    }
    divided(&[&one]);
}

#[actix_rt::test]
async fn a_paused_member_may_do_nothing_when_it_wakes() {
    let town = Town::new();
    let (mut one, mut paused) = (town.member("one", false), town.member("paused", false));
    settle(&mut [&mut paused, &mut one]).await;
    assert!(paused.sees.may_collect());
    for _ in 0..6 {
        town.pass();
        one.rounds.round().await;
    }
    let sees = &paused.sees;
    assert_eq!(
        (sees.blocks().count(), sees.may_work(), sees.may_collect()),
        (0, false, false)
    );
    assert!(!sees.is_settled(), "what it had may become its own again by waiting");
    divided(&[&one]);
    settle(&mut [&mut paused, &mut one]).await;
    divided(&[&one, &paused]);
}

#[actix_rt::test]
async fn a_block_with_a_book_in_hand_is_given_back_only_when_the_book_is_done() {
    let town = Town::new();
    let (mut one, mut two) = (town.member("one", true), town.member("two", true));
    one.rounds.round().await;
    // A book of every block, so that nothing can be released without one.
    let mut books: Vec<_> = (0..4_000).map(|number| format!("TL{number:05}")).collect();
    books.sort_by_key(|book| block_of(book));
    books.dedup_by_key(|book| block_of(book));
    assert_eq!(books.len(), 256);
    let in_hand: Vec<_> = books.iter().map(|book| one.sees.begin(book)).collect();
    for _ in 0..4 {
        two.rounds.round().await;
        one.rounds.round().await;
    }
    assert_eq!(one.sees.blocks().count(), 128, "nothing new is begun in the others");
    assert_eq!(two.sees.blocks().count(), 0);
    drop(in_hand);
    settle(&mut [&mut one, &mut two]).await;
    assert_eq!((one.sees.blocks().count(), two.sees.blocks().count()), (128, 128));
}

#[actix_rt::test]
async fn a_block_that_is_leaving_is_held_no_longer_than_its_lease() {
    let town = Town::new();
    let (mut one, mut two) = (town.member("one", true), town.member("two", true));
    one.rounds.round().await;
    let books: Vec<_> = (0..4_000).map(|number| format!("TL{number:05}")).collect();
    let in_hand: Vec<_> = books.iter().map(|book| one.sees.begin(book)).collect();
    two.rounds.round().await;
    one.rounds.round().await;
    let book = books.iter().find(|book| !one.sees.blocks().has(book)).unwrap();
    assert!(one.sees.holds(book), "its block is leaving, and not gone");
    // Asleep past all its leases; the other one takes what has run out.
    for _ in 0..6 {
        town.pass();
        two.rounds.round().await;
    }
    assert!(two.sees.blocks().has(book));
    assert!(!one.sees.holds(book), "it woke: the book is the other one's by now");
    drop(in_hand);
}

#[actix_rt::test]
async fn a_member_too_many_says_so_and_does_nothing() {
    let town = Town::new();
    let mut members: Vec<_> = (0..=SEATS)
        .map(|number| town.member(&format!("m{number}"), false))
        .collect();
    for member in &mut members {
        member.rounds.round().await;
    }
    let last = &members[SEATS].sees;
    assert!(!last.may_work() && !last.is_settled());
    let trouble = last.snapshot().unwrap().trouble.unwrap();
    assert!(trouble.contains("24 seats are taken"), "{trouble}");
    members.swap_remove(0).rounds.leave().await;
    let mut rest: Vec<_> = members.iter_mut().collect();
    settle(&mut rest).await;
    divided(&members.iter().collect::<Vec<_>>());
}

#[actix_rt::test]
async fn with_catalogs_of_their_own_everybody_reads_the_lists() {
    let town = Town::new();
    let (mut one, mut two) = (town.member("one", true), town.member("two", true));
    settle(&mut [&mut one, &mut two]).await;
    assert!(one.sees.may_collect() && two.sees.may_collect());
    assert!(one.sees.is_strict());
    let lists = ["lists/0".to_owned()];
    let seen = town.leases.look(&lists).await.unwrap();
    assert_eq!(seen, [None], "nobody has what all may do");
    // Half the blocks, half of what is asked of GRIN's queue by all.
    assert_eq!((one.sees.part_of(50_000), two.sees.part_of(50_001)), (25_000, 25_000));
    assert_eq!(WorkShare::alone().part_of(u64::MAX), u64::MAX);
}

#[actix_rt::test]
async fn a_leader_is_believed_to_live_only_when_it_renews_its_lease() {
    let town = Town::new();
    let (mut dead, mut one) = (town.member("dead", false), town.member("one", false));
    dead.rounds.round().await;
    drop(dead.rounds);
    for _ in 0..4 {
        one.rounds.round().await;
        assert!(
            !one.sees.may_collect() && !one.sees.another_leads(),
            "nothing was heard of it"
        );
        town.pass();
    }
    town.pass();
    one.rounds.round().await;
    assert!(one.sees.may_collect() && !one.sees.another_leads());

    let mut two = town.member("two", false);
    two.rounds.round().await;
    assert!(!two.sees.another_leads());
    town.pass();
    one.rounds.round().await;
    two.rounds.round().await;
    assert!(two.sees.another_leads() && !two.sees.may_collect());
    one.rounds.leave().await;
    two.rounds.round().await;
    assert!(two.sees.may_collect() && !two.sees.another_leads());
}
