//! Members that are killed or stand still, of a source that is slow, away, or not heard: a model that drives the real pacer.

use std::pin::pin;
use std::task::Poll;

use super::*;

/// Times at which something happens to a member, or to the source, one after the other.
#[derive(Clone, Default)]
struct Spans(Vec<(Instant, Instant)>);

impl Spans {
    /// Up to so many in the next minute, each of up to so many milliseconds.
    fn of(random: &mut StdRng, most: usize, longest: u64) -> Self {
        let count = random.random_range(0..=most);
        let span = |_| {
            let from = Instant::now() + Duration::from_millis(random.random_range(0..60_000));
            (from, from + Duration::from_millis(random.random_range(1..=longest)))
        };
        Self((0..count).map(span).collect())
    }

    /// The end of the one that has begun.
    fn end(&self, now: Instant) -> Option<Instant> {
        let ends = self.0.iter().filter(|(from, until)| (*from..*until).contains(&now));
        ends.map(|(_, until)| *until).max()
    }

    async fn over(&self) {
        while let Some(end) = self.end(Instant::now()) {
            tokio::time::sleep_until(end).await;
        }
    }

    /// Drives what a member does, except in these times.
    async fn outside<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            let awake = std::future::poll_fn(|cx| match self.end(Instant::now()) {
                Some(_) => Poll::Ready(None),
                None => future.as_mut().poll(cx).map(Some),
            });
            if let Some(output) = awake.await {
                return output;
            }
            self.over().await;
        }
    }
}

/// The row as a member has it that stands still at times, while its server is away at times; some answers are lost.
struct TroubledRow {
    row: Arc<SharedRow>,
    stops: Spans,
    away: Spans,
}

impl RateSource for TroubledRow {
    fn slice(&self, wanted: WantedSlice) -> LocalBoxFuture<'_, Result<GrantedSlice, String>> {
        Box::pin(async move {
            self.stops.over().await;
            self.away.over().await;
            let granted = self.row.slice(wanted).await;
            self.away.over().await;
            self.stops.over().await;
            let is_lost = self.row.with(|row| row.random.random_bool(0.05));
            if is_lost {
                Err("the answer is lost".to_owned())
            } else {
                granted
            }
        })
    }

    fn closed(&self, pause: Duration) -> LocalBoxFuture<'_, ()> {
        self.row.closed(pause)
    }
}

/// A member that is killed at times, and begun anew at once; it sends whenever it may.
async fn troubled_member(row: &Arc<SharedRow>, rate: f64, seed: u64, away: &Spans, sent: &RefCell<Vec<Instant>>) {
    let mut random = StdRng::seed_from_u64(seed);
    let stops = Spans::of(&mut random, 4, 9_000);
    let mut deaths: Vec<_> = (0..random.random_range(0..4))
        .map(|_| Instant::now() + Duration::from_millis(random.random_range(0..60_000)))
        .collect();
    deaths.push(Instant::now() + Duration::from_secs(60));
    deaths.sort();
    for death in deaths {
        let source = TroubledRow {
            row: Arc::clone(row),
            stops: stops.clone(),
            away: away.clone(),
        };
        let turns = SharedTurns::new(Arc::new(source), &ActorRegistry::new(), &Arc::default());
        let pacer = RequestPacer::new(rate, Some(turns), &Arc::default());
        stops.outside(send(&pacer, death, None, sent)).await;
    }
}

/// Whatever happens: killed, standing still, a server that is slow, away, or answers what is never heard.
#[actix_rt::test]
async fn members_in_trouble_together_never_pass_the_rate() {
    tokio::time::pause();
    for seed in 0..150 {
        let mut random = StdRng::seed_from_u64(seed);
        let (members, way) = (
            random.random_range(1..6),
            [5, 60, 400, 2_000][random.random_range(0..4)],
        );
        let rate = [1_u32, 5, 10, 25][random.random_range(0..4)];
        let row = SharedRow::new(seed, way);
        let away = Spans::of(&mut random, 2, 15_000);
        let sent = RefCell::new(Vec::new());
        let all = (0..members).map(|member| troubled_member(&row, f64::from(rate), seed * 100 + member, &away, &sent));
        futures::future::join_all(all).await;
        let mut sent = sent.into_inner();
        sent.sort();
        let most = most_within(&sent, Duration::from_secs(5));
        assert!(
            most <= 5 * rate as usize,
            "{most} in 5 s, seed {seed}, {members} members, {rate} a second, way {way}"
        );
        assert!(!sent.is_empty(), "seed {seed}");
    }
}
