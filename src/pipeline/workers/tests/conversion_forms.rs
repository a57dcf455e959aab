//! CONVERT: in which form GRIN is asked.

use tokio_util::sync::CancellationToken;

use super::batches::{REPLY, parts};
use super::*;
use crate::actor::HandleMessage as _;
use crate::grin::ProcessForm;
use crate::pipeline::workers::{ConvertBatch, ConvertError, ConvertWorker};

#[test]
fn a_form_that_grin_does_not_take_gives_way_to_another_which_is_kept() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.know(&["TL0001", "TL0002"]).await;
        let unexpected = |status| SessionError::Unexpected {
            status,
            snippet: String::new(),
        };
        for status in [405, 411, 415] {
            fixture.grin.fails(unexpected(status));
        }
        fixture.grin.small(200, REPLY);
        let mut worker = ConvertWorker::new(parts(&fixture), ProcessForm::PostLines);
        let answer = worker.handle(ask(), &fixture.cx).await.unwrap();
        assert_eq!(
            (answer.result.requested, answer.result.already, fixture.grin.count()),
            (1, 1, 4)
        );
        fixture.grin.small(200, REPLY);
        worker.handle(ask(), &fixture.cx).await.unwrap();
        assert_eq!(fixture.grin.count(), 5, "the form is kept");
        for _ in ProcessForm::ALL {
            fixture.grin.fails(unexpected(405));
        }
        let error = worker.handle(ask(), &fixture.cx).await.unwrap_err();
        assert!(error.to_string().contains("405"), "{error}");
        assert_eq!(fixture.grin.count(), 10);
    });
}

/// As GRIN may answer whatever it does not understand: always with 200.
const NO_ROWS: [&str; 3] = [
    "<html><body><form action=\"_process\"><textarea name=barcodes></textarea></form></body></html>",
    "",
    "Barcode\tStatus\n",
];

#[test]
fn a_form_that_brings_no_book_gives_way_to_another_until_one_has() {
    paused(async || {
        for page in NO_ROWS {
            let fixture = WorkerFixture::new();
            fixture.know(&["TL0001", "TL0002"]).await;
            let mut worker = ConvertWorker::new(parts(&fixture), ProcessForm::PostLines);
            for _ in 0..3 {
                fixture.grin.small(200, page);
            }
            fixture.grin.small(200, REPLY);
            let answer = worker.handle(ask(), &fixture.cx).await.unwrap();
            assert_eq!((answer.result.requested, fixture.grin.count()), (1, 4), "{page:?}");
            // It has named books in this form: an answer without them is about these.
            fixture.grin.small(200, page);
            worker.handle(ask(), &fixture.cx).await.unwrap_err();
            assert_eq!(fixture.grin.count(), 5, "{page:?}");
        }
    });
}

#[test]
fn where_no_form_brings_a_book_the_first_is_asked_in_alone_after_some_batches() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.know(&["TL0001", "TL0002"]).await;
        let mut worker = ConvertWorker::new(parts(&fixture), ProcessForm::PostLines);
        let mut asked = Vec::new();
        for _ in 0..10 {
            let before = fixture.grin.count();
            for _ in ProcessForm::ALL {
                fixture.grin.small(200, NO_ROWS[2]);
            }
            let error = worker.handle(ask(), &fixture.cx).await.unwrap_err();
            assert!(matches!(error, ConvertError::Unnamed(2)), "{error}");
            assert!(error.to_string().contains("grin.conversion_form"), "{error}");
            asked.push(fixture.grin.count() - before);
        }
        assert_eq!(asked, [5, 5, 5, 5, 5, 5, 5, 5, 1, 1]);
    });
}

fn ask() -> ConvertBatch {
    ConvertBatch {
        barcodes: barcodes(&["TL0001", "TL0002"]),
        attempts: Some(1),
        stop: CancellationToken::new(),
    }
}
