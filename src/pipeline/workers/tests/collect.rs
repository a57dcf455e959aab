//! COLLECT: a list in pages or as text, its retries, and what becomes of a pass.

use std::sync::Arc;

use super::*;
use crate::actor::HandleMessage as _;
use crate::grin::ListKind;
use crate::pipeline::workers::tests::batches::SIGN_IN;
use crate::pipeline::workers::tests::grin_stub::StubAnswer;
use crate::pipeline::workers::{CollectError, CollectList, CollectResult, CollectWorker, CollectorParts};
use crate::session::BodyError;

fn collector(fixture: &WorkerFixture) -> CollectWorker<GrinStub> {
    CollectWorker::new(CollectorParts {
        session: fixture.grin.clone(),
        addresses: addresses(),
        library: library(),
        catalog: fixture.catalog.clone(),
        page_size: 5,
        count_check: false,
        backoff: BACKOFF,
        rows: Arc::default(),
    })
}

pub(super) async fn collect(fixture: &WorkerFixture, list: ListKind) -> Result<CollectResult, CollectError> {
    let ask = CollectList {
        list,
        limit: None,
        afresh: false,
        fence: None,
    };
    let answer = collector(fixture).handle(ask, &fixture.cx).await;
    assert!(fixture.grin.is_used_up(), "asked: {:?}", fixture.grin.asked());
    answer
}

/// A page of the list of all books with these volumes, and the link that leads on.
pub(super) fn page(codes: &[&str], next: Option<&str>) -> String {
    let rows: String = codes
        .iter()
        .map(|code| format!("<tr><td>{code}</td><td>Lichens</td><td>NEW</td></tr>\n"))
        .collect();
    let next = next.map_or(String::new(), |mark| {
        format!("<p><a href=\"/libraries/EXAMPLE/_all_books?result_count=5&amp;ctoken={mark}\">Next &gt;</a></p>")
    });
    format!(
        "<html><head><title>EXAMPLE</title></head><body><table><thead><tr class=\"heading\">\
         <td><span class=\"hd3\">Barcode</span></td><td><span class=\"hd3\">Title</span></td>\
         <td><span class=\"hd3\">State</span></td></tr></thead><tbody>\n{rows}</tbody></table>{next}</body></html>"
    )
}

/// Books in the catalog, and those of them that vanished.
pub(super) fn known(fixture: &WorkerFixture) -> (u64, u64) {
    let conn = rusqlite::Connection::open(fixture.folder.path().join("catalog.db")).unwrap();
    let count = "SELECT count(*), count(vanished_at) FROM books";
    conn.query_row(count, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

pub(super) const TEXT: &str = "TL0001\nTL0002\nTL0003\n";

#[test]
fn a_list_is_read_page_by_page_and_the_first_pass_compared_with_its_text() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.grin.list(&page(&["TL0001", "TL0002"], Some("x")));
        fixture.grin.list(&page(&["TL0003"], None));
        fixture.grin.list(TEXT);
        let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
        assert_eq!((seen.rows, seen.new, seen.pages), (3, 3, 2));
        assert_eq!((seen.incomplete, seen.unavailable), (None, None));
        let asked = fixture.grin.asked();
        assert!(
            asked[1].contains("ctoken=x") && asked[2].contains("format=text"),
            "{asked:?}"
        );
        // The second pass is not compared, unless it names other books.
        fixture.grin.list(&page(&["TL0001", "TL0002", "TL0003"], None));
        collect(&fixture, ListKind::AllBooks).await.unwrap();
        fixture.grin.list(&page(&["TL0001", "TL0002"], None));
        fixture.grin.list("TL0001\nTL0002\n");
        let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
        assert_eq!((seen.rows, seen.incomplete), (2, None));
    });
}

#[test]
fn a_way_on_that_is_not_seen_makes_no_book_vanish_in_any_pass() {
    paused(async || {
        let fixture = WorkerFixture::new();
        for pass in 0..3 {
            fixture.grin.list(&page(&["TL0001", "TL0002"], None));
            fixture.grin.list(TEXT);
            fixture.grin.list(TEXT);
            let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
            assert_eq!(
                (seen.rows, seen.incomplete),
                (5, None),
                "{pass}: the text form's rows count too"
            );
        }
    });
}

#[test]
fn a_list_that_has_grown_is_compared() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.grin.list(&page(&["TL0001", "TL0002"], None));
        fixture.grin.list("TL0001\nTL0002\n");
        collect(&fixture, ListKind::AllBooks).await.unwrap();
        // As many rows as before, and others; then more rows. The text form has all.
        for codes in [&["TL0003", "TL0002"][..], &["TL0001", "TL0002", "TL0004"]] {
            let text = "TL0001\nTL0002\nTL0003\nTL0004\n";
            fixture.grin.list(&page(codes, None));
            fixture.grin.list(text);
            fixture.grin.list(text);
            let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
            assert_eq!(seen.incomplete, None);
            assert_eq!(known(&fixture), (4, 0));
        }
    });
}

#[test]
fn books_are_counted_and_not_rows() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture
            .grin
            .list(&page(&["TL0001", "TL0001", "TL0002", "TL0002"], None));
        fixture.grin.list(TEXT);
        fixture.grin.list(TEXT);
        let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
        assert_eq!((seen.new, seen.incomplete), (3, None));
        // Without a text form, pages that repeat rows are no whole list.
        fixture
            .grin
            .list(&page(&["TL0001", "TL0001", "TL0002", "TL0003"], None));
        fixture.grin.fails(SessionError::NotFound);
        fixture.grin.fails(SessionError::NotFound);
        let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
        assert!(seen.incomplete.is_some(), "{seen:?}");
    });
}

#[test]
fn a_resumed_pass_is_compared_with_the_whole_text() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.grin.list(&page(&["TL0001", "TL0002"], Some("x")));
        for _ in 0..BACKOFF.attempts {
            fixture.grin.fails(SessionError::Reset);
        }
        collect(&fixture, ListKind::AllBooks).await.unwrap();
        fixture.grin.list(&page(&[], None));
        fixture.grin.list(TEXT);
        fixture.grin.list(TEXT);
        let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
        assert_eq!((seen.incomplete, known(&fixture)), (None, (3, 0)));
    });
}

#[test]
fn a_servers_word_under_a_list_makes_no_book_and_lets_none_vanish() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.grin.list(&page(&["TL0001", "TL0002", "TL0003"], None));
        fixture.grin.list(TEXT);
        collect(&fixture, ListKind::AllBooks).await.unwrap();
        fixture.grin.list(&page(&["TL0001", "TL0002"], None));
        fixture.grin.list("TL0001\nTL0002\nE500\n");
        collect(&fixture, ListKind::AllBooks).await.unwrap();
        assert_eq!(known(&fixture), (3, 0));
    });
}

#[test]
fn a_page_that_fails_is_asked_for_again_as_late_as_grin_wishes() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.grin.fails(throttled(90));
        let torn = page(&["TL0001", "TL0002"], None)[..300].to_owned();
        let cut = BodyError::Stalled;
        fixture.grin.answer(StubAnswer::List {
            text: torn,
            end: Err(cut),
        });
        fixture.grin.list(&page(&["TL0001", "TL0002", "TL0003"], None));
        fixture.grin.list(TEXT);
        let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
        assert_eq!(
            (seen.rows, seen.incomplete),
            (3, None),
            "rows of a torn page count once"
        );
        let waits = fixture.grin.waits();
        assert!(waits[0] >= Duration::from_secs(90), "{waits:?}");
    });
}

#[test]
fn a_pass_that_breaks_off_resumes_at_the_page_that_failed() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.grin.list(&page(&["TL0001", "TL0002"], Some("x")));
        for _ in 0..BACKOFF.attempts {
            fixture.grin.fails(SessionError::Reset);
        }
        let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
        assert!(seen.incomplete.is_some() && seen.rows == 2, "{seen:?}");
        let before = fixture.grin.count();
        fixture.grin.list(&page(&["TL0003"], None));
        fixture.grin.list(TEXT);
        let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
        assert_eq!((seen.rows, seen.incomplete), (1, None));
        assert!(fixture.grin.asked()[before].contains("ctoken=x"));
    });
}

#[test]
fn a_pass_that_cannot_be_resumed_now_is_resumed_later() {
    for is_sign_in in [false, true] {
        paused(async || {
            let fixture = WorkerFixture::new();
            let trouble = || {
                for _ in 0..BACKOFF.attempts {
                    match is_sign_in {
                        true => fixture.grin.list(SIGN_IN),
                        false => fixture.grin.fails(SessionError::Reset),
                    }
                }
            };
            fixture.grin.list(&page(&["TL0001", "TL0002"], Some("x")));
            for _ in 0..2 {
                trouble();
                let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
                assert!(seen.is_interrupted, "{is_sign_in}: {seen:?}");
            }
            let before = fixture.grin.count();
            fixture.grin.list(&page(&["TL0003"], None));
            fixture.grin.list(TEXT);
            let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
            assert_eq!((seen.rows, seen.incomplete), (1, None), "{is_sign_in}");
            assert!(fixture.grin.asked()[before].contains("ctoken=x"), "{is_sign_in}");
        });
    }
}

#[test]
fn a_link_that_has_expired_leads_back_to_the_first_page() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.grin.list(&page(&["TL0001", "TL0002"], Some("x")));
        for _ in 0..BACKOFF.attempts {
            fixture.grin.fails(SessionError::Reset);
        }
        collect(&fixture, ListKind::AllBooks).await.unwrap();
        fixture.grin.fails(SessionError::NotFound);
        fixture.grin.list(&page(&["TL0001", "TL0002", "TL0003"], None));
        fixture.grin.list(TEXT);
        let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
        assert_eq!((seen.rows, seen.incomplete), (3, None));
    });
}

#[test]
fn a_list_that_grin_has_in_no_form_is_unavailable_and_concludes_nothing() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.grin.fails(SessionError::NotFound);
        fixture.grin.fails(forbidden());
        let seen = collect(&fixture, ListKind::InProcess).await.unwrap();
        let why = seen.unavailable.expect("it is not to be had");
        assert!(why.contains("text") && why.contains("pages"), "{why}");
        assert_eq!(seen.incomplete, None);
    });
}

#[test]
fn a_list_that_grin_gives_another_page_for_in_every_form_is_not_to_be_had() {
    paused(async || {
        let fixture = WorkerFixture::new();
        for _ in 0..2 * BACKOFF.attempts {
            fixture
                .grin
                .list("<html><body><h1>Welcome</h1><p>Choose a report.</p></body></html>");
        }
        let seen = collect(&fixture, ListKind::InProcess).await.unwrap();
        assert!(seen.unavailable.is_some(), "{seen:?}");
        assert_eq!(seen.incomplete, None);
    });
}

#[test]
fn a_list_that_trouble_keeps_away_in_a_form_is_incomplete_and_not_unavailable() {
    paused(async || {
        for first_is_denied in [false, true] {
            let fixture = WorkerFixture::new();
            if first_is_denied {
                fixture.grin.fails(SessionError::NotFound);
            }
            let forms = if first_is_denied { 1 } else { 2 };
            for _ in 0..forms * BACKOFF.attempts {
                fixture.grin.fails(SessionError::Server { status: 500 });
            }
            let seen = collect(&fixture, ListKind::InProcess).await.unwrap();
            let why = seen.incomplete.expect("it may be there later");
            assert!(why.contains("text") && why.contains("pages"), "{why}");
            assert_eq!(seen.unavailable, None);
        }
    });
}

#[test]
fn the_other_form_is_tried_where_the_first_is_not_to_be_had() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.grin.fails(SessionError::NotFound);
        fixture.grin.list(TEXT);
        let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
        assert_eq!((seen.rows, seen.incomplete, seen.unavailable), (3, None, None));
    });
}

#[test]
fn a_text_with_more_rows_is_read_too() {
    paused(async || {
        let fixture = WorkerFixture::new();
        let text: String = (1..=20).map(|number| format!("TL{number:04}\n")).collect();
        fixture.grin.list(&page(&["TL0001", "TL0002"], None));
        fixture.grin.list(&text);
        fixture.grin.list(&text);
        let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
        assert_eq!((seen.new, seen.incomplete), (20, None));
    });
}

#[test]
fn what_only_a_person_can_mend_ends_the_pass_at_once() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.grin.fails(signed_out());
        let error = collect(&fixture, ListKind::AllBooks).await.unwrap_err();
        assert!(matches!(error, CollectError::Session(_)), "{error}");
    });
}

#[test]
fn a_drain_ends_the_wait_between_two_attempts() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.grin.fails(throttled(500));
        let minute = Duration::from_secs(60);
        let (answer, took) = fixture
            .cancel_after(minute, collect(&fixture, ListKind::AllBooks))
            .await;
        assert!(answer.is_err(), "its pass stays open: {answer:?}");
        assert_eq!((took, fixture.grin.count()), (minute, 1));
    });
}
