//! The files shipped in `settings/` are valid, and `check-config` answers with its documented exit code and text.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

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
fn the_unit_is_one_that_systemd_understands() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        println!("skipped: systemd-analyze is not on this machine");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let unit = std::fs::read_to_string(shipped("grind.service")).unwrap();
    let file = folder.path().join("grind.service");
    // The program is not installed where the unit looks for it.
    std::fs::write(&file, unit.replace("/usr/local/bin/grind", "/bin/true")).unwrap();
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    let newer = ["RestartSteps", "RestartMaxDelaySec"];
    let odd: Vec<_> = said
        .lines()
        .filter(|line| line.contains("grind.service"))
        .filter(|line| !newer.iter().any(|key| line.contains(&format!("Unknown key '{key}'"))))
        .collect();
    assert!(odd.is_empty(), "{odd:#?}");
}

#[test]
fn the_unit_and_the_example_are_for_the_same_user_and_folders() {
    let unit = std::fs::read_to_string(shipped("grind.service")).unwrap();
    let example = std::fs::read_to_string(shipped("example.toml")).unwrap();
    assert!(unit.contains("\nUser=grind\n"), "the README makes this user");
    assert!(
        unit.contains("\nConfigurationDirectory=grind\nConfigurationDirectoryMode=0750\n"),
        "the README makes /etc/grind with these rights, and systemd sets them at each start"
    );
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
        unit.contains("\nExecReload=/usr/local/bin/grind check-config\nExecReload=/bin/kill -HUP"),
        "a wrong config fails `systemctl reload`"
    );
    assert_eq!(key("WatchdogSec"), "2min");
    assert_eq!(key("Type"), "notify");
    assert_eq!(key("RuntimeDirectory"), "grind", "observe.socket lies in it");
}
