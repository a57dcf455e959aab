//! The token keeper against a token address that is a list of answers.

mod proof;

use std::collections::VecDeque;
use std::path::PathBuf;

use crate::grin::{TokenUriPolicy, write_secret_file};
use crate::session::token::keeper::*;
use url::Url;

/// Answers in order, each after a while, and keeps what was sent.
#[derive(Default)]
struct Address {
    answers: RefCell<VecDeque<Result<(u16, String), SessionError>>>,
    forms: RefCell<Vec<String>>,
}

impl Address {
    fn says(answers: &[(u16, &str)]) -> Self {
        let answers = answers
            .iter()
            .map(|(status, body)| Ok((*status, (*body).to_owned())))
            .collect();
        Self {
            answers: RefCell::new(answers),
            forms: RefCell::default(),
        }
    }

    fn asked(&self) -> usize {
        self.forms.borrow().len()
    }
}

impl PostForm for Address {
    async fn post_form(&self, url: &Url, form: String) -> Result<(u16, Vec<u8>), SessionError> {
        assert_eq!(url.as_str(), "https://oauth2.googleapis.com/token");
        self.forms.borrow_mut().push(form);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let answer = self.answers.borrow_mut().pop_front().expect("asked once too often");
        answer.map(|(status, body)| (status, body.into_bytes()))
    }
}

struct Fixture {
    _folder: tempfile::TempDir,
    path: PathBuf,
    keeper: TokenKeeper,
}

fn credentials(token: &str, refresh_token: &str, expiry: Option<&str>) -> String {
    let expiry = expiry
        .map(|expiry| format!(r#", "expiry": "{expiry}""#))
        .unwrap_or_default();
    format!(
        r#"{{"token": "{token}", "refresh_token": "{refresh_token}", "token_uri": "https://oauth2.googleapis.com/token",
        "client_id": "c", "client_secret": "s", "scopes": []{expiry}}}"#
    )
}

fn installed(content: &str) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.json");
    write_secret_file(&path, content).unwrap();
    let source = TokenSource::Installed {
        client_secret_file: None,
        credentials_file: path.clone(),
        policy: TokenUriPolicy::default(),
    };
    Fixture {
        _folder: folder,
        path,
        keeper: TokenKeeper::new(source, &Arc::default()),
    }
}

fn asked(second: bool) -> RefusedRequest<'static> {
    let address = "https://books.google.com/libraries/TESTLIB/_all_books";
    RefusedRequest {
        address,
        second,
        of_archive: false,
    }
}

const PAST: Option<&str> = Some("2020-01-01T00:00:00Z");

fn grant(token: &str) -> String {
    format!(r#"{{"access_token": "{token}", "expires_in": 3600}}"#)
}

async fn token(keeper: &TokenKeeper, address: &Address) -> String {
    let bearer = keeper.bearer(address).await.unwrap().expect("a token");
    bearer.value.to_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn fifty_who_need_a_token_at_once_ask_for_it_once() {
    let fixture = installed(&credentials("old", "r", PAST));
    let address = Address::says(&[(200, &grant("new"))]);
    let all = futures::future::join_all((0..50).map(|_| token(&fixture.keeper, &address))).await;
    assert!(all.iter().all(|token| token == "Bearer new"));
    assert_eq!(address.asked(), 1);
    let form = address.forms.borrow()[0].clone();
    assert_eq!(
        form,
        "grant_type=refresh_token&client_id=c&client_secret=s&refresh_token=r"
    );
    let kept = CredentialsFile::read(&fixture.path).unwrap();
    assert_eq!(kept.token.expose(), "new");
    assert!(source::life_left(&kept).unwrap() > Duration::from_secs(3500));
}

#[tokio::test(start_paused = true)]
async fn a_token_of_unknown_age_is_tried_and_replaced_once_when_refused() {
    let fixture = installed(&credentials("old", "r", None));
    let address = Address::says(&[(200, &grant("new"))]);
    let keeper = &fixture.keeper;
    let first = keeper.bearer(&address).await.unwrap().unwrap();
    assert_eq!((first.value.to_str().unwrap(), address.asked()), ("Bearer old", 0));
    let refusals = futures::future::join_all((0..20).map(|_| keeper.refused(&first, asked(false), &address))).await;
    assert!(refusals.iter().all(Result::is_ok));
    assert_eq!(
        (token(keeper, &address).await.as_str(), address.asked()),
        ("Bearer new", 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_is_replaced_ahead_of_its_end_while_others_go_on_with_it() {
    let fixture = installed(&credentials("old", "r", PAST));
    let address = Address::says(&[(200, &grant("one")), (503, ""), (200, &grant("two"))]);
    let keeper = &fixture.keeper;
    assert_eq!(token(keeper, &address).await, "Bearer one");
    tokio::time::advance(Duration::from_secs(3600 - 200)).await;
    let (first, second) = tokio::join!(token(keeper, &address), token(keeper, &address));
    assert_eq!(
        (first.as_str(), second.as_str()),
        ("Bearer one", "Bearer one"),
        "the address fails: the old one still serves"
    );
    assert_eq!(address.asked(), 2);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(token(keeper, &address).await, "Bearer two");
}

#[tokio::test(start_paused = true)]
async fn a_file_put_back_with_an_old_access_token_is_no_proof_of_anything() {
    let fixture = installed(&credentials("old", "r", None));
    let address = Address::says(&[(200, &grant("new"))]);
    let keeper = &fixture.keeper;
    let first = keeper.bearer(&address).await.unwrap().unwrap();
    write_secret_file(&fixture.path, &credentials("older", "r", None)).unwrap();
    keeper.refused(&first, asked(false), &address).await.unwrap();
    let second = keeper.bearer(&address).await.unwrap().unwrap();
    assert_eq!((second.value.to_str().unwrap(), address.asked()), ("Bearer older", 0));
    keeper.refused(&second, asked(true), &address).await.unwrap();
    assert_eq!(
        (token(keeper, &address).await.as_str(), address.asked()),
        ("Bearer new", 1)
    );
    // One that the address gave out is proof.
    let third = keeper.bearer(&address).await.unwrap().unwrap();
    let refused = keeper.refused(&third, asked(true), &address).await.unwrap_err();
    assert!(matches!(refused, SessionError::SignedOut { .. }), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_new_login_is_taken_from_the_file_without_asking() {
    let fixture = installed(&credentials("old", "dead", PAST));
    let denied = r#"{"error": "invalid_grant"}"#;
    let address = Address::says(&[(400, denied), (400, denied), (400, denied)]);
    assert!(fixture.keeper.bearer(&address).await.is_err());
    write_secret_file(
        &fixture.path,
        &credentials("login", "alive", Some("2099-01-01T00:00:00Z")),
    )
    .unwrap();
    assert_eq!(token(&fixture.keeper, &address).await, "Bearer login");
}

#[tokio::test(start_paused = true)]
async fn a_token_address_that_fails_is_asked_at_growing_intervals() {
    let fixture = installed(&credentials("old", "r", PAST));
    let address = Address::says(&[(500, ""), (500, ""), (200, &grant("new"))]);
    let keeper = &fixture.keeper;
    let mut asked = Vec::new();
    for _ in 0..40 {
        let _ = keeper.bearer(&address).await;
        asked.push(address.asked());
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    assert!(asked[..9].iter().all(|asked| *asked == 1), "{asked:?}");
    assert_eq!(asked[39], 3);
    assert_eq!(token(keeper, &address).await, "Bearer new");
}

#[tokio::test(start_paused = true)]
async fn a_token_address_that_was_down_for_minutes_is_asked_within_a_quarter_of_a_minute_of_its_return() {
    let fixture = installed(&credentials("old", "r", PAST));
    let address = Address::says(&[(503, ""); 60]);
    let began = tokio::time::Instant::now();
    let mut asked = Vec::new();
    while began.elapsed() < Duration::from_mins(10) {
        let before = address.asked();
        assert!(fixture.keeper.bearer(&address).await.is_err());
        asked.extend((address.asked() > before).then(|| began.elapsed()));
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let longest = asked.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest <= Duration::from_secs(17), "{longest:?}");
    assert!(asked.len() < 60, "{}", asked.len());
}

#[tokio::test(start_paused = true)]
async fn a_rotated_refresh_token_is_kept() {
    let fixture = installed(&credentials("old", "r1", PAST));
    let answer = r#"{"access_token": "new", "expires_in": 3600, "refresh_token": "r2"}"#;
    let address = Address::says(&[(200, answer)]);
    token(&fixture.keeper, &address).await;
    assert_eq!(
        CredentialsFile::read(&fixture.path).unwrap().refresh_token.expose(),
        "r2"
    );
}

#[test]
fn what_a_person_is_told_of_an_unwritten_file_says_what_is_lost() {
    let fixture = installed(&credentials("old", "r1", PAST));
    let used = CredentialsFile::read(&fixture.path).unwrap();
    for (refresh_token, said) in [
        (None, "new access token"),
        (Some("r1"), "new access token"),
        (Some("r2"), "new refresh token could not be kept"),
    ] {
        let granted = TokenGranted {
            token: Secret::new("new"),
            life: Duration::from_secs(3_600),
            refresh_token: refresh_token.map(Secret::new),
        };
        let loss = source::loss(&used, &granted);
        assert!(loss.contains(said), "{loss}");
        assert_eq!(loss.contains("grind auth login"), refresh_token == Some("r2"), "{loss}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_during_a_refresh_is_not_written_over() {
    let fixture = installed(&credentials("old", "r", PAST));
    let address = Address::says(&[(200, &grant("new"))]);
    let login = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        write_secret_file(&fixture.path, &credentials("login", "other", None)).unwrap();
    };
    tokio::join!(token(&fixture.keeper, &address), login);
    assert_eq!(CredentialsFile::read(&fixture.path).unwrap().token.expose(), "login");
}

#[tokio::test(start_paused = true)]
async fn secrets_are_not_sent_to_an_address_outside_the_list() {
    let content = credentials("old", "r", PAST).replace("oauth2.googleapis.com", "evil.example");
    let fixture = installed(&content);
    let address = Address::default();
    let Err(SessionError::SignedOut { why }) = fixture.keeper.bearer(&address).await else {
        panic!("signed in")
    };
    assert!(why.contains("evil.example"), "{why}");
    assert_eq!(address.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_missing_or_exposed_file_says_what_to_do_and_is_looked_at_again() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = installed(&credentials("old", "r", None));
    std::fs::set_permissions(&fixture.path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let address = Address::default();
    let Err(SessionError::SignedOut { why }) = fixture.keeper.bearer(&address).await else {
        panic!("signed in")
    };
    assert!(why.contains("chmod 600"), "{why}");
    write_secret_file(&fixture.path, &credentials("old", "r", None)).unwrap();
    assert_eq!(token(&fixture.keeper, &address).await, "Bearer old");
}

#[tokio::test(start_paused = true)]
async fn who_waits_and_goes_away_leaves_the_refresh_to_the_next() {
    let fixture = installed(&credentials("old", "r", PAST));
    let address = Address::says(&[(200, &grant("lost")), (200, &grant("new"))]);
    let gone = tokio::time::timeout(Duration::from_millis(10), fixture.keeper.bearer(&address)).await;
    assert!(gone.is_err() || address.asked() == 0);
    let new = token(&fixture.keeper, &address).await;
    assert!(new == "Bearer new" || new == "Bearer lost");
}

/// A service account's key file with a key of its own.
fn key_file(folder: &tempfile::TempDir, private_key: &str) -> PathBuf {
    let path = folder.path().join("key.json");
    let file = serde_json::json!({
        "type": "service_account", "client_email": "grind@project.test", "private_key": private_key,
        "private_key_id": "k1", "token_uri": "https://oauth2.googleapis.com/token",
    });
    write_secret_file(&path, &file.to_string()).unwrap();
    path
}

fn service_account(key_file: PathBuf) -> TokenKeeper {
    TokenKeeper::new(
        TokenSource::ServiceAccount {
            key_file,
            policy: TokenUriPolicy::default(),
        },
        &Arc::default(),
    )
}

#[tokio::test(start_paused = true)]
async fn a_service_account_signs_its_own_request() {
    use rsa::pkcs1::EncodeRsaPublicKey;
    use rsa::pkcs8::{EncodePrivateKey, LineEnding};
    let mut rng = rsa::rand_core::OsRng;
    let key = rsa::RsaPrivateKey::new(&mut rng, 2048).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = key_file(&folder, &key.to_pkcs8_pem(LineEnding::LF).unwrap());
    let address = Address::says(&[(200, &grant("sa"))]);
    assert_eq!(token(&service_account(path), &address).await, "Bearer sa");
    let form = address.forms.borrow()[0].clone();
    let fields: std::collections::HashMap<_, _> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    assert_eq!(fields["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let public = key.to_public_key().to_pkcs1_der().unwrap();
    let (signed, signature) = fields["assertion"].rsplit_once('.').unwrap();
    let decode = |part: &str| base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, part).unwrap();
    let json = |part: &str| serde_json::from_slice::<serde_json::Value>(&decode(part)).unwrap();
    ring::signature::UnparsedPublicKey::new(&ring::signature::RSA_PKCS1_2048_8192_SHA256, public.as_bytes())
        .verify(signed.as_bytes(), &decode(signature))
        .unwrap();
    let (header, claims) = signed
        .split_once('.')
        .map(|(header, claims)| (json(header), json(claims)))
        .unwrap();
    assert_eq!((&header["alg"], &header["kid"]), (&"RS256".into(), &"k1".into()));
    assert_eq!(claims["aud"], "https://oauth2.googleapis.com/token");
    assert_eq!(claims["iss"], "grind@project.test");
    assert!(claims["scope"].as_str().unwrap().contains("userinfo.email"));
    let (begins, ends) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert_eq!(ends - begins, 3600);
    assert!(
        begins < jiff::Timestamp::now().as_second() - 30,
        "back-dated: our clock may be ahead"
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_of_another_kind_needs_a_person() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let keeper = service_account(key_file(&folder, &key.serialize_pem()));
    assert!(matches!(
        keeper.bearer(&Address::default()).await,
        Err(SessionError::SignedOut { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_fixed_token_is_sent_as_it_is_and_none_when_there_is_none() {
    let fixed = TokenKeeper::new(TokenSource::Fixed(Secret::new("t")), &Arc::default());
    let address = Address::default();
    let bearer = fixed.bearer(&address).await.unwrap().unwrap();
    assert_eq!(format!("{:?}", bearer.value), "Sensitive");
    assert!(matches!(
        fixed.refused(&bearer, asked(false), &address).await,
        Err(SessionError::SignedOut { .. })
    ));
    let none = TokenKeeper::new(TokenSource::None, &Arc::default());
    assert!(none.bearer(&address).await.unwrap().is_none());
}
