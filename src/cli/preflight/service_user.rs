//! What the daemon's user may read and write, where the check itself runs as root, who may everything: by `grind check-config` by hand, and
//! by the one in front of each reload.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use url::Url;

use crate::catalog::CatalogAddress;
use crate::cli::exit::ExitStatus;
use crate::cli::preflight::line::CheckLine;
use crate::settings::{LoadedSettings, Settings, SettingsFinding, StorageAddress};

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
    wanted: u32,
    /// systemd may hand it over, whatever its rights are.
    may_be_handed: bool,
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
/// user. The daemon would not start with what is an error among them, nor take a reload.
pub fn unopened(loaded: &LoadedSettings) -> Vec<SettingsFinding> {
    let user = ServiceUser::of_system().filter(|_| rustix::process::geteuid().is_root());
    let credentials = env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let unopened = |user: ServiceUser| user.unopened(&opened_files(loaded), credentials.as_deref());
    user.map(unopened).unwrap_or_default()
}

/// The configuration's own files, those that it names, and the catalog's.
fn opened_files(loaded: &LoadedSettings) -> Vec<OpenedFile> {
    let settings = &loaded.settings;
    let own = loaded.files.iter().map(|path| OpenedFile {
        key: path.display().to_string(),
        path: path.clone(),
        wanted: READ,
        may_be_handed: false,
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
        wanted: READ,
        may_be_handed: true,
    });
    let catalog = CatalogAddress::parse(&settings.catalog.url).ok();
    let catalog = catalog.and_then(|address| address.file().map(Path::to_owned));
    let catalog = catalog.map(|path| OpenedFile {
        key: "catalog.url".to_owned(),
        path,
        wanted: READ | WRITE,
        may_be_handed: false,
    });
    own.chain(named).chain(catalog).collect()
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

    /// Those of the files that this user cannot open. What systemd has handed over, in `credentials`, can be read. What it may hand over is an
    /// error only where it is known what it does: in front of a reload.
    fn unopened(&self, files: &[OpenedFile], credentials: Option<&Path>) -> Vec<SettingsFinding> {
        let is_handed = |file: &&OpenedFile| credentials.is_some_and(|folder| file.path.starts_with(folder));
        let unopened = files.iter().filter(|file| !is_handed(file)).filter_map(|file| {
            let place = self.kept_out(&file.path, file.wanted)?.display();
            let (key, path) = (&file.key, file.path.display());
            let what = match file.wanted {
                READ => "read",
                _ => "read and write",
            };
            let said = format!("which the user grind cannot {what}, because of the rights of {place}");
            Some(match file.may_be_handed {
                false if *key == path.to_string() => {
                    let what_to_do = format!("chgrp grind {path} && chmod 640 {path}");
                    SettingsFinding::error(key, format!("{key}: a file of the configuration, {said}: {what_to_do}"))
                }
                false => SettingsFinding::error(key, format!("{key} names {path}, {said}: chown grind:grind {path}")),
                true if credentials.is_some() => {
                    SettingsFinding::error(key, format!("{key} names {path}, {said}: chown grind {path}"))
                }
                true => {
                    let what_to_do = "Give it to that user (chown grind), or have systemd hand it over (LoadCredential=), which serves the \
                                      daemon and not commands run by hand.";
                    SettingsFinding::warning(key, format!("{key} names {path}, {said}. {what_to_do}"))
                }
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
mod tests {
    use super::*;
    use crate::settings::SettingsSources;
    use std::os::unix::fs::PermissionsExt as _;

    const USERS: &str = "root:x:0:0::/root:/bin/sh\ngrind:x:990:980::/var/lib/grind:/usr/sbin/nologin\n";
    const GROUPS: &str = "root:x:0:\ngrind:x:980:\nscans:x:50:alice,grind\nothers:x:60:alice\n";

    #[test]
    fn the_user_is_found_with_all_groups() {
        let found = ServiceUser::find(USERS, GROUPS).unwrap();
        assert_eq!((found.id, found.groups), (990, vec![980, 50]));
        assert_eq!(ServiceUser::find("", GROUPS), None);
    }

    #[test]
    fn owner_group_and_others_are_told_apart_as_the_kernel_does() {
        let user = ServiceUser::find(USERS, GROUPS).unwrap();
        for (owner, group, mode, wanted, may) in [
            (990, 0, 0o600, READ, true),
            (0, 0, 0o600, READ, false),
            (0, 980, 0o640, READ, true),
            (0, 50, 0o770, WRITE | ENTER, true),
            (0, 60, 0o770, WRITE, false),
            (0, 0, 0o644, READ, true),
            // What the owner may not, the group may not for them.
            (990, 980, 0o070, READ, false),
        ] {
            let rights = FileRights { owner, group, mode };
            assert_eq!(user.may(rights, wanted), may, "{rights:?} {wanted}");
        }
    }

    #[test]
    fn a_folder_on_the_way_keeps_out_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        fs::write(&file, "x").unwrap();
        let user = ServiceUser {
            id: u32::MAX - 1,
            groups: Vec::new(),
        };
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(user.kept_out(&file, READ), Some(folder.path()));
        assert!(user.unwritten("storage.url", &folder.path().join("new")).is_some());
    }

    #[test]
    fn each_file_that_the_daemon_opens_is_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let user = ServiceUser {
            id: u32::MAX - 1,
            groups: Vec::new(),
        };
        let file = |name: &str, mode: u32| {
            let path = folder.path().join(name);
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let url = format!(
            "postgres://me@db/grind?sslmode=verify-full&passfile={}&sslrootcert=db.pem",
            file("pgpass", 0o600).display()
        );
        let sources = SettingsSources {
            env: [("GRIND__LIBRARY__DIRECTORY".to_owned(), "TESTLIB".to_owned())].into(),
            ..SettingsSources::default()
        };
        let mut loaded = Settings::load_without_secrets(&sources).unwrap();
        loaded.files = vec![file("grind.toml", 0o600), file("open.toml", 0o644)];
        loaded.settings.catalog.url = format!("sqlite://{}", file("catalog.db", 0o644).display());
        loaded.settings.session.ca_file = Some(file("ca.pem", 0o600));
        loaded.settings.work.barcodes_file = Some(file("chosen.txt", 0o600));
        loaded.settings.auth.service_account_file = Some(file("key.json", 0o600));
        let found = |loaded: &LoadedSettings, credentials: Option<&Path>| {
            let found = user.unopened(&opened_files(loaded), credentials);
            let name = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
            let found = found.iter().map(|finding| (name(&finding.key), finding.is_warning()));
            found.collect::<Vec<_>>()
        };
        let of = |named: bool| {
            let named = ["auth.service_account_file", "session.ca_file", "work.barcodes_file"].map(|key| (key, named));
            let all = [("grind.toml", false)]
                .into_iter()
                .chain(named)
                .chain([("catalog.url", false)]);
            all.map(|(key, is_warning)| (key.to_owned(), is_warning))
                .collect::<Vec<_>>()
        };
        assert_eq!(found(&loaded, None), of(true), "systemd may hand some of them over");
        assert_eq!(
            found(&loaded, Some(Path::new("/run/credentials/grind.service"))),
            of(false)
        );
        assert_eq!(found(&loaded, Some(folder.path())), [], "it has handed them over");
        loaded.settings.catalog.url = url;
        assert_eq!(found(&loaded, None).last().unwrap(), &("catalog.url".to_owned(), true));
    }
}
