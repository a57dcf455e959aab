//! Can books, catalog and socket be where the config says?

use std::path::{Path, PathBuf};

use rustix::fs::Access;
use url::Url;

use crate::settings::address::{StorageAddress, StoreProvider, catalog_file, is_absolute, wrong_prefix, wrong_run};
use crate::settings::check::{check_address, error, is_loopback, warning};
use crate::settings::choices::{DiskReserve, LayoutChoice};
use crate::settings::effective::masked;
use crate::settings::finding::SettingsFinding;
use crate::settings::sections::{ObserveSettings, Settings, StorageSettings};

/// Longest path of a Unix socket, without the closing NUL (unix(7)).
const LONGEST_SOCKET: usize = 107;

pub(super) fn check(settings: &Settings, findings: &mut Vec<SettingsFinding>) {
    storage(&settings.storage, findings);
    prefixes(&settings.storage, findings);
    run(&settings.storage, findings);
    catalog(&settings.catalog.url, findings);
    observe(&settings.observe, findings);
}

fn storage(storage: &StorageSettings, findings: &mut Vec<SettingsFinding>) {
    for (key, url) in storage.addresses() {
        match StorageAddress::parse(url) {
            Ok(StorageAddress::Folder(folder)) => writable(key, &folder, findings),
            Ok(StorageAddress::Memory) => {
                warning(findings, key, "is memory:, so every book is gone when the program ends");
            }
            Ok(StorageAddress::Bucket { .. }) => {}
            Err(why) => error(findings, key, format!("is {:?}: {why}", masked(url))),
        }
    }
    if let Some(endpoint) = storage.endpoint.as_ref().filter(|_| !providers(storage).is_empty()) {
        check_address("storage.endpoint", endpoint, findings);
    }
    places_apart(storage, findings);
    meaningless(storage, findings);
    if matches!(storage.disk_reserve, DiskReserve::Percent(share) if share >= 100.0) {
        error(
            findings,
            "storage.disk_reserve",
            "is the whole disk, so nothing could be stored",
        );
    }
}

/// Whose object stores are named.
fn providers(storage: &StorageSettings) -> Vec<StoreProvider> {
    let mut all: Vec<StoreProvider> = Vec::new();
    for (_, url) in storage.addresses() {
        if let Some(provider) = StorageAddress::provider_of(url)
            && !all.contains(&provider)
        {
            all.push(provider);
        }
    }
    all
}

/// Whose object store, if it is one, and the path in it or on this machine.
type StoragePlace = (Option<StoreProvider>, PathBuf);

/// What an address names, however it is written.
fn place(url: &str) -> Option<StoragePlace> {
    match StorageAddress::parse(url).ok()? {
        StorageAddress::Folder(folder) => Some((None, folder)),
        StorageAddress::Bucket { provider, name, prefix } => Some((Some(provider), Path::new(&name).join(prefix))),
        StorageAddress::Memory => Some((None, PathBuf::from("memory:"))),
    }
}

/// No place may be that of another, nor inside it, and keys of one object store are not sent to another's.
fn places_apart(storage: &StorageSettings, findings: &mut Vec<SettingsFinding>) {
    let all: Vec<_> = storage
        .addresses()
        .filter_map(|(key, url)| Some((key, place(url)?)))
        .collect();
    let is_inside = |one: &StoragePlace, two: &StoragePlace| one.0 == two.0 && one.1.starts_with(&two.1);
    for (index, (key, here)) in all.iter().enumerate() {
        if let Some((other, _)) = all[..index]
            .iter()
            .find(|(_, there)| is_inside(here, there) || is_inside(there, here))
        {
            let text = format!("is the place of {other}, or one is inside the other, so objects would be mixed up");
            error(findings, key, text);
        }
    }
    let shared = [
        ("storage.endpoint", storage.endpoint.is_some()),
        ("storage.credentials_file", storage.credentials_file.is_some()),
    ];
    for (key, _) in shared
        .into_iter()
        .filter(|(_, is_set)| *is_set && providers(storage).len() > 1)
    {
        let text =
            "is that of one object store, but storage.url and the URLs beside it name those of several providers";
        error(findings, key, text);
    }
}

/// Keys that say nothing about a storage of this kind.
fn meaningless(storage: &StorageSettings, findings: &mut Vec<SettingsFinding>) {
    let scheme = storage.url.split(':').next().unwrap_or_default();
    let providers = providers(storage);
    let is = |wanted| providers.contains(&wanted);
    for (key, is_set, has_meaning) in [
        ("storage.endpoint", storage.endpoint.is_some(), !providers.is_empty()),
        ("storage.region", storage.region.is_some(), is(StoreProvider::S3)),
        ("storage.account", storage.account.is_some(), is(StoreProvider::Azure)),
        (
            "storage.credentials_file",
            storage.credentials_file.is_some(),
            !providers.is_empty(),
        ),
    ] {
        if is_set && !has_meaning {
            warning(findings, key, format!("means nothing for {scheme}: storage"));
        }
    }
}

/// Looks only; the folder itself is made when the program starts.
fn writable(key: &str, folder: &Path, findings: &mut Vec<SettingsFinding>) {
    let Some(there) = folder.ancestors().find(|ancestor| ancestor.symlink_metadata().is_ok()) else {
        return;
    };
    if !there.is_dir() {
        error(
            findings,
            key,
            format!("needs the folder {}, but that is not a folder", there.display()),
        );
    } else if rustix::fs::access(there, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        warning(
            findings,
            key,
            format!(
                "needs {}, which the user running this check cannot write to",
                there.display()
            ),
        );
    }
}

fn prefixes(storage: &StorageSettings, findings: &mut Vec<SettingsFinding>) {
    let all = [
        ("storage.raw_prefix", &storage.raw_prefix),
        ("storage.full_prefix", &storage.full_prefix),
        ("storage.meta_prefix", &storage.meta_prefix),
    ];
    // The place of an object is told by the folder of its name.
    let has_own_places = storage.addresses().nth(1).is_some();
    let is_inside = |one: &str, two: &str| one.strip_prefix(two).is_some_and(|rest| rest.starts_with('/'));
    for (index, (key, prefix)) in all.iter().enumerate() {
        if let Some(why) = wrong_prefix(prefix) {
            error(
                findings,
                key,
                format!("is {prefix:?}, which is no folder's name: {why}"),
            );
        }
        if prefix.as_str() == "quarantine" {
            error(findings, key, "is \"quarantine\", where damaged archives are kept");
        }
        if let Some((other, _)) = all[..index].iter().find(|(_, other)| other == prefix) {
            error(
                findings,
                key,
                format!("is the same as {other}, so objects would be mixed up"),
            );
        }
        let mut folders = all.iter().map(|(_, other)| other.as_str()).chain(["quarantine"]);
        if has_own_places && let Some(folder) = folders.find(|folder| is_inside(prefix, folder)) {
            let text = format!(
                "is inside the folder {folder}, which is refused where a kind of object has a place of its own"
            );
            error(findings, key, text);
        }
    }
}

fn run(storage: &StorageSettings, findings: &mut Vec<SettingsFinding>) {
    const KEY: &str = "storage.run";
    let Some(run) = &storage.run else { return };
    if let Some(why) = wrong_run(run) {
        error(findings, KEY, format!("is {run:?}, which is no folder's name: {why}"));
    } else if storage.layout == LayoutChoice::PerBook {
        warning(findings, KEY, "means nothing with storage.layout = \"per-book\"");
    }
}

fn catalog(url: &str, findings: &mut Vec<SettingsFinding>) {
    const KEY: &str = "catalog.url";
    if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        return catalog_server(KEY, url, findings);
    }
    match catalog_file(url).filter(|file| is_absolute(file)) {
        Some(file) if file.is_dir() => error(findings, KEY, format!("names {}, which is a folder", file.display())),
        Some(file) => writable(KEY, file.parent().unwrap_or(&file), findings),
        None => {
            let text = format!(
                "is {:?}, but should be sqlite:// and an absolute path, as in sqlite:///var/lib/grind/catalog.db, \
                 or postgres:// with host and database",
                masked(url)
            );
            error(findings, KEY, text);
        }
    }
}

/// The address of a PostgreSQL server.
fn catalog_server(key: &str, url: &str, findings: &mut Vec<SettingsFinding>) {
    let Ok(url) = Url::parse(url) else {
        return error(
            findings,
            key,
            "is no address of a server, as in postgres://grind@db.example.org/grind",
        );
    };
    let query = |name: &str| {
        url.query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    if query("password").is_some() {
        return error(
            findings,
            key,
            "has a password after the question mark; put it into a file (passfile=…)",
        );
    }
    if url.password().is_some() {
        let text = "has a password in it, which everybody sees who may read it; put it into a file: passfile=… in the \
                    address, or PGPASSFILE";
        warning(findings, key, text);
    }
    let demands = ["require", "verify-ca", "verify-full"];
    let is_tls_demanded = query("sslmode").is_some_and(|mode| demands.contains(&mode.as_str()));
    if !is_tls_demanded && url.host_str().is_some_and(|host| !host.is_empty()) && !is_loopback(&url) {
        let text =
            "does not demand TLS, so passwords and books may go over the network in clear; add sslmode=verify-full";
        warning(findings, key, text);
    }
}

fn observe(observe: &ObserveSettings, findings: &mut Vec<SettingsFinding>) {
    if !observe.listen.ip().is_loopback() {
        let listen = observe.listen;
        let whoever = format!("is {listen}, so every machine that reaches this one can see page and metrics");
        match &observe.token_file {
            None => error(
                findings,
                "observe.listen",
                format!("{whoever}; observe.token_file names a file with what they must know"),
            ),
            Some(_) => warning(
                findings,
                "observe.listen",
                format!("{whoever} with the token, which goes over the network in clear unless a proxy is in front"),
            ),
        }
    }
    if let Some(url) = &observe.traces_url {
        check_address("observe.traces_url", url, findings);
        if !cfg!(feature = "traces") {
            let text = "is set, and this program was built without the feature traces; leave it out";
            error(findings, "observe.traces_url", text);
        }
    }
    if !(0.0..=1.0).contains(&observe.traces_share) {
        let text = format!("is {}, but a share is from 0 to 1", observe.traces_share);
        error(findings, "observe.traces_share", text);
    }
    if observe.socket.as_os_str().len() > LONGEST_SOCKET {
        error(
            findings,
            "observe.socket",
            format!("is longer than {LONGEST_SOCKET} bytes, the most a socket's path can have"),
        );
    }
}
