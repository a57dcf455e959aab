//! Whether a folder can be a library's own: nobody's home, and none that the unit hides from the daemon. It is given to the daemon's user,
//! and whose home that was could not sign in by key any more.

use std::path::{Path, PathBuf};

use crate::storage::{MARKER_NAME, TEMPORARY};

/// What `ProtectHome=yes` of the unit hides, whatever `ReadWritePaths=` says.
const HIDDEN: [&str; 3] = ["/home", "/root", "/run/user"];

/// How entries are called that a file system or its server makes, or an upload under way; the last ones have more behind.
const OF_FILE_SYSTEMS: [&str; 8] = [
    TEMPORARY,
    ".snapshot",
    ".snapshots",
    ".snap",
    ".zfs",
    ".glusterfs",
    ".Trash",
    ".fscrypt",
];
const BEGINNINGS_OF_FILE_SYSTEMS: [&str; 3] = [".nfs", ".Trash-", ".fuse_hidden"];

/// Why a folder cannot be a library's, and what to do; `None`: it can, as far as this can be seen. `is_of_unit`: for the daemon that systemd
/// starts.
pub fn not_its_own(folder: &Path, is_of_unit: bool) -> Option<String> {
    let folder = resolved(folder);
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let entries = std::fs::read_dir(&folder).into_iter().flatten();
    let names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    let why = why_not(&folder, is_of_unit, &users, &names)?;
    Some(format!("{} {why}", folder.display()))
}

fn why_not(folder: &Path, is_of_unit: bool, users: &str, names: &[String]) -> Option<String> {
    const OWN: &str = "and a library has a folder of its own: name one below it, which may be new";
    if folder.parent().is_none() {
        return Some(format!("is the whole machine, {OWN}"));
    }
    if let Some(hidden) = hidden_from_unit(folder).filter(|_| is_of_unit) {
        return Some(format!(
            "lies in {hidden}, which the unit hides from the daemon (ProtectHome=): name one elsewhere, as in file:///srv/library"
        ));
    }
    if let Some(user) = user_at_home(users, folder) {
        return Some(format!("is the home of the user {user}, {OWN}"));
    }
    // A folder that holds a library was given to it.
    let is_library = names.iter().any(|name| name == MARKER_NAME);
    let of_person = names.iter().find(|name| !is_library && is_of_person(name))?;
    Some(format!("holds what lies in a person's home ({of_person}), {OWN}"))
}

/// The folder around a path that the unit hides from the daemon.
pub fn hidden_from_unit(path: &Path) -> Option<&'static str> {
    HIDDEN.into_iter().find(|hidden| path.starts_with(hidden))
}

/// Whether an entry of this name is a person's: its name begins with a dot, and no file system is known to make it.
fn is_of_person(name: &str) -> bool {
    let is_of_file_system =
        OF_FILE_SYSTEMS.contains(&name) || BEGINNINGS_OF_FILE_SYSTEMS.iter().any(|begin| name.starts_with(begin));
    name.starts_with('.') && !is_of_file_system
}

fn user_at_home<'a>(users: &'a str, folder: &Path) -> Option<&'a str> {
    let mut users = users.lines().map(|line| line.split(':'));
    let user = users.find(|fields| {
        let home = fields.clone().nth(5).filter(|home| !home.is_empty());
        home.is_some_and(|home| Path::new(home) == folder)
    });
    user?.next()
}

/// Without links, as far as it is there.
fn resolved(folder: &Path) -> PathBuf {
    let there = folder
        .ancestors()
        .find_map(|ancestor| Some((ancestor.canonicalize().ok()?, folder.strip_prefix(ancestor).ok()?)));
    match there {
        Some((there, missing)) => there.join(missing).components().collect(),
        None => folder.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0::/root:/bin/sh\nbroken\nanna:x:1000:1000::/srv/people/anna:/bin/sh\n\
        nobody:x:65534:65534::/nonexistent:/bin/false\nodd:x:1::\n";

    #[test]
    fn no_home_is_a_librarys_folder_and_none_that_the_unit_hides() {
        let persons = [".bashrc", ".profile", ".ssh"];
        for (folder, is_of_unit, names, words) in [
            ("/srv/library", true, &[][..], None),
            (
                "/srv/library",
                true,
                &["raw", "lost+found", ".snapshot", ".nfs0001", TEMPORARY],
                None,
            ),
            ("/srv/library", true, &persons, Some("(.bashrc)")),
            ("/srv/library", true, &["raw", ".config"], Some("(.config)")),
            // Where a library lies already, such a file does no harm.
            ("/srv/library", true, &["raw", ".config", MARKER_NAME], None),
            ("/", true, &[], Some("the whole machine")),
            ("/", false, &[MARKER_NAME], Some("the whole machine")),
            ("/root", true, &[], Some("lies in /root")),
            ("/root", false, &[], Some("the home of the user root")),
            ("/root/library", true, &[], Some("lies in /root")),
            ("/root/library", false, &[], None),
            ("/home", true, &[], Some("lies in /home")),
            ("/home/anna/books", true, &[MARKER_NAME], Some("lies in /home")),
            // By hand, a person's own folder is as good as any.
            ("/home/anna/books", false, &[], None),
            ("/homely/books", true, &[], None),
            ("/run/user/1000/x", true, &[], Some("lies in /run/user")),
            ("/srv/people/anna", true, &[], Some("the home of the user anna")),
            ("/srv/people/anna/books", true, &[], None),
        ] {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let why = why_not(Path::new(folder), is_of_unit, USERS, &names);
            let is_said = match (&why, words) {
                (Some(why), Some(words)) => why.contains(words),
                (why, words) => why.is_none() && words.is_none(),
            };
            assert!(is_said, "{folder} {is_of_unit} {names:?}: {why:?}");
        }
    }

    #[test]
    fn the_unit_hides_the_homes() {
        assert!(include_str!("../../settings/grind.service").contains("\nProtectHome=yes\n"));
    }

    #[test]
    fn a_link_is_followed_as_far_as_it_leads() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/", folder.path().join("link")).unwrap();
        let told = not_its_own(&folder.path().join("link/root/new"), true).unwrap();
        assert!(told.starts_with("/root/new lies in /root,"), "{told}");
        assert_eq!(not_its_own(&folder.path().join("new/library"), true), None);
    }
}
