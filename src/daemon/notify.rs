//! What systemd is told. Outside systemd (`NOTIFY_SOCKET` not set) nothing happens.

use std::time::Duration;

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

/// The start takes so much longer: systemd waits for it.
pub fn starting_until(left: Duration) {
    let micros = u32::try_from(left.as_micros()).unwrap_or(u32::MAX);
    tell(&[NotifyState::ExtendTimeoutUsec(micros)]);
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
