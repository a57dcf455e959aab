//! What systemd is told. Outside systemd (`NOTIFY_SOCKET` not set) nothing happens.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::debug;

/// The daemon works: its parts are up and its config is valid.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The last line that was told.
static LAST: Mutex<String> = Mutex::new(String::new());

/// What [`status`] told last.
pub fn last_status() -> String {
    LAST.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// One line for `systemctl status`; told only when it is another than the last that systemd was told.
pub fn status(line: &str) {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if *last != line && tell(&[NotifyState::Status(line)]) {
        line.clone_into(&mut last);
    }
}

/// How long systemd waits for [`alive`] before it ends the process; `None`: it does not.
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// All threads answer.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// The start, or the stop, may take so much longer from now on: systemd waits for it, and for what is told meanwhile.
pub fn wait_longer(left: Duration) {
    let micros = u32::try_from(left.as_micros()).unwrap_or(u32::MAX);
    tell(&[NotifyState::ExtendTimeoutUsec(micros)]);
}

/// The drain has begun.
pub fn stopping(line: &str) {
    tell(&[NotifyState::Stopping]);
    status(line);
}

/// A reload has begun; systemd wants the monotonic time with it (since v253) and a READY when it is over.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => {
            tell(&[NotifyState::Reloading, now]);
        }
        Err(error) => debug!(%error, "no monotonic clock for systemd"),
    }
}

/// `false`: it could not be told.
fn tell(states: &[NotifyState<'_>]) -> bool {
    sd_notify::notify(states)
        .inspect_err(|error| debug!(%error, "systemd could not be told"))
        .is_ok()
}
