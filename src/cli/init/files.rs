//! The two files: their text, and how they are written.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::init::answers::{InitAnswers, SignInAnswer};
use crate::settings::StorageAddress;

/// Where the daemon keeps a person's tokens, which it renews.
pub const CREDENTIALS: &str = "/var/lib/grind/credentials.json";

/// A file to be written.
pub struct NewFile {
    /// Where.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// Its permission bits.
    pub mode: u32,
}

impl InitAnswers {
    /// The configuration file.
    pub fn configuration(&self) -> Result<String, CliError> {
        let secrets = self.secrets()?;
        let mut text = String::from(
            "# Written by grind init. Every key with its default: grind check-config --print.\n\
             # Files of secrets are named without a folder: systemd hands them over (credentials.conf), and commands that are run by hand\n\
             # look for them beside this file.\n\n",
        );
        let mut section = |name: &str, pairs: &[(&str, Option<&str>)]| {
            let _ = writeln!(text, "[{name}]");
            let own = secrets.iter().filter(|secret| secret.section == name);
            let own = own.map(|secret| (secret.key, Some(secret.name.as_str())));
            for (key, value) in pairs.iter().copied().chain(own) {
                let value = value.map(|value| toml::Value::from(value).to_string());
                let _ = value.map(|value| writeln!(text, "{key} = {value}"));
            }
            text.push('\n');
        };
        section("library", &[("directory", Some(&self.library))]);
        let credentials = matches!(self.sign_in, SignInAnswer::Person(_)).then_some(CREDENTIALS);
        section("auth", &[("credentials_file", credentials)]);
        section("archive", &[]);
        let endpoint = self.store.endpoint.as_ref().map(url::Url::as_str);
        let place = [
            ("url", Some(self.storage.as_str())),
            ("endpoint", endpoint),
            ("region", self.store.region.as_deref()),
            ("account", self.store.account.as_deref()),
        ];
        section("storage", &place);
        let queues = match self.asks_for_conversions {
            true => r#"["converted", "previous", "unconverted"]"#,
            false => r#"["converted"]"#,
        };
        let _ = writeln!(
            text,
            "[work]\n# GRIN is asked to convert the other books only with \"previous\" (fetched before, and gone from GRIN's pool) and \
             \"unconverted\".\nqueues = {queues}"
        );
        Ok(text)
    }

    /// The drop-in of the unit.
    pub fn drop_in(&self) -> Result<String, CliError> {
        let mut text =
            String::from("# Written by grind init. Secrets that systemd hands to the daemon alone.\n[Service]\n");
        for secret in self.secrets()? {
            let _ = writeln!(text, "LoadCredential={}:{}", secret.name, literal(secret.file));
        }
        if let Some(folder) = StorageAddress::folder_of(&self.storage) {
            let folder = literal(&folder).replace('\\', r"\\").replace('"', r#"\""#);
            let _ = writeln!(text, "ReadWritePaths=\"-{folder}\"");
        }
        Ok(text)
    }
}

/// A path as a unit has it, where a percent sign begins a specifier.
fn literal(path: &Path) -> String {
    path.display().to_string().replace('%', "%%")
}

/// A file that says nothing, such as the one that a package brings, may be replaced: only comments and blank lines are in it.
fn says_nothing(path: &Path) -> bool {
    let is_silent = |line: &str| line.trim_start().is_empty() || line.trim_start().starts_with('#');
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_file())
        && fs::read_to_string(path).is_ok_and(|text| text.lines().all(is_silent))
}

/// Refuses files that are there already, unless they may be replaced.
pub fn refuse_existing(paths: &[PathBuf], force: bool) -> Result<(), CliError> {
    let is_kept = |path: &&PathBuf| !force && path.symlink_metadata().is_ok() && !says_nothing(path);
    let there = paths.iter().filter(is_kept);
    let there: Vec<String> = there.map(|path| path.display().to_string()).collect();
    if there.is_empty() {
        return Ok(());
    }
    Err(CliError::new(
        ExitStatus::CannotCreate,
        "a file is there already, and nothing was written",
    )
    .cause(there.join(", "))
    .advise("Give --force to replace it, or name another with --config or --drop-in."))
}

/// Writes all of them, or leaves everything as it was.
pub fn write_all(files: &[NewFile], force: bool) -> Result<(), CliError> {
    let staged: Result<Vec<_>, _> = files.iter().map(NewFile::stage).collect();
    let mut placed = Vec::new();
    for file in staged.map_err(|error| taken_back(error, Vec::new()))? {
        match file.place(force) {
            Ok(file) => placed.push(file),
            Err(error) => return Err(taken_back(error, placed)),
        }
    }
    Ok(())
}

/// The error, after everything is as it was; or with what is not.
fn taken_back(error: CliError, placed: Vec<PlacedFile<'_>>) -> CliError {
    let stay: Vec<String> = placed.into_iter().rev().filter_map(PlacedFile::take_back).collect();
    match stay.is_empty() {
        true => error.cause("nothing was changed"),
        false => stay.into_iter().fold(error, CliError::cause),
    }
}

/// A file beside its place, whole.
struct StagedFile<'a> {
    path: &'a Path,
    file: NamedTempFile,
}

/// A file in its place.
struct PlacedFile<'a> {
    path: &'a Path,
    /// What was there before, under another name.
    before: Option<NamedTempFile<()>>,
}

impl NewFile {
    /// A file appears whole, with the group of its folder: the daemon's group may read what lies in its folder.
    fn stage(&self) -> Result<StagedFile<'_>, CliError> {
        let file = self.beside().map_err(|error| not_written(&self.path, &error))?;
        let path = &self.path;
        Ok(StagedFile { path, file })
    }

    fn beside(&self) -> io::Result<NamedTempFile> {
        let folder = folder_of(&self.path);
        fs::create_dir_all(folder)?;
        let mut new = NamedTempFile::new_in(folder)?;
        io::Write::write_all(&mut new, self.text.as_bytes())?;
        let group = rustix::fs::Gid::from_raw(fs::metadata(folder)?.gid());
        // Who may not give it to that group leaves it with their own.
        let _kept_with_their_own = rustix::fs::fchown(new.as_file(), None, Some(group));
        new.as_file().set_permissions(fs::Permissions::from_mode(self.mode))?;
        new.as_file().sync_all()?;
        Ok(new)
    }
}

impl<'a> StagedFile<'a> {
    fn place(self, force: bool) -> Result<PlacedFile<'a>, CliError> {
        let path = self.path;
        self.rename(force).map_err(|error| not_written(path, &error))
    }

    fn rename(self, force: bool) -> io::Result<PlacedFile<'a>> {
        let Self { path, file } = self;
        let is_there = path.symlink_metadata().is_ok();
        if !(is_there && (force || says_nothing(path))) {
            file.persist_noclobber(path)?;
            return Ok(PlacedFile { path, before: None });
        }
        let another_name = |name: &Path| fs::hard_link(path, name);
        let before = Some(tempfile::Builder::new().make_in(folder_of(path), another_name)?);
        file.persist(path)?;
        Ok(PlacedFile { path, before })
    }
}

impl PlacedFile<'_> {
    /// Puts back what was there; says so where that cannot be done.
    fn take_back(self) -> Option<String> {
        let taken = match self.before {
            Some(before) => before.persist(self.path).map(drop).map_err(|failed| failed.error),
            None => fs::remove_file(self.path),
        };
        let why = taken.err()?;
        Some(format!("{} was written and stays: {why}", self.path.display()))
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

fn not_written(path: &Path, error: &io::Error) -> CliError {
    CliError::new(ExitStatus::CannotCreate, format!("cannot write {}", path.display()))
        .because(error)
        .advise("Run it as root, or name other files with --config and --drop-in.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::init::answers::StoreAnswers;

    fn answers() -> InitAnswers {
        InitAnswers {
            library: "Harvard".to_owned(),
            storage: "file:///srv/library".to_owned(),
            store: StoreAnswers::default(),
            storage_keys: None,
            sign_in: SignInAnswer::Person("/etc/grind/client.json".into()),
            passphrase: "/root/100%/gpg".into(),
            asks_for_conversions: false,
        }
    }

    #[test]
    fn configuration_and_drop_in_name_the_same_credentials() {
        let text = answers().configuration().unwrap();
        let read: toml::Table = text.parse().unwrap();
        assert_eq!(read["auth"]["client_secret_file"].as_str(), Some("client.json"));
        assert_eq!(read["auth"]["credentials_file"].as_str(), Some(CREDENTIALS));
        assert_eq!(read["archive"]["passphrase_file"].as_str(), Some("gpg"));
        let unit = answers().drop_in().unwrap();
        assert!(
            unit.contains("\nLoadCredential=client.json:/etc/grind/client.json\n"),
            "{unit}"
        );
        assert!(unit.contains("\nLoadCredential=gpg:/root/100%%/gpg\n"), "{unit}");
        assert!(unit.contains("\nReadWritePaths=\"-/srv/library\"\n"), "{unit}");
    }

    #[test]
    fn keys_of_an_object_store_are_a_credential_and_odd_folders_are_quoted() {
        let in_bucket = InitAnswers {
            storage: "s3://bucket".to_owned(),
            store: StoreAnswers {
                account: Some("books2".to_owned()),
                ..StoreAnswers::default()
            },
            storage_keys: Some("/root/s3-keys/aws".into()),
            ..answers()
        };
        let read: toml::Table = in_bucket.configuration().unwrap().parse().unwrap();
        assert_eq!(read["storage"]["credentials_file"].as_str(), Some("aws"));
        assert_eq!(read["storage"]["account"].as_str(), Some("books2"));
        let unit = in_bucket.drop_in().unwrap();
        assert!(unit.contains("\nLoadCredential=aws:/root/s3-keys/aws\n"), "{unit}");
        assert!(!unit.contains("ReadWritePaths"), "{unit}");
        let odd = InitAnswers {
            storage: r#"file:///srv/a "b" \c"#.to_owned(),
            ..answers()
        };
        let unit = odd.drop_in().unwrap();
        assert!(unit.contains(r#"ReadWritePaths="-/srv/a \"b\" "#), "{unit}");
    }

    #[test]
    fn files_of_one_name_or_of_names_that_systemd_reads_otherwise_are_refused() {
        for (client, passphrase) in [
            ("/a/secret", "/b/secret"),
            ("/a/x:y", "/b/z"),
            ("/a/x", "/b/100%"),
            ("/a/x", "/my keys/z"),
            ("/it's/x", "/b/z"),
        ] {
            let answers = InitAnswers {
                sign_in: SignInAnswer::ServiceAccount(client.into()),
                passphrase: passphrase.into(),
                ..answers()
            };
            assert!(answers.drop_in().is_err(), "{client} {passphrase}");
        }
    }

    #[test]
    fn a_file_that_is_there_is_replaced_by_force_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = NewFile {
            path: folder.path().join("sub").join("b"),
            text: "new\n".to_owned(),
            mode: 0o640,
        };
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::write(&file.path, "old\n").unwrap();
        let refused = refuse_existing(&[folder.path().join("a"), file.path.clone()], false).unwrap_err();
        assert_eq!(refused.exit(), ExitStatus::CannotCreate);
        let write = |force| write_all(std::slice::from_ref(&file), force);
        assert_eq!(write(false).unwrap_err().exit(), ExitStatus::CannotCreate);
        assert_eq!(fs::read_to_string(&file.path).unwrap(), "old\n");
        fs::write(&file.path, "# [library]\n\n  # directory = \"Harvard\"\n").unwrap();
        refuse_existing(std::slice::from_ref(&file.path), false).unwrap();
        write(false).unwrap();
        assert_eq!(fs::read_to_string(&file.path).unwrap(), "new\n", "it had said nothing");
        refuse_existing(std::slice::from_ref(&file.path), true).unwrap();
        write(true).unwrap();
        assert_eq!(fs::read_to_string(&file.path).unwrap(), "new\n");
        assert_eq!(fs::metadata(&file.path).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn what_stays_is_said_and_not_that_nothing_was_changed() {
        let folder = tempfile::tempdir().unwrap();
        let one = folder.path().join("one");
        // What was placed there cannot be removed any more.
        fs::create_dir(&one).unwrap();
        let placed = PlacedFile {
            path: &one,
            before: None,
        };
        let error = CliError::new(ExitStatus::CannotCreate, "cannot write other");
        let said = taken_back(error, vec![placed]).to_string();
        assert!(said.contains("one was written and stays"), "{said}");
        assert!(!said.contains("nothing was changed"), "{said}");
    }

    #[test]
    fn when_the_second_cannot_be_written_the_first_is_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        fs::create_dir(&other).unwrap();
        let files = [&one, &other].map(|path| NewFile {
            path: path.clone(),
            text: "new\n".to_owned(),
            mode: 0o640,
        });
        let names = || {
            let mut names: Vec<_> = fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            names.sort();
            names
        };
        assert_eq!(write_all(&files, false).unwrap_err().exit(), ExitStatus::CannotCreate);
        assert_eq!(names(), ["other"]);
        fs::write(&one, "# old\n").unwrap();
        for force in [false, true] {
            let error = write_all(&files, force).unwrap_err().to_string();
            assert!(
                error.contains("other") && error.contains("nothing was changed"),
                "{error}"
            );
            assert_eq!(fs::read_to_string(&one).unwrap(), "# old\n");
            assert_eq!(names(), ["one", "other"]);
        }
    }
}
