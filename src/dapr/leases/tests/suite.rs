//! What holds of leases whoever keeps them.

use std::time::Duration;

use crate::dapr::leases::tests::world::{MARGIN, TTL, World};
use crate::dapr::leases::{LeaseError, LeaseGrant};

const TICK: Duration = Duration::from_millis(1);

pub async fn a_name_is_one_members_at_a_time(world: World) {
    let (one, two) = (world.member("one"), world.member("two"));
    let lease = one.acquire("block/7").await.unwrap();
    match two.try_acquire("block/7").await.unwrap() {
        LeaseGrant::HeldBy { owner, until } => assert_eq!((owner.as_str(), until), ("one", lease.until)),
        LeaseGrant::Mine(lease) => panic!("{lease:?}"),
    }
    assert!(two.acquire("block/8").await.is_some(), "another name is another matter");
    let again = one.acquire("block/7").await.unwrap();
    assert!(again.fence > lease.fence, "its own it may take anew");
    let names = ["block/7", "block/8", "block/9"].map(str::to_owned);
    let seen = two.leases.look(&names).await.unwrap();
    let owners: Vec<_> = seen
        .iter()
        .map(|seen| seen.as_ref().map(|holding| holding.owner.as_str()))
        .collect();
    assert_eq!(owners, [Some("one"), Some("two"), None]);
}

pub async fn what_is_given_back_is_free_at_once(world: World) {
    let (one, two) = (world.member("one"), world.member("two"));
    let first = one.acquire("n").await.unwrap();
    one.release(&first).await;
    assert!(!one.holds(&first).await);
    let second = two.acquire("n").await.unwrap();
    assert!(second.fence > first.fence);
    one.release(&first).await;
    assert!(two.holds(&second).await, "a late release harms nobody");
}

pub async fn a_killed_members_lease_is_taken_over_only_after_its_end_and_the_margin(world: World) {
    let (killed, other) = (world.member("killed"), world.member("other"));
    let lease = killed.acquire("n").await.unwrap();
    world.pass(TTL + MARGIN - TICK);
    assert!(other.acquire("n").await.is_none());
    world.pass(TICK);
    let taken = other.acquire("n").await.unwrap();
    assert!(taken.fence > lease.fence);
}

pub async fn a_member_paused_past_its_lease_is_refused_by_its_fence(world: World) {
    let (paused, other) = (world.member("paused"), world.member("other"));
    let lease = paused.acquire("n").await.unwrap();
    assert!(paused.counts_on(&lease) && paused.holds(&lease).await);
    world.pass(TTL + MARGIN);
    let taken = other.acquire("n").await.unwrap();
    assert!(!paused.counts_on(&lease));
    assert!(!paused.holds(&lease).await);
    assert!(matches!(paused.renew(&lease).await, Err(LeaseError::Lost { .. })));
    assert!(paused.acquire("n").await.is_none());
    paused.release(&lease).await;
    assert!(other.holds(&taken).await);
    assert!(other.renew(&taken).await.is_ok());
}

pub async fn a_lease_that_ran_out_is_not_renewed_even_if_nobody_took_it(world: World) {
    let one = world.member("one");
    let lease = one.acquire("n").await.unwrap();
    world.pass(TTL / 2);
    let longer = one.renew(&lease).await.unwrap();
    assert_eq!(longer.fence, lease.fence, "a renewal is no acquisition");
    world.pass(TTL - MARGIN - TICK);
    assert!(one.counts_on(&longer));
    world.pass(TICK);
    assert!(!one.counts_on(&longer), "its holder stops the margin before the end");
    assert!(matches!(one.renew(&longer).await, Err(LeaseError::Lost { .. })));
    assert!(one.acquire("n").await.unwrap().fence > longer.fence);
}

pub async fn clocks_apart_by_less_than_two_margins_never_have_two_holders(world: World) {
    let slow = world.member("slow");
    let fast = world.member_ahead("fast", MARGIN * 2 - TICK);
    let lease = slow.acquire("n").await.unwrap();
    let mut taken = None;
    for _ in 0..80 {
        taken = fast.acquire("n").await;
        assert!(taken.is_none() || !slow.counts_on(&lease), "two holders at once");
        if taken.is_some() {
            break;
        }
        world.pass(Duration::from_secs(1));
    }
    let taken = taken.expect("the fast one takes it over in the end");
    // And the other way round: the slow clock sees the fast one's lease run longer.
    for _ in 0..80 {
        let back = slow.acquire("n").await;
        assert!(back.is_none() || !fast.counts_on(&taken), "two holders at once");
        if back.is_some() {
            return;
        }
        world.pass(Duration::from_secs(1));
    }
    panic!("the slow one never got it back");
}

pub async fn fences_never_fall(world: World) {
    let members = [world.member("one"), world.member("two"), world.member("three")];
    let mut last = 0;
    for round in 0..12 {
        let lease = members[round % 3].acquire("n").await.unwrap();
        assert!(lease.fence > last, "round {round}: {} after {last}", lease.fence);
        last = lease.fence;
        match round % 2 {
            0 => members[round % 3].release(&lease).await,
            // Long after every key with a time of its own has gone.
            _ => world.pass(TTL * 100),
        }
    }
}

pub async fn of_many_that_ask_at_once_one_wins(world: World) {
    let members: Vec<_> = (0..8).map(|number| world.member(&format!("m{number}"))).collect();
    let names: Vec<String> = (0..5).map(|number| format!("block/{number}")).collect();
    let all = futures::future::join_all(members.iter().map(|member| member.leases.acquire(&names, TTL))).await;
    for place in 0..names.len() {
        let mut winners = 0;
        for answers in &all {
            match &answers[place] {
                Ok(LeaseGrant::Mine(_)) => winners += 1,
                Ok(LeaseGrant::HeldBy { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(winners, 1, "{}", names[place]);
    }
}

pub async fn a_store_that_is_down_gives_no_lease_and_takes_none_for_free(world: World) {
    let (one, two) = (world.member("one"), world.member("two"));
    let lease = one.acquire("n").await.unwrap();
    world.break_down();
    let names = ["n".to_owned()];
    assert!(matches!(two.try_acquire("n").await, Err(LeaseError::Store(_))));
    assert!(matches!(two.leases.look(&names).await, Err(LeaseError::Store(_))));
    assert!(
        matches!(one.renew(&lease).await, Err(LeaseError::Store(_))),
        "not lost: nobody knows"
    );
    assert!(one.counts_on(&lease), "it holds to its end");
    world.pass(TTL);
    assert!(!one.counts_on(&lease), "and no longer, whatever the store does");
}
