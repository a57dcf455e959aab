//! The second pass, over what the values mean together.

mod buckets;
mod hooks;
mod places;
mod secrets;
mod session;
mod work;

use std::net::IpAddr;

use url::{Host, Url};

use crate::settings::finding::SettingsFinding;
use crate::settings::sections::Settings;

pub(super) use secrets::is_of_secret;

/// Every finding about the meaning of the settings; nothing is changed.
pub(super) fn meaning(settings: &Settings) -> Vec<SettingsFinding> {
    let mut findings = Vec::new();
    work::check(settings, &mut findings);
    session::check(settings, &mut findings);
    places::check(settings, &mut findings);
    hooks::check(&settings.hooks, &mut findings);
    secrets::check(settings, &mut findings);
    findings
}

/// Fills in what follows from other keys.
pub(super) fn completed(mut settings: Settings) -> Settings {
    let base = &mut settings.grin.base_url;
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    if settings.grin.token_hosts.is_empty() {
        settings.grin.token_hosts = base.host_str().map(Into::into).into_iter().collect();
    }
    settings
}

/// An error about one key.
fn error(findings: &mut Vec<SettingsFinding>, key: &str, text: impl AsRef<str>) {
    findings.push(SettingsFinding::error(key, format!("{key} {}", text.as_ref())));
}

/// A warning about one key.
fn warning(findings: &mut Vec<SettingsFinding>, key: &str, text: impl AsRef<str>) {
    findings.push(SettingsFinding::warning(key, format!("{key} {}", text.as_ref())));
}

/// Does this address stay on this machine?
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

/// What is wrong with an address to which secrets are sent; `None`: nothing.
pub(crate) fn wrong_address(key: &str, url: &Url) -> Option<String> {
    let mut findings = Vec::new();
    check_address(key, url, &mut findings);
    findings.pop().map(|finding| finding.text)
}

/// Nothing secret travels in clear, and no address carries a password.
fn check_address(key: &str, url: &Url, findings: &mut Vec<SettingsFinding>) {
    if !url.username().is_empty() || url.password().is_some() {
        error(
            findings,
            key,
            "has a user name or password in it; secrets are given as files, never in addresses",
        );
    }
    if url.scheme() == "http" && !is_loopback(url) {
        let host = url.host_str().unwrap_or_default();
        error(
            findings,
            key,
            format!("is http to {host}, so secrets would travel in clear; write https"),
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        error(
            findings,
            key,
            "has a query or fragment (? or #), but should be a plain address",
        );
    }
}
