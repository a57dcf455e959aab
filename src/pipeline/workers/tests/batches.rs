//! ENRICH and CONVERT: batches of books, asked for again while an error may pass.

use tokio_util::sync::CancellationToken;

use super::*;
use crate::actor::HandleMessage as _;
use crate::catalog::{AskUnknown, ToEnrich};
use crate::grin::{AnswerRefusal, ProcessForm};
use crate::pipeline::workers::tests::grin_stub::StubAnswer;
use crate::pipeline::workers::{
    BatchParts, ConvertBatch, ConvertError, ConvertResult, ConvertWorker, EnrichBarcodes, EnrichError, EnrichWorker,
};

const FACTS: &str = "Barcode\tState\tViewability\nTL0001\tNEW\tVIEW_FULL\n";
pub(super) const REPLY: &str = "Barcode\tStatus\nTL0001\tSuccess\nTL0002\tAlready being converted\n";
pub(super) const SIGN_IN: &str =
    "<html><body><a href=\"https://accounts.google.com/ServiceLogin?x\">Sign in</a></body></html>";

pub(super) fn parts(fixture: &WorkerFixture) -> BatchParts<GrinStub> {
    BatchParts {
        session: fixture.grin.clone(),
        addresses: addresses(),
        catalog: fixture.catalog.clone(),
        backoff: BACKOFF,
        rows_are_trimmed: std::sync::Arc::default(),
    }
}

async fn enrich(fixture: &WorkerFixture, attempts: Option<u32>) -> Result<u64, EnrichError> {
    let ask = EnrichBarcodes {
        barcodes: barcodes(&["TL0001", "TL0002"]),
        adds: false,
        stop: CancellationToken::new(),
        attempts,
    };
    let answer = EnrichWorker::new(parts(fixture)).handle(ask, &fixture.cx).await;
    answer.map(|counts| counts.answered)
}

/// Books that are still to be asked for.
async fn left(fixture: &WorkerFixture) -> Vec<Barcode> {
    let wanted = ToEnrich {
        limit: 10,
        ..ToEnrich::default()
    };
    fixture.catalog.ask(wanted, &fixture.cx).await.unwrap().barcodes
}

async fn convert(fixture: &WorkerFixture) -> Result<ConvertResult, ConvertError> {
    let ask = ConvertBatch {
        barcodes: barcodes(&["TL0001", "TL0002"]),
        attempts: None,
        stop: CancellationToken::new(),
    };
    ConvertWorker::new(parts(fixture), ProcessForm::PostLines)
        .handle(ask, &fixture.cx)
        .await
        .map(|answer| answer.result)
}

#[test]
fn facts_are_recorded_and_books_without_a_row_stay_to_be_asked_for() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.know(&["TL0001", "TL0002"]).await;
        fixture.grin.small(200, FACTS);
        assert_eq!(enrich(&fixture, None).await.unwrap(), 1);
        assert_eq!(fixture.column::<String>("TL0001", "grin_viewability"), "VIEW_FULL");
        assert_eq!(left(&fixture).await, barcodes(&["TL0002"]));
    });
}

#[test]
fn short_rows_are_taken_once_an_answer_has_shown_that_grin_leaves_out_empty_cells() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.know(&["TL0001", "TL0002", "TL0003", "TL0004"]).await;
        let (parts, head) = (parts(&fixture), "Barcode\tState\tViewability\n");
        let answered = async |asked: &[&str], rows: &str| {
            fixture.grin.small(200, &format!("{head}{rows}"));
            let ask = EnrichBarcodes {
                barcodes: barcodes(asked),
                adds: false,
                stop: CancellationToken::new(),
                attempts: None,
            };
            let mut worker = EnrichWorker::new(parts.clone());
            worker.handle(ask, &fixture.cx).await.unwrap().answered
        };
        let half = "TL0004\tNEW\tx\nTL0003\tNEW\n";
        assert_eq!(answered(&["TL0003", "TL0004"], half).await, 1, "it may be torn");
        assert_eq!(answered(&["TL0001", "TL0002"], "TL0001\tNEW\nTL0002\n").await, 2);
        assert_eq!(left(&fixture).await, barcodes(&["TL0003"]));
        assert_eq!(answered(&["TL0003", "TL0004"], half).await, 2);
        assert_eq!(left(&fixture).await, []);
    });
}

#[test]
fn a_short_row_of_a_book_that_was_requested_alone_is_taken() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.know(&["TL0001"]).await;
        fixture.grin.small(200, "Barcode\tState\tViewability\nTL0001\tNEW\n");
        let ask = EnrichBarcodes {
            barcodes: barcodes(&["TL0001"]),
            adds: false,
            stop: CancellationToken::new(),
            attempts: None,
        };
        let answer = EnrichWorker::new(parts(&fixture))
            .handle(ask, &fixture.cx)
            .await
            .unwrap();
        assert_eq!((answer.answered, answer.unnamed), (1, Vec::new()));
    });
}

#[test]
fn a_table_that_names_no_book_is_an_error_of_those_books() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.know(&["TL0001", "TL0002"]).await;
        for rows in ["", "???\tNEW\tx\n", "TL0001\tNE", "TL0001\tNE\nW and so on\tx\n"] {
            fixture.grin.small(200, &format!("Barcode\tState\tViewability\n{rows}"));
            let error = enrich(&fixture, None).await.unwrap_err();
            assert!(matches!(error, EnrichError::Unnamed(2)), "{rows}: {error}");
            assert!(error.parts_may_be_answered(), "{rows}");
        }
        assert_eq!(left(&fixture).await.len(), 2);
        for _ in ProcessForm::ALL {
            fixture.grin.small(200, "Barcode\tStatus\n");
        }
        let error = convert(&fixture).await.unwrap_err();
        assert!(matches!(error, ConvertError::Unnamed(2)), "{error}");
        assert!(error.parts_may_be_answered());
    });
}

#[test]
fn conversions_that_an_answer_does_not_name_are_told_and_not_recorded() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.know(&["TL0001", "TL0002"]).await;
        fixture.grin.small(200, "Barcode\tStatus\nTL0001\tSuccess\n");
        let ask = ConvertBatch {
            barcodes: barcodes(&["TL0001", "TL0002"]),
            attempts: None,
            stop: CancellationToken::new(),
        };
        let mut worker = ConvertWorker::new(parts(&fixture), ProcessForm::PostLines);
        let answer = worker.handle(ask, &fixture.cx).await.unwrap();
        assert_eq!((answer.result.requested, answer.unnamed), (1, barcodes(&["TL0002"])));
        assert_eq!(fixture.column::<String>("TL0002", "state"), "known");
    });
}

#[test]
fn a_refusal_that_may_be_one_books_lets_parts_be_asked_for() {
    paused(async || {
        let fixture = WorkerFixture::new();
        let forbidden = SessionError::Forbidden { snippet: String::new() };
        fixture.grin.fails(forbidden.clone());
        assert!(enrich(&fixture, None).await.unwrap_err().parts_may_be_answered());
        fixture.grin.fails(forbidden);
        let error = convert(&fixture).await.unwrap_err();
        assert!(error.parts_may_be_answered() && !error.needs_person(), "{error}");
        for _ in 0..2 {
            fixture.grin.small(200, "Your request is unavailable");
        }
        assert!(enrich(&fixture, None).await.unwrap_err().parts_may_be_answered());
        assert!(convert(&fixture).await.unwrap_err().parts_may_be_answered());
    });
}

#[test]
fn of_named_books_those_become_known_that_grin_knows() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.grin.small(200, FACTS);
        let named = barcodes(&["TL0001", "TL0002"]);
        let ask = EnrichBarcodes {
            barcodes: named.clone(),
            attempts: None,
            adds: true,
            stop: CancellationToken::new(),
        };
        let counts = EnrichWorker::new(parts(&fixture))
            .handle(ask, &fixture.cx)
            .await
            .unwrap();
        assert_eq!(counts.answered, 1);
        let unknown = fixture.catalog.ask(AskUnknown(named), &fixture.cx).await.unwrap();
        assert_eq!(unknown, barcodes(&["TL0002"]));
    });
}

#[test]
fn a_wait_that_grin_asks_for_is_kept_before_the_next_request() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.know(&["TL0001"]).await;
        fixture.grin.fails(throttled(120));
        fixture.grin.fails(server(500));
        fixture.grin.small(200, FACTS);
        assert_eq!(enrich(&fixture, None).await.unwrap(), 1);
        let waits = fixture.grin.waits();
        assert!(waits[0] >= Duration::from_secs(120), "{waits:?}");
        assert!(waits[1] <= Duration::from_secs(2), "{waits:?}");
    });
}

#[test]
fn attempts_end_with_their_number_or_with_what_does_not_pass() {
    paused(async || {
        for (attempts, asked) in [(None, 4), (Some(2), 2), (Some(9), 4)] {
            let fixture = WorkerFixture::new();
            for _ in 0..asked {
                fixture.grin.fails(server(500));
            }
            let error = enrich(&fixture, attempts).await.unwrap_err();
            assert!(error.parts_may_be_answered(), "{error}");
            assert_eq!(fixture.grin.count(), asked);
        }
        let fixture = WorkerFixture::new();
        fixture.grin.fails(signed_out());
        let error = enrich(&fixture, None).await.unwrap_err();
        assert!(!error.parts_may_be_answered(), "{error}");
    });
}

#[test]
fn a_sign_in_page_that_comes_once_is_no_end() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.know(&["TL0001"]).await;
        fixture.grin.small(200, SIGN_IN);
        fixture.grin.small(200, FACTS);
        assert_eq!(enrich(&fixture, None).await.unwrap(), 1);
    });
}

#[test]
fn what_is_no_table_changes_nothing() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.know(&["TL0001"]).await;
        // Once it is asked for again.
        fixture.grin.small(200, SIGN_IN);
        fixture.grin.small(200, SIGN_IN);
        let error = enrich(&fixture, None).await.unwrap_err();
        assert!(matches!(error, EnrichError::Refused(AnswerRefusal::SignIn)), "{error}");
        fixture.grin.small(404, "");
        let error = enrich(&fixture, None).await.unwrap_err();
        assert!(matches!(error, EnrichError::Status(404)), "{error}");
        assert_eq!(left(&fixture).await, barcodes(&["TL0001"]));
    });
}

#[test]
fn cancelled_between_two_attempts_it_ends_at_once() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.grin.fails(throttled(500));
        let minute = Duration::from_secs(60);
        let (answer, took) = fixture.cancel_after(minute, enrich(&fixture, None)).await;
        assert!(matches!(answer, Err(EnrichError::Session(_))), "{answer:?}");
        assert_eq!((took, fixture.grin.count()), (minute, 1));
    });
}

#[test]
fn each_word_of_grins_is_recorded_and_counted() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.know(&["TL0001", "TL0002"]).await;
        fixture.grin.fails(server(502));
        fixture.grin.small(200, REPLY);
        let answer = convert(&fixture).await.unwrap();
        assert_eq!((answer.requested, answer.already, answer.queue_full), (1, 1, false));
        assert_eq!(fixture.column::<String>("TL0001", "state"), "requested");
        assert_eq!(fixture.column::<String>("TL0002", "state"), "in_process");
    });
}

#[test]
fn a_full_queue_is_an_answer_and_is_not_asked_again() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.know(&["TL0001"]).await;
        fixture.grin.fails(SessionError::QueueFull);
        let answer = convert(&fixture).await.unwrap();
        assert_eq!((answer.queue_full, answer.requested), (true, 0));
        assert_eq!(fixture.column::<String>("TL0001", "state"), "known");
    });
}

#[test]
fn a_pause_of_everybodys_is_no_full_queue() {
    paused(async || {
        let fixture = WorkerFixture::new();
        let day = SessionError::Throttled {
            status: Some(429),
            retry_after: Some(Duration::from_hours(24)),
            longest: None,
        };
        fixture.grin.fails(day.clone());
        let error = convert(&fixture).await.unwrap_err();
        assert!(matches!(&error, ConvertError::Session(told) if *told == day), "{error}");
        assert!(!error.parts_may_be_answered() && !error.needs_person(), "{error}");
    });
}

#[test]
fn an_answer_about_no_book_is_an_error_that_names_what_came() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.grin.small(200, SIGN_IN);
        fixture.grin.small(200, SIGN_IN);
        let error = convert(&fixture).await.unwrap_err();
        assert!(!error.parts_may_be_answered() && !error.needs_person(), "{error}");
        fixture.grin.small(404, "");
        let error = convert(&fixture).await.unwrap_err();
        assert!(matches!(error, ConvertError::Status(404)), "{error}");
        fixture.grin.answer(StubAnswer::Fails(signed_out()));
        let error = convert(&fixture).await.unwrap_err();
        assert!(error.needs_person(), "{error}");
    });
}

/// The batch waits at the gate, and its request would not be sent before the drain's end.
#[test]
fn a_drain_waits_for_no_batch_that_grin_wants_not_to_be_asked_for() {
    paused(async || {
        let minute = Duration::from_mins(1);
        for (held_back, waited) in [(true, Duration::ZERO), (false, minute)] {
            let fixture = WorkerFixture::new();
            fixture.grin.answer(StubAnswer::Hangs);
            if held_back {
                fixture.grin.hold_back();
            }
            let stop = CancellationToken::new();
            let ask = EnrichBarcodes {
                barcodes: barcodes(&["TL0001"]),
                adds: false,
                stop: stop.clone(),
                attempts: None,
            };
            let mut worker = EnrichWorker::new(parts(&fixture));
            let began = Instant::now();
            let answered = async { (worker.handle(ask, &fixture.cx).await, began.elapsed()) };
            let draining = async {
                fixture.grin.first_question().await;
                stop.cancel();
                tokio::time::sleep(minute).await;
                fixture.cx.cancel();
            };
            let ((answer, took), ()) = futures::join!(answered, draining);
            assert!(matches!(answer, Err(EnrichError::Session(SessionError::Cancelled))));
            assert_eq!(took, waited, "{held_back}");
        }
    });
}
