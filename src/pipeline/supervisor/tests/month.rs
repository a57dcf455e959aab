//! A month of whole daemons, one after the other over one library, in accelerated time: GRIN, storage and catalog are away for minutes to days,
//! the configuration changes, an operator pauses the work, and the daemon is stopped, killed and started anew. Every book is accounted for,
//! no interval is missed for another reason than one of these, and none drifts.

use std::ops::Range;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::catalog::OperatorPause;
use crate::clock::SystemClock;
use crate::pipeline::policy::BookFault;
use crate::session::SessionError;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// How long the last program runs in which nothing happens but the work.
const AFTERWARDS: Duration = Duration::from_secs(3 * 24 * 3_600);
const BOOKS: usize = 60;

/// What happens to a program while it runs.
#[derive(Debug, Clone, Copy)]
enum ProgramEvent {
    Reloaded(TaskIntervals),
    Paused,
    Resumed,
}

/// How a program ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum ProgramEnd {
    Stopped,
    Killed,
}

struct MonthOfPrograms {
    rng: StdRng,
    clock: SystemClock,
    began: Instant,
    intervals: TaskIntervals,
    /// When nothing could be done: no program ran, what it needs was away, or it was told to pause.
    idle: Vec<Range<Instant>>,
    pauses: Vec<Range<Instant>>,
    starts: Vec<Instant>,
    reloads: u32,
}

fn intervals(refresh: u32) -> TaskIntervals {
    TaskIntervals {
        collect: Some(DAY),
        refresh: Some(HOUR * refresh),
        enrich: Some(HOUR * 12),
        convert: Some(HOUR),
        backup: Some(DAY),
        export: Some(HOUR * 6),
    }
}

impl MonthOfPrograms {
    fn seeded(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            clock: SystemClock::manual("2026-11-01T12:00:00Z".parse().unwrap()),
            began: Instant::now(),
            intervals: intervals(6),
            idle: Vec::new(),
            pauses: Vec::new(),
            starts: Vec::new(),
            reloads: 0,
        }
    }

    fn library(&mut self) -> LibraryStub {
        let library = LibraryStub::new();
        let month = 27 * 24 * 60;
        for number in 0..BOOKS {
            let forbidden = BookFault::from(&SessionError::Forbidden { snippet: "no".into() });
            let fate = match number % 10 {
                0 => Fate::Fails(forbidden),
                1 => Fate::FailsAtFirst(vec![forbidden.clone(), forbidden]),
                2 => Fate::Slow(MINUTE * 30),
                _ => Fate::Good,
            };
            library.add(
                &format!("BOOK{number:03}"),
                fate,
                MINUTE * self.rng.random_range(0..month),
            );
        }
        for (cause, minutes) in [
            (WaitCause::Grin, 2..60),
            (WaitCause::Grin, 60..720),
            (WaitCause::Grin, 1_440..3_600),
            (WaitCause::Token, 5..300),
            (WaitCause::Disk, 30..900),
            (WaitCause::Storage, 30..300),
            (WaitCause::Catalog, 1..30),
        ] {
            let (after, length) = (
                MINUTE * self.rng.random_range(0..month),
                MINUTE * self.rng.random_range(minutes),
            );
            library.outage(cause, after, length);
            let from = self.began + after;
            // A pause is a tenth of the outage before it, ten minutes at most.
            self.idle.push(from..from + length + MINUTE * 11);
        }
        library
    }

    /// The events of a program that runs for so long, each with its moment.
    fn events(&mut self, time: Duration) -> Vec<(Instant, ProgramEvent)> {
        let (now, minutes) = (Instant::now(), u32::try_from(time.as_secs() / 60).unwrap());
        let at = now + MINUTE * self.rng.random_range(0..minutes);
        match self.rng.random_range(0..3) {
            0 => {
                self.reloads += 1;
                let refresh = [2, 3, 6, 12][self.rng.random_range(0..4)];
                vec![(at, ProgramEvent::Reloaded(intervals(refresh)))]
            }
            1 => {
                let resumed = (at + MINUTE * self.rng.random_range(1..900)).min(now + time);
                self.pauses.push(at..resumed);
                self.idle.push(at..resumed + MINUTE);
                vec![(at, ProgramEvent::Paused), (resumed, ProgramEvent::Resumed)]
            }
            _ => Vec::new(),
        }
    }

    /// A program that runs for so long, and what it did.
    async fn program(&mut self, mut library: LibraryStub, time: Duration, end: ProgramEnd) -> LibraryStub {
        self.starts.push(Instant::now());
        library.join(&self.clock);
        let options = WorkOptions {
            intervals: self.intervals,
            ..WorkOptions::of_tests()
        };
        let ends_at = Instant::now() + time;
        let events = if time == AFTERWARDS {
            Vec::new()
        } else {
            self.events(time)
        };
        let state = Rc::new(SupervisorState::new(library, Arc::default(), options));
        let scope = RunScope {
            copies: true,
            ..everything(false)
        };
        let life = async {
            for (at, event) in events {
                tokio::time::sleep_until(at).await;
                self.intervals = happens(&state, event);
            }
            tokio::time::sleep_until(ends_at).await;
            if end == ProgramEnd::Killed {
                return;
            }
            state.intake.cancel();
            state.progress.close_intake();
            if tokio::time::timeout(HOUR, state.done.cancelled()).await.is_err() {
                state.cut.cancel();
                state.done.cancelled().await;
            }
        };
        let work = async {
            let work = run(Rc::clone(&state), scope);
            match end {
                ProgramEnd::Stopped => drop(futures::join!(work, life)),
                ProgramEnd::Killed => tokio::select! {
                    _ = work => {}
                    () = life => {}
                },
            }
        };
        tokio::select! {
            () = work => {}
            () = turn(&self.clock) => {}
        }
        let library = Rc::into_inner(Rc::into_inner(state).unwrap().services).unwrap();
        library.free_claims();
        library
    }

    /// No program runs for so long.
    async fn away(&mut self, time: Duration) {
        let from = Instant::now();
        tokio::time::sleep(time).await;
        self.clock.advance(time);
        self.idle.push(from..Instant::now());
    }

    /// How much of the time between these moments something could be done.
    fn able(&self, between: &Range<Instant>) -> Duration {
        let mut idle: Vec<_> = self
            .idle
            .iter()
            .filter(|idle| idle.start < between.end && between.start < idle.end)
            .collect();
        idle.sort_by_key(|idle| idle.start);
        let (mut able, mut at) = (Duration::ZERO, between.start);
        for idle in idle {
            able += idle.start.saturating_duration_since(at);
            at = at.max(idle.end);
        }
        able + between.end.saturating_duration_since(at)
    }

    /// The longest time in which something could be done and this was not, for a start that comes after the intervals began.
    fn longest_gap(&self, moments: &[Instant]) -> Duration {
        let gaps = moments.windows(2).map(|pair| self.able(&(pair[0]..pair[1])));
        gaps.max().unwrap_or(Duration::MAX)
    }

    fn check(&self, library: &LibraryStub) {
        assert_eq!(library.claimed(), [""; 0]);
        // Books that are refused for good fail, and all others are stored: the stub lets no good one fail.
        assert_eq!(library.stored(), BOOKS - BOOKS / 10);
        for (of, longest) in [
            (StubTask::AllBooks, DAY),
            // The longest interval of a reload.
            (StubTask::ShortList, HOUR * 12),
            (StubTask::Facts, HOUR * 12),
            (StubTask::Conversions, HOUR),
            (StubTask::Copy(KeptCopy::Backup), DAY),
            (StubTask::Copy(KeptCopy::Export), HOUR * 6),
        ] {
            let moments = library.done(of);
            let (gap, most) = (self.longest_gap(&moments), longest + longest / 20 + MINUTE * 12);
            assert!(gap <= most, "{of:?}: {gap:?} without one, {most:?} at most");
            // One at each start, and one at each reload that makes the interval shorter. Facts are asked for while lists are read, too.
            let shortest = if of == StubTask::ShortList { HOUR * 2 } else { longest };
            let changes = self.starts.len() as u64 + u64::from(self.reloads) + 1;
            let most = self.began.elapsed().as_secs() / shortest.as_secs() + changes;
            let times = moments.len() as u64;
            assert!(
                times <= most || of == StubTask::Facts,
                "{of:?}: {times} times, {most} at most"
            );
            // What was begun may end.
            let begun =
                |pause: &&Range<Instant>| moments.iter().any(|at| (pause.start + MINUTE..pause.end).contains(at));
            assert!(self.pauses.iter().find(begun).is_none(), "{of:?} in a pause");
        }
    }
}

/// Carries it out; comes back with the intervals that are in force.
fn happens(state: &SupervisorState<LibraryStub>, event: ProgramEvent) -> TaskIntervals {
    let mut options = state.options.borrow().clone();
    match event {
        ProgramEvent::Reloaded(intervals) => options.intervals = intervals,
        ProgramEvent::Paused => {
            let (since, until) = (Timestamp::now(), None);
            options.pause = Some(OperatorPause { since, until });
        }
        ProgramEvent::Resumed => options.pause = None,
    }
    let (pause, intervals) = (options.pause, options.intervals);
    state.options.replace(options);
    state.pause(pause);
    intervals
}

/// Turns the catalog's clock as tokio's goes.
async fn turn(clock: &SystemClock) {
    loop {
        tokio::time::sleep(MINUTE).await;
        clock.advance(MINUTE);
    }
}

#[tokio::test(start_paused = true)]
async fn in_a_month_of_trouble_each_book_is_accounted_for_and_no_interval_is_missed() {
    for seed in 0..6 {
        let mut month = MonthOfPrograms::seeded(seed);
        let mut library = month.library();
        while month.began.elapsed() < DAY * 27 {
            let hours = month.rng.random_range(3..120);
            let end = match month.rng.random_range(0..3) {
                0 => ProgramEnd::Killed,
                _ => ProgramEnd::Stopped,
            };
            library = month.program(library, HOUR * hours, end).await;
            let minutes = [1, 1, 30, 600][month.rng.random_range(0..4)];
            month.away(MINUTE * minutes).await;
        }
        library = month.program(library, AFTERWARDS, ProgramEnd::Stopped).await;
        println!("seed {seed}");
        month.check(&library);
    }
}
