mod trouble;

use std::sync::Mutex;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::sleep;

use super::*;
use crate::log::WrittenLog;
use crate::session::pacer::RequestPacer;
use crate::session::{SessionError, TimeoutPhase};

/// The row that all members take their turns from.
struct SharedRow {
    state: Mutex<RowState>,
}

struct RowState {
    began: Instant,
    free_at: Instant,
    closed_until: Instant,
    away: bool,
    asked: usize,
    random: StdRng,
    /// Longest way of a question, and of an answer, in milliseconds.
    way: u64,
    /// What each way takes beside that.
    constant: Duration,
}

impl SharedRow {
    fn new(seed: u64, way: u64) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(RowState {
                began: Instant::now(),
                free_at: Instant::now(),
                closed_until: Instant::now(),
                away: false,
                asked: 0,
                random: StdRng::seed_from_u64(seed),
                way,
                constant: Duration::ZERO,
            }),
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut RowState) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    async fn way(&self) {
        let wait = self.with(|row| row.constant + Duration::from_millis(row.random.random_range(0..=row.way)));
        sleep(wait).await;
    }
}

impl RateSource for SharedRow {
    fn slice(&self, wanted: WantedSlice) -> LocalBoxFuture<'_, Result<GrantedSlice, String>> {
        let WantedSlice {
            turns,
            every,
            ahead,
            behind,
        } = wanted;
        Box::pin(async move {
            self.way().await;
            let granted = self.with(|row| {
                let now = Instant::now();
                row.asked += 1;
                if row.away {
                    return Err("it is away".to_owned());
                }
                let begins = row.free_at.max(now + ahead);
                row.free_at = begins + turns * every + behind;
                Ok(GrantedSlice {
                    // A clock of its own.
                    given_at: row.began.elapsed() + Duration::from_secs(1_000_000),
                    begins_in: begins - now,
                    turns,
                    every,
                    closed_for: row.closed_until - now,
                })
            });
            self.way().await;
            granted
        })
    }

    fn closed(&self, pause: Duration) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move { self.with(|row| row.closed_until = row.closed_until.max(Instant::now() + pause)) })
    }
}

fn member(row: &Arc<SharedRow>, rate: f64) -> RequestPacer {
    counted_member(row, rate, &Arc::default())
}

fn counted_member(row: &Arc<SharedRow>, rate: f64, counters: &Arc<SessionCounters>) -> RequestPacer {
    let turns = SharedTurns::new(Arc::<SharedRow>::clone(row), &ActorRegistry::new(), counters);
    RequestPacer::new(rate, Some(turns), counters)
}

/// Sends whenever it may, with pauses of its own at random where `idle` is given; notes when it sent.
async fn send(pacer: &RequestPacer, until: Instant, idle: Option<u64>, sent: &RefCell<Vec<Instant>>) {
    let mut random = StdRng::seed_from_u64(idle.unwrap_or(0));
    while tokio::time::timeout_at(until, pacer.pass()).await.is_ok() {
        sent.borrow_mut().push(Instant::now());
        if idle.is_some() && random.random_bool(0.1) {
            sleep(Duration::from_millis(random.random_range(0..3_000))).await;
        }
    }
}

/// The most requests within any window of this length.
fn most_within(sent: &[Instant], window: Duration) -> usize {
    let counts = sent
        .iter()
        .enumerate()
        .map(|(first, from)| sent[first..].iter().take_while(|at| **at - *from < window).count());
    counts.max().unwrap_or(0)
}

async fn sent_by(members: &[(RequestPacer, Option<u64>)], time: Duration) -> Vec<Instant> {
    let sent = RefCell::new(Vec::new());
    let until = Instant::now() + time;
    futures::future::join_all(members.iter().map(|(pacer, idle)| send(pacer, until, *idle, &sent))).await;
    let mut sent = sent.into_inner();
    sent.sort();
    sent
}

struct SharingCase {
    /// Each so many milliseconds.
    every: u64,
    members: u64,
    /// Longest way to the source, in milliseconds.
    way: u64,
}

const CASES: [SharingCase; 6] = [
    SharingCase {
        every: 200,
        members: 1,
        way: 5,
    },
    SharingCase {
        every: 200,
        members: 3,
        way: 5,
    },
    SharingCase {
        every: 200,
        members: 8,
        way: 40,
    },
    SharingCase {
        every: 2_000,
        members: 2,
        way: 5,
    },
    SharingCase {
        every: 25,
        members: 3,
        way: 60,
    },
    SharingCase {
        every: 200,
        members: 3,
        way: 400,
    },
];

#[actix_rt::test]
async fn members_together_never_pass_the_rate_and_use_all_of_it() {
    tokio::time::pause();
    for seed in 0..12 {
        for SharingCase { every, members, way } in CASES {
            for idle in [None, Some(seed)] {
                let row = SharedRow::new(seed, way);
                let pacer = || member(&row, 1_000.0 / every as f64);
                let group: Vec<_> = (0..members)
                    .map(|number| (pacer(), idle.map(|idle| idle * 100 + number)))
                    .collect();
                let sent = sent_by(&group, Duration::from_secs(60)).await;
                let most = most_within(&sent, Duration::from_secs(5)) as u64;
                let case = format!("seed {seed}, every {every} ms, {members} members, way {way}, idle {idle:?}");
                assert!(most <= 5_000_u64.div_ceil(every), "{most} in 5 s, {case}");
                let (all, whole) = (sent.len() as u64, 60_000 / every);
                // What a slow source leaves its clock unsure by is kept free.
                let least = if way > 100 { whole * 3 / 4 } else { whole * 9 / 10 };
                assert!(idle.is_some() || all > least, "only {all} of {whole}, {case}");
            }
        }
    }
}

/// How much of a minute requests of the first member waited for nothing but their turns: of so many members that always have some to
/// send, and where it sends one now and then and nobody else does.
#[actix_rt::test]
async fn requests_wait_for_their_turns_all_the_time_where_members_use_the_whole_rate() {
    tokio::time::pause();
    for (members, idle, least, most) in [(1, None, 0.95, 1.0), (3, None, 0.95, 1.0), (1, Some(1), 0.0, 0.6)] {
        let (row, counters) = (SharedRow::new(1, 5), Arc::default());
        let pacer = |number| match number {
            0 => counted_member(&row, 5.0, &counters),
            _ => member(&row, 5.0),
        };
        let group: Vec<_> = (0..members).map(|number| (pacer(number), idle)).collect();
        sent_by(&group, Duration::from_secs(60)).await;
        let held_back = counters.snapshot().held_back_seconds / 60.0;
        assert!((least..=most).contains(&held_back), "{members}, {idle:?}: {held_back}");
    }
    // Neither a pause of GRIN nor a source that is away counts.
    let (row, counters) = (SharedRow::new(1, 0), Arc::default());
    let pacer = counted_member(&row, 5.0, &counters);
    pacer.refused(Instant::now(), 429, Some(Duration::from_secs(30)));
    pacer.pass().await.unwrap();
    row.with(|row| row.away = true);
    sleep(Duration::from_secs(1)).await;
    drop(tokio::time::timeout(Duration::from_secs(30), pacer.pass()).await);
    let held_back = counters.snapshot().held_back_seconds;
    assert!(held_back < 0.5, "{held_back} s");
}

#[actix_rt::test]
async fn one_member_alone_is_spaced_evenly_and_bursts_after_no_pause() {
    tokio::time::pause();
    let row = SharedRow::new(1, 0);
    let pacer = member(&row, 5.0);
    for _ in 0..3 {
        let began = Instant::now();
        let passed = futures::future::join_all((0..11).map(|_| pacer.pass())).await;
        assert!(passed.iter().all(Result::is_ok));
        let took = began.elapsed().as_millis();
        assert!((2_060..=2_071).contains(&took), "{took}");
        sleep(Duration::from_secs(60)).await;
    }
}

#[actix_rt::test]
async fn the_next_slice_is_asked_for_when_half_is_used_and_none_without_demand() {
    tokio::time::pause();
    let row = SharedRow::new(1, 0);
    let pacer = member(&row, 20.0);
    let asked = || row.with(|row| row.asked);
    let mut after = Vec::new();
    for _ in 0..9 {
        pacer.pass().await.unwrap();
        sleep(Duration::from_millis(1)).await;
        after.push(asked());
    }
    assert_eq!(after, [1, 1, 1, 1, 1, 2, 2, 2, 2], "ten turns a slice");
    sleep(Duration::from_secs(600)).await;
    assert_eq!(asked(), 2);
    pacer.pass().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(asked(), 3, "what was not used is lost");
}

#[actix_rt::test]
async fn a_source_that_gives_nothing_is_asked_each_second_until_it_does() {
    tokio::time::pause();
    let log = WrittenLog::begin();
    let row = SharedRow::new(1, 0);
    row.with(|row| row.away = true);
    let counters = Arc::default();
    let pacer = counted_member(&row, 5.0, &counters);
    let began = Instant::now();
    let back = async {
        sleep(Duration::from_millis(5_500)).await;
        assert!(counters.snapshot().turns_missing, "it is shown");
        row.with(|row| row.away = false);
    };
    tokio::join!(pacer.pass(), back).0.unwrap();
    let took = began.elapsed().as_millis();
    assert!((6_000..6_100).contains(&took), "{took}");
    assert_eq!(row.with(|row| row.asked), 7);
    assert!(!counters.snapshot().turns_missing);
    let lines = log.with("the catalog grants");
    let [begun, over] = &lines[..] else { panic!("{lines:?}") };
    for (line, words) in [(begun, "grants no turns"), (over, "per_second again")] {
        assert!(
            line.starts_with("<4>") && line.contains(words) && line.contains("it is away"),
            "{line}"
        );
    }
    assert!(over.contains("seconds=6"), "{over}");
}

#[actix_rt::test]
async fn who_has_a_bound_waits_no_longer_for_a_source_that_gives_nothing() {
    tokio::time::pause();
    let row = SharedRow::new(1, 0);
    row.with(|row| row.away = true);
    let pacer = member(&row, 5.0);
    pacer.set_longest_pause(Duration::from_secs(20));
    let began = Instant::now();
    let refused = SessionError::Timeout {
        phase: TimeoutPhase::Wait,
    };
    assert_eq!(pacer.pass().await, Err(refused));
    assert_eq!(began.elapsed().as_secs(), 20);
}

#[actix_rt::test]
async fn turns_that_are_always_over_when_they_come_are_as_good_as_none() {
    tokio::time::pause();
    let row = SharedRow::new(1, 0);
    let counters = Arc::default();
    let pacer = counted_member(&row, 5.0, &counters);
    pacer.set_longest_pause(Duration::from_secs(200));
    // From a quick answer the source's clock is known.
    pacer.pass().await.unwrap();
    sleep(Duration::from_secs(3_600)).await;
    row.with(|row| row.constant = Duration::from_secs(40));
    let began = Instant::now();
    let looked_at = async {
        for seconds in [2, 60, 100, 190] {
            tokio::time::sleep_until(began + Duration::from_secs(seconds)).await;
            assert!(counters.snapshot().turns_missing, "it is shown after {seconds} s");
        }
    };
    let passed = timeout(Duration::from_secs(1_000), pacer.pass());
    let (passed, ()) = tokio::join!(passed, looked_at);
    assert!(passed.expect("an end").is_err());
    assert_eq!(began.elapsed().as_secs(), 200);
    assert!(!counters.snapshot().turns_missing, "nobody waits any more");
}

#[actix_rt::test]
async fn the_silence_of_a_source_counts_from_the_first_request_that_waits_for_it() {
    const BOUND: u64 = 20;
    tokio::time::pause();
    // Without a request for so long after one that waited in vain; and how long the next one waits.
    for (idle, waits) in [(1, 0), (59, 0), (61, BOUND), (3_600, BOUND)] {
        let row = SharedRow::new(1, 0);
        row.with(|row| row.away = true);
        let counters = Arc::default();
        let pacer = counted_member(&row, 5.0, &counters);
        pacer.set_longest_pause(Duration::from_secs(BOUND));
        assert!(pacer.pass().await.is_err());
        assert!(!counters.snapshot().turns_missing, "nobody waits for one");
        sleep(Duration::from_secs(idle)).await;
        let began = Instant::now();
        assert!(pacer.pass().await.is_err());
        assert_eq!(began.elapsed().as_secs(), waits, "{idle}");
        sleep(Duration::from_secs(3_600)).await;
        row.with(|row| row.away = false);
        assert!(pacer.pass().await.is_ok(), "{idle}");
    }
}

#[actix_rt::test]
async fn requests_that_wait_together_wait_no_longer_than_the_first_of_them() {
    tokio::time::pause();
    let row = SharedRow::new(1, 0);
    row.with(|row| row.away = true);
    let pacer = member(&row, 5.0);
    pacer.set_longest_pause(Duration::from_secs(20));
    let began = Instant::now();
    let later = async {
        sleep(Duration::from_secs(15)).await;
        pacer.pass().await
    };
    let (one, other) = tokio::join!(pacer.pass(), later);
    assert!(one.is_err() && other.is_err());
    assert_eq!(began.elapsed().as_secs(), 20);
}

#[actix_rt::test]
async fn a_pause_that_one_is_asked_for_holds_for_all() {
    tokio::time::pause();
    let row = SharedRow::new(1, 0);
    let (one, other) = (member(&row, 5.0), member(&row, 5.0));
    one.pass().await.unwrap();
    let began = Instant::now();
    one.refused(Instant::now(), 429, Some(Duration::from_secs(30)));
    sleep(Duration::from_millis(10)).await;
    other.pass().await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[test]
fn the_next_slice_is_asked_for_as_far_ahead_as_the_source_is_always_slow() {
    let second = Duration::from_secs(1);
    for (before, last, wanted) in [(0, 0, 0), (0, 60, 0), (60, 0, 0), (2, 3, 2), (3, 2, 2), (60, 60, 10)] {
        assert_eq!(
            ahead([second * before, second * last]),
            second * wanted,
            "{before}, {last}"
        );
    }
}

/// What the clock is unsure by, how long the last two answers took, and what is kept free, all in milliseconds.
#[test]
fn as_much_is_kept_free_behind_a_slice_as_the_clock_is_unsure_by_beyond_what_the_pace_leaves() {
    let millis = Duration::from_millis;
    for (unsure, trips, free) in [
        (0, [0, 0], 0),
        (5, [5, 90], 0),
        (400, [400, 90], 400),
        // Nobody asked for an hour: the next answer tells it as well as ever.
        (7_200, [5, 8], 0),
        (90_000, [80_000, 90_000], 10_000),
    ] {
        assert_eq!(
            behind(millis(unsure), trips.map(millis)),
            millis(free),
            "{unsure}, {trips:?}"
        );
    }
}

#[actix_rt::test]
async fn a_source_that_is_always_slow_stops_nobody() {
    tokio::time::pause();
    let row = SharedRow::new(1, 0);
    row.with(|row| row.constant = Duration::from_millis(700));
    let sent = sent_by(&[(member(&row, 5.0), None)], Duration::from_secs(60)).await;
    assert!(sent.len() > 150, "only {}", sent.len());
}

#[actix_rt::test]
async fn another_rate_drops_what_was_granted_at_the_old_one() {
    tokio::time::pause();
    let row = SharedRow::new(1, 0);
    let pacer = member(&row, 5.0);
    pacer.pass().await.unwrap();
    row.with(|row| row.free_at = Instant::now());
    pacer.set_rate(0.5);
    let began = Instant::now();
    for _ in 0..3 {
        pacer.pass().await.unwrap();
    }
    assert_eq!(began.elapsed().as_secs(), 4);
    pacer.set_rate(0.0);
    for _ in 0..100 {
        pacer.pass().await.unwrap();
    }
    assert_eq!(began.elapsed().as_secs(), 4, "no rate, no turns");
}
