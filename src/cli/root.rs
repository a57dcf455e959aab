//! Root, where the daemon's user owns the folder: a catalog's log, a book or a token that root wrote there would stop the daemon.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::settings::{Settings, StorageAddress, catalog_file};

/// Owner and group of a folder.
#[derive(Debug, Clone, Copy)]
struct FolderOwner {
    user: u32,
    group: u32,
}

const ROOT: u32 = 0;

/// How the kernel and file servers name an owner that they do not tell.
const NOBODY: u32 = 65_534;

impl FolderOwner {
    /// Of the folder, or of the one in which it would be made.
    fn of(folder: &Path) -> Option<Self> {
        let folder = std::path::absolute(folder).ok()?;
        let there = folder.ancestors().find_map(|folder| folder.metadata().ok())?;
        Some(Self {
            user: there.uid(),
            group: there.gid(),
        })
    }

    /// Whether a caller with this number would leave files in the folder that its owner could not use.
    fn loses_files_to(self, caller: u32) -> bool {
        caller == ROOT && !matches!(self.user, ROOT | NOBODY)
    }

    /// The same command line as the owner's.
    fn command_line(self, users: &str, words: &[String], by_sudo: bool) -> String {
        let program = match name_of(users, self.user) {
            Some(name) => format!("{} grind", as_user(name, by_sudo)),
            None => {
                let Self { user, group } = self;
                format!("setpriv --reuid={user} --regid={group} --clear-groups grind")
            }
        };
        words
            .iter()
            .fold(program, |line, word| format!("{line} {}", shell_quoted(word)))
    }
}

/// The beginning of a command line that root gives to be that user. Where root is signed in, `sudo` may not be installed.
fn as_user(name: &str, by_sudo: bool) -> String {
    match by_sudo {
        true => format!("sudo -u {name}"),
        false => format!("runuser -u {name} --"),
    }
}

/// The same for the daemon's user, in the way in which whoever runs this process is root.
pub fn as_daemon_user() -> String {
    as_user("grind", is_by_sudo())
}

fn is_by_sudo() -> bool {
    std::env::var_os("SUDO_USER").is_some()
}

/// The words of a command line with the configuration that the environment names: another user's environment is not this one.
fn with_config(mut words: Vec<String>, named: Option<String>) -> Vec<String> {
    let is_config = |word: &String| word == "-c" || word == "--config" || word.starts_with("--config=");
    if let Some(file) = named.filter(|_| !words.iter().any(is_config)) {
        words.extend(["--config".to_owned(), file]);
    }
    words
}

/// Refuses root where another user owns the folder of the catalog; a catalog on a server has none.
pub fn refuse_at_catalog(url: &str) -> Result<(), CliError> {
    catalog_file(url).map_or(Ok(()), |file| refuse_beside(&file))
}

/// The same before the storage is written to. Its folder is asked about where the catalog is on a server: beside a catalog of root's the
/// daemon runs as root, as in a container, and its books may lie with anybody.
pub fn refuse_at_storage(settings: &Settings) -> Result<(), CliError> {
    if let Some(catalog) = catalog_file(&settings.catalog.url) {
        return refuse_beside(&catalog);
    }
    let folders = settings
        .book_places()
        .filter_map(|(_, url)| StorageAddress::folder_of(url));
    folders.into_iter().try_for_each(|folder| refuse_in(&folder))
}

/// The same for any file that is to be written.
pub fn refuse_beside(file: &Path) -> Result<(), CliError> {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    refuse_in(file.parent().unwrap_or(&file))
}

fn refuse_in(folder: &Path) -> Result<(), CliError> {
    let Some(owner) = FolderOwner::of(folder) else {
        return Ok(());
    };
    if !owner.loses_files_to(rustix::process::geteuid().as_raw()) {
        return Ok(());
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let words: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let named = std::env::var_os("GRIND_CONFIG").map(|file| file.to_string_lossy().into_owned());
    let line = owner.command_line(&users, &with_config(words, named), is_by_sudo());
    let name = name_of(&users, owner.user).map_or_else(|| format!("the user {}", owner.user), str::to_owned);
    Err(CliError::new(
        ExitStatus::NotPermitted,
        "root would leave files that the daemon cannot use",
    )
    .cause(format!("{} belongs to {name}", folder.display()))
    .advise(format!("Run it as that user: {line}")))
}

fn name_of(users: &str, id: u32) -> Option<&str> {
    let id = id.to_string();
    let mut lines = users.lines().map(|line| line.split(':'));
    lines.find(|fields| fields.clone().nth(2) == Some(&id))?.next()
}

/// A word as a shell reads it.
pub fn shell_quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0::/root:/bin/sh\nbroken\ngrind:x:990:980::/var/lib/grind:/usr/sbin/nologin\n";

    #[test]
    fn only_root_in_the_folder_of_another_is_refused() {
        for (caller, user, refused) in [
            (0, 990, true),
            // A container, or a machine of CI, where root does everything.
            (0, 0, false),
            (0, NOBODY, false),
            (990, 990, false),
            (1_000, 990, false),
            (1_000, 0, false),
        ] {
            let owner = FolderOwner { user, group: user };
            assert_eq!(owner.loses_files_to(caller), refused, "{caller} {user}");
        }
    }

    #[test]
    fn the_line_to_run_instead_has_every_word() {
        let words = ["sync", "--barcodes-file", "my list", "it's", ""].map(str::to_owned);
        for (user, by_sudo, program) in [
            (990, true, "sudo -u grind grind"),
            (990, false, "runuser -u grind -- grind"),
            (991, true, "setpriv --reuid=991 --regid=980 --clear-groups grind"),
        ] {
            let owner = FolderOwner { user, group: 980 };
            let expected = format!(r"{program} sync --barcodes-file 'my list' 'it'\''s' ''");
            assert_eq!(owner.command_line(USERS, &words, by_sudo), expected);
        }
    }

    #[test]
    fn the_configuration_that_the_environment_names_is_named_on_the_line() {
        for (words, named, expected) in [
            (
                &["sync"][..],
                Some("/srv/b.toml"),
                &["sync", "--config", "/srv/b.toml"][..],
            ),
            (&["sync"], None, &["sync"]),
            (
                &["sync", "-c", "a.toml"],
                Some("/srv/b.toml"),
                &["sync", "-c", "a.toml"],
            ),
            (
                &["sync", "--config=a.toml"],
                Some("/srv/b.toml"),
                &["sync", "--config=a.toml"],
            ),
        ] {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(with_config(words, named.map(str::to_owned)), expected);
        }
    }

    #[test]
    fn a_folder_that_is_to_be_made_has_the_owner_of_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        let made = FolderOwner::of(&folder.path().join("a").join("b")).unwrap();
        assert_eq!(made.user, rustix::process::geteuid().as_raw());
    }
}
