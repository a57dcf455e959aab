//! What the daemon's user may read and write, where the check itself runs as root, who may everything.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::catalog::CatalogAddress;
use crate::cli::exit::ExitStatus;
use crate::cli::preflight::line::CheckLine;
use crate::settings::{Settings, StorageAddress};

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

/// What root is told besides: nothing where the check runs as another user.
pub fn check(settings: &Settings) -> Vec<CheckLine> {
    if !rustix::process::geteuid().is_root() {
        return Vec::new();
    }
    let text = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let Some(user) = ServiceUser::find(&text("/etc/passwd"), &text("/etc/group")) else {
        let text = "this check runs as root, who may read and write what the daemon's user may not, and there is no user grind: run it as \
                    the daemon's user";
        return vec![CheckLine::doubtful("user", text)];
    };
    let mut lines: Vec<CheckLine> = settings
        .secret_files()
        .filter_map(|(key, file)| user.unread(key, file))
        .collect();
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
            "the user grind can read the secrets, and write storage and catalog",
        ));
    }
    lines
}

/// Whether the daemon of the unit is asked about: by root, or by its user. Others run the program for themselves.
pub fn is_asked_for() -> bool {
    let caller = rustix::process::geteuid();
    let text = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let user = ServiceUser::find(&text("/etc/passwd"), &text("/etc/group"));
    user.is_some_and(|user| caller.is_root() || caller.as_raw() == user.id)
}

fn catalog_folder(settings: &Settings) -> Option<PathBuf> {
    let address = CatalogAddress::parse(&settings.catalog.url).ok()?;
    Some(address.file()?.parent()?.to_owned())
}

impl ServiceUser {
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
            Ok(found) => self.may(
                FileRights {
                    owner: found.uid(),
                    group: found.gid(),
                    mode: found.mode(),
                },
                wanted,
            ),
            Err(_) => true,
        };
        let mut way: Vec<&Path> = path.ancestors().skip(1).collect();
        way.reverse();
        let folder = way.into_iter().find(|folder| !of(folder, ENTER));
        folder.or_else(|| (!of(path, wanted)).then_some(path))
    }

    fn unread(&self, key: &str, file: &Path) -> Option<CheckLine> {
        let place = self.kept_out(file, READ)?.display();
        let text = format!(
            "the user grind cannot read {}, because of the rights of {place}. Give it to that user (chown grind), or have systemd hand it \
             over (LoadCredential=), which serves the daemon and not commands run by hand.",
            file.display()
        );
        Some(CheckLine::doubtful(key, text))
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
        assert!(user.unread("auth.x", &file).is_some());
        assert!(user.unwritten("storage.url", &folder.path().join("new")).is_some());
    }
}
