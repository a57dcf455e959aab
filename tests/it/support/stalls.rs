//! How long threads wait for a processor of this machine while a test runs, as other work takes them all.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(5);

/// A thread that wants to run each few milliseconds, and notes by how much it came too late at the worst.
pub struct StallMeter {
    ends: Sender<()>,
    measuring: JoinHandle<Duration>,
}

impl StallMeter {
    pub fn begin() -> Self {
        let (ends, ended) = channel();
        let measuring = std::thread::spawn(move || {
            let mut longest = Duration::ZERO;
            loop {
                let began = Instant::now();
                match ended.recv_timeout(EVERY) {
                    Err(RecvTimeoutError::Timeout) => longest = longest.max(began.elapsed().saturating_sub(EVERY)),
                    _ => return longest,
                }
            }
        });
        Self { ends, measuring }
    }

    /// The longest stall until now.
    pub fn end(self) -> Duration {
        drop(self.ends);
        self.measuring.join().expect("it measures")
    }
}
