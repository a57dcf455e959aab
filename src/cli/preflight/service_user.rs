//! What the daemon's user may read and write, where the check itself runs as root, who may everything: by `grind check-config` by hand, and
//! by the one in front of each reload.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use url::Url;

use crate::catalog::CatalogAddress;
use crate::cli::exit::ExitStatus;
use crate::cli::own_folder::hidden_from_unit;
use crate::cli::preflight::line::CheckLine;
use crate::settings::{LoadedSettings, Settings, SettingsFinding, StorageAddress, dropins_of};

/// The user of the unit and of the packages.
const NAME: &str = "grind";

/// The daemon's user.
#[derive(Debug, PartialEq, Eq)]
pub struct ServiceUser {
    id: u32,
    groups: Vec<u32>,
}

/// Owner and permission bits of a file or folder.
#[derive(Debug, Clone, Copy)]
struct FileRights {
    owner: u32,
    group: u32,
    mode: u32,
}

/// Permission bits, as of others.
const READ: u32 = 4;
const WRITE: u32 = 2;
const ENTER: u32 = 1;

/// A file that the daemon opens.
#[derive(Debug)]
struct OpenedFile {
    /// The key that names it; the path of the configuration's own.
    key: String,
    path: PathBuf,
    purpose: FilePurpose,
}

/// What a file is to the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FilePurpose {
    /// One of the configuration's own.
    Configuration,
    /// The folder of its drop-ins, which is listed.
    DropIns,
    /// One that a key names. systemd may hand it over, whatever its rights are.
    Named,
    /// The catalog's.
    Catalog,
}

/// Where the daemon of the unit has its configuration.
const CONFIGURATION: &str = "/etc/grind";

impl FilePurpose {
    const fn wanted(self) -> u32 {
        match self {
            Self::Configuration | Self::Named => READ,
            Self::DropIns => READ | ENTER,
            Self::Catalog => READ | WRITE,
        }
    }

    /// Whether it is the daemon's of the unit for sure, where the check is made by hand; `is_its_own`: it lies in a folder of that user.
    /// Root may have another library beside that, or try a configuration before it is put in place.
    fn is_certain(self, path: &Path, is_its_own: bool) -> bool {
        match self {
            Self::Configuration | Self::DropIns => path.starts_with(CONFIGURATION),
            Self::Named => false,
            Self::Catalog => is_its_own,
        }
    }

    fn advice(self, path: &Path, is_certain: bool) -> String {
        let path = path.display();
        match self {
            Self::Configuration => format!("Let its group read it: chgrp grind {path} && chmod 640 {path}"),
            Self::DropIns => format!("Let its group list it: chgrp grind {path} && chmod 750 {path}"),
            Self::Named if is_certain => format!("Give it to that user: chown grind {path}"),
            Self::Named => "Give it to that user (chown grind), or have systemd hand it over (LoadCredential=), which serves the daemon and \
                            not commands run by hand."
                .to_owned(),
            Self::Catalog => format!("Give it to that user: chown grind:grind {path}"),
        }
    }
}

/// What root is told besides: nothing where the check runs as another user.
pub fn check(loaded: &LoadedSettings) -> Vec<CheckLine> {
    if !rustix::process::geteuid().is_root() {
        return Vec::new();
    }
    let Some(user) = ServiceUser::of_system() else {
        let text = "this check runs as root, who may read and write what the daemon's user may not, and there is no user grind: run it as \
                    the daemon's user";
        return vec![CheckLine::doubtful("user", text)];
    };
    let mut lines: Vec<CheckLine> = unopened(loaded).iter().map(CheckLine::of_finding).collect();
    let settings = &loaded.settings;
    let places = settings.book_places();
    let folders = places.map(|(key, url)| (key, StorageAddress::folder_of(url)));
    lines.extend(
        folders
            .chain([("catalog.url", catalog_folder(settings))])
            .filter_map(|(key, folder)| user.unwritten(key, &folder?)),
    );
    if lines.is_empty() {
        lines.push(CheckLine::passed(
            "user",
            "the user grind can read the configuration and what it names, and write storage and catalog",
        ));
    }
    lines
}

/// The files that the daemon's user cannot open, by the rights that they have; nothing where the caller is not root, or there is no such
/// user. The daemon would not start with what is an error among them, nor take a reload. By hand, where it is not known what systemd hands
/// over, most are warnings.
pub fn unopened(loaded: &LoadedSettings) -> Vec<SettingsFinding> {
    let user = ServiceUser::of_daemon().filter(|user| user.id != 0 && rustix::process::geteuid().is_root());
    let credentials = env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let mut files = opened_files(loaded);
    let beside = loaded.files.first().and_then(|file| file.parent());
    if let (Some(handed), Some(beside)) = (credentials.as_deref().and_then(seen_by_daemon), beside) {
        files.retain(|file| !file.is_among(&handed, beside));
    }
    let unopened = |user: ServiceUser| user.unopened(&files, credentials.as_deref());
    user.map(unopened).unwrap_or_default()
}

/// The folder of credentials as the running daemon sees it: systemd shows it to no other process.
fn seen_by_daemon(credentials: &Path) -> Option<PathBuf> {
    let process: u32 = env::var("MAINPID").ok()?.parse().ok()?;
    let below = credentials.strip_prefix("/").ok()?;
    Some(PathBuf::from(format!("/proc/{process}/root")).join(below))
}

impl OpenedFile {
    /// Whether systemd has handed it over under its name, into this folder. Only a name without a folder is looked for there, and then beside
    /// the configuration.
    fn is_among(&self, handed: &Path, beside: &Path) -> bool {
        let is_by_name = self.purpose == FilePurpose::Named && self.path.parent() == Some(beside);
        let name = self.path.file_name().filter(|_| is_by_name);
        name.is_some_and(|name| handed.join(name).symlink_metadata().is_ok())
    }
}

/// The configuration's own files, those that it names, and the catalog's.
fn opened_files(loaded: &LoadedSettings) -> Vec<OpenedFile> {
    let settings = &loaded.settings;
    let own = loaded.files.iter().map(|path| OpenedFile {
        key: path.display().to_string(),
        path: path.clone(),
        purpose: FilePurpose::Configuration,
    });
    let dropins = loaded
        .files
        .first()
        .map(|file| dropins_of(file))
        .map(|path| OpenedFile {
            key: path.display().to_string(),
            path,
            purpose: FilePurpose::DropIns,
        });
    let others = [
        ("session.ca_file", settings.session.ca_file.as_deref()),
        ("work.barcodes_file", settings.work.barcodes_file.as_deref()),
    ];
    let others = others.into_iter().filter_map(|(key, path)| Some((key, path?)));
    let named = settings.secret_files().chain(others);
    let named = named.map(|(key, path)| (key, path.to_owned()));
    let named = named.chain(files_of_server(&settings.catalog.url).map(|path| ("catalog.url", path)));
    let named = named.map(|(key, path)| OpenedFile {
        key: key.to_owned(),
        path,
        purpose: FilePurpose::Named,
    });
    let catalog = CatalogAddress::parse(&settings.catalog.url).ok();
    let catalog = catalog.and_then(|address| address.file().map(Path::to_owned));
    let catalog = catalog.map(|path| OpenedFile {
        key: "catalog.url".to_owned(),
        path,
        purpose: FilePurpose::Catalog,
    });
    own.chain(dropins).chain(named).chain(catalog).collect()
}

/// The files in the address of a server. A relative one is looked for among what systemd hands over.
fn files_of_server(url: &str) -> impl Iterator<Item = PathBuf> {
    let url = Url::parse(url).ok().filter(|url| url.scheme().starts_with("postgres"));
    let pairs: Vec<_> = url
        .iter()
        .flat_map(Url::query_pairs)
        .filter(|(name, value)| ["passfile", "sslrootcert"].contains(&&**name) && value.starts_with('/'))
        .map(|(_, value)| PathBuf::from(value.as_ref()))
        .collect();
    pairs.into_iter()
}

/// Whether the daemon of the unit is asked about: by root, or by its user. Others run the program for themselves.
pub fn is_asked_for() -> bool {
    let caller = rustix::process::geteuid();
    ServiceUser::of_system().is_some_and(|user| caller.is_root() || caller.as_raw() == user.id)
}

fn catalog_folder(settings: &Settings) -> Option<PathBuf> {
    let address = CatalogAddress::parse(&settings.catalog.url).ok()?;
    Some(address.file()?.parent()?.to_owned())
}

/// Whether a list besides the permission bits says who may: then these do not tell.
fn has_list_of_rights(path: &Path) -> bool {
    rustix::fs::getxattr_query(path, "system.posix_acl_access").is_ok()
}

impl ServiceUser {
    /// The running daemon's in front of a reload, as a drop-in may name another user or further groups; else that of the packages.
    fn of_daemon() -> Option<Self> {
        let process = env::var("MAINPID").ok().and_then(|id| id.parse::<u32>().ok());
        let status = process.and_then(|id| fs::read_to_string(format!("/proc/{id}/status")).ok());
        status
            .and_then(|status| Self::of_process(&status))
            .or_else(Self::of_system)
    }

    /// The user of a process, by what the kernel says of it.
    fn of_process(status: &str) -> Option<Self> {
        let numbers = |name: &str| -> Vec<u32> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let words = line.unwrap_or_default().split_whitespace();
            words.filter_map(|number| number.parse().ok()).collect()
        };
        // The second is the effective one.
        let id = *numbers("Uid:").get(1)?;
        let group = numbers("Gid:").get(1).copied();
        Some(Self {
            id,
            groups: group.into_iter().chain(numbers("Groups:")).collect(),
        })
    }

    fn of_system() -> Option<Self> {
        let text = |file: &str| fs::read_to_string(file).unwrap_or_default();
        Self::find(&text("/etc/passwd"), &text("/etc/group"))
    }

    /// The user in the system's files, with all groups.
    fn find(users: &str, groups: &str) -> Option<Self> {
        let fields = users
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|user| user[0] == NAME)?;
        let (id, first) = (fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?);
        let further = groups.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let is_member = fields.get(3)?.split(',').any(|member| member == NAME);
            is_member.then(|| fields[2].parse().ok())?
        });
        Some(Self {
            id,
            groups: std::iter::once(first).chain(further).collect(),
        })
    }

    /// As the kernel decides: by the first of owner, group and others that fits.
    fn may(&self, rights: FileRights, wanted: u32) -> bool {
        let shift = match rights {
            FileRights { owner, .. } if owner == self.id => 6,
            FileRights { group, .. } if self.groups.contains(&group) => 3,
            _ => 0,
        };
        (rights.mode >> shift) & wanted == wanted
    }

    /// The first file or folder on the way to `path` that keeps this user from it.
    fn kept_out<'a>(&self, path: &'a Path, wanted: u32) -> Option<&'a Path> {
        let of = |path: &Path, wanted: u32| match fs::metadata(path) {
            Ok(found) => {
                let rights = FileRights {
                    owner: found.uid(),
                    group: found.gid(),
                    mode: found.mode(),
                };
                self.may(rights, wanted) || has_list_of_rights(path)
            }
            Err(_) => true,
        };
        let mut way: Vec<&Path> = path.ancestors().skip(1).collect();
        way.reverse();
        let folder = way.into_iter().find(|folder| !of(folder, ENTER));
        folder.or_else(|| (!of(path, wanted)).then_some(path))
    }

    /// Those of the files that this user cannot open. What systemd has handed over, in `credentials`, can be read.
    fn unopened(&self, files: &[OpenedFile], credentials: Option<&Path>) -> Vec<SettingsFinding> {
        let is_handed = |file: &&OpenedFile| credentials.is_some_and(|folder| file.path.starts_with(folder));
        let unopened = files.iter().filter(|file| !is_handed(file)).filter_map(|file| {
            let wanted = file.purpose.wanted();
            let obstacle = match hidden_from_unit(&file.path) {
                Some(hidden) => format!("because the unit hides {hidden} (ProtectHome=)"),
                None => format!(
                    "because of the rights of {}",
                    self.kept_out(&file.path, wanted)?.display()
                ),
            };
            let is_its_own = file.path.parent().and_then(|folder| fs::metadata(folder).ok());
            let is_its_own = is_its_own.is_some_and(|folder| folder.uid() == self.id);
            let is_certain = credentials.is_some() || file.purpose.is_certain(&file.path, is_its_own);
            let what = if wanted & WRITE == 0 { "read" } else { "read and write" };
            let (key, path) = (&file.key, file.path.display());
            let text = format!(
                "{key}: the user grind cannot {what} {path}, {obstacle}. {}",
                file.purpose.advice(&file.path, is_certain)
            );
            Some(match is_certain {
                true => SettingsFinding::error(key, text),
                false => SettingsFinding::warning(key, text),
            })
        });
        unopened.collect()
    }

    /// A folder that is not there is made by the daemon, in the one above it.
    fn unwritten(&self, key: &str, folder: &Path) -> Option<CheckLine> {
        let there = folder.ancestors().find(|ancestor| ancestor.exists())?;
        let place = self.kept_out(there, WRITE | ENTER)?.display();
        let text = format!(
            "the user grind cannot write to {}, because of the rights of {place}. Let it belong to that user: install -d -o grind -g \
             grind -m 750 {}",
            there.display(),
            folder.display()
        );
        Some(CheckLine::failed(key, ExitStatus::NotPermitted, text))
    }
}

#[cfg(test)]
mod tests;
