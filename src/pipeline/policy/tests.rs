use std::io;

use super::*;
use crate::archive::SeenArchive;
use crate::grin::AnswerRefusal;

#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn faults() -> Vec<(&'static str, BookFault, Blame, Option<WaitCause>, bool)> {
    let words = String::new;
    let server = |status| BookFault::from(&SessionError::Server { status });
    let host = BookFault::from(&SessionError::RefusedByHost {
        host: words(),
        status: 401,
        snippet: words(),
        retry_after: None,
    });
    let connect = SessionError::Connect {
        host: words(),
        cause: "name not found".into(),
    };
    let full = StorageError::Full {
        place: words(),
        detail: words(),
    };
    let full_in_the_middle = PublishError::Sink(io::Error::from(StorageError::Full {
        place: words(),
        detail: words(),
    }));
    let stale = CatalogError::Stale {
        barcode: words(),
        owner: words(),
    };
    let [unavailable, sign_in_page] =
        [AnswerRefusal::Unavailable, AnswerRefusal::SignIn].map(|refusal| ArchiveError::RefusedByGrin { refusal });
    let damaged = ArchiveError::Truncated {
        seen: Box::<SeenArchive>::default(),
    };
    vec![
        ("500", server(500), Blame::Path, Some(WaitCause::Grin), false),
        ("no name", (&connect).into(), Blame::Path, Some(WaitCause::Grin), false),
        (
            "reset",
            (&SessionError::Reset).into(),
            Blame::Path,
            Some(WaitCause::Grin),
            false,
        ),
        (
            "503 of a list",
            (&throttled()).into(),
            Blame::Path,
            Some(WaitCause::Gate),
            false,
        ),
        (
            "cut",
            (&BodyError::Stalled).into(),
            Blame::Path,
            Some(WaitCause::Grin),
            false,
        ),
        (
            "token service",
            (&SessionError::TokenUnavailable { why: words() }).into(),
            Blame::Path,
            Some(WaitCause::Token),
            false,
        ),
        (
            "403",
            (&SessionError::Forbidden { snippet: words() }).into(),
            Blame::Book,
            Some(WaitCause::Failures),
            false,
        ),
        (
            "401 of a redirect host",
            host,
            Blame::Book,
            Some(WaitCause::Failures),
            false,
        ),
        (
            "damaged",
            (&damaged).into(),
            Blame::Book,
            Some(WaitCause::Failures),
            false,
        ),
        ("panic", (&AskError::Panicked).into(), Blame::Book, None, false),
        (
            "wrong passphrase",
            (&ArchiveError::WrongPassphrase).into(),
            Blame::Book,
            Some(WaitCause::Passphrase),
            false,
        ),
        (
            "GRIN's refusal in place of an archive",
            (&unavailable).into(),
            Blame::Path,
            Some(WaitCause::Grin),
            false,
        ),
        (
            "a sign-in page in place of an archive",
            (&sign_in_page).into(),
            Blame::Path,
            Some(WaitCause::SignIn),
            false,
        ),
        (
            "no passphrase",
            (&ArchiveError::NoPassphrase).into(),
            Blame::Operator,
            Some(WaitCause::Passphrase),
            true,
        ),
        (
            "signed out",
            (&SessionError::SignedOut { why: words() }).into(),
            Blame::Operator,
            Some(WaitCause::SignIn),
            true,
        ),
        (
            "401 without a token",
            (&SessionError::TokenWanted).into(),
            Blame::Path,
            Some(WaitCause::SignIn),
            false,
        ),
        ("disk full", (&full).into(), Blame::Us, Some(WaitCause::Disk), true),
        (
            "full in the middle",
            (&full_in_the_middle).into(),
            Blame::Us,
            Some(WaitCause::Disk),
            true,
        ),
        (
            "store broken",
            (&StorageError::Broken).into(),
            Blame::Us,
            Some(WaitCause::Storage),
            false,
        ),
        (
            "catalog locked",
            (&CatalogError::Busy).into(),
            Blame::Us,
            Some(WaitCause::Catalog),
            false,
        ),
        (
            "catalog read-only",
            (&CatalogError::Disk(words())).into(),
            Blame::Us,
            Some(WaitCause::Catalog),
            false,
        ),
        ("claim lost", (&stale).into(), Blame::Us, None, false),
        ("shutdown", (&SessionError::Closed).into(), Blame::Us, None, false),
        ("cancelled", (&BodyError::Cancelled).into(), Blame::Us, None, false),
        ("no permit", (&SessionError::Busy).into(), Blame::Us, None, false),
    ]
}

fn throttled() -> SessionError {
    SessionError::Throttled {
        status: Some(503),
        retry_after: None,
        longest: None,
    }
}

#[test]
fn each_error_has_one_to_blame() {
    for (what, fault, blame, cause, needs_person) in faults() {
        assert_eq!((fault.blame, fault.cause), (blame, cause), "{what}: {fault:?}");
        assert_eq!(fault.needs_person, needs_person, "{what}");
    }
}

#[test]
fn what_stands_in_one_books_place_is_told_of_that_book() {
    let place = String::new;
    for (fault, is_told) in [
        (BookFault::from(&StorageError::NotAFile { place: place() }), true),
        // Everybody waits for these, and is told so.
        (BookFault::from(&StorageError::Unsafe { place: place() }), false),
        (BookFault::from(&SessionError::Reset), false),
        // Nothing is to be mended.
        (BookFault::from(&SessionError::Cancelled), false),
        (BookFault::from(&SessionError::Busy), false),
    ] {
        assert_eq!(fault.is_this_books_to_mend(), is_told, "{fault:?}");
    }
}

#[test]
fn a_redirect_host_that_is_away_may_be_one_books() {
    let away = SessionError::HostAway {
        host: "files.example".to_owned(),
        cause: Box::new(SessionError::Reset),
    };
    let fault = BookFault::from(&away);
    assert!(fault.may_be_one_books() && fault.blame == Blame::Path, "{fault:?}");
}

/// Of a fault of this kind, the next book may know nothing; of all others it would.
#[test]
fn only_an_answer_of_grin_may_be_about_one_book_alone() {
    let page = |refusal| BookFault::from(&ArchiveError::RefusedByGrin { refusal });
    let snippet = "no".to_owned();
    let connect = SessionError::Connect {
        host: "grin".to_owned(),
        cause: "refused".to_owned(),
    };
    let why = "no".to_owned();
    let tokens = SessionError::TokenUnavailable { why: why.clone() };
    let (status, retry_after) = (429, None);
    let cut = BodyError::Cut {
        got: 7,
        expected: Some(9),
    };
    let (place, detail) = ("/library".to_owned(), "no marker".to_owned());
    let not_ours = StorageError::NotOurs { place, detail };
    let full = StorageError::Full {
        place: "/library".to_owned(),
        detail: "nothing is free".to_owned(),
    };
    let cases: [(BookFault, bool); 23] = [
        ((&SessionError::Forbidden { snippet }).into(), true),
        ((&SessionError::NotServed { status, retry_after }).into(), true),
        ((&throttled()).into(), false),
        ((&SessionError::Server { status: 500 }).into(), true),
        (
            (&SessionError::Short {
                got: 7,
                expected: Some(9),
            })
                .into(),
            true,
        ),
        ((&SessionError::NoLength { status: 200 }).into(), true),
        ((&SessionError::Protocol("no".to_owned())).into(), true),
        ((&BodyError::Restart).into(), true),
        // A connection that breaks is the path's.
        ((&cut).into(), false),
        ((&BodyError::Stalled).into(), false),
        ((&SessionError::Reset).into(), false),
        ((&ArchiveError::NotAnArchive { looks_like: "html" }).into(), true),
        (page(AnswerRefusal::Unavailable), true),
        (page(AnswerRefusal::SignIn), true),
        ((&SessionError::TokenWanted).into(), true),
        ((&SessionError::SignedOut { why }).into(), false),
        ((&connect).into(), false),
        ((&tokens).into(), false),
        ((&StorageError::Broken).into(), false),
        ((&full).into(), false),
        ((&not_ours).into(), false),
        ((&CatalogError::Busy).into(), false),
        ((&ArchiveError::WrongPassphrase).into(), false),
    ];
    for (fault, expected) in &cases {
        assert_eq!(fault.may_be_one_books(), *expected, "{fault:?}");
    }
    // What the intake waits for and no fault tells of.
    let others = [WaitCause::Operator, WaitCause::Members];
    for cause in WaitCause::ALL {
        let has_case = cases.iter().any(|(fault, _)| fault.cause == Some(*cause));
        assert_ne!(has_case, others.contains(cause), "{cause:?}");
    }
}

#[test]
fn what_is_not_proven_to_be_damaged_keeps_its_reason() {
    use FailureReason as R;
    for (reason, told) in [
        (R::Truncated, R::DamagedAtSource),
        (R::ChecksumMismatch, R::DamagedAtSource),
        (R::Damaged, R::DamagedAtSource),
        (R::PagesMissing, R::DamagedAtSource),
        (R::NoPages, R::DamagedAtSource),
        (R::AnotherBook, R::AnotherBook),
        (R::UnnamedBook, R::UnnamedBook),
        (R::Hostile, R::Hostile),
        (R::Unsupported, R::Unsupported),
        (R::Unauthenticated, R::Unauthenticated),
    ] {
        let fault = BookFault::damaged_at_source(reason, "twice");
        assert_eq!((fault.reason, fault.outlook), (told, FaultOutlook::Proven), "{reason}");
        assert_eq!(fault.reason.proves_bytes_bad(), told == R::DamagedAtSource);
    }
}

#[test]
fn a_catalog_that_somebody_must_mend_is_a_persons_matter_and_one_that_is_busy_is_not() {
    let gone = CatalogError::Gone {
        path: "catalog.db".into(),
    };
    let replaced = CatalogError::Replaced {
        catalog: "postgres://db/grind".into(),
        by: "an empty database",
    };
    for (error, needs_person) in [
        (gone, true),
        (
            CatalogError::DiskFull {
                path: "catalog.db".into(),
                cause: "nothing is free".into(),
            },
            true,
        ),
        (CatalogError::ReadOnly("mounted ro".into()), true),
        (CatalogError::NotPermitted("no grant".into()), true),
        (replaced, true),
        (CatalogError::Encoding("LATIN1".into()), true),
        (CatalogError::Busy, false),
        (CatalogError::Disk("i/o error".into()), false),
    ] {
        assert_eq!(BookFault::from(&error).needs_person, needs_person, "{error}");
    }
}
