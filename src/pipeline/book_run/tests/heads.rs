//! Which books are asked for by HEAD first.

use super::*;
use crate::session::TimeoutPhase;

/// Which GRIN may have changed, and so is checked.
fn unlisted(barcode: &str) -> ClaimedBook {
    let mut book = book(0);
    book.claim.barcode = Barcode::parse(barcode).unwrap();
    book.listed_converted = false;
    book
}

fn silent() -> SessionError {
    let phase = TimeoutPhase::Head;
    SessionError::Timeout { phase }
}

/// Whether a run over this book, in which HEAD and GET are answered, began with a HEAD.
async fn asks_head(context: &BookRunContext, barcode: &str) -> bool {
    let stub = downloads(Scripted::Answers(Ok(DownloadResult::UpToDate)));
    stub.checks.borrow_mut().push_back(Ok(CheckResult::Download));
    let end = run(stub, context.clone(), unlisted(barcode)).await;
    assert_eq!(end.result.outcome, BookOutcome::UpToDate);
    end.stub.checks.borrow().is_empty()
}

async fn head_fails(context: &BookRunContext, barcode: &str, error: &SessionError) {
    let stub = RunStub::default();
    stub.checks.borrow_mut().push_back(Err(error.into()));
    let end = run(stub, context.clone(), unlisted(barcode)).await;
    assert_eq!(
        end.result.outcome,
        BookOutcome::Released,
        "no GET follows at once: {error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_get_decides_of_a_book_whose_head_failed_on_the_way() {
    let retry_after = Some(Duration::from_secs(60));
    let not_served = SessionError::NotServed {
        status: 503,
        retry_after,
    };
    let throttled = SessionError::Throttled {
        status: Some(429),
        retry_after,
        longest: None,
    };
    let tokenless = SessionError::TokenUnavailable { why: String::new() };
    for (error, is_decided_by_get) in [
        (silent(), true),
        (SessionError::Reset, true),
        (not_served, true),
        // It says nothing of HEAD.
        (throttled, false),
        (tokenless, false),
        (SessionError::Busy, false),
    ] {
        let shared = context(false);
        head_fails(&shared, "TL0001", &error).await;
        assert!(asks_head(&shared, "TL0002").await, "another book: {error}");
        assert_eq!(asks_head(&shared, "TL0001").await, !is_decided_by_get, "{error}");
        assert!(asks_head(&shared, "TL0001").await, "served since: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_no_book_has_its_head_answered_a_get_decides_of_all() {
    let shared = context(false);
    for barcode in ["TL0001", "TL0002", "TL0003"] {
        head_fails(&shared, barcode, &silent()).await;
    }
    let mut asked = Vec::new();
    for number in 10..30 {
        asked.push(asks_head(&shared, &format!("TL00{number}")).await);
    }
    let gets = asked.iter().take_while(|by_head| !**by_head).count();
    assert_eq!(gets, 10, "then HEAD is tried once more: {asked:?}");
    assert!(
        asked[gets..].iter().all(|by_head| *by_head),
        "and is answered: {asked:?}"
    );
}
