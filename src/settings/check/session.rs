//! Do limits and timeouts fit together, in `[session]` and in `[state_store]`?

use std::time::Duration;

use crate::settings::check::{check_address, error, warning};
use crate::settings::finding::SettingsFinding;
use crate::settings::sections::{SessionSettings, Settings, StateStoreSettings};

/// `TimeoutStopSec` of the unit that is shipped, less a moment for flushing.
const LONGEST_GRACE: Duration = Duration::from_secs(85);

pub(super) fn check(settings: &Settings, findings: &mut Vec<SettingsFinding>) {
    let session = &settings.session;
    limits("session", session.limit, session.limit_per_host, findings);
    timeouts(session, findings);
    if let Some(file) = &session.ca_file
        && !file.is_file()
    {
        error(
            findings,
            "session.ca_file",
            format!("names {}, which is not there", file.display()),
        );
    }
    if settings.state_store.enabled {
        state_store(&settings.state_store, findings);
        if settings.state_store.dns_ttl != session.dns_ttl {
            let text = "differs from session.dns_ttl; there is one resolver, and that is what counts";
            warning(findings, "state_store.dns_ttl", text);
        }
    }
    if settings.shutdown.grace > LONGEST_GRACE {
        let text =
            "is longer than TimeoutStopSec of the shipped unit allows; raise that too, or systemd kills the daemon";
        warning(findings, "shutdown.grace", text);
    }
}

fn limits(section: &str, limit: u32, per_host: u32, findings: &mut Vec<SettingsFinding>) {
    for (name, value) in [("limit", limit), ("limit_per_host", per_host)] {
        if value == 0 {
            error(
                findings,
                &format!("{section}.{name}"),
                "is 0, so no connection could ever be opened",
            );
        }
    }
    if per_host > limit {
        let text = format!("is {per_host}, more than {section}.limit ({limit}), so it could never be reached");
        error(findings, &format!("{section}.limit_per_host"), text);
    }
}

fn timeouts(session: &SessionSettings, findings: &mut Vec<SettingsFinding>) {
    let all = [
        ("session.connect_timeout", session.connect_timeout),
        ("session.read_timeout", session.read_timeout),
        ("session.total_timeout", session.total_timeout),
        ("session.download_timeout", session.download_timeout),
        ("session.keep_alive", session.keep_alive),
        ("session.max_connection_age", session.max_connection_age),
    ];
    for (key, value) in all {
        if value.is_zero() {
            error(findings, key, "is 0, so every request would time out at once");
        }
    }
    let [connect, read, total, download, keep_alive, age] = all;
    for (shorter, longer) in [(connect, total), (read, total), (total, download), (keep_alive, age)] {
        in_order(shorter, longer, findings);
    }
}

fn in_order(shorter: (&str, Duration), longer: (&str, Duration), findings: &mut Vec<SettingsFinding>) {
    if shorter.1 > longer.1 {
        let [a, b] = [shorter.1, longer.1].map(humantime::format_duration);
        error(
            findings,
            shorter.0,
            format!("({a}) is longer than {} ({b}), so it could never be reached", longer.0),
        );
    }
}

fn state_store(store: &StateStoreSettings, findings: &mut Vec<SettingsFinding>) {
    limits("state_store", store.limit, store.limit_per_host, findings);
    check_address("state_store.url", &store.url, findings);
    if store.store.is_empty() {
        error(
            findings,
            "state_store.store",
            "is empty, but should be the name of a Dapr state store component",
        );
    }
    let total = ("state_store.total_timeout", store.total_timeout);
    for shorter in [
        ("state_store.connect_timeout", store.connect_timeout),
        ("state_store.read_timeout", store.read_timeout),
    ] {
        in_order(shorter, total, findings);
        if shorter.1.is_zero() {
            error(findings, shorter.0, "is 0, so every request would time out at once");
        }
    }
}
