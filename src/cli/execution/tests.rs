use std::io;

use jiff::Timestamp;

use super::*;
use crate::catalog::CatalogError;

fn full_catalog() -> CatalogError {
    CatalogError::DiskFull {
        path: "/srv/catalog.db".into(),
        cause: "x".into(),
    }
}

#[test]
fn each_failed_start_says_what_helps_against_it() {
    let observer = StartError::Observer;
    let catalog = |error| StartError::Build(BuildError::Catalog(error));
    let cases = [
        (
            observer(ObserverError::Running { path: "/run/s".into() }),
            ExitStatus::CannotCreate,
            "`grind status`",
        ),
        (
            observer(ObserverError::Listen {
                address: "127.0.0.1:1".parse().unwrap(),
                source: io::ErrorKind::AddrInUse.into(),
            }),
            ExitStatus::CannotCreate,
            "observe.listen",
        ),
        (
            observer(ObserverError::Socket {
                path: "/run/s".into(),
                source: io::ErrorKind::NotFound.into(),
            }),
            ExitStatus::CannotCreate,
            "observe.socket",
        ),
        (
            observer(ObserverError::NoToken { path: "token".into() }),
            ExitStatus::Config,
            "observe.token_file",
        ),
        (
            StartError::Build(BuildError::InstanceTaken {
                instance: "attic".into(),
                host: "attic".into(),
                program: "daemon".into(),
                since: "2026-01-01T00:00:00Z".into(),
            }),
            ExitStatus::CannotCreate,
            "work.instance",
        ),
        (
            StartError::Build(BuildError::Settings("x".into())),
            ExitStatus::Config,
            "grind check-config",
        ),
    ];
    let of_catalog = [
        (CatalogError::NotDatabase { path: "/etc/x".into() }, ExitStatus::Config),
        (CatalogError::Busy, ExitStatus::Unavailable),
        (full_catalog(), ExitStatus::CannotCreate),
        (CatalogError::NotPermitted("x".into()), ExitStatus::NotPermitted),
    ];
    let of_catalog = of_catalog.map(|(error, exit)| (catalog(error), exit, "catalog.url"));
    for (error, exit, advice) in cases.into_iter().chain(of_catalog) {
        let explained = explain(&error, true);
        assert_eq!(explained.exit(), exit, "{explained}");
        let last = explained.to_string();
        let last = last.lines().last().unwrap();
        assert!(last.contains(advice), "{last}");
    }
}

#[test]
fn a_storage_without_rights_ends_a_command_for_a_person_and_the_daemon_for_a_while() {
    let (place, detail) = ("/srv/library".to_owned(), "x".to_owned());
    let denied = StartError::Build(BuildError::Storage(StorageError::Denied { place, detail }));
    assert_eq!(explain(&denied, false).exit(), ExitStatus::NotPermitted);
    assert_eq!(explain(&denied, true).exit(), ExitStatus::Unavailable);
}

fn report(stopped: Option<WaitCause>, not_done: &[&str], unknown: &[&str]) -> RunReport {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let is_left = |what: &String| what.starts_with("sync: ") || what.starts_with("X2: ");
    RunReport {
        failed: 0,
        stopped_by: stopped.map(|cause| WaitReason::new(cause, "a reason", Timestamp::UNIX_EPOCH)),
        incomplete: owned(not_done).into_iter().filter(|what| !is_left(what)).collect(),
        left: owned(not_done).into_iter().filter(is_left).collect(),
        unknown: owned(unknown),
        cut: 0,
        cut_while: None,
    }
}

#[test]
fn a_stop_that_cut_books_says_how_many() {
    assert!(cut(0, None).is_none());
    for (books, words) in [(1, "with 1 book in hand"), (3, "with 3 books in hand")] {
        let error = cut(books, None).unwrap();
        assert_eq!(error.exit(), ExitStatus::Failed);
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.to_string().contains("shutdown.grace"), "{error}");
    }
}

#[test]
fn a_stop_that_cut_books_in_trouble_names_it_and_no_longer_grace() {
    let full = WaitReason {
        until: Some(Timestamp::UNIX_EPOCH),
        ..WaitReason::new(WaitCause::Catalog, "no room left", Timestamp::UNIX_EPOCH)
    };
    let said = cut(2, Some(&full)).unwrap().to_string();
    assert!(said.contains("waiting for the catalog: no room left"), "{said}");
    assert!(
        !said.contains("shutdown.grace") && !said.contains("next attempt"),
        "{said}"
    );
}

#[test]
fn a_run_that_was_stopped_says_by_its_code_what_a_person_is_to_look_at() {
    use WaitCause as W;
    for (cause, needs_person, exit) in [
        (W::Disk, true, ExitStatus::CannotCreate),
        (W::Storage, true, ExitStatus::NotPermitted),
        (W::Storage, false, ExitStatus::Unavailable),
        (W::Catalog, true, ExitStatus::CannotCreate),
        (W::Catalog, false, ExitStatus::Unavailable),
        (W::Failures, true, ExitStatus::NotPermitted),
        (W::Failures, false, ExitStatus::Failed),
        (W::Passphrase, true, ExitStatus::NotPermitted),
        (W::SignIn, true, ExitStatus::NotPermitted),
        (W::Grin, false, ExitStatus::Unavailable),
        (W::Grin, true, ExitStatus::Config),
        (W::Gate, false, ExitStatus::Unavailable),
        (W::Token, false, ExitStatus::Unavailable),
    ] {
        assert_eq!(
            exit_of_stop(cause, needs_person, None),
            exit,
            "{cause:?} {needs_person}"
        );
    }
}

#[test]
fn a_storage_that_ended_a_run_has_the_code_that_a_check_of_it_has() {
    let place = || "/srv/library".to_owned();
    for (error, exit) in [
        (
            StorageError::Denied {
                place: place(),
                detail: place(),
            },
            ExitStatus::NotPermitted,
        ),
        (
            StorageError::ClockDiffers {
                place: place(),
                detail: place(),
            },
            ExitStatus::NotPermitted,
        ),
        (StorageError::ReadOnly { place: place() }, ExitStatus::CannotCreate),
        (StorageError::NoBucket(place()), ExitStatus::Config),
    ] {
        assert_eq!(exit_of_stop(WaitCause::Storage, true, Some(&error)), exit, "{error}");
        assert_eq!(crate::cli::storage::exit_of(&error), exit, "{error}");
    }
}

#[test]
fn how_grin_was_met_decides_the_code_of_what_was_not_done() {
    use GrinStanding as G;
    let book = &[
        "sync: 1 book could not be fetched and is left to the next run",
        "X2: forbidden",
    ][..];
    let away = &["_all_books: cannot connect to GRIN"][..];
    for (incomplete, unknown, standing, code, says) in [
        (away, &[][..], G::Answers, 1, "Run it again to resume"),
        (away, &[], G::Away, 69, "GRIN cannot be reached"),
        (away, &[], G::NeverAnswered, 69, "GRIN cannot be reached"),
        (away, &["X1"][..], G::Untrusted, 78, "session.ca_file"),
        (book, &[], G::Away, 1, "when their time has come"),
        (book, &[], G::NeverAnswered, 69, "Run it again later"),
        (book, &[], G::Untrusted, 78, "session.ca_file"),
        (away, &[], G::NoToken, 69, "no access token for GRIN"),
        (book, &[], G::NoToken, 69, "Run it again later"),
        (&[], &["X1"], G::NeverAnswered, 1, "1 barcode is unknown"),
    ] {
        let grin = GrinAtEnd {
            signed_out: None,
            standing,
        };
        let error = unfinished(&report(None, incomplete, unknown), grin, None, true).unwrap();
        assert_eq!(error.exit().code(), code, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn what_was_not_done_has_one_code_and_names_its_reason() {
    use GrinStanding as G;
    use WaitCause as W;
    let list = &["_all_books: not signed in: revoked"][..];
    let part = &["a part: broken off"][..];
    let book = &[
        "sync: 1 book could not be fetched and is left to the next run",
        "X2: forbidden",
    ][..];
    let gone = Some("revoked");
    let away = &["_all_books: cannot connect to GRIN"][..];
    for (stopped, incomplete, unknown, signed_out, code, says) in [
        (None, away, &["X1"][..], None, 69, "Run it again later"),
        (None, away, &[], gone, 77, "grind auth login"),
        (None, list, &[], gone, 77, "grind auth login"),
        (Some(W::SignIn), &[], &[], gone, 77, "revoked"),
        (Some(W::SignIn), &[], &[], None, 77, "grind auth login"),
        (Some(W::Grin), book, &[], None, 69, "1 book could not be fetched"),
        (Some(W::Grin), &[], &[], None, 69, "Run it again later"),
        (Some(W::Passphrase), &[], &[], None, 77, "a reason"),
        (None, book, &["X1"], None, 1, "X1 is unknown"),
        (None, book, &[], None, 1, "when their time has come"),
        (None, part, &[], None, 1, "Run it again to resume"),
        (None, &[], &["X1"], None, 1, "1 barcode is unknown"),
    ] {
        let grin = GrinAtEnd {
            signed_out,
            standing: match incomplete == away || incomplete == book {
                true => G::Away,
                false => G::Answers,
            },
        };
        let error = unfinished(&report(stopped, incomplete, unknown), grin, None, true).unwrap();
        let text = error.to_string();
        assert_eq!(error.exit().code(), code, "{text}");
        assert!(text.contains(says) && !text.contains("list"), "{text}");
    }
    let done = report(None, &[], &[]);
    let grin = GrinAtEnd {
        signed_out: gone,
        standing: G::Untrusted,
    };
    assert_eq!(unfinished(&done, grin, None, true), None, "nothing needed the sign-in");
    let daemon = report(None, list, &["X1"]);
    assert_eq!(
        unfinished(&daemon, grin, None, false),
        None,
        "a daemon goes on by itself"
    );
}
