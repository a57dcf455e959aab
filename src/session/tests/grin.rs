//! GRIN's rules over the network: token, redirects, sign-in, pace.

use std::time::Duration;

use tokio::time::Instant;

use crate::grin::{RedirectPolicy, RedirectRefused, TokenUriPolicy, write_secret_file};
use crate::session::tests::support::*;
use crate::session::{AnswerOrigin, ReconfigureSession, SessionConfig, SessionError, TokenSource};

const TOKEN: Option<&str> = Some("Bearer t0ken");

fn redirect(wire: &mut dyn Wire, location: &str) -> bool {
    answer(wire, "302 Found", &format!("location: {location}\r\n"), "moved")
}

#[actix_rt::test]
async fn the_token_goes_to_grin_and_nowhere_else() {
    let other = Server::start(|_, wire| answer(wire, "200 OK", "", "other"));
    let to_other = other.url("/file").to_string();
    let server = Server::start(move |seen, wire| match seen.path.as_str() {
        "/away" => redirect(wire, &to_other),
        "/relative" => redirect(wire, "target"),
        _ => answer(wire, "200 OK", "", "own"),
    });
    let mut config = config(&server);
    config.redirect = RedirectPolicy::new(&server.url("/"), &[], &["127.0.0.1".to_owned()]);
    let fixture = Fixture::new(config);
    let followed = fixture.get(server.url("/relative")).await.unwrap();
    assert_eq!((followed.body, followed.url), ("own".into(), server.url("/target")));
    assert_eq!(fixture.get(server.url("/away")).await.unwrap().body, "other");
    assert!(server.seen().iter().all(|seen| seen.header("authorization") == TOKEN));
    assert_eq!(other.seen()[0].header("authorization"), None);
    assert_eq!(server.connections(), 1, "redirects leave the connection usable");
    fixture.end();
}

#[actix_rt::test]
async fn foreign_hosts_are_not_asked_neither_by_redirect_nor_by_link() {
    let foreign = Server::start(|_, wire| answer(wire, "200 OK", "", ""));
    let to_foreign = foreign.url("/").to_string();
    let server = Server::start(move |_, wire| redirect(wire, &to_foreign));
    let fixture = Fixture::of(&server);
    let refused = SessionError::Redirect(RedirectRefused::ForeignHost("127.0.0.1".into()));
    assert_eq!(fixture.get(server.url("/")).await.unwrap_err(), refused);
    assert_eq!(fixture.get(foreign.url("/next")).await.unwrap_err(), refused);
    assert_eq!(foreign.connections(), 0);
    fixture.end();
}

#[actix_rt::test]
async fn what_a_redirect_host_refuses_is_not_taken_for_grins_refusal() {
    let other = Server::start(|seen, wire| match seen.path.as_str() {
        "/signin" => redirect(wire, "https://accounts.google.com/ServiceLogin"),
        "/429" | "/503" => answer(
            wire,
            &format!("{} No", &seen.path[1..]),
            "retry-after: 3600\r\n",
            "busy",
        ),
        path => answer(wire, &format!("{} No", &path[1..]), "", "SignatureDoesNotMatch"),
    });
    let to_other = other.url("").to_string();
    let server = Server::start(move |seen, wire| redirect(wire, &format!("{to_other}{}", &seen.path[1..])));
    let mut config = config(&server);
    config.redirect = RedirectPolicy::new(&server.url("/"), &[], &["127.0.0.1".to_owned()]);
    let fixture = Fixture::new(config);
    for (path, status, words) in [
        ("/401", 401, "SignatureDoesNotMatch"),
        ("/403", 403, "SignatureDoesNotMatch"),
        ("/405", 405, "SignatureDoesNotMatch"),
        ("/signin", 302, "it redirects to a sign-in page"),
    ] {
        let error = fixture.get(server.url(path)).await.unwrap_err();
        let refused = SessionError::RefusedByHost {
            host: "127.0.0.1".to_owned(),
            status,
            snippet: words.to_owned(),
            retry_after: None,
        };
        assert_eq!((error.origin(), error), (AnswerOrigin::RedirectHost, refused), "{path}");
    }
    for status in [429, 503] {
        let retry_after = Some(Duration::from_hours(1));
        let error = fixture.get(server.url(&format!("/{status}"))).await.unwrap_err();
        assert_eq!(error, SessionError::NotServed { status, retry_after });
    }
    for status in [408, 425, 500, 502, 504] {
        let error = fixture.get(server.url(&format!("/{status}"))).await.unwrap_err();
        assert_eq!(error, SessionError::Server { status });
    }
    assert_eq!(fixture.counted().signed_out, None);
    assert_eq!(fixture.counted().gate_closed_until, None, "GRIN asked for nothing");
    fixture.end();
}

#[actix_rt::test]
async fn a_redirect_host_that_is_away_is_told_from_grin() {
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to_away = format!("http://{}/file", away.local_addr().unwrap());
    drop(away);
    let server = Server::start(move |_, wire| redirect(wire, &to_away));
    let mut config = config(&server);
    config.redirect = RedirectPolicy::new(&server.url("/"), &[], &["127.0.0.1".to_owned()]);
    let fixture = Fixture::new(config);
    let error = fixture.get(server.url("/")).await.unwrap_err();
    assert_eq!(error.origin(), AnswerOrigin::RedirectHost, "{error}");
    assert!(matches!(error, SessionError::HostAway { .. }), "{error}");
    fixture.end();
}

#[actix_rt::test]
async fn a_loop_of_redirects_ends() {
    let server = Server::start(|_, wire| redirect(wire, "/again"));
    let fixture = Fixture::of(&server);
    let error = fixture.get(server.url("/")).await.unwrap_err();
    assert_eq!(error, SessionError::Redirect(RedirectRefused::TooManyHops(5)));
    assert_eq!(server.seen().len(), 6);
    fixture.end();
}

#[actix_rt::test]
async fn without_grins_rules_the_answer_is_raw_and_carries_no_token() {
    let server = Server::start(|_, wire| redirect(wire, "/x"));
    let fixture = Fixture::of(&server);
    let answer = fixture.raw(server.url("/")).await.unwrap();
    assert_eq!((answer.status, answer.body), (302, "moved".into()));
    assert_eq!(server.seen()[0].header("authorization"), None);
    fixture.end();
}

/// A GRIN that takes only the token `good`, refusing others in its own `refusal`, and a token address that gives it out.
struct SignedIn {
    server: Server,
    address: Server,
    config: SessionConfig,
    _folder: tempfile::TempDir,
}

fn signed_in(token: &'static str, refusal: fn(&mut dyn Wire) -> bool) -> SignedIn {
    let address = Server::start(move |_, wire| {
        std::thread::sleep(Duration::from_millis(100));
        answer(
            wire,
            "200 OK",
            "",
            format!(r#"{{"access_token": "{token}", "expires_in": 3600}}"#),
        )
    });
    let server = Server::start(move |seen, wire| match seen.header("authorization") {
        Some("Bearer good") => answer(wire, "200 OK", "", "in"),
        _ => refusal(wire),
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.json");
    let token_uri = address.url("/token");
    let credentials = serde_json::json!({
        "token": "old", "refresh_token": "r", "token_uri": token_uri, "client_id": "c", "client_secret": "s",
    });
    write_secret_file(&path, &credentials.to_string()).unwrap();
    let mut config = config(&server);
    config.tokens = TokenSource::Installed {
        client_secret_file: None,
        credentials_file: path,
        policy: TokenUriPolicy::new(&[token_uri.to_string()]).unwrap(),
    };
    SignedIn {
        server,
        address,
        config,
        _folder: folder,
    }
}

#[actix_rt::test]
async fn a_refused_token_is_replaced_once_for_all_who_use_it() {
    let refusals: [fn(&mut dyn Wire) -> bool; 2] = [
        |wire| answer(wire, "401 Unauthorized", "", "who are you"),
        |wire| redirect(wire, "https://accounts.google.com/ServiceLogin?continue=x"),
    ];
    for refusal in refusals {
        let signed_in = signed_in("good", refusal);
        let fixture = Fixture::new(signed_in.config);
        let url = signed_in.server.url("/");
        let all = futures::future::join_all((0..30).map(|_| fixture.get(url.clone()))).await;
        assert!(
            all.iter()
                .all(|answer| answer.as_ref().is_ok_and(|answer| answer.body == "in")),
            "{all:?}"
        );
        let asked = signed_in.address.seen();
        assert_eq!((asked.len(), asked[0].method.as_str()), (1, "POST"));
        assert_eq!(asked[0].header("authorization"), None);
        assert!(String::from_utf8_lossy(&asked[0].body).contains("refresh_token=r"));
        assert_eq!(fixture.counted().auth_refreshes["ok"], 1);
        fixture.end();
    }
}

#[actix_rt::test]
async fn a_new_token_that_is_refused_too_needs_a_person() {
    let signed_in = signed_in("bad", |wire| answer(wire, "401 Unauthorized", "", ""));
    let fixture = Fixture::new(signed_in.config);
    for _ in 0..3 {
        let error = fixture.get(signed_in.server.url("/")).await.unwrap_err();
        assert!(matches!(error, SessionError::SignedOut { .. }), "{error:?}");
    }
    assert_eq!(signed_in.address.seen().len(), 1, "one refresh, not one a request");
    fixture.end();
}

#[actix_rt::test]
async fn one_permit_is_enough_to_sign_in() {
    let mut signed_in = signed_in("good", |wire| answer(wire, "401 Unauthorized", "", ""));
    signed_in.config.limits = crate::session::ConnectionLimits::new(1, 1);
    let fixture = Fixture::new(signed_in.config);
    assert_eq!(fixture.get(signed_in.server.url("/")).await.unwrap().body, "in");
    fixture.end();
}

#[actix_rt::test]
async fn statuses_become_what_follows_from_them() {
    let server = Server::start(|seen, wire| answer(wire, &format!("{} X", &seen.path[1..]), "", "because\nof  this"));
    let fixture = Fixture::of(&server);
    for status in ["200", "206", "404"] {
        assert_eq!(
            fixture
                .get(server.url(&format!("/{status}")))
                .await
                .unwrap()
                .status
                .to_string(),
            status
        );
    }
    let snippet = || "because of this".to_owned();
    for (status, error) in [
        ("403", SessionError::Forbidden { snippet: snippet() }),
        (
            "400",
            SessionError::Unexpected {
                status: 400,
                snippet: snippet(),
            },
        ),
        ("502", SessionError::Server { status: 502 }),
    ] {
        assert_eq!(fixture.get(server.url(&format!("/{status}"))).await.unwrap_err(), error);
    }
    fixture.end();
}

#[actix_rt::test]
async fn requests_keep_the_pace_which_can_be_changed() {
    let server = Server::start(|_, wire| answer(wire, "200 OK", "", ""));
    let mut config = config(&server);
    config.requests_per_second = 20.0;
    let fixture = Fixture::new(config);
    let began = Instant::now();
    futures::future::join_all((0..7).map(|_| fixture.get(server.url("/")))).await;
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
    let unpaced = ReconfigureSession {
        requests_per_second: Some(0.0),
        ..ReconfigureSession::default()
    };
    fixture.session.ask(unpaced, &fixture.cx).await.unwrap();
    let paced = fixture.counted().pace_wait_seconds.count;
    futures::future::join_all((0..50).map(|_| fixture.get(server.url("/")))).await;
    assert_eq!(fixture.counted().pace_wait_seconds.count, paced, "nobody waited");
    fixture.end();
}
