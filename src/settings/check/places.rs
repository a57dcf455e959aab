//! Can books, catalog and socket be where the config says?

use std::path::{Path, PathBuf};

use rustix::fs::Access;
use url::Url;

use crate::settings::address::{StorageAddress, StoreProvider, catalog_file, is_absolute, wrong_prefix, wrong_run};
use crate::settings::check::{buckets, check_address, error, is_loopback, warning};
use crate::settings::choices::{DiskReserve, LayoutChoice};
use crate::settings::effective::masked_catalog_address;
use crate::settings::finding::SettingsFinding;
use crate::settings::second_copy::SecondCopySettings;
use crate::settings::sections::{ObserveSettings, Settings, StorageSettings};

/// Longest path of a Unix socket, without the closing NUL (unix(7)).
const LONGEST_SOCKET: usize = 107;

pub(super) fn check(settings: &Settings, findings: &mut Vec<SettingsFinding>) {
    storage(&StorageKeys::of_main(&settings.storage), findings);
    second_copy(&settings.storage_copy, findings);
    places_apart(settings, findings);
    prefixes(&settings.storage, findings);
    run(&settings.storage, findings);
    catalog(&settings.catalog.url, findings);
    observe(&settings.observe, findings);
}

/// The keys of a section that names a storage.
struct StorageKeys<'a> {
    section: &'static str,
    /// Every place that is named, with its key.
    addresses: Vec<(&'static str, &'a str)>,
    endpoint: Option<&'a Url>,
    account: Option<&'a str>,
    has_region: bool,
    has_credentials: bool,
    reserve: DiskReserve,
}

impl<'a> StorageKeys<'a> {
    fn of_main(storage: &'a StorageSettings) -> Self {
        Self {
            section: "storage",
            addresses: storage.addresses().collect(),
            endpoint: storage.endpoint.as_ref(),
            account: storage.account.as_deref(),
            has_region: storage.region.is_some(),
            has_credentials: storage.credentials_file.is_some(),
            reserve: storage.disk_reserve,
        }
    }

    fn of_copy(copy: &'a SecondCopySettings) -> Self {
        let url = copy.url.as_deref();
        Self {
            section: "storage.copy",
            addresses: url.map(|url| ("storage.copy.url", url)).into_iter().collect(),
            endpoint: copy.endpoint.as_ref(),
            account: copy.account.as_deref(),
            has_region: copy.region.is_some(),
            has_credentials: copy.credentials_file.is_some(),
            reserve: copy.disk_reserve,
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.section)
    }

    /// Whose object stores are named.
    fn providers(&self) -> Vec<StoreProvider> {
        let mut all: Vec<StoreProvider> = Vec::new();
        for (_, url) in &self.addresses {
            if let Some(provider) = StorageAddress::provider_of(url)
                && !all.contains(&provider)
            {
                all.push(provider);
            }
        }
        all
    }

    /// What is named, with its keys.
    fn places(&self) -> impl Iterator<Item = (&'static str, StoragePlace<'a>)> {
        self.addresses.iter().filter_map(|(key, url)| {
            let (provider, path) = place(url)?;
            let named = StoragePlace {
                provider,
                endpoint: self.endpoint.filter(|_| provider.is_some()),
                account: self.account.filter(|_| provider == Some(StoreProvider::Azure)),
                path,
            };
            Some((*key, named))
        })
    }
}

fn storage(keys: &StorageKeys<'_>, findings: &mut Vec<SettingsFinding>) {
    for (key, url) in &keys.addresses {
        match StorageAddress::parse(url) {
            Ok(StorageAddress::Folder(folder)) => writable(key, &folder, findings),
            Ok(StorageAddress::Memory) => {
                warning(findings, key, "is memory:, so every book is gone when the program ends");
            }
            Ok(StorageAddress::Bucket { .. }) => buckets::odd(key, url, keys.endpoint.is_some(), findings),
            Err(why) => buckets::refused(key, url, why, findings),
        }
    }
    if let Some(endpoint) = keys.endpoint.filter(|_| !keys.providers().is_empty()) {
        check_address(&keys.key("endpoint"), endpoint, findings);
    }
    one_provider(keys, findings);
    meaningless(keys, findings);
    if matches!(keys.reserve, DiskReserve::Percent(share) if share >= 100.0) {
        error(
            findings,
            &keys.key("disk_reserve"),
            "is the whole disk, so nothing could be stored",
        );
    }
}

/// A second copy in the place of the first would be none.
fn second_copy(copy: &SecondCopySettings, findings: &mut Vec<SettingsFinding>) {
    const MOST_TRANSFERS: u32 = 16;
    if copy.url.as_deref() == Some("") {
        error(
            findings,
            "storage.copy.url",
            "is empty; leave the key out where there is no second copy",
        );
        return;
    }
    let keys = StorageKeys::of_copy(copy);
    if copy.url.is_some() {
        storage(&keys, findings);
    } else if keys.endpoint.is_some() || keys.account.is_some() || keys.has_region || keys.has_credentials {
        let text = "is not set, so the other keys of [storage.copy] mean nothing and no book is copied";
        warning(findings, "storage.copy.url", text);
    }
    if !(1..=MOST_TRANSFERS).contains(&copy.transfers) {
        error(
            findings,
            "storage.copy.transfers",
            format!("is {}, but should be from 1 to {MOST_TRANSFERS}", copy.transfers),
        );
    }
}

/// A place of objects.
struct StoragePlace<'a> {
    /// Whose object store; `None`: it is on this machine.
    provider: Option<StoreProvider>,
    endpoint: Option<&'a Url>,
    account: Option<&'a str>,
    /// The path in it or on this machine.
    path: PathBuf,
}

impl StoragePlace<'_> {
    fn is_inside(&self, other: &Self) -> bool {
        let is_one_store =
            self.provider == other.provider && self.endpoint == other.endpoint && self.account == other.account;
        is_one_store && self.path.starts_with(&other.path)
    }
}

/// What an address names, however it is written.
fn place(url: &str) -> Option<(Option<StoreProvider>, PathBuf)> {
    match StorageAddress::parse(url).ok()? {
        StorageAddress::Folder(folder) => Some((None, folder)),
        StorageAddress::Bucket { provider, name, prefix } => Some((Some(provider), Path::new(&name).join(prefix))),
        StorageAddress::Memory => Some((None, PathBuf::from("memory:"))),
    }
}

/// No place may be that of another, nor inside it.
fn places_apart(settings: &Settings, findings: &mut Vec<SettingsFinding>) {
    let (main, copy) = (
        StorageKeys::of_main(&settings.storage),
        StorageKeys::of_copy(&settings.storage_copy),
    );
    let all: Vec<_> = main.places().chain(copy.places()).collect();
    for (index, (key, here)) in all.iter().enumerate() {
        if let Some((other, _)) = all[..index]
            .iter()
            .find(|(_, there)| here.is_inside(there) || there.is_inside(here))
        {
            let text = format!("is the place of {other}, or one is inside the other, so objects would be mixed up");
            error(findings, key, text);
        }
    }
}

/// Keys of one object store are not sent to another's.
fn one_provider(keys: &StorageKeys<'_>, findings: &mut Vec<SettingsFinding>) {
    let shared = [
        ("endpoint", keys.endpoint.is_some()),
        ("credentials_file", keys.has_credentials),
    ];
    for (name, _) in shared
        .into_iter()
        .filter(|(_, is_set)| *is_set && keys.providers().len() > 1)
    {
        let text =
            "is that of one object store, but storage.url and the URLs beside it name those of several providers";
        error(findings, &keys.key(name), text);
    }
}

/// Keys that say nothing about a storage of this kind.
fn meaningless(keys: &StorageKeys<'_>, findings: &mut Vec<SettingsFinding>) {
    let scheme = keys
        .addresses
        .first()
        .and_then(|(_, url)| url.split(':').next())
        .unwrap_or_default();
    let providers = keys.providers();
    let is = |wanted| providers.contains(&wanted);
    for (name, is_set, has_meaning) in [
        ("endpoint", keys.endpoint.is_some(), !providers.is_empty()),
        ("region", keys.has_region, is(StoreProvider::S3)),
        ("account", keys.account.is_some(), is(StoreProvider::Azure)),
        ("credentials_file", keys.has_credentials, !providers.is_empty()),
    ] {
        if is_set && !has_meaning {
            warning(
                findings,
                &keys.key(name),
                format!("means nothing for {scheme}: storage"),
            );
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
                masked_catalog_address(url)
            );
            error(findings, KEY, text);
        }
    }
}

/// The address of a PostgreSQL server.
fn catalog_server(key: &str, url: &str, findings: &mut Vec<SettingsFinding>) {
    let Some(url) = Url::parse(url).ok().filter(|url| !url.cannot_be_a_base()) else {
        let text = "is no address of a server, as in postgres://grind@db.example.org/grind";
        return error(findings, key, text);
    };
    if url.fragment().is_some() {
        let text = "has a #, which ends an address: in a password it is written %23";
        return error(findings, key, text);
    }
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
