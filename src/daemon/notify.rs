//! What systemd is told. Outside systemd (`NOTIFY_SOCKET` not set) nothing happens.

use sd_notify::NotifyState;
use tracing::debug;

/// The daemon works: its parts are up and its config is valid.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// One line for `systemctl status`.
pub fn status(line: &str) {
    tell(&[NotifyState::Status(line)]);
}

/// The drain has begun.
pub fn stopping(line: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(line)]);
}

/// A reload has begun; systemd wants the monotonic time with it (since v253) and a READY when it is over.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => debug!(%error, "no monotonic clock for systemd"),
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        debug!(%error, "systemd could not be told");
    }
}
