//! The files of a library's account, pointing at the simulator: config, credentials, passphrase.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::lab::simulator::grin::auth::AuthServer;
use crate::lab::simulator::shared::SimulatorState;

const SCOPES: [&str; 3] = [
    "openid",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
];

/// Writes `client_secret.json`, `credentials.json`, `gpg_passphrase.asc` and `grind.toml`; gives the path of the last.
pub(crate) fn write(shared: &SimulatorState, ca_file: Option<&Path>, folder: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let folder = folder.canonicalize()?;
    let config = &shared.catalogue.config;
    write_secret(&folder.join("gpg_passphrase.asc"), config.passphrase.expose())?;
    if let Some(auth) = &shared.auth {
        write_credentials(auth, &shared.origin(), &folder)?;
    }
    let path = folder.join("grind.toml");
    let text = toml::to_string(&settings(shared, ca_file, &folder)).map_err(io::Error::other)?;
    fs::write(
        &path,
        format!("# Written by the GRIN simulator at {}.\n{text}", shared.origin()),
    )?;
    Ok(path)
}

fn write_credentials(auth: &AuthServer, origin: &str, folder: &Path) -> io::Result<()> {
    let (id, secret) = (&auth.config.client_id, auth.config.client_secret.expose());
    let token_uri = format!("{origin}/token");
    let client = json!({"installed": {
        "client_id": id, "project_id": "simulator", "auth_uri": format!("{origin}/o/oauth2/auth"),
        "token_uri": token_uri, "client_secret": secret, "redirect_uris": ["http://localhost"],
    }});
    let credentials = json!({
        "token": auth.issue(), "refresh_token": auth.config.refresh_token.expose(), "token_uri": token_uri,
        "client_id": id, "client_secret": secret, "scopes": SCOPES,
    });
    write_secret(&folder.join("client_secret.json"), &format!("{client:#}\n"))?;
    write_secret(&folder.join("credentials.json"), &format!("{credentials:#}\n"))
}

/// The config as a table, with the names of `settings/default.toml`.
fn settings(shared: &SimulatorState, ca_file: Option<&Path>, folder: &Path) -> toml::Table {
    let bound = shared.bound.get();
    let path = |name: &str| folder.join(name).display().to_string();
    let mut settings = toml::Table::new();
    let mut section = |name: &str, keys: Vec<(&str, toml::Value)>| {
        let table: toml::Table = keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        settings.insert(name.to_owned(), table.into());
    };
    section(
        "library",
        vec![("directory", shared.catalogue.config.library.clone().into())],
    );
    section(
        "grin",
        vec![
            ("base_url", format!("{}/libraries/", shared.origin()).into()),
            (
                "token_hosts",
                vec![bound.map_or_else(String::new, |bound| bound.host.clone())].into(),
            ),
            (
                "redirect_hosts",
                vec![bound.map_or_else(String::new, crate::lab::simulator::shared::BoundAddresses::other_host)].into(),
            ),
            ("requests_per_second", 10_000.0.into()),
        ],
    );
    if shared.auth.is_some() {
        section(
            "auth",
            vec![
                ("client_secret_file", path("client_secret.json").into()),
                ("credentials_file", path("credentials.json").into()),
                ("token_uri_allowed", vec![format!("{}/token", shared.origin())].into()),
            ],
        );
    }
    if let Some(ca_file) = ca_file {
        section("session", vec![("ca_file", ca_file.display().to_string().into())]);
    }
    section("archive", vec![("passphrase_file", path("gpg_passphrase.asc").into())]);
    section("storage", vec![("url", format!("file://{}", path("library")).into())]);
    section(
        "catalog",
        vec![("url", format!("sqlite://{}", path("catalog.db")).into())],
    );
    section(
        "observe",
        vec![("listen", "127.0.0.1:0".into()), ("socket", path("grind.sock").into())],
    );
    settings
}

/// A new file that only its owner can read; an older one is replaced.
fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
