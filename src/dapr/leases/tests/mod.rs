//! One suite of tests for every implementation of leases (PROTOCOL.md, section 10).

mod suite;
pub(super) mod world;

use std::time::Duration;

use crate::dapr::leases::{LeaseGrant, LeaseKeeper, ProcessLeases};

/// Cases of the suite with some keepers.
macro_rules! with {
    ([$($keeper:ident),+], $cases:tt) => { $( with!($keeper $cases); )+ };
    ($keeper:ident ($($case:ident),+ $(,)?)) => {
        mod $keeper { $( #[actix_rt::test] async fn $case() { crate::dapr::leases::tests::suite::$case(crate::dapr::leases::tests::world::World::$keeper()).await } )+ }
    };
}

with!(
    [process, sqlite, dapr],
    (
        a_name_is_one_members_at_a_time,
        what_is_given_back_is_free_at_once,
        a_killed_members_lease_is_taken_over_only_after_its_end_and_the_margin,
        a_member_paused_past_its_lease_is_refused_by_its_fence,
        a_lease_that_ran_out_is_not_renewed_even_if_nobody_took_it,
        clocks_apart_by_less_than_two_margins_never_have_two_holders,
        fences_never_fall,
        of_many_that_ask_at_once_one_wins,
    )
);

/// Leases in memory cannot be away.
mod that_can_break {

    with!(
        [sqlite, dapr],
        (a_store_that_is_down_gives_no_lease_and_takes_none_for_free)
    );
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_is_turned_back_does_not_lengthen_a_lease() {
    let terms = world::terms("one", &crate::clock::SystemClock::manual(world::START));
    let leases = ProcessLeases::new(terms.clone());
    let names = ["n".to_owned()];
    let lease = match leases.acquire(&names, world::TTL).await.remove(0) {
        Ok(LeaseGrant::Mine(lease)) => lease,
        other => panic!("{other:?}"),
    };
    // The wall clock stands still (or was turned back) while time goes on.
    tokio::time::advance(world::TTL - world::MARGIN - Duration::from_millis(1)).await;
    assert!(terms.is_good(&lease));
    tokio::time::advance(Duration::from_millis(2)).await;
    assert!(!terms.is_good(&lease));
    assert!(leases.renew(&[lease], world::TTL).await[0].is_err());
}
