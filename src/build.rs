//! Build script: tells the program which commit it was built from, and by which compiler.

use std::env;
use std::process::Command;

/// What the program is built from.
const BUILT_FROM: [&str; 5] = ["src", "settings", "Cargo.toml", "Cargo.lock", "tests/bench_bounds.toml"];

fn main() {
    println!("cargo:rerun-if-changed=src/build.rs");
    println!("cargo:rerun-if-env-changed=GRIND_COMMIT");
    println!("cargo:rustc-env=GRIND_COMMIT={}", commit());
    println!("cargo:rustc-env=GRIND_RUSTC={}", compiler());
}

/// `GRIND_COMMIT` if a packager sets it, else what git says. Development builds do not ask, so that a commit alone does
/// not compile everything anew.
fn commit() -> String {
    if let Ok(commit) = env::var("GRIND_COMMIT") {
        return commit;
    }
    if env::var("PROFILE").as_deref() != Ok("release") {
        return "development build".to_owned();
    }
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo:rerun-if-changed={log}");
    }
    for path in BUILT_FROM {
        println!("cargo:rerun-if-changed={path}");
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    format!("{commit}{}", if is_changed() { "-dirty" } else { "" })
}

/// Whether what the program is built from differs from the commit. Where git does not say, it is taken for unchanged.
fn is_changed() -> bool {
    let arguments = ["--no-optional-locks", "status", "--porcelain", "--"];
    git(&[&arguments[..], &BUILT_FROM[..]].concat()).is_some()
}

/// The compiler's name and version, for reports of measurements.
fn compiler() -> String {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let told = Command::new(rustc).arg("--version").output();
    let text = told.map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned());
    text.ok()
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

fn git(arguments: &[&str]) -> Option<String> {
    let answer = Command::new("git")
        .args(arguments)
        .output()
        .ok()
        .filter(|answer| answer.status.success())?;
    let text = String::from_utf8(answer.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}
