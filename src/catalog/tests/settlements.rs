//! What comes of claimed books.

use crate::catalog::tests::shelf::{HOUR, Shelf, barcode, converted, given_up, queue, retry, row, stored};
use crate::catalog::*;
use crate::grin::{FileName, ListKind, ListRow};
use crate::vocabulary::MarcFields;

use BookState as S;

fn claim_one(shelf: &mut Shelf) -> ClaimedBook {
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/06/01 00:00")]);
    shelf.claim(&[Queue::Converted]).remove(0)
}

#[test]
fn stored_writes_everything_at_once() {
    let mut shelf = Shelf::new();
    let claimed = claim_one(&mut shelf);
    shelf.ledger.execute(RecordDownloading(claimed.claim.clone())).unwrap();
    assert_eq!(shelf.state("TL0001"), S::Downloading);
    let marc = MarcFields {
        marc_title: Some("On tides".into()),
        marc_isbn: vec!["a, b".into(), "c".into()],
        ..MarcFields::default()
    };
    let ClaimSettlement::Stored(mut book) = stored("TL0001", "\"a\"") else {
        unreachable!()
    };
    book.marc = Some(marc);
    assert_eq!(
        shelf.settle(&claimed, ClaimSettlement::Stored(book)).unwrap(),
        S::Stored
    );
    assert_eq!(
        shelf.causes("TL0001"),
        [
            "available:listed",
            "checking:claimed",
            "downloading:downloading",
            "stored:stored"
        ]
    );
    let expected = [
        ("encrypted_etag", "\"a\""),
        ("storage_path", "raw/TL0001/TL0001.tar.gz"),
        ("sync_timestamp", "2026-01-10T12:00:01.000Z"),
        ("last_etag_check", "2026-01-10T12:00:01.000Z"),
        ("judged_converted_date", "2025-06-01T00:00:00"),
        ("marc_title", "On tides"),
        ("marc_isbn", r#"["a, b","c"]"#),
        ("marc_extraction_timestamp", "2026-01-10T12:00:01.000Z"),
    ];
    for (column, value) in expected {
        assert_eq!(shelf.text("TL0001", column).as_deref(), Some(value), "{column}");
    }
    assert_eq!(shelf.value::<i64>("TL0001", "archive_bytes"), 1_000);
    assert_eq!(shelf.value::<i64>("TL0001", "page_count"), 3);
    for column in [
        "claimed_by",
        "lease_until",
        "resume_state",
        "next_attempt_at",
        "failure_reason",
    ] {
        assert_eq!(shelf.text("TL0001", column), None, "{column}");
    }
    let day = &shelf.reader().report(&WantedBooks::default()).unwrap().days[0];
    assert_eq!((day.stored, day.bytes), (1, 1_000));
}

#[test]
fn the_record_of_other_bytes_does_not_stay() {
    let mut shelf = Shelf::new();
    let mut claimed = claim_one(&mut shelf);
    let titled = MarcFields {
        marc_title: Some("On tides".into()),
        ..MarcFields::default()
    };
    let days = ["2025/06/02 00:00", "2025/06/03 00:00", "2025/06/04 00:00"];
    for (day, (digest, marc, title)) in days.iter().zip([
        ("ab", Some(titled), Some("On tides")),
        ("ab", None, Some("On tides")),
        ("cd", None, None),
    ]) {
        let ClaimSettlement::Stored(mut book) = stored("TL0001", "\"a\"") else {
            unreachable!()
        };
        (book.sha256, book.marc) = (digest.repeat(32), marc);
        shelf.settle(&claimed, ClaimSettlement::Stored(book)).unwrap();
        assert_eq!(shelf.text("TL0001", "marc_title").as_deref(), title, "{digest}");
        shelf.list(ListKind::Converted, vec![converted("TL0001", day)]);
        claimed = shelf.claim(&[Queue::Converted, Queue::Changed]).remove(0);
        assert_eq!(claimed.path.as_deref(), Some("raw/TL0001/TL0001.tar.gz"));
    }
}

#[test]
fn how_well_a_book_is_proven_is_told_everywhere() {
    let mut shelf = Shelf::new();
    let cases = [("TL0001", Some(true)), ("TL0002", Some(false)), ("TL0003", None)];
    for (code, verified) in cases {
        shelf.list(ListKind::Converted, vec![converted(code, "2025/06/01 00:00")]);
        let claimed = shelf.claim(&[Queue::Converted]).remove(0);
        let ClaimSettlement::Stored(mut book) = stored(code, "\"a\"") else {
            unreachable!()
        };
        book.verified = verified;
        book.worst_finding = (verified == Some(false)).then(|| StoredFinding {
            code: "pages_unverified".into(),
            level: "warning".into(),
        });
        shelf.settle(&claimed, ClaimSettlement::Stored(book)).unwrap();
    }
    let reader = shelf.reader();
    let report = reader.report(&WantedBooks::default()).unwrap();
    let expected = VerificationCounts {
        verified: 1,
        unverified: 1,
        unknown: 1,
    };
    assert_eq!(report.verification, expected);
    assert!(report.to_string().contains("unverified"), "{report}");
    let mut listed = Vec::new();
    reader
        .unverified(|book| {
            listed.push((book.barcode, book.verified, book.page_count, book.worst_finding));
            Ok(())
        })
        .unwrap();
    let finding = Some("pages_unverified".to_owned());
    assert_eq!(
        listed,
        [
            ("TL0002".to_owned(), Some(false), Some(3), finding),
            ("TL0003".to_owned(), None, Some(3), None)
        ]
    );
    let story = reader.explain(&barcode("TL0002")).unwrap().unwrap();
    assert!(
        story.meaning.contains("unverified") && story.meaning.contains("pages_unverified"),
        "{}",
        story.meaning
    );
    let mut jsonl = Vec::new();
    reader.export_jsonl(&ExportFilter::default(), &mut jsonl).unwrap();
    let books: Vec<serde_json::Value> = serde_json::Deserializer::from_slice(&jsonl)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(books[0]["verified"], true);
    assert_eq!(books[1]["worst_finding_level"], "warning");
    let mut csv = Vec::new();
    reader.export_csv(&ExportFilter::default(), &mut csv).unwrap();
    assert!(
        !String::from_utf8(csv).unwrap().contains("verified"),
        "the CSV keeps its columns"
    );
}

#[test]
fn an_etag_that_was_only_seen_is_never_stored() {
    let mut shelf = Shelf::new();
    let claimed = claim_one(&mut shelf);
    shelf.settle(&claimed, given_up("wrong_passphrase")).unwrap();
    assert_eq!(shelf.text("TL0001", "encrypted_etag"), None);
    assert_eq!(shelf.text("TL0001", "sync_timestamp"), None);
}

#[test]
fn not_converted_counts_no_failure_and_sends_the_book_to_conversion() {
    let mut shelf = Shelf::new();
    let claimed = claim_one(&mut shelf);
    assert_eq!(shelf.settle(&claimed, ClaimSettlement::NotConverted).unwrap(), S::Known);
    assert_eq!(shelf.value::<i64>("TL0001", "attempts"), 0);
    assert_eq!(shelf.value::<i64>("TL0001", "listed_converted"), 0);
    assert!(shelf.claim(&[Queue::Converted]).is_empty());
    let plan = PlanConversions {
        selection: queue(&[Queue::Converted]),
        limit: 5,
        queue_limit: 5,
    };
    assert_eq!(shelf.ledger.execute(plan).unwrap().barcodes, [barcode("TL0001")]);
}

/// What happened since the book is known, and whether its archive's name is still to come.
type NameCase = (&'static str, bool, fn(&mut Shelf));

fn ready(shelf: &mut Shelf) -> ClaimedBook {
    shelf.list(ListKind::AllBooks, vec![row("TL0001", "CONVERTED")]);
    shelf.claim(&[Queue::Converted]).remove(0)
}

fn named(code: &str) -> ListRow {
    ListRow {
        file_name: Some(FileName::parse(&format!("TESTLIB_{code}.tar.gz.gpg")).unwrap()),
        ..converted(code, "2025/06/01 00:00")
    }
}

#[test]
fn the_name_of_an_archive_is_to_come_until_a_list_told_it_or_a_pass_over_the_converted_books_has_ended() {
    assert!(ready(&mut Shelf::new()).name_to_come);
    let cases: [NameCase; 5] = [
        ("another list was read", true, |shelf| {
            shelf.complete_pass(ListKind::InProcess, vec![]);
        }),
        ("a pass that goes on", true, |shelf| {
            shelf.pass(ListKind::Converted);
        }),
        ("told", false, |shelf| {
            shelf.list(ListKind::Converted, vec![named("TL0001")]);
        }),
        ("not told by a pass that ended, complete or not", false, |shelf| {
            let pass = shelf.pass(ListKind::Converted);
            shelf.finish(pass, false);
        }),
        ("stored", false, |shelf| shelf.store("TL0001", "\"a\"")),
    ];
    for (what, expected, happens) in cases {
        let mut shelf = Shelf::new();
        shelf.list(ListKind::AllBooks, vec![row("TL0001", "CONVERTED")]);
        happens(&mut shelf);
        let forced = BookSelection {
            force: true,
            ..queue(&[Queue::All])
        };
        shelf.clock.advance(HOUR);
        shelf.reopen();
        let claimed = shelf.claim_of("a", forced, 1).remove(0);
        assert_eq!(claimed.name_to_come, expected, "{what}");
    }
}

#[test]
fn a_book_asked_for_by_a_guessed_name_waits_for_the_lists_and_for_no_conversion() {
    let mut shelf = Shelf::new();
    let claimed = ready(&mut shelf);
    assert_eq!(shelf.settle(&claimed, ClaimSettlement::Unnamed).unwrap(), S::Known);
    let plan = PlanConversions {
        selection: queue(&[Queue::All]),
        limit: 5,
        queue_limit: 5,
    };
    assert!(shelf.ledger.execute(plan).unwrap().barcodes.is_empty());
    shelf.list(ListKind::Converted, vec![named("TL0001")]);
    let claimed = shelf.claim(&[Queue::Converted]).remove(0);
    assert_eq!(claimed.file_name.unwrap().as_str(), "TESTLIB_TL0001.tar.gz.gpg");

    // Told while it was asked for by the guessed name.
    let mut shelf = Shelf::new();
    let claimed = ready(&mut shelf);
    shelf.list(ListKind::Converted, vec![named("TL0001")]);
    assert_eq!(shelf.settle(&claimed, ClaimSettlement::Unnamed).unwrap(), S::Available);
    assert_eq!(shelf.value::<i64>("TL0001", "attempts"), 0);
}

#[test]
fn a_stored_book_stays_stored_whatever_comes_of_its_newer_archive() {
    let cases: [(ClaimSettlement, &str); 4] = [
        (ClaimSettlement::NotConverted, "not_converted"),
        (given_up("damaged_at_source"), "failed"),
        (ClaimSettlement::Released, "handed_back"),
        (ClaimSettlement::UpToDate, "up_to_date"),
    ];
    for (settlement, cause) in cases {
        let mut shelf = Shelf::new();
        shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/06/01")]);
        shelf.store("TL0001", "\"a\"");
        shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/09/01")]);
        let claimed = shelf.claim(&[Queue::Changed]).remove(0);
        assert_eq!(shelf.settle(&claimed, settlement).unwrap(), S::Stored);
        assert_eq!(shelf.causes("TL0001").last().unwrap(), &format!("stored:{cause}"));
        assert_eq!(shelf.text("TL0001", "encrypted_etag").as_deref(), Some("\"a\""));
        let again = shelf.claim(&[Queue::Changed]).len();
        assert_eq!(again, usize::from(cause == "handed_back"), "{cause}: not in a circle");
        assert_eq!(shelf.reader().counts().unwrap().of(S::Failed), 0);
    }
}

#[test]
fn a_failure_keeps_its_reason_and_words_of_bounded_length() {
    let mut shelf = Shelf::new();
    let claimed = claim_one(&mut shelf);
    let settlement = ClaimSettlement::Failed {
        reason: crate::vocabulary::FailureReason::DamagedAtSource,
        detail: "ä".repeat(5_000),
    };
    assert_eq!(shelf.settle(&claimed, settlement).unwrap(), S::Failed);
    assert_eq!(
        shelf.text("TL0001", "failure_reason").as_deref(),
        Some("damaged_at_source")
    );
    assert_eq!(shelf.text("TL0001", "failure_detail").unwrap().len(), 2_000);
    let story = shelf.reader().explain(&barcode("TL0001")).unwrap().unwrap();
    assert!(story.meaning.contains("damaged_at_source"), "{}", story.meaning);
}

#[test]
fn only_retries_that_count_count() {
    let mut shelf = Shelf::new();
    let mut claimed = claim_one(&mut shelf);
    for counts in [true, false, true] {
        let at = shelf.now_plus(HOUR);
        let ClaimSettlement::Retry { reason, detail, .. } = retry(at) else {
            unreachable!()
        };
        shelf
            .settle(
                &claimed,
                ClaimSettlement::Retry {
                    reason,
                    detail,
                    at,
                    counts,
                },
            )
            .unwrap();
        shelf.clock.advance(HOUR);
        claimed = shelf.claim(&[Queue::Converted]).remove(0);
    }
    assert_eq!(claimed.attempts, 2);
    shelf.settle(&claimed, stored("TL0001", "\"a\"")).unwrap();
    assert_eq!(shelf.value::<i64>("TL0001", "attempts"), 0);
    assert_eq!(shelf.text("TL0001", "failure_reason"), None);
}

#[test]
fn a_settlement_for_a_book_that_is_not_there_says_so() {
    let mut shelf = Shelf::new();
    let mut claimed = claim_one(&mut shelf);
    claimed.claim.barcode = barcode("TL0404");
    let error = shelf.settle(&claimed, ClaimSettlement::UpToDate).unwrap_err();
    assert!(matches!(error, CatalogError::Unknown(_)), "{error}");
}
