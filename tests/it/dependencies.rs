//! What is linked: one TLS stack and one async runtime, whatever a feature of a dependency would bring.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::Path;

fn packages() -> Vec<(String, String)> {
    let lock = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).unwrap();
    let lock: toml::Value = toml::from_str(&lock).unwrap();
    let text = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
    let packages = lock["package"].as_array().unwrap();
    packages
        .iter()
        .map(|package| (text(package, "name"), text(package, "version")))
        .collect()
}

#[test]
fn there_is_one_tls_stack_and_one_async_runtime() {
    let packages = packages();
    let versions = |name: &str| packages.iter().filter(|(found, _)| found == name).count();
    for needed in ["rustls", "ring", "tokio", "awc"] {
        assert_eq!(versions(needed), 1, "{needed}");
    }
    for other in [
        "aws-lc-rs",
        "aws-lc-sys",
        "openssl",
        "openssl-sys",
        "native-tls",
        "async-std",
        "smol",
    ] {
        assert_eq!(versions(other), 0, "{other} would be a second one");
    }
}
