//! The files shipped in `settings/` are valid, and `check-config` answers with its documented exit code and text.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use grind::cli::check_config::{SOUND, WRONG, outcome};
use grind::settings::{Settings, SettingsFindingLevel, SettingsSources};

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("settings").join(name)
}

#[test]
fn the_demo_config_is_sound_without_a_warning() {
    let loaded = Settings::load(&SettingsSources::of_file(&shipped("demo.toml"))).unwrap();
    assert_eq!(loaded.findings, []);
}

#[test]
fn the_example_config_lacks_nothing_but_its_secrets() {
    let error = Settings::load(&SettingsSources::of_file(&shipped("example.toml"))).unwrap_err();
    let errors: Vec<_> = error
        .findings
        .iter()
        .filter(|finding| finding.level == SettingsFindingLevel::Error)
        .collect();
    assert!(
        errors
            .iter()
            .all(|finding| finding.key.ends_with("_file") && finding.text.ends_with("not there")),
        "{errors:?}"
    );
    assert_eq!(errors.len(), 2, "{errors:?}");
}

#[test]
fn check_config_answers_with_code_and_text() {
    let demo = || Settings::load(&SettingsSources::of_file(&shipped("demo.toml")));
    let sound = outcome(demo(), false);
    assert_eq!((sound.code, sound.findings.as_str()), (SOUND, ""));
    assert!(
        sound.output.starts_with("the configuration is sound: "),
        "{}",
        sound.output
    );

    let printed = outcome(demo(), true);
    assert!(
        printed.output.contains("[shutdown]\ngrace = \"1m\""),
        "{}",
        printed.output
    );

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.toml");
    std::fs::write(
        &file,
        "[library]\ndirectory = \"X\"\n[session]\nlimt = 3\nread_timeout = 4\n",
    )
    .unwrap();
    let refused = outcome(Settings::load(&SettingsSources::of_file(&file)), true);
    assert_eq!((refused.code, refused.output.as_str()), (WRONG, ""));
    assert!(
        refused.findings.contains("error: session.limt in "),
        "{}",
        refused.findings
    );
    assert!(
        refused.findings.contains("error: session.read_timeout in "),
        "{}",
        refused.findings
    );
    assert!(refused.findings.contains("wrong: errors: 2, "), "{}", refused.findings);
}

#[test]
fn check_config_refuses_a_password_file_that_everybody_can_read() {
    let folder = tempfile::tempdir().unwrap();
    let (config, file) = (folder.path().join("grind.toml"), folder.path().join("pgpass"));
    std::fs::write(&file, "*:*:*:me:secret\n").unwrap();
    let root = folder.path().display();
    let text = format!(
        "[library]\ndirectory = \"X\"\n[storage]\nurl = \"file://{root}/library\"\n\
         [catalog]\nurl = \"postgres://me@localhost/grind?passfile={}\"\n",
        file.display()
    );
    std::fs::write(&config, text).unwrap();
    for (mode, code) in [(0o600, SOUND), (0o644, WRONG)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let said = outcome(Settings::load(&SettingsSources::of_file(&config)), false);
        assert_eq!(said.code, code, "{mode:o}: {}", said.findings);
        let is_told = said.findings.contains("error: catalog.url: ") && said.findings.contains("chmod 600");
        assert_eq!(is_told, code == WRONG, "{}", said.findings);
    }
}

#[test]
fn check_config_refuses_the_files_that_a_run_would_refuse() {
    const CREDENTIALS: &str = r#"{"refresh_token": "r", "client_id": "c", "client_secret": "s"}"#;
    const KEY: &str = r#"{"type": "service_account", "client_email": "a@b", "token_uri": "https://oauth2.googleapis.com/token",
        "private_key": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"}"#;
    let cases: &[(&str, &str, &[&str])] = &[
        ("auth.credentials_file", CREDENTIALS, &[]),
        (
            "auth.credentials_file",
            "{}",
            &["its field \"refresh_token\" is missing"],
        ),
        (
            "auth.credentials_file",
            r#"{"type": "external_account"}"#,
            &["its field \"type\" is not"],
        ),
        ("auth.client_secret_file", "{}", &["no section \"installed\""]),
        ("auth.service_account_file", "{}", &["its field \"type\" is missing"]),
        (
            "auth.service_account_file",
            r#"{"type": "service_account"}"#,
            &["its field \"client_email\" is missing"],
        ),
        (
            "auth.service_account_file",
            r#"{"type": "service_account", "client_email": "a@b"}"#,
            &["its field \"private_key\" is missing"],
        ),
        ("auth.service_account_file", KEY, &["private_key", "no RSA key in PEM"]),
        ("work.barcodes_file", "TL0001\nTL0002\n", &[]),
        (
            "work.barcodes_file",
            "TL0001\n39015.01\n\n-x\n",
            &["line 2: \"39015.01\"", "line 4: \"-x\""],
        ),
        ("archive.secret_key_file", "no key", &["archive.secret_key_file"]),
    ];
    let folder = tempfile::tempdir().unwrap();
    let (config, file) = (folder.path().join("grind.toml"), folder.path().join("named"));
    for (key, content, words) in cases {
        std::fs::write(&file, content).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let (section, name) = key.split_once('.').unwrap();
        let root = folder.path().display();
        let text = format!(
            "[library]\ndirectory = \"X\"\n[storage]\nurl = \"file://{root}/library\"\n\
             [catalog]\nurl = \"sqlite://{root}/catalog.db\"\n[{section}]\n{name} = \"{}\"\n",
            file.display()
        );
        std::fs::write(&config, text).unwrap();
        let said = outcome(Settings::load(&SettingsSources::of_file(&config)), false);
        let code = if words.is_empty() { SOUND } else { WRONG };
        assert_eq!(said.code, code, "{key} {content}: {}", said.findings);
        let named = file.display().to_string();
        let mut expected: Vec<&str> = words.to_vec();
        expected.extend((!words.is_empty()).then_some([*key, &named]).into_iter().flatten());
        for word in expected {
            assert!(said.findings.contains(word), "{key}: {word} in {}", said.findings);
        }
    }
}

#[test]
fn the_unit_is_one_that_systemd_understands() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        println!("skipped: systemd-analyze is not on this machine");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let unit = std::fs::read_to_string(shipped("grind.service")).unwrap();
    let file = folder.path().join("grind.service");
    // The program is not installed where the unit looks for it.
    std::fs::write(&file, unit.replace("/usr/bin/grind", "/bin/true")).unwrap();
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    let odd: Vec<_> = said.lines().filter(|line| line.contains("grind.service")).collect();
    assert!(odd.is_empty(), "{odd:#?}");
}

#[test]
fn the_unit_and_the_example_are_for_the_same_user_and_folders() {
    let unit = std::fs::read_to_string(shipped("grind.service")).unwrap();
    let example = std::fs::read_to_string(shipped("example.toml")).unwrap();
    assert!(unit.contains("\nUser=grind\n"), "the package makes this user");
    assert!(unit.contains("\nReadWritePaths=-/srv/library\n"), "{unit}");
    assert!(example.contains("\nurl = \"file:///srv/library\"\n"), "{example}");
}

#[test]
fn the_unit_gives_the_daemon_time_to_drain_and_does_not_restart_what_a_person_must_mend() {
    let unit = std::fs::read_to_string(shipped("grind.service")).unwrap();
    let key = |name: &str| {
        unit.lines()
            .find_map(|line| line.strip_prefix(&format!("{name}=")))
            .unwrap()
    };
    let grace = Settings::load(&SettingsSources::of_file(&shipped("demo.toml")))
        .unwrap()
        .settings
        .shutdown
        .grace;
    assert!(humantime::parse_duration(key("TimeoutStopSec")).unwrap() > grace);
    assert_eq!(key("RestartPreventExitStatus"), "77 78 243");
    assert!(
        unit.contains(
            "\nExecReload=+/usr/bin/env CREDENTIALS_DIRECTORY=%d /usr/bin/grind check-config\nExecReload=/bin/sh -c 'kill -HUP"
        ),
        "a wrong config fails `systemctl reload`, and a right one does not where secrets are credentials"
    );
    assert_eq!(key("WatchdogSec"), "2min");
    assert_eq!(key("Type"), "notify");
    assert_eq!(key("RuntimeDirectory"), "grind", "observe.socket lies in it");
}

/// What an administrator uncomments in the package's skeleton must be understood, and as it comes it sets nothing: a program that writes
/// a config may take it for none.
#[test]
fn the_skeleton_of_the_package_sets_nothing_and_names_known_keys_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let skeleton = std::fs::read_to_string(root.join("settings/packaging/grind.toml")).unwrap();
    assert!(skeleton.lines().all(|line| line.is_empty() || line.starts_with('#')));
    let is_key = |line: &&str| line.starts_with('[') || line.contains(" = ");
    let bare = skeleton.lines().filter_map(|line| line.strip_prefix("# "));
    let text: String = bare.filter(is_key).map(|line| format!("{line}\n")).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("grind.toml");
    std::fs::write(&file, &text).unwrap();
    let said = outcome(Settings::load(&SettingsSources::of_file(&file)), false).findings;
    let wrong: Vec<_> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(
        text.contains("directory = ") && wrong.iter().all(|line| line.contains("_file")),
        "{wrong:?}"
    );
}
