//! Files of other programs, as they are and as they should not be.

use crate::grin::oauth_files::*;

/// The form of PROTOCOL.md, section 2, with a field that we do not know.
const CREDENTIALS: &str = r#"{"token": "ya29.x", "refresh_token": "1//x", "token_uri": "https://oauth2.googleapis.com/token",
    "client_id": "1234-abc.apps.googleusercontent.com", "client_secret": "s3", "scopes": ["openid"], "account": "a@b"}"#;

fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.json");
    write_secret_file(&path, text).unwrap();
    (folder, path)
}

fn bytes(content: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.json");
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    (folder, path)
}

#[test]
fn credentials_of_todays_tool_are_read_and_written_back_whole() {
    let (_folder, path) = file(CREDENTIALS);
    let mut read = CredentialsFile::read(&path).unwrap();
    assert_eq!(
        (read.token.expose(), read.refresh_token.expose(), read.expiry),
        ("ya29.x", "1//x", None)
    );
    read.token = Secret::new("ya29.y");
    read.expiry = Some("2030-01-02T03:04:05Z".parse().unwrap());
    read.write(&path).unwrap();
    let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(json["token"], "ya29.y");
    assert_eq!(json["client_secret"], "s3");
    assert_eq!(json["account"], "a@b");
    assert_eq!(json["expiry"], "2030-01-02T03:04:05Z");
    assert_eq!(CredentialsFile::read(&path).unwrap().expiry, read.expiry);
}

#[test]
fn the_forms_of_other_programs_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/credentials");
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    let time = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    for case in names {
        let (_folder, path) = bytes(&std::fs::read(&case).unwrap());
        let name = case.file_stem().unwrap().to_str().unwrap().to_owned();
        let read = CredentialsFile::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(read.refresh_token.expose(), "1//invented", "{name}");
        assert_eq!(read.token_uri_or_default(None), GOOGLE_TOKEN_URIS[0], "{name}");
        let expiry = match name.as_str() {
            "expiry-without-zone" => time("2023-09-08T07:06:05.4321Z"),
            "expiry-with-blank" => time("2023-09-08T07:06:05Z"),
            "expiry-seconds" => time("2023-09-08T07:06:05Z"),
            _ => None,
        };
        assert_eq!(read.expiry, expiry, "{name}");
        let scopes = match name.as_str() {
            "scopes-null" | "gcloud-default" => 0,
            "scopes-one-string" => 2,
            _ => 1,
        };
        assert_eq!(read.scopes.len(), scopes, "{name}");
        assert_eq!(
            read.token.expose().is_empty(),
            ["gcloud-default", "token-null"].contains(&&*name)
        );
        read.write(&path).unwrap();
        let again = CredentialsFile::read(&path).unwrap();
        assert_eq!((again.expiry, again.token_uri), (read.expiry, read.token_uri), "{name}");
    }
}

#[test]
fn an_expiry_is_a_hint_in_any_form() {
    for (value, expected) in [
        (r#""2030-01-02T03:04:05Z""#, Some("2030-01-02T03:04:05Z")),
        (r#""2030-01-02T03:04:05+01:00""#, Some("2030-01-02T02:04:05Z")),
        (r#""2030-01-02 03:04:05.5""#, Some("2030-01-02T03:04:05.5Z")),
        ("1893553445000", Some("2030-01-02T03:04:05Z")),
        ("1893553445.25", Some("2030-01-02T03:04:05Z")),
        (r#""soon""#, None),
        ("null", None),
        ("[]", None),
    ] {
        let read = read_expiry(&serde_json::from_str(value).unwrap());
        assert_eq!(read, expected.map(|text| text.parse().unwrap()), "{value}");
    }
}

#[test]
fn a_file_saved_with_a_byte_order_mark_is_read() {
    let utf16: Vec<u8> = std::iter::once(0xfeff_u16)
        .chain(CREDENTIALS.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let utf8 = ["\u{feff}", CREDENTIALS].concat().into_bytes();
    for text in [utf8, utf16] {
        let (_folder, path) = bytes(&text);
        assert_eq!(CredentialsFile::read(&path).unwrap().client_secret.expose(), "s3");
    }
    let (_folder, path) = bytes(b"{\"token\": \"\xff\"}");
    let error = CredentialsFile::read(&path).unwrap_err().to_string();
    assert!(error.contains("UTF-8"), "{error}");
}

#[test]
fn nothing_secret_is_shown() {
    let (_folder, path) = file(CREDENTIALS);
    let shown = format!("{:?}", CredentialsFile::read(&path).unwrap());
    for secret in ["ya29.x", "1//x", "s3"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn what_is_wrong_is_said_without_values() {
    for (text, words) in [
        ("{\"token\": \"t0ps3cret\"}", "\"refresh_token\" is missing"),
        (
            "{\"refresh_token\": null, \"token\": \"t0ps3cret\"}",
            "\"refresh_token\" is missing",
        ),
        (
            "{\"refresh_token\": \"\", \"token\": \"t0ps3cret\"}",
            "\"refresh_token\" is missing",
        ),
        ("{\"token\": [\"t0ps3cret\"]}", "\"token\" is not a text"),
        (
            "{\"refresh_token\": \"t0ps3cret\", \"client_id\": 5}",
            "\"client_id\" is not a text",
        ),
        ("{\"type\": \"service_account\"}", "auth.service_account_file"),
        ("{\"type\": \"external_account\"}", "\"type\""),
        ("[\"t0ps3cret\"]", "not a JSON object"),
        ("t0ps3cret", "line 1"),
    ] {
        let (_folder, path) = file(text);
        let error = CredentialsFile::read(&path).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("t0ps3cret"), "{error}");
    }
}

#[test]
fn a_client_file_must_be_for_a_desktop_application() {
    let installed = r#"{"installed": {"client_id": "c", "project_id": "p", "client_secret": "x",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": "https://oauth2.googleapis.com/token"}}"#;
    let (_folder, path) = file(installed);
    assert_eq!(ClientSecretFile::read(&path).unwrap().client_id, "c");
    for (text, words) in [("{\"web\": {}}", "Desktop app"), ("{}", "installed")] {
        let (_folder, path) = file(text);
        assert!(ClientSecretFile::read(&path).unwrap_err().to_string().contains(words));
    }
}

#[test]
fn a_key_file_must_be_a_service_accounts() {
    let key = |kind: &str| {
        format!(r#"{{"type": "{kind}", "client_email": "a@b", "private_key": "k", "token_uri": "https://t"}}"#)
    };
    let (_folder, path) = file(&key("service_account"));
    assert_eq!(ServiceAccountKey::read(&path).unwrap().client_email, "a@b");
    let (_folder, path) = file(&key("authorized_user"));
    assert!(ServiceAccountKey::read(&path).is_err());
}

#[test]
fn secrets_go_to_listed_addresses_only() {
    let google = TokenUriPolicy::default();
    for (uri, allowed) in [
        ("https://oauth2.googleapis.com/token", true),
        ("https://accounts.google.com/o/oauth2/token", true),
        ("http://oauth2.googleapis.com/token", false),
        ("https://oauth2.googleapis.com/token?x", false),
        ("https://oauth2.googleapis.com:444/token", false),
        ("https://oauth2.googleapis.com@evil.example/token", false),
        ("https://evil.example/token", false),
        ("token", false),
    ] {
        assert_eq!(google.check(uri).is_ok(), allowed, "{uri}");
    }
    let own = TokenUriPolicy::new(&["http://127.0.0.1:9/token".to_owned()]).unwrap();
    assert!(own.check("http://127.0.0.1:9/token").is_ok());
    assert!(own.check("https://oauth2.googleapis.com/token").is_err());
    assert!(TokenUriPolicy::new(&["token".to_owned()]).is_err());
}
