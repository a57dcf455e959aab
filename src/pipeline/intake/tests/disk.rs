//! A disk that has room whenever it is looked at, and takes no book.

use super::*;

#[test]
fn a_look_that_finds_room_is_believed_once_until_a_book_is_stored() {
    for once in [false, true] {
        let mut bench = Bench::new(once);
        bench.fail("BAD001", &full());
        bench.intake.disk_has_room();
        assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Open);
        bench.fail("BAD002", &full());
        bench.intake.disk_has_room();
        assert_eq!(bench.cause(), Some(WaitCause::Disk), "a write was refused all the same");
        bench.probe("GOOD01");
        bench.store("GOOD01");
        bench.fail("BAD003", &full());
        bench.intake.disk_has_room();
        assert_eq!(
            bench.intake.decide(bench.now),
            IntakeDecision::Open,
            "there was room since"
        );
    }
}

#[test]
fn a_look_that_finds_the_disk_full_is_believed_again_when_it_finds_room() {
    let mut bench = Bench::new(false);
    bench.fail("BAD001", &full());
    bench.intake.disk_has_room();
    bench.fail("BAD002", &full());
    bench.now += Duration::from_secs(60);
    for _ in 0..100 {
        bench.intake.call_failed(&full(), bench.now, &mut bench.rng);
        let IntakeDecision::Closed(Some(until)) = bench.intake.decide(bench.now) else {
            panic!("it is full");
        };
        assert!(until - bench.now <= Duration::from_secs(30), "it is looked at often");
        bench.now = until;
    }
    bench.intake.disk_has_room();
    assert_eq!(bench.intake.decide(bench.now), IntakeDecision::Open);
}

#[test]
fn where_only_a_write_tells_a_daemon_probes_ever_more_seldom_and_another_run_gives_up() {
    for once in [false, true] {
        let mut bench = Bench::new(once);
        bench.fail("BAD001", &full());
        bench.intake.disk_has_room();
        bench.fail("BAD002", &full());
        let (began, mut probes) = (bench.now, 0);
        while bench.now - began < Duration::from_secs(24 * 3_600)
            && bench.intake.decide(bench.now) != IntakeDecision::GiveUp
        {
            // No other book can be had.
            bench.probe("BAD001");
            bench.intake.disk_has_room();
            bench.fail("BAD001", &full());
            probes += 1;
        }
        assert!(probes < if once { 3 } else { 300 }, "{once}: {probes}");
    }
}
