use super::*;

#[test]
fn each_error_says_what_follows() {
    let wait = Some(Duration::from_secs(7));
    for (error, class) in [
        (
            SessionError::Throttled {
                status: Some(429),
                retry_after: wait,
                longest: None,
            },
            ErrorClass::Transient { wait },
        ),
        (
            SessionError::Server { status: 500 },
            ErrorClass::Transient { wait: None },
        ),
        (SessionError::QueueFull, ErrorClass::Transient { wait: None }),
        (
            SessionError::Short { got: 1, expected: None },
            ErrorClass::Transient { wait: None },
        ),
        (SessionError::SignedOut { why: String::new() }, ErrorClass::NeedsPerson),
        (SessionError::TokenWanted, ErrorClass::NeedsPerson),
        (SessionError::Redirect(RedirectRefused::SignIn), ErrorClass::NeedsPerson),
        (
            SessionError::Redirect(RedirectRefused::TooManyHops(5)),
            ErrorClass::Permanent,
        ),
        (SessionError::TooLarge { status: 200, limit: 1 }, ErrorClass::Permanent),
        (refused_by_host(), ErrorClass::Transient { wait: None }),
    ] {
        assert_eq!(error.class(), class, "{error}");
    }
}

#[test]
fn a_pause_that_grin_asks_for_is_told() {
    for (status, retry_after, told) in [
        (
            Some(429),
            Some(86_400),
            "throttled (429): GRIN asks everybody to wait for 1d 0h",
        ),
        (None, Some(2), "throttled: GRIN asks everybody to wait for 2.0s"),
        (Some(503), None, "throttled (503)"),
    ] {
        let error = SessionError::Throttled {
            status,
            retry_after: retry_after.map(Duration::from_secs),
            longest: None,
        };
        assert_eq!(error.to_string(), told);
    }
}

#[test]
fn a_status_that_asks_for_a_pause_is_no_server_error() {
    let (status, retry_after) = (503, None);
    for error in [
        SessionError::Throttled {
            status: Some(status),
            retry_after,
            longest: None,
        },
        SessionError::NotServed { status, retry_after },
        SessionError::QueueFull,
    ] {
        assert_eq!(error.reason(), FailureReason::Throttled, "{error}");
    }
    assert_eq!(SessionError::Server { status: 500 }.reason(), FailureReason::Server);
}

fn refused_by_host() -> SessionError {
    SessionError::RefusedByHost {
        host: "storage.googleapis.com".to_owned(),
        status: 403,
        snippet: "Request has expired".to_owned(),
        retry_after: None,
    }
}

#[test]
fn only_a_redirect_hosts_refusal_is_not_grins() {
    assert_eq!(refused_by_host().origin(), AnswerOrigin::RedirectHost);
    let grin = SessionError::Forbidden { snippet: String::new() };
    assert_eq!(grin.origin(), AnswerOrigin::Grin);
    assert!(refused_by_host().to_string().contains("storage.googleapis.com"));
}

#[test]
fn a_cut_answer_says_how_much_came() {
    for (expected, said) in [(Some(1000), "10 bytes of 1000"), (None, "10 bytes")] {
        let cut = SessionError::Short { got: 10, expected };
        assert_eq!(cut.to_string(), format!("answer cut after {said}"));
    }
}
