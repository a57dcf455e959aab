//! What the daemon's user may, and what is said of what it may not.

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
fn the_running_daemon_has_the_user_and_groups_that_the_kernel_tells() {
    let status = "Name:\tgrind\nUid:\t1000\t991\t991\t991\nGid:\t1000\t981\t981\t981\nGroups:\t50 981 \nThreads:\t9\n";
    let found = ServiceUser::of_process(status).unwrap();
    assert_eq!((found.id, found.groups), (991, vec![981, 50, 981]));
    assert_eq!(ServiceUser::of_process("Name:\tgrind\n"), None);
    let own = ServiceUser::of_process(&fs::read_to_string("/proc/self/status").unwrap()).unwrap();
    assert_eq!(own.id, rustix::process::geteuid().as_raw());
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
    let dropins = folder.path().join("grind.toml.d");
    fs::create_dir(&dropins).unwrap();
    fs::set_permissions(&dropins, fs::Permissions::from_mode(0o700)).unwrap();
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
    let keys = [
        "grind.toml",
        "grind.toml.d",
        "auth.service_account_file",
        "session.ca_file",
        "work.barcodes_file",
        "catalog.url",
    ];
    let all = |is_warning| keys.map(|key| (key.to_owned(), is_warning)).to_vec();
    assert_eq!(
        found(&loaded, None),
        all(true),
        "systemd may hand them over, or it is another library"
    );
    assert_eq!(
        found(&loaded, Some(Path::new("/run/credentials/grind.service"))),
        all(false),
        "in front of a reload"
    );
    fs::set_permissions(&dropins, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(found(&loaded, Some(folder.path())), [], "it has handed them over");
    loaded.settings.catalog.url = url;
    assert_eq!(found(&loaded, None).last().unwrap(), &("catalog.url".to_owned(), true));
}

#[test]
fn by_hand_only_what_is_the_daemons_for_sure_is_an_error() {
    for (purpose, path, is_its_own, expected) in [
        (FilePurpose::Configuration, "/etc/grind/grind.toml", false, true),
        (
            FilePurpose::Configuration,
            "/etc/grind/grind.toml.d/10.toml",
            false,
            true,
        ),
        (FilePurpose::Configuration, "/root/draft.toml", false, false),
        (FilePurpose::Catalog, "/var/lib/grind/catalog.db", true, true),
        (FilePurpose::Catalog, "/srv/other/catalog.db", false, false),
        (FilePurpose::Named, "/etc/grind/key.json", true, false),
    ] {
        assert_eq!(purpose.is_certain(Path::new(path), is_its_own), expected, "{path}");
    }
}

#[test]
fn what_the_unit_hides_is_not_read_whatever_its_rights_are() {
    let user = ServiceUser {
        id: u32::MAX - 1,
        groups: Vec::new(),
    };
    let file = OpenedFile {
        key: "session.ca_file".to_owned(),
        path: "/home/anna/ca.pem".into(),
        purpose: FilePurpose::Named,
    };
    let found = user.unopened(&[file], Some(Path::new("/run/credentials/grind.service")));
    assert!(
        found[0].text.contains("the unit hides /home (ProtectHome=)"),
        "{found:?}"
    );
}

/// A copy may lie beside the configuration, for root alone.
#[test]
fn what_systemd_has_handed_over_is_not_looked_at_beside_the_configuration() {
    let handed = tempfile::tempdir().unwrap();
    std::fs::write(handed.path().join("key.json"), "{}").unwrap();
    let file = |path: &str, purpose| OpenedFile {
        key: "a.key".to_owned(),
        path: path.into(),
        purpose,
    };
    for (path, purpose, expected) in [
        ("/etc/grind/key.json", FilePurpose::Named, true),
        ("/etc/grind/other.json", FilePurpose::Named, false),
        ("/srv/keys/key.json", FilePurpose::Named, false),
        ("/etc/grind/key.json", FilePurpose::Configuration, false),
        ("/etc/grind/key.json", FilePurpose::Catalog, false),
    ] {
        assert_eq!(
            file(path, purpose).is_among(handed.path(), Path::new("/etc/grind")),
            expected,
            "{path} {purpose:?}"
        );
    }
}
