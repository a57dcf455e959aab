//! Sign-in, tokens, TLS and the files of an account.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use awc::http::{Method, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grind::lab::simulator::{
    AuthConfig, ConsentChoice, FaultKind, RunningSimulator, SimulatorConfig, SimulatorRequest, TokenRefusal,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

use super::support::{Answer, ask, client, get, start};

fn signed(auth: AuthConfig) -> SimulatorConfig {
    SimulatorConfig {
        auth: Some(auth),
        ..SimulatorConfig::default()
    }
}

async fn list(running: &RunningSimulator, token: &str) -> Answer {
    let url = format!("{}TESTLIB/_all_books", running.base_url());
    ask(
        &client(),
        Method::GET,
        &url,
        &[("authorization", &format!("Bearer {token}"))],
        "",
    )
    .await
}

async fn token(running: &RunningSimulator, form: &[(&str, &str)]) -> (StatusCode, serde_json::Value) {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = ask(
        &client(),
        Method::POST,
        &format!("{}/token", running.origin()),
        &headers,
        &body,
    )
    .await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

async fn refresh(running: &RunningSimulator) -> (StatusCode, serde_json::Value) {
    let auth = AuthConfig::default();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", &auth.client_id),
        ("client_secret", auth.client_secret.expose()),
        ("refresh_token", auth.refresh_token.expose()),
    ];
    token(running, &form).await
}

#[actix_rt::test]
async fn a_refreshed_token_opens_the_library_until_it_expires() {
    let running = start(signed(AuthConfig::default()));
    let url = format!("{}TESTLIB/_all_books", running.base_url());
    assert_eq!(get(&url).await.status, StatusCode::UNAUTHORIZED);
    let (status, answer) = refresh(&running).await;
    assert_eq!((status, answer["expires_in"].as_u64()), (StatusCode::OK, Some(3_599)));
    let access = answer["access_token"].as_str().unwrap();
    assert_eq!(list(&running, access).await.status, StatusCode::OK);
    running.expire_tokens();
    assert_eq!(list(&running, access).await.status, StatusCode::UNAUTHORIZED);
    let stats = running.stop();
    assert_eq!((stats.tokens_issued, stats.refused), (1, 2));
}

#[actix_rt::test]
async fn a_dead_refresh_token_is_an_invalid_grant() {
    let running = start(signed(AuthConfig::default()));
    running.set_refresh_alive(false);
    let (status, answer) = refresh(&running).await;
    assert_eq!(
        (status, answer["error"].as_str()),
        (StatusCode::BAD_REQUEST, Some("invalid_grant"))
    );
    let (status, answer) = token(&running, &[("grant_type", "refresh_token"), ("client_id", "x")]).await;
    assert_eq!(
        (status, answer["error"].as_str()),
        (StatusCode::UNAUTHORIZED, Some("invalid_client"))
    );
}

#[actix_rt::test]
async fn tokens_run_out_after_their_requests() {
    let running = start(signed(AuthConfig {
        token_requests: Some(2),
        ..AuthConfig::default()
    }));
    let access = running.issue_token().unwrap();
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(list(&running, access.expose()).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 401]);
}

#[actix_rt::test]
async fn refusals_take_the_form_ordered() {
    let refused = async |refusal| {
        let running = start(signed(AuthConfig {
            refusal,
            ..AuthConfig::default()
        }));
        list(&running, "stale").await
    };
    let redirect = refused(TokenRefusal::Redirect).await;
    assert_eq!(redirect.status, StatusCode::FOUND);
    assert!(
        redirect
            .header("location")
            .unwrap()
            .starts_with("https://accounts.google.com/ServiceLogin")
    );
    let page = refused(TokenRefusal::Page).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("Sign in"));
}

#[actix_rt::test]
async fn another_library_is_forbidden() {
    let running = start(SimulatorConfig::default());
    let answer = get(&format!("{}Testlib/_all_books", running.base_url())).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[actix_rt::test]
async fn a_token_can_be_refused_though_it_is_good() {
    let running = start(signed(AuthConfig::default()));
    let access = running.issue_token().unwrap();
    running.inject(SimulatorRequest::ListPage, None, FaultKind::TokenRefused);
    assert_eq!(list(&running, access.expose()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(list(&running, access.expose()).await.status, StatusCode::OK);
}

fn authorize_url(running: &RunningSimulator, redirect: &str, challenge: &str) -> String {
    let mut url = url::Url::parse(&format!("{}/o/oauth2/auth", running.origin())).unwrap();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &AuthConfig::default().client_id)
        .append_pair("redirect_uri", redirect)
        .append_pair("state", "s+t/a=te")
        .append_pair("code_challenge", challenge)
        .append_pair("code_challenge_method", "S256");
    url.into()
}

#[actix_rt::test]
async fn a_code_is_exchanged_once_and_only_with_its_verifier() {
    let running = start(signed(AuthConfig::default()));
    running.set_refresh_alive(false);
    let (redirect, verifier) = ("http://127.0.0.1:9/back", "a verifier of some length");
    let url = authorize_url(&running, redirect, &URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
    let auth = AuthConfig::default();
    let exchange = async |verifier: &str, code: &str| {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", auth.client_id.as_str()),
            ("client_secret", auth.client_secret.expose()),
            ("redirect_uri", redirect),
            ("code", code),
            ("code_verifier", verifier),
        ];
        token(&running, &form).await
    };
    let code = async || {
        let location = get(&url).await.header("location").unwrap().to_owned();
        let pairs: Vec<_> = url::Url::parse(&location).unwrap().query_pairs().into_owned().collect();
        assert_eq!(pairs[1], ("state".into(), "s+t/a=te".into()));
        assert_eq!(pairs[0].0, "code");
        pairs[0].1.clone()
    };
    assert_eq!(exchange("wrong", &code().await).await.0, StatusCode::BAD_REQUEST);
    let good = code().await;
    let (status, answer) = exchange(verifier, &good).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["refresh_token"].as_str(), Some(auth.refresh_token.expose()));
    assert_eq!(exchange(verifier, &good).await.0, StatusCode::BAD_REQUEST, "good once");
    assert_eq!(
        refresh(&running).await.0,
        StatusCode::OK,
        "a new login brings refreshing back"
    );
}

#[actix_rt::test]
async fn the_authorisation_page_asks_refuses_and_knows_its_callers() {
    let refused = start(signed(AuthConfig {
        consent: ConsentChoice::Refused,
        ..AuthConfig::default()
    }));
    let location = get(&authorize_url(&refused, "http://localhost:9/", "x")).await;
    assert!(location.header("location").unwrap().contains("error=access_denied"));
    let asked = start(signed(AuthConfig {
        consent: ConsentChoice::Asked,
        ..AuthConfig::default()
    }));
    let page = get(&authorize_url(&asked, "http://localhost:9/", "x")).await;
    assert!(page.status == StatusCode::OK && page.text().contains(">Allow</a>"));
    let foreign = get(&authorize_url(&asked, "https://evil.example/", "x")).await;
    assert_eq!(foreign.status, StatusCode::BAD_REQUEST);
}

const KEY: &str = include_str!("service_account.pem");
const PUBLIC_KEY: &str = include_str!("service_account.pub.pem");

fn assertion(audience: &str, lasts: i64) -> String {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use rustls::pki_types::pem::PemObject;
    let now = jiff::Timestamp::now().as_second();
    let claims = serde_json::json!({
        "iss": "robot@project.iam.gserviceaccount.com", "scope": "openid", "aud": audience,
        "iat": now, "exp": now + lasts,
    });
    let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(serde_json::json!({"alg": "RS256"})), part(claims));
    let der = PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)
        .unwrap();
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

#[actix_rt::test]
async fn a_service_account_signs_for_its_token() {
    let running = start(signed(AuthConfig {
        service_account_key: Some(PUBLIC_KEY.into()),
        ..AuthConfig::default()
    }));
    let audience = format!("{}/token", running.origin());
    let sign = async |assertion: &str| {
        token(
            &running,
            &[
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ("assertion", assertion),
            ],
        )
        .await
        .0
    };
    let good = assertion(&audience, 3_600);
    assert_eq!(sign(&good).await, StatusCode::OK);
    let last = if good.ends_with('A') { "B" } else { "A" };
    for bad in [
        format!("{}{last}AAA", &good[..good.len() - 4]),
        assertion("https://elsewhere.example/token", 3_600),
        assertion(&audience, -3_600),
        "nonsense".into(),
    ] {
        assert_eq!(sign(&bad).await, StatusCode::BAD_REQUEST);
    }
}

#[actix_rt::test]
async fn tls_is_trusted_through_the_authority_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(SimulatorConfig {
        tls: Some(folder.path().into()),
        ..SimulatorConfig::default()
    });
    assert!(running.base_url().starts_with("https://127.0.0.1:"));
    let url = format!("{}TESTLIB/_all_books", running.base_url());
    let page = ask(&tls_client(running.ca_file().unwrap()), Method::GET, &url, &[], "").await;
    assert!(page.text().contains("class=\"heading\""));
    let other = folder.path().join("other");
    let stranger = start(SimulatorConfig {
        tls: Some(other),
        ..SimulatorConfig::default()
    });
    assert!(tls_client(stranger.ca_file().unwrap()).get(&url).send().await.is_err());
}

fn tls_client(ca_file: &Path) -> awc::Client {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca_file).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = awc::Connector::new().rustls_0_23(Arc::new(config));
    awc::Client::builder().connector(connector).finish()
}

#[actix_rt::test]
async fn the_written_files_are_those_of_an_account() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(signed(AuthConfig::default()));
    let path = running.write_config(folder.path()).unwrap();
    let settings: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
    assert_eq!(settings["grin"]["base_url"].as_str(), Some(running.base_url().as_str()));
    assert_eq!(
        settings["auth"]["token_uri_allowed"][0].as_str(),
        Some(format!("{}/token", running.origin()).as_str())
    );
    for (section, key) in [
        ("auth", "client_secret_file"),
        ("auth", "credentials_file"),
        ("archive", "passphrase_file"),
    ] {
        let file = std::fs::metadata(settings[section][key].as_str().unwrap()).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600, "{key}");
    }
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(folder.path().join(name)).unwrap()).unwrap()
    };
    let credentials = read("credentials.json");
    assert_eq!(
        credentials["refresh_token"].as_str(),
        Some(AuthConfig::default().refresh_token.expose())
    );
    assert_eq!(
        list(&running, credentials["token"].as_str().unwrap()).await.status,
        StatusCode::OK
    );
    assert!(read("client_secret.json")["installed"]["auth_uri"].is_string());
    running.write_config(folder.path()).unwrap();
}

#[actix_rt::test]
async fn stopping_frees_the_port_and_dropping_stops() {
    let running = start(SimulatorConfig {
        delay: Duration::from_millis(1),
        ..SimulatorConfig::default()
    });
    let port = running.port();
    drop(running);
    assert!(std::net::TcpListener::bind(("127.0.0.1", port)).is_ok());
}
