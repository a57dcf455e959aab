//! Signals as a stream: drain, stop at once, reload.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What the outside asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalRequest {
    /// SIGTERM or SIGINT: finish what is in hand, then stop. A second one means at once.
    Stop(&'static str),
    /// SIGHUP: read the config again.
    Reload,
}

/// The daemon's signals.
pub struct DaemonSignals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl DaemonSignals {
    /// Listens from now on; the default actions no longer happen.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    /// The next wish.
    pub async fn next(&mut self) -> SignalRequest {
        tokio::select! {
            _ = self.term.recv() => SignalRequest::Stop("SIGTERM"),
            _ = self.int.recv() => SignalRequest::Stop("SIGINT"),
            _ = self.hup.recv() => SignalRequest::Reload,
        }
    }
}
