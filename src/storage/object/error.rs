//! What an object store's error means.

use object_store::Error;

use crate::storage::error::StorageError;
use crate::storage::key::ObjectKey;

/// Sorts an error; `key` only where "not found" can mean the object.
pub(super) fn sorted(what: &str, place: &str, key: Option<&ObjectKey>, error: Error) -> StorageError {
    if let Some(sorted) = of_bucket(place, &error) {
        return sorted;
    }
    let place = match key {
        Some(key) => format!("{key} in {place}"),
        None => place.to_owned(),
    };
    of_object(what, place, key, error)
}

/// As [`sorted`], for an object that is written, so that "not found" does not mean it.
pub(super) fn sorted_write(what: &str, place: &str, key: &ObjectKey, error: Error) -> StorageError {
    of_bucket(place, &error).unwrap_or_else(|| of_object(what, format!("{key} in {place}"), None, error))
}

/// What concerns every object of the bucket alike. The kinds of error do not tell it apart, the server's own words do.
fn of_bucket(bucket: &str, error: &Error) -> Option<StorageError> {
    let text = error.to_string();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match () {
        () if says(&["NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"]) => {
            Some(StorageError::NoBucket(bucket.to_owned()))
        }
        () if says(&["RequestTimeTooSkewed", "Request date header too old"]) => {
            Some(StorageError::clock_differs(bucket.to_owned(), error))
        }
        () => None,
    }
}

fn of_object(what: &str, place: String, key: Option<&ObjectKey>, error: Error) -> StorageError {
    let text = error.to_string();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["507 Insufficient Storage", "StorageFull", "QuotaExceeded"]) {
        return StorageError::Full {
            place,
            detail: "the object store has no room".to_owned(),
        };
    }
    match (error, key) {
        (Error::NotFound { .. }, Some(key)) => StorageError::NotFound(key.clone()),
        (error @ (Error::PermissionDenied { .. } | Error::Unauthenticated { .. }), _) => {
            StorageError::denied(place, &with_its_code(&error))
        }
        // Some refusals come with another status, or inside an answer to several requests; that of a listing has no kind of its own.
        (error, _)
            if says(&[
                "ExpiredToken",
                "TokenRefreshRequired",
                "InvalidAuthenticationInfo",
                "(code: 403)",
                "status code: 401",
                "status code: 403",
            ]) =>
        {
            StorageError::denied(place, &with_its_code(&error))
        }
        (error, _) => StorageError::store(format!("{what} {place}"), &from_its_root(&error)),
    }
}

/// The error's words, after the code in which the store names its reason, and what the code says of keys and rights. The answer may be
/// long, and has its code behind the place where it is cut.
fn with_its_code(error: &Error) -> String {
    let text = error.to_string();
    let code = text
        .split_once("<Code>")
        .and_then(|(_, rest)| Some(rest.split_once("</Code>")?.0));
    match code {
        Some(code) => format!("{code}{} ({text})", meaning(code)),
        None => text,
    }
}

/// Codes of S3 and of Azure.
fn meaning(code: &str) -> &'static str {
    match code {
        "SignatureDoesNotMatch" | "AuthenticationFailed" => {
            ": the secret key is not the one of this access key or account"
        }
        "InvalidAccessKeyId" => ": the store does not know this access key",
        "ExpiredToken" | "TokenRefreshRequired" | "InvalidToken" => ": the session token has expired or is not valid",
        "AccessDenied" | "AuthorizationFailure" | "AuthorizationPermissionMismatch" => {
            ": these keys have no right to do this"
        }
        _ => "",
    }
}

/// The error's words, after those of what lies behind all of it, where it leaves them out: a certificate that is not trusted, a refused
/// connection.
fn from_its_root(error: &Error) -> String {
    let mut root: &dyn std::error::Error = error;
    while let Some(source) = root.source() {
        root = source;
    }
    let (text, root) = (error.to_string(), root.to_string());
    match text.contains(&root) {
        true => text,
        false => format!("{root} ({text})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::StorageErrorClass;
    use crate::vocabulary::FailureReason;

    #[test]
    fn errors_are_sorted_by_kind_and_words() {
        let key = ObjectKey::parse("raw/X1").unwrap();
        let generic = |text: &str| Error::Generic {
            store: "S3",
            source: text.into(),
        };
        let not_found = |text: &str| Error::NotFound {
            path: "raw/X1".into(),
            source: text.into(),
        };
        let denied = Error::PermissionDenied {
            path: "raw/X1".into(),
            source: "403".into(),
        };
        let skewed = generic("<Code>RequestTimeTooSkewed</Code>");
        let cases = [
            (
                not_found("NoSuchKey"),
                FailureReason::StorageNotFound,
                StorageErrorClass::Permanent,
            ),
            (
                not_found("<Code>NoSuchBucket</Code>"),
                FailureReason::StorageNoBucket,
                StorageErrorClass::NeedsPerson,
            ),
            (denied, FailureReason::StorageDenied, StorageErrorClass::NeedsPerson),
            (skewed, FailureReason::StorageDenied, StorageErrorClass::NeedsPerson),
            (
                generic("Error performing list request: Server returned non-2xx status code: 403 Forbidden"),
                FailureReason::StorageDenied,
                StorageErrorClass::NeedsPerson,
            ),
            (
                generic("<Code>XMinioStorageFull</Code>"),
                FailureReason::StorageFull,
                StorageErrorClass::NeedsPerson,
            ),
            (
                generic("connection refused"),
                FailureReason::StorageUnreachable,
                StorageErrorClass::Transient,
            ),
        ];
        for (error, reason, class) in cases {
            let sorted = sorted("reading", "s3://b", Some(&key), error);
            assert_eq!((sorted.reason(), sorted.class()), (reason, class));
        }
    }

    #[test]
    fn what_other_statuses_hide_needs_a_person_too() {
        let generic = |text: &str| Error::Generic {
            store: "Azure",
            source: text.into(),
        };
        let missing = Error::NotFound {
            path: "x".into(),
            source: "<Code>ContainerNotFound</Code>".into(),
        };
        for (error, reason) in [
            (missing, FailureReason::StorageNoBucket),
            (
                generic("400 Bad Request: <Code>ExpiredToken</Code>"),
                FailureReason::StorageDenied,
            ),
            (
                generic("Bulk delete request failed for key x: Forbidden (code: 403)"),
                FailureReason::StorageDenied,
            ),
            (
                generic("403: Request date header too old: 'Sat, 28 Nov'"),
                FailureReason::StorageDenied,
            ),
        ] {
            let sorted = sorted("reading", "az://b", None, error);
            assert_eq!(
                (sorted.reason(), sorted.class()),
                (reason, StorageErrorClass::NeedsPerson)
            );
        }
    }

    #[test]
    fn a_refusal_begins_with_the_code_of_the_store() {
        let page = |code: &str| format!("403 Forbidden: {}<Code>{code}</Code>", "x".repeat(400));
        for (text, begins) in [
            (
                page("SignatureDoesNotMatch"),
                "SignatureDoesNotMatch: the secret key is not",
            ),
            (
                page("InvalidAccessKeyId"),
                "InvalidAccessKeyId: the store does not know",
            ),
            (page("ExpiredToken"), "ExpiredToken: the session token has expired"),
            (page("AccessDenied"), "AccessDenied: these keys have no right"),
            (page("Odd"), "Odd (The operation lacked"),
            ("403 Forbidden".to_owned(), "The operation lacked"),
        ] {
            let denied = Error::PermissionDenied {
                path: "raw/X1".into(),
                source: text.clone().into(),
            };
            let told = sorted("writing", "s3://b", None, denied).to_string();
            assert!(told.starts_with(&format!("not permitted: s3://b: {begins}")), "{told}");
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("error sending request")]
    struct Unsent(#[source] std::io::Error);

    #[test]
    fn what_lies_behind_an_unsent_request_is_said_first() {
        for (cause, words) in [
            (
                "invalid peer certificate: UnknownIssuer",
                "failed: invalid peer certificate: UnknownIssuer (Generic S3",
            ),
            (
                "error sending request",
                "failed: Generic S3 error: error sending request",
            ),
        ] {
            let source = Unsent(std::io::Error::other(cause)).into();
            let text = sorted("reading", "s3://b", None, Error::Generic { store: "S3", source }).to_string();
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn a_message_has_the_server_s_own_words_in_one_line() {
        let key = ObjectKey::parse("raw/X1").unwrap();
        let denied = Error::PermissionDenied {
            path: "raw/X1".into(),
            source: "403: <Code>RequestTimeTooSkewed</Code>".into(),
        };
        let down = Error::Generic {
            store: "S3",
            source: format!("503:\n<Code>SlowDown</Code>{}", "x".repeat(5_000)).into(),
        };
        let gone = Error::Generic {
            store: "S3",
            source: "<Code>NoSuchBucket</Code>".into(),
        };
        for (error, words) in [
            (denied, "clock and the one of s3://b"),
            (down, "503: <Code>SlowDown"),
            (gone, "no bucket s3://b"),
        ] {
            let text = sorted("writing", "s3://b", Some(&key), error).to_string();
            assert!(text.contains(words) && text.len() < 500, "{text}");
            assert!(!text.contains('\n'), "{text}");
        }
        let gone = Error::Generic {
            store: "S3",
            source: "<Code>NoSuchBucket</Code>".into(),
        };
        let text = sorted_write("publishing", "s3://b", &key, gone).to_string();
        assert_eq!(text, "there is no bucket s3://b");
    }
}
