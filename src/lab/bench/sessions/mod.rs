//! `grind bench sessions`: a new session for every request against the session owner.

mod callers;
mod measure;
mod sections;
mod verdicts;
mod whys;

use std::time::Duration;

use crate::lab::bench::sessions::callers::CallMode;
use crate::lab::bench::sessions::measure::{BenchConditions, BookWork, CellMeasure, measure};

use crate::lab::bench::error::BenchError;
use crate::lab::bench::measure::compare::slower;
use crate::lab::bench::measure::effort::{BenchEffort, RoundTarget, open_round};
use crate::lab::bench::measure::figures::BenchFigures;
use crate::lab::bench::measure::percentiles::LatencyPools;
use crate::lab::bench::measure::stats::{ENOUGH_ROUNDS, order};
use crate::lab::bench::progress;
use crate::lab::bench::progress::BenchProgress;
use crate::lab::bench::report::{BenchReport, ReportHeading};
use crate::lab::bench::rig::interrupt;
use crate::lab::bench::rig::load::ArrivalPattern;
use crate::lab::bench::rig::netem::NetemSupport;
use crate::lab::bench::rig::serve::BenchServer;

/// How many ask at once.
const WORKERS: [usize; 6] = [1, 3, 5, 10, 15, 50];

/// Of what the slower way managed in the closed loop, this share arrives in the open one: both can cope, and waiting shows.
const SHARE: f64 = 0.7;

/// The two ways that are compared.
const MODES: [CallMode; 2] = [CallMode::NewEach, CallMode::Owner];

/// Rounds and length of a measurement, and what those of the open loop are to have.
#[derive(Debug, Clone, Copy)]
struct RoundSchedule {
    rounds: usize,
    lasting: Duration,
    wanted: RoundTarget,
}

/// Measures, and says what came out.
pub fn run(effort: &BenchEffort) -> Result<BenchReport, BenchError> {
    let begun = ReportHeading {
        bench: "sessions",
        title: "A new session for every request, or one session owner".to_owned(),
        programs: &[],
    }
    .begin();
    let schedule = RoundSchedule {
        rounds: effort.rounds(3, 5),
        lasting: effort.lasting(0.4, 1.0),
        wanted: effort.wanted(),
    };
    let (cells, heads) = matrix(effort);
    let folder = tempfile::tempdir().map_err(BenchError::system("no temporary folder"))?;
    interrupt::note_folder(folder.path());
    let mut server = BenchServer::start(folder.path(), &[20])?;
    let figures = actix_rt::System::new().block_on(all(&mut server, &cells, heads, schedule))?;
    let sections = sections::of(&figures, &cells, heads);
    Ok(begun.end(notes(schedule, NetemSupport::probe()), sections, figures))
}

/// Which circumstances are measured, with the open loop or without; and the last table's.
fn matrix(effort: &BenchEffort) -> (Vec<(BenchConditions, bool)>, Option<BenchConditions>) {
    let heads = BenchConditions {
        tls: false,
        round_trip: 0,
        workers: 50,
        work: BookWork::Head,
    };
    let wants = |at: &BenchConditions| effort.wants(&at.cell(ArrivalPattern::Closed));
    let books = books(effort.quick).into_iter().filter(|(at, _)| wants(at));
    (books.collect(), Some(heads).filter(wants))
}

fn books(quick: bool) -> Vec<(BenchConditions, bool)> {
    let at = |tls, round_trip, workers| BenchConditions {
        tls,
        round_trip,
        workers,
        work: BookWork::Book,
    };
    if quick {
        let few = [
            (at(false, 0, 1), false),
            (at(false, 0, 10), true),
            (at(false, 0, 50), false),
            (at(true, 0, 10), false),
            (at(false, 20, 10), true),
            (at(true, 20, 10), false),
        ];
        return few.to_vec();
    }
    let all = [0, 20].into_iter().flat_map(|round_trip| {
        [false, true]
            .into_iter()
            .flat_map(move |tls| WORKERS.map(|workers| (at(tls, round_trip, workers), true)))
    });
    all.collect()
}

async fn all(
    server: &mut BenchServer,
    cells: &[(BenchConditions, bool)],
    heads: Option<BenchConditions>,
    schedule: RoundSchedule,
) -> Result<BenchFigures, BenchError> {
    let mut figures = BenchFigures::default();
    let open = cells.iter().filter(|(_, open)| *open).count();
    let mut progress = BenchProgress::new(cells.len() + open + usize::from(heads.is_some()));
    progress::say(&format!(
        "sessions: {} rounds of {:.1} s for each way of asking",
        schedule.rounds,
        schedule.lasting.as_secs_f64()
    ));
    for &(at, open) in cells {
        rounds(
            server,
            BenchCell {
                at,
                arrivals: ArrivalPattern::Closed,
            },
            &MODES,
            schedule,
            &mut figures,
        )
        .await?;
        progress.step(&told(&figures, at, ArrivalPattern::Closed, &MODES));
        if open {
            let (arrivals, lasting) = open_loop(&figures, at, schedule);
            let told = match lasting {
                Some(lasting) => {
                    let schedule = RoundSchedule { lasting, ..schedule };
                    rounds(server, BenchCell { at, arrivals }, &MODES, schedule, &mut figures).await?;
                    told(&figures, at, arrivals, &MODES)
                }
                None => format!("{}: left out, too few would arrive", at.cell(arrivals)),
            };
            progress.step(&told);
        }
    }
    if let Some(heads) = heads {
        let ways = [CallMode::OneClient, CallMode::Owner];
        rounds(
            server,
            BenchCell {
                at: heads,
                arrivals: ArrivalPattern::Closed,
            },
            &ways,
            schedule,
            &mut figures,
        )
        .await?;
        progress.step(&told(&figures, heads, ArrivalPattern::Closed, &ways));
    }
    Ok(figures)
}

/// Books arrive as fast as both ways can cope with; and for how long, if enough come in a time that can be borne.
fn open_loop(
    figures: &BenchFigures,
    at: BenchConditions,
    schedule: RoundSchedule,
) -> (ArrivalPattern, Option<Duration>) {
    let rate = slower(
        figures,
        &at.cell(ArrivalPattern::Closed),
        &MODES.map(CallMode::as_str),
        "books/s",
    ) * SHARE;
    (
        ArrivalPattern::Open { rate },
        open_round(rate, schedule.lasting, schedule.wanted),
    )
}

/// What one round measures.
#[derive(Clone, Copy)]
struct BenchCell {
    at: BenchConditions,
    arrivals: ArrivalPattern,
}

async fn rounds(
    server: &mut BenchServer,
    BenchCell { at, arrivals }: BenchCell,
    modes: &[CallMode],
    schedule: RoundSchedule,
    figures: &mut BenchFigures,
) -> Result<(), BenchError> {
    let (cell, mut pools) = (at.cell(arrivals), LatencyPools::of(""));
    for round in 0..schedule.rounds {
        for mode in order(modes, round) {
            let taken: CellMeasure = measure(server, mode, at, arrivals, schedule.lasting).await?;
            taken.note(figures, &mut pools, &cell, mode);
        }
    }
    pools.end(figures, &cell);
    Ok(())
}

fn told(figures: &BenchFigures, at: BenchConditions, arrivals: ArrivalPattern, modes: &[CallMode]) -> String {
    figures.told(&at.cell(arrivals), modes.iter().map(|mode| mode.as_str()), "books/s")
}

fn notes(schedule: RoundSchedule, netem: NetemSupport) -> Vec<String> {
    let (seconds, share) = (schedule.lasting.as_secs_f64(), SHARE * 100.0);
    [
        format!("{} rounds of {seconds:.1} s for each way under each set of circumstances, the ways in alternating order (ABBA). Figures are medians of the rounds, least and most in brackets. Ratios are taken within each round; one that is not larger than the spread of its rounds, or of fewer than {ENOUGH_ROUNDS} rounds, is not called a difference. An estimate holds where it holds in every round, and does not where it holds in none; else nothing is shown.", schedule.rounds),
        "A book is one HEAD and one GET of 1 KiB, one after the other; times (p50 …) are of a book that went well. A percentile is of all rounds together, n times of them, with the least and most of the rounds in brackets; it is given where n is enough for one time to lie beyond it (p99: 100, p99.9: 1 000), and compared where n is ten times that, by rounds that have enough each.".to_owned(),
        format!("Closed loop: each worker begins the next book when it has ended one. Open loop: books arrive at fixed times, {share:.0} % as many a second as the slower way managed in the closed loop; the clock of a book runs from its arrival, so waiting for a free worker counts. Its rounds are longer where fewer than {:.0} books would arrive, up to {:.0} s; where even 10 would take longer than that, it is left out. The timer's grain of about 1 ms is in these times, for both ways alike.", schedule.wanted.arrivals, schedule.wanted.longest.as_secs_f64()),
        "“New session each” makes a client with a pool and a connector of its own for each of the two requests and drops it after; the trusted authorities are read once, TLS tickets are not shared. “Session owner” is the product's own session, asked by messages. Every way has one thread for its clients, the bare ones too, which are asked over a channel: so a second core helps all alike, and what remains between them is sessions and connections.".to_owned(),
        "Before a round, each way has answered: “new session each” once; a way that keeps connections has as many open as there are workers, since one session kept for long is what is measured. These connections and handshakes are counted.".to_owned(),
        "Server and relay run in a process of their own on the same machine, so CPU is the client's alone (load generator, all its threads).".to_owned(),
        format!("The round trip is made by a relay of our own; {}. The relay holds each direction back by half the round trip, and what a client sends on a new connection by one round trip more, as SYN and SYN-ACK would; the round trips of TLS arise by themselves. It does not model loss, bandwidth or slow start.", netem.note()),
        "The session's pacing is off and its limit of connections is above the number of workers.".to_owned(),
    ]
    .into()
}
