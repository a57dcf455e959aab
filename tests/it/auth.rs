//! `grind auth` against the simulator's sign-in, the browser being played by the test.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::support::service::Service;
use crate::support::{Finished, Home, finish};
use grind::grin::Secret;
use grind::lab::simulator::{AuthConfig, ConsentChoice, SimulatorConfig, TokenRefusal};
use serde_json::Value;
use url::Url;

fn home(auth: AuthConfig) -> Home {
    let config = SimulatorConfig {
        books: 2,
        auth: Some(auth),
        ..SimulatorConfig::default()
    };
    Home::new(config, "")
}

fn credentials(home: &Home) -> PathBuf {
    home.folder.path().join("credentials.json")
}

fn read(home: &Home) -> Value {
    serde_json::from_slice(&fs::read(credentials(home)).unwrap()).unwrap()
}

fn permit(home: &Home, name: &str, mode: u32) {
    fs::set_permissions(home.folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
}

/// A login under way, its address read.
struct Login {
    child: Child,
    out: BufReader<ChildStdout>,
    address: Url,
}

impl Login {
    fn start(home: &Home, extra: &[&str]) -> Self {
        let mut command: Command = home.command(&[&["auth", "login"], extra].concat());
        command
            .stdin(Stdio::piped())
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY");
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            if out.read_line(&mut line).unwrap() == 0 {
                let ended = finish(child);
                panic!("no address: {said}{}", ended.err);
            }
            if let Some(address) = line.starts_with("http").then(|| Url::parse(line.trim()).unwrap()) {
                break address;
            }
            said.push_str(&line);
        };
        Self { child, out, address }
    }

    /// The parameter of the address that was printed.
    fn parameter(&self, name: &str) -> String {
        let (_, value) = self.address.query_pairs().find(|(key, _)| key == name).unwrap();
        value.into_owned()
    }

    fn paste(mut self, lines: &[&str]) -> Finished {
        let mut stdin = self.child.stdin.take().unwrap();
        for line in lines {
            writeln!(stdin, "{line}").unwrap();
        }
        drop(stdin);
        self.end()
    }

    fn end(mut self) -> Finished {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        let ended = finish(self.child);
        Finished { out: rest, ..ended }
    }
}

/// What a browser does: asks, and comes back with the status, where it is sent, and the page.
fn visit(address: &Url) -> (u16, Option<Url>, String) {
    let mut stream = TcpStream::connect((address.host_str().unwrap(), address.port().unwrap())).unwrap();
    let target = address
        .query()
        .map_or(address.path().to_owned(), |query| format!("{}?{query}", address.path()));
    let authority = address.authority();
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let location = answer
        .lines()
        .find_map(|line| line.to_ascii_lowercase().starts_with("location:").then(|| &line[9..]))
        .map(|location| Url::parse(location.trim()).unwrap());
    (status, location, answer)
}

fn allowed(login: &Login) -> Url {
    let (status, location, page) = visit(&login.address);
    assert_eq!(status, 302, "{page}");
    location.unwrap()
}

#[test]
fn an_address_pasted_from_elsewhere_signs_in() {
    let home = home(AuthConfig::default());
    fs::remove_file(credentials(&home)).unwrap();
    let before = home.grind(&["auth", "status"]);
    assert_eq!(before.status.code(), Some(77), "{}", before.err);
    assert!(before.err.contains("grind auth login"), "{}", before.err);
    assert!(before.out.contains("has not said"), "nothing was asked: {}", before.out);

    let login = Login::start(&home, &["--no-browser"]);
    assert_eq!(login.parameter("code_challenge_method"), "S256");
    assert_eq!(login.parameter("access_type"), "offline");
    let redirected = allowed(&login);
    let ended = login.paste(&["not an address", redirected.as_str()]);
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.out, ended.err);

    let written = read(&home);
    assert_eq!(written["refresh_token"], AuthConfig::default().refresh_token.expose());
    assert!(written["expiry"].is_string(), "{written}");
    let mode = fs::metadata(credentials(&home)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let after = home.grind(&["auth", "status", "--json"]);
    let json: Value = serde_json::from_str(&after.out).unwrap();
    assert_eq!(
        (after.status.code(), &json["accepted"]),
        (Some(0), &Value::Bool(true)),
        "{}",
        after.err
    );
    assert_eq!(json["expiry"], written["expiry"]);
}

#[test]
fn only_our_own_answer_is_taken_from_the_browser() {
    let home = home(AuthConfig::default());
    fs::remove_file(credentials(&home)).unwrap();
    let login = Login::start(&home, &[]);
    let redirect = Url::parse(&login.parameter("redirect_uri")).unwrap();
    assert_eq!(redirect.host_str(), Some("127.0.0.1"));

    let _ahead_of_need = TcpStream::connect(("127.0.0.1", redirect.port().unwrap())).unwrap();
    assert_eq!(visit(&redirect.join("/favicon.ico").unwrap()).0, 404);
    let mut forged = redirect.clone();
    forged.set_query(Some("code=4%2Fforged&state=guessed"));
    assert_eq!(visit(&forged).0, 400);
    assert!(!credentials(&home).exists());

    let (status, _, page) = visit(&allowed(&login));
    assert_eq!(status, 200);
    assert!(page.contains("close this tab"), "{page}");
    let ended = login.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    let status = home.grind(&["auth", "status"]);
    assert_eq!(status.status.code(), Some(0), "{}", status.err);
    assert!(status.out.contains("accepts it"), "{}", status.out);
}

#[test]
fn a_refused_or_foreign_answer_signs_nobody_in() {
    let refusing = home(AuthConfig {
        consent: ConsentChoice::Refused,
        ..AuthConfig::default()
    });
    let before = read(&refusing);
    let login = Login::start(&refusing, &[]);
    let (status, _, page) = visit(&allowed(&login));
    assert!(status == 200 && page.contains("not allowed"), "{page}");
    let ended = login.end();
    assert_eq!(ended.status.code(), Some(77));
    assert!(ended.err.contains("access_denied"), "{}", ended.err);

    let login = Login::start(&refusing, &["--no-browser"]);
    let foreign = format!("{}?code=c&state=another", login.parameter("redirect_uri"));
    let ended = login.paste(&[&foreign]);
    assert_eq!(ended.status.code(), Some(77));
    assert!(ended.out.contains("another sign-in"), "{}", ended.out);
    let login = Login::start(&refusing, &["--no-browser"]);
    let made_up = format!(
        "{}?code=c&state={}",
        login.parameter("redirect_uri"),
        login.parameter("state")
    );
    let ended = login.paste(&[&made_up]);
    assert_eq!(ended.status.code(), Some(77));
    assert!(ended.err.contains("invalid_grant"), "{}", ended.err);
    assert_eq!(read(&refusing), before);
}

#[test]
fn a_dead_refresh_token_is_told_and_a_new_login_helps() {
    for refusal in [TokenRefusal::Unauthorized, TokenRefusal::Redirect, TokenRefusal::Page] {
        let home = home(AuthConfig {
            refusal,
            ..AuthConfig::default()
        });
        assert_eq!(home.grind(&["auth", "status"]).status.code(), Some(0));
        home.simulator.set_refresh_alive(false);
        home.simulator.expire_tokens();
        let dead = home.grind(&["auth", "status"]);
        assert_eq!(dead.status.code(), Some(77), "{refusal:?}: {}{}", dead.out, dead.err);
        assert!(dead.err.contains("grind auth login"), "{}", dead.err);

        let login = Login::start(&home, &["--no-browser"]);
        let redirected = allowed(&login);
        assert_eq!(login.paste(&[redirected.as_str()]).status.code(), Some(0));
        let alive = home.grind(&["auth", "status"]);
        assert_eq!(alive.status.code(), Some(0), "{refusal:?}: {}", alive.err);
    }
}

#[test]
fn a_running_daemon_says_what_a_person_must_do_and_goes_on_after_a_new_login() {
    let home = home(AuthConfig::default());
    home.simulator.set_refresh_alive(false);
    home.simulator.expire_tokens();
    let mut service = Service::of(home);
    service.told("READY=1");
    let status = service.told("auth login");
    assert!(status.contains("STATUS="), "{status}");
    let metrics = service.ask("/metrics");
    assert!(metrics.contains("grind_auth_refresh_total{outcome="), "{metrics}");
    assert_eq!(
        service
            .home
            .simulator
            .stats()
            .count(grind::lab::simulator::SimulatorRequest::Get),
        0
    );

    let login = Login::start(&service.home, &["--no-browser"]);
    let redirected = allowed(&login);
    assert_eq!(login.paste(&[redirected.as_str()]).status.code(), Some(0));
    service.told("2 of 2 books stored");
    service.signal(rustix::process::Signal::TERM);
    let ended = service.finish();
    assert!(ended.status.success(), "{}", ended.err);
}

#[test]
fn files_that_everybody_can_read_are_refused_with_the_fix() {
    let home = home(AuthConfig::default());
    permit(&home, "credentials.json", 0o644);
    let status = home.grind(&["auth", "status"]);
    assert_eq!(status.status.code(), Some(77));
    let fix = format!("chmod 600 {}", credentials(&home).canonicalize().unwrap().display());
    assert!(status.err.contains(&fix), "{}", status.err);
    permit(&home, "client_secret.json", 0o644);
    let login = home.grind(&["auth", "login", "--no-browser"]);
    assert_eq!(login.status.code(), Some(77));
    assert!(
        login.err.contains("chmod 600") && login.err.contains("client_secret.json"),
        "{}",
        login.err
    );
    assert!(!login.out.contains("http"), "{}", login.out);
}

#[test]
fn a_client_secret_goes_to_no_address_that_is_not_allowed() {
    let home = home(AuthConfig::default());
    let file = home.folder.path().join("client_secret.json");
    let text = fs::read_to_string(&file).unwrap().replace("/token\"", "/elsewhere\"");
    fs::write(&file, text).unwrap();
    let login = home.grind(&["auth", "login", "--no-browser"]);
    assert_eq!(login.status.code(), Some(77));
    assert!(login.err.contains("auth.token_uri_allowed"), "{}", login.err);
}

#[test]
fn a_grin_that_is_away_is_not_taken_for_a_lost_sign_in() {
    let home = home(AuthConfig::default());
    let Home {
        simulator,
        folder,
        config,
    } = home;
    simulator.stop();
    let mut status = Command::new(env!("CARGO_BIN_EXE_grind"));
    status.args(["auth", "status", "--json", "--config"]).arg(config);
    status
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let status = finish(status.spawn().unwrap());
    assert_eq!(status.status.code(), Some(69), "{}", status.err);
    let json: Value = serde_json::from_str(&status.out).unwrap();
    assert_eq!(
        (&json["accepted"], &json["kind"]),
        (&Value::Null, &Value::from("installed"))
    );
    drop(folder);
}

#[test]
fn the_credentials_of_other_programs_sign_in() {
    let home = home(AuthConfig {
        client_id: "555000-invented.apps.googleusercontent.com".to_owned(),
        client_secret: Secret::new("invented"),
        refresh_token: Secret::new("1//invented"),
        ..AuthConfig::default()
    });
    let token_uri = format!("{}/token", home.simulator.origin()).into_bytes();
    let cases = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/credentials");
    for case in fs::read_dir(cases).unwrap().map(|case| case.unwrap().path()) {
        let text = fs::read(&case).unwrap();
        // The files name Google's own address, which is not to be asked here.
        let google = b"https://oauth2.googleapis.com/token";
        let text = match text.windows(google.len()).position(|window| window == google) {
            Some(at) => [&text[..at], &token_uri, &text[at + google.len()..]].concat(),
            None => text,
        };
        fs::write(credentials(&home), text).unwrap();
        permit(&home, "credentials.json", 0o600);
        let status = home.grind(&["auth", "status"]);
        assert_eq!(status.status.code(), Some(0), "{}: {}", case.display(), status.err);
    }
    fs::write(credentials(&home), "{\"refresh_token\": null, \"client_id\": \"c\"}").unwrap();
    let status = home.grind(&["auth", "status"]);
    assert_eq!(status.status.code(), Some(77));
    assert!(status.err.contains("\"refresh_token\" is missing"), "{}", status.err);
}

#[test]
fn a_service_account_needs_no_login() {
    use rsa::pkcs8::EncodePrivateKey;
    let home = home(AuthConfig::default());
    let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
    let pem = key.to_pkcs8_pem(rsa::pkcs8::LineEnding::LF).unwrap();
    let file = home.folder.path().join("service.json");
    let text = serde_json::json!({
        "type": "service_account", "client_email": "grind@example.org", "private_key": pem.as_str(),
        "token_uri": format!("{}/token", home.simulator.origin()),
    });
    fs::write(&file, text.to_string()).unwrap();
    permit(&home, "service.json", 0o600);
    let dropin = format!("[auth]\nservice_account_file = \"{}\"\n", file.display());
    fs::write(home.folder.path().join("grind.toml.d/30-service.toml"), dropin).unwrap();
    let status = home.grind(&["auth", "status", "--json"]);
    let json: Value = serde_json::from_str(&status.out).unwrap();
    assert_eq!(
        (status.status.code(), &json["kind"]),
        (Some(0), &Value::from("service_account")),
        "{}",
        status.err
    );
    let login = home.grind(&["auth", "login", "--no-browser"]);
    assert_eq!(login.status.code(), Some(78));
    assert!(login.err.contains("service account needs no login"), "{}", login.err);

    fs::write(&file, text.to_string().replace("MII", "XXX")).unwrap();
    let broken = home.grind(&["auth", "status"]);
    assert_eq!(broken.status.code(), Some(77), "{}", broken.err);
    assert!(
        broken.out.contains("\"private_key\" is no RSA key in PEM"),
        "{}",
        broken.out
    );
    assert!(broken.out.contains("GRIN:         has not said"), "{}", broken.out);
}
