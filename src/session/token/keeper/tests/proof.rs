//! Signed out only on proof.

use crate::session::token::keeper::tests::*;

#[tokio::test(start_paused = true)]
async fn a_fresh_token_that_was_never_accepted_is_replaced_again_after_a_pause() {
    let fixture = installed(&credentials("old", "r", PAST));
    let address = Address::says(&[(200, &grant("new")), (200, &grant("newer"))]);
    let keeper = &fixture.keeper;
    let bearer = keeper.bearer(&address).await.unwrap().unwrap();
    let refused = keeper.refused(&bearer, asked(false), &address).await;
    assert!(matches!(refused, Err(SessionError::SignedOut { .. })));
    for _ in 0..5 {
        assert!(matches!(
            keeper.bearer(&address).await,
            Err(SessionError::SignedOut { .. })
        ));
    }
    assert_eq!(address.asked(), 1);
    tokio::time::advance(Duration::from_secs(16)).await;
    let bearer = keeper.bearer(&address).await.unwrap().unwrap();
    assert_eq!((bearer.value.to_str().unwrap(), address.asked()), ("Bearer newer", 2));
    assert!(
        keeper.counters.snapshot().signed_out.is_some(),
        "GRIN has not accepted it yet"
    );
    keeper.accepted(&bearer);
    assert_eq!(keeper.counters.snapshot().signed_out, None);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_worked_and_is_refused_within_a_minute_is_replaced() {
    let fixture = installed(&credentials("old", "r", PAST));
    let address = Address::says(&[(200, &grant("one")), (200, &grant("two"))]);
    let keeper = &fixture.keeper;
    let one = keeper.bearer(&address).await.unwrap().unwrap();
    keeper.accepted(&one);
    tokio::time::advance(Duration::from_secs(10)).await;
    keeper.refused(&one, asked(false), &address).await.unwrap();
    assert_eq!(token(keeper, &address).await, "Bearer two");
}

#[tokio::test(start_paused = true)]
async fn refused_archives_cost_a_token_a_minute_and_keep_no_stale_one() {
    let fixture = installed(&credentials("old", "r", PAST));
    let grants = ["one", "two", "three", "four"].map(|name| (200, grant(name)));
    let address = Address::says(&grants.each_ref().map(|(status, body)| (*status, &**body)));
    let keeper = &fixture.keeper;
    let archive = || RefusedRequest {
        of_archive: true,
        ..asked(false)
    };
    let mut bearer = keeper.bearer(&address).await.unwrap().unwrap();
    for (seconds, of_archive, renewed) in [
        (10, true, true),
        // Other books are served in between, each time.
        (10, true, false),
        (10, true, false),
        (39, true, false),
        (1, true, true),
        // A list is refused to a token that worked: it is stale.
        (1, false, true),
        (1, true, false),
    ] {
        keeper.accepted(&bearer);
        tokio::time::advance(Duration::from_secs(seconds)).await;
        let (before, request) = (address.asked(), if of_archive { archive() } else { asked(false) });
        let refused = keeper.refused(&bearer, request, &address).await;
        assert_eq!(address.asked() - before, usize::from(renewed), "{seconds} {of_archive}");
        let is_books = matches!(refused, Err(SessionError::Forbidden { .. }));
        assert_eq!((refused.is_ok(), is_books), (renewed, !renewed), "{refused:?}");
        bearer = keeper.bearer(&address).await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_dies_within_a_minute_of_the_last_is_replaced_at_the_second_archive() {
    let fixture = installed(&credentials("old", "r", PAST));
    let address = Address::says(&[(200, &grant("one")), (200, &grant("two")), (200, &grant("three"))]);
    let keeper = &fixture.keeper;
    let one = keeper.bearer(&address).await.unwrap().unwrap();
    keeper.accepted(&one);
    let archive = |address| RefusedRequest {
        address,
        second: false,
        of_archive: true,
    };
    keeper.refused(&one, archive("TL0001"), &address).await.unwrap();
    let two = keeper.bearer(&address).await.unwrap().unwrap();
    keeper.accepted(&two);
    for _ in 0..2 {
        let refused = keeper.refused(&two, archive("TL0002"), &address).await;
        assert!(matches!(refused, Err(SessionError::Forbidden { .. })), "{refused:?}");
    }
    keeper.refused(&two, archive("TL0003"), &address).await.unwrap();
    assert_eq!(token(keeper, &address).await, "Bearer three");
}

#[tokio::test(start_paused = true)]
async fn one_address_that_refuses_every_token_is_not_a_lost_sign_in() {
    let fixture = installed(&credentials("old", "r", PAST));
    let address = Address::says(&[(200, &grant("one")), (200, &grant("two"))]);
    let keeper = &fixture.keeper;
    let one = keeper.bearer(&address).await.unwrap().unwrap();
    keeper.accepted(&one);
    keeper.refused(&one, asked(false), &address).await.unwrap();
    let two = keeper.bearer(&address).await.unwrap().unwrap();
    let refused = keeper.refused(&two, asked(true), &address).await;
    assert!(matches!(refused, Err(SessionError::Forbidden { .. })), "{refused:?}");
    assert_eq!(token(keeper, &address).await, "Bearer two");
}

#[tokio::test(start_paused = true)]
async fn a_grin_that_refuses_every_token_for_a_while_costs_no_sign_in() {
    let fixture = installed(&credentials("old", "r", PAST));
    let address = Address::says(&[(200, &grant("one")), (200, &grant("two")), (200, &grant("three"))]);
    let keeper = &fixture.keeper;
    let one = keeper.bearer(&address).await.unwrap().unwrap();
    keeper.accepted(&one);
    tokio::time::advance(Duration::from_secs(600)).await;
    keeper.refused(&one, asked(false), &address).await.unwrap();
    let two = keeper.bearer(&address).await.unwrap().unwrap();
    for second in [true, false] {
        let refused = keeper.refused(&two, asked(second), &address).await;
        assert!(
            matches!(refused, Err(SessionError::TokenUnavailable { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(address.asked(), 2, "no storm of new tokens");
    tokio::time::advance(Duration::from_secs(31)).await;
    keeper.refused(&two, asked(false), &address).await.unwrap();
    assert_eq!(token(keeper, &address).await, "Bearer three");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_clock_is_no_lost_sign_in() {
    let fixture = installed(&credentials("old", "r", PAST));
    let clock = r#"{"error": "invalid_grant", "error_description": "Token used too early"}"#;
    let address = Address::says(&[(400, clock), (200, &grant("new"))]);
    let keeper = &fixture.keeper;
    assert!(matches!(
        keeper.bearer(&address).await,
        Err(SessionError::TokenUnavailable { .. })
    ));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(token(keeper, &address).await, "Bearer new");
}

#[tokio::test(start_paused = true)]
async fn a_denial_that_passes_is_not_told() {
    let fixture = installed(&credentials("old", "r", PAST));
    let denied = r#"{"error": "invalid_grant"}"#;
    let address = Address::says(&[(400, denied), (400, denied), (200, &grant("new"))]);
    assert_eq!(token(&fixture.keeper, &address).await, "Bearer new");
}

#[tokio::test(start_paused = true)]
async fn signed_out_is_tried_again_after_a_quarter_of_a_minute() {
    let fixture = installed(&credentials("old", "r", PAST));
    let denied = r#"{"error": "invalid_grant"}"#;
    let answers = [
        (400, denied),
        (400, denied),
        (400, denied),
        (400, denied),
        (200, &*grant("new")),
    ];
    let address = Address::says(&answers);
    let keeper = &fixture.keeper;
    for asked in [3, 4] {
        let error = keeper.bearer(&address).await;
        assert!(matches!(error, Err(SessionError::SignedOut { .. })));
        assert_eq!(address.asked(), asked);
        tokio::time::advance(Duration::from_secs(16)).await;
    }
    assert_eq!(token(keeper, &address).await, "Bearer new");
}

#[tokio::test(start_paused = true)]
async fn a_dead_refresh_token_is_tried_slowly_and_after_a_new_login_at_once() {
    let fixture = installed(&credentials("old", "dead", PAST));
    let denied = r#"{"error": "invalid_grant"}"#;
    let address = Address::says(&[(400, denied), (400, denied), (400, denied), (200, &grant("new"))]);
    let began = Instant::now();
    let keeper = &fixture.keeper;
    for _ in 0..5 {
        let Err(SessionError::SignedOut { why }) = keeper.bearer(&address).await else {
            panic!("signed in")
        };
        assert!(why.contains("invalid_grant"));
    }
    assert_eq!(address.asked(), 3);
    assert!(began.elapsed() >= Duration::from_secs(6));
    assert!(keeper.counters.snapshot().signed_out.is_some());
    write_secret_file(&fixture.path, &credentials("old", "alive", PAST)).unwrap();
    assert_eq!(token(keeper, &address).await, "Bearer new");
    let snapshot = keeper.counters.snapshot();
    assert_eq!(snapshot.signed_out, None);
    assert_eq!(
        (snapshot.auth_refreshes["ok"], snapshot.auth_refreshes["denied"]),
        (1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn who_says_that_it_is_mended_waits_for_no_pause() {
    let fixture = installed(&credentials("old", "r", PAST));
    let denied = (400, r#"{"error": "invalid_grant"}"#);
    let address = Address::says(&[denied, denied, denied, (200, &grant("new"))]);
    let keeper = &fixture.keeper;
    for _ in 0..2 {
        assert!(keeper.bearer(&address).await.is_err());
    }
    assert_eq!(address.asked(), 3);
    keeper.try_at_once();
    assert_eq!(token(keeper, &address).await, "Bearer new");
}

#[tokio::test(start_paused = true)]
async fn another_client_secret_is_tried_at_once() {
    let mut fixture = installed(&credentials("old", "r", PAST));
    let client_file = fixture.path.with_file_name("client_secret.json");
    let client = |secret: &str| {
        let content = format!(
            r#"{{"installed": {{"client_id": "c", "client_secret": "{secret}", "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": "https://oauth2.googleapis.com/token"}}}}"#
        );
        write_secret_file(&client_file, &content).unwrap();
    };
    client("wrong");
    let source = TokenSource::Installed {
        client_secret_file: Some(client_file.clone()),
        credentials_file: fixture.path.clone(),
        policy: TokenUriPolicy::default(),
    };
    fixture.keeper = TokenKeeper::new(source, &Arc::default());
    let denied = (401, r#"{"error": "invalid_client"}"#);
    let address = Address::says(&[denied, denied, denied, (200, &grant("new"))]);
    let keeper = &fixture.keeper;
    for _ in 0..2 {
        assert!(keeper.bearer(&address).await.is_err());
    }
    assert_eq!(address.asked(), 3);
    client("correct");
    assert_eq!(token(keeper, &address).await, "Bearer new");
    assert!(address.forms.borrow()[3].contains("client_secret=correct"));
}
