//! `grind init`, with every answer as a flag, and without a terminal.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use grind::settings::{DEMO_PASSPHRASE, Settings, SettingsSources};
use grind::vocabulary::Queue;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::library;
use crate::support::{Finished, Home, finish};

/// A folder with secrets beside where the configuration goes.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new(passphrase: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let etc = folder.path().join("etc/grind");
        fs::create_dir_all(&etc).unwrap();
        let client = r#"{"installed": {"client_id": "x", "client_secret": "y",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": "https://oauth2.googleapis.com/token"}}"#;
        for (name, text) in [("client.json", client), ("gpg_passphrase", passphrase)] {
            fs::write(etc.join(name), text).unwrap();
            fs::set_permissions(etc.join(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn init(&self, extra: &[&str], environment: &[(&str, String)]) -> Finished {
        let storage = format!("file://{}", self.path("library").display());
        self.init_at(&storage, extra, environment)
    }

    fn init_at(&self, storage: &str, extra: &[&str], environment: &[(&str, String)]) -> Finished {
        let mut command = Command::new(env!("CARGO_BIN_EXE_grind"));
        command.args(["init", "--storage", storage]).args(extra);
        command.arg("--root").arg(self.folder.path());
        command
            .arg("--client-secret-file")
            .arg(self.path("etc/grind/client.json"));
        command
            .arg("--passphrase-file")
            .arg(self.path("etc/grind/gpg_passphrase"));
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        finish(command.spawn().unwrap())
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn flags_alone_write_a_configuration_that_is_sound_and_never_over_another() {
    let desk = Desk::new("secret\n");
    let ended = desk.init(&["--library", "TESTLIB"], &[]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    assert!(ended.out.contains("grind auth login"), "{}", ended.out);
    let configuration = desk.path("etc/grind/grind.toml");
    let settings = Settings::load(&SettingsSources::of_file(&configuration))
        .unwrap()
        .settings;
    assert_eq!(settings.library.directory, "TESTLIB");
    assert_eq!(settings.work.queues, [Queue::Converted]);
    assert_eq!(
        settings.archive.passphrase_file,
        Some(desk.path("etc/grind/gpg_passphrase"))
    );
    let unit = read(&desk.path("etc/systemd/system/grind.service.d/credentials.conf"));
    for named in ["client.json", "gpg_passphrase"] {
        // As the image has it.
        assert!(
            unit.contains(&format!("\nLoadCredential={named}:/etc/grind/{named}\n")),
            "{unit}"
        );
    }
    assert!(ended.out.contains("600 /etc/grind/gpg_passphrase\n"), "{}", ended.out);
    assert!(!read(&configuration).contains("secret\n") && !desk.path("library").exists());
    let before = read(&configuration);
    let again = desk.init(&["--library", "OTHER"], &[]);
    assert_eq!(
        (again.status.code(), read(&configuration)),
        (Some(73), before),
        "{}",
        again.err
    );
    let other = ["--library", "OTHER", "--force", "--ask-for-conversions", "yes"];
    let forced = desk.init(&other, &[]);
    assert_eq!(forced.status.code(), Some(0), "{}", forced.err);
    let settings = Settings::load(&SettingsSources::of_file(&configuration))
        .unwrap()
        .settings;
    assert_eq!(settings.library.directory, "OTHER");
    assert_eq!(
        settings.work.queues,
        [Queue::Converted, Queue::Previous, Queue::Unconverted]
    );
}

/// Both ends of a terminal.
fn terminal() -> (fs::File, OwnedFd) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let path = ptsname(&person, Vec::new()).unwrap();
    let program = rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    (fs::File::from(person), program)
}

#[test]
fn on_a_terminal_each_answer_is_asked_for_and_a_wrong_one_again() {
    let desk = Desk::new("secret\n");
    let (mut person, program) = terminal();
    let (client, passphrase) = (
        desk.path("etc/grind/client.json"),
        desk.path("etc/grind/gpg_passphrase"),
    );
    let library = format!("file://{}", desk.path("library").display());
    let typed = [
        "../x".to_owned(),
        "TESTLIB".to_owned(),
        library,
        "2".to_owned(),
        "/nowhere/client.json".to_owned(),
        client.display().to_string(),
        passphrase.display().to_string(),
        "no".to_owned(),
    ];
    for line in typed {
        writeln!(person, "{line}").unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_grind"));
    command.arg("init").arg("--root").arg(desk.folder.path());
    command.stdin(program).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = finish(command.spawn().unwrap());
    assert_eq!(ended.status.code(), Some(0), "{} {}", ended.out, ended.err);
    for (words, times) in [
        ("GRIN's directory for your library", 2),
        ("Where books go", 1),
        ("The client secret file", 2),
        ("The file with the passphrase", 1),
        ("Ask it to convert", 1),
        ("/nowhere/client.json", 1),
    ] {
        assert_eq!(ended.out.matches(words).count(), times, "{words}: {}", ended.out);
    }
    assert!(read(&desk.path("etc/grind/grind.toml")).contains("\"TESTLIB\""));
}

#[test]
fn what_the_environment_names_goes_under_the_root_too() {
    let desk = Desk::new("secret\n");
    let named = [("GRIND_CONFIG", "/srv/other/grind.toml".to_owned())];
    let ended = desk.init(&["--library", "TESTLIB"], &named);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    assert!(read(&desk.path("srv/other/grind.toml")).contains("TESTLIB"));
}

#[test]
fn a_missing_answer_and_a_wrong_one_write_nothing() {
    let desk = Desk::new("secret\n");
    let missing = desk.init(&[], &[]);
    assert_eq!(missing.status.code(), Some(2), "{}", missing.err);
    assert!(missing.err.contains("--library is missing"), "{}", missing.err);
    let wrong = desk.init(&["--library", "../x"], &[]);
    assert_eq!(wrong.status.code(), Some(78), "{}", wrong.err);
    fs::write(desk.path("etc/grind/gpg_passphrase"), "\n").unwrap();
    let empty = desk.init(&["--library", "TESTLIB"], &[]);
    assert_eq!(empty.status.code(), Some(78), "{}", empty.err);
    assert!(empty.err.contains("--passphrase-file"), "{}", empty.err);
    let mut odd = Command::new(env!("CARGO_BIN_EXE_grind"));
    odd.args([
        "init",
        "--storage",
        "s3://books",
        "--library",
        "TESTLIB",
        "--storage-keys-file",
    ]);
    odd.arg(OsStr::from_bytes(b"/etc/grind/\xff")).stdin(Stdio::null());
    let odd = odd.output().unwrap();
    let said = String::from_utf8_lossy(&odd.stderr).into_owned();
    assert!(odd.status.code() == Some(78) && said.contains("not UTF-8"), "{said}");
    assert!(!desk.path("etc/grind/grind.toml").exists());
    assert!(!desk.path("etc/systemd").exists());
}

#[test]
fn with_connect_the_answers_are_tried_against_the_services() {
    let home = Home::new(library(2), "");
    let desk = Desk::new(DEMO_PASSPHRASE);
    let catalog = format!("sqlite://{}", desk.path("catalog.db").display());
    // Nobody has signed in yet: there is no file of credentials, and the simulator lets everybody in.
    let environment = [
        ("GRIND__GRIN__BASE_URL", home.simulator.base_url()),
        ("GRIND__CATALOG__URL", catalog),
        ("GRIND__STORAGE__DISK_RESERVE", "0%".to_owned()),
    ];
    let ended = desk.init(&["--library", "TESTLIB", "--connect"], &environment);
    assert!(
        ended.out.contains("error: auth: not signed in"),
        "{} {}",
        ended.out,
        ended.err
    );
    assert!(ended.out.contains("ok: storage.url: "), "{}", ended.out);
    assert_eq!(ended.status.code(), Some(77), "{}", ended.out);
    assert!(ended.out.contains("Next:\n1. "), "{}", ended.out);
}

#[test]
fn an_object_store_is_tried_with_the_keys_that_the_daemon_will_have() {
    let server = crate::storage_s3::server::Server::start();
    let desk = Desk::new("secret\n");
    let keys = desk.path("etc/grind/store_keys");
    let said = |secret: &str| format!("aws_access_key_id = key\naws_secret_access_key = {secret}\n");
    fs::write(&keys, said("another")).unwrap();
    let endpoint = server.endpoint();
    let flags = ["--library", "TESTLIB", "--endpoint", &endpoint, "--region", "us-east-1"];
    let flags = [&flags[..], &["--storage-keys-file", keys.to_str().unwrap()]].concat();
    let init = || desk.init_at("s3://books/library", &flags, &[]);
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = init();
    assert_eq!(exposed.status.code(), Some(78), "{}", exposed.err);
    assert!(exposed.err.contains("--storage-keys-file"), "{}", exposed.err);
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    let refused = init();
    assert_eq!(refused.status.code(), Some(78), "{}", refused.err);
    assert!(!desk.path("etc/grind/grind.toml").exists());
    fs::write(&keys, said("secret")).unwrap();
    let ended = init();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    let settings = Settings::load(&SettingsSources::of_file(&desk.path("etc/grind/grind.toml")))
        .unwrap()
        .settings;
    assert_eq!(settings.storage.credentials_file.as_ref(), Some(&keys));
    let unit = read(&desk.path("etc/systemd/system/grind.service.d/credentials.conf"));
    assert_eq!(unit.matches("LoadCredential=").count(), 3, "{unit}");
    let none = desk.init(&[&flags[..], &["--force"]].concat(), &[]);
    assert!(none.err.contains("is no object store"), "{}", none.err);
}
