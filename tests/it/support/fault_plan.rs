//! What goes wrong in a run of several daemons, in which order and when: a seed decides.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::daemons::DaemonClock;

/// A fault, or its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedFault {
    /// A daemon is killed without warning, and begun anew.
    Kill,
    /// A daemon stands still.
    Sleep,
    /// It goes on, after its membership has ended.
    Wake,
    /// A daemon ends in good order, and does not come back.
    Drain,
    /// The catalog's server ends all connections.
    EndConnections,
    /// It crashes, and starts anew.
    Restart,
    /// It lets nobody write.
    ReadOnly,
    /// Its disk is full.
    DiskFull,
    /// It stands still for longer than memberships last.
    Pause,
}

impl SharedFault {
    const OF_DAEMONS: [Self; 4] = [Self::Kill, Self::Sleep, Self::Wake, Self::Drain];
    const OF_SERVER: [Self; 5] = [
        Self::EndConnections,
        Self::Restart,
        Self::ReadOnly,
        Self::DiskFull,
        Self::Pause,
    ];
}

/// A fault, and when it happens.
#[derive(Debug, Clone, Copy)]
pub struct PlannedFault {
    pub fault: SharedFault,
    /// After so many of a thousand books.
    pub after: u32,
    /// How long it lasts, in hundredths of a lease, where it is one that lasts.
    pub lasts: u32,
}

/// All that goes wrong in a run.
#[derive(Debug)]
pub struct FaultPlan {
    /// The numbers of the daemons that are killed, stand still and are drained.
    pub killed: usize,
    pub sleeper: usize,
    pub drained: usize,
    /// Whose clock is wrong, and by how many hours.
    pub wrong: usize,
    pub hours: i32,
    pub steps: Vec<PlannedFault>,
}

impl FaultPlan {
    pub fn of(seed: u64, has_server: bool) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut daemons = [0, 1, 2];
        daemons.shuffle(&mut random);
        let mut faults = SharedFault::OF_DAEMONS.to_vec();
        if has_server {
            faults.extend(SharedFault::OF_SERVER);
        }
        faults.shuffle(&mut random);
        let place = |fault| faults.iter().position(|one| *one == fault).expect("it is there");
        let (sleep, wake) = (place(SharedFault::Sleep), place(SharedFault::Wake));
        if wake < sleep {
            faults.swap(sleep, wake);
        }
        let mut afters: Vec<u32> = faults.iter().map(|_| random.random_range(20..900)).collect();
        afters.sort_unstable();
        let steps = faults.into_iter().zip(afters).map(|(fault, after)| PlannedFault {
            fault,
            after,
            lasts: random.random_range(20..200),
        });
        let steps = steps.collect();
        Self {
            killed: daemons[0],
            sleeper: daemons[1],
            drained: daemons[2],
            wrong: random.random_range(0..3),
            hours: random.random_range(2..30) * if random.random_bool(0.5) { 1 } else { -1 },
            steps,
        }
    }

    /// The clock of the daemon with this number: only daemons of different machines, which share a server, have different ones.
    pub fn clock(&self, daemon: usize, has_server: bool) -> DaemonClock {
        let is_wrong = has_server && daemon == self.wrong && DaemonClock::library().is_some();
        DaemonClock(if is_wrong { self.hours } else { 0 })
    }
}

/// The command by which tests/parts/postgres lets its server be crashed, paused and robbed of its disk; nothing where the server is
/// another's.
pub struct ServerFaults(PathBuf);

impl ServerFaults {
    pub fn named() -> Option<Self> {
        std::env::var_os("GRIND_TEST_POSTGRES_FAULTS").map(|path| Self(path.into()))
    }

    /// `false`: it cannot be done on this machine.
    pub fn cause(&self, what: &str) -> bool {
        let mut command = Command::new(&self.0);
        // The server, which it may start, must not keep the test's own output open.
        command
            .arg(what)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let status = command.status().expect("the command runs");
        assert!(status.success() || status.code() == Some(77), "{what}: {status}");
        status.success()
    }
}

/// So much of a lease.
pub fn hundredths(lease: Duration, hundredths: u32) -> Duration {
    lease * hundredths / 100
}
