//! CHECK.

use tokio_util::sync::CancellationToken;

use super::*;
use crate::actor::HandleMessage as _;
use crate::grin::Validator;
use crate::pipeline::workers::tests::grin_stub::StubAnswer;
use crate::pipeline::workers::{CheckBook, CheckError, CheckResult, CheckWorker};

fn ask(stored: Option<&str>) -> CheckBook {
    CheckBook {
        file_name: file_name("TL0001"),
        stored: stored.map(|etag| Validator::parse(etag).unwrap()),
        stop: CancellationToken::new(),
    }
}

async fn check(answer: StubAnswer, ask: CheckBook) -> (Result<CheckResult, CheckError>, GrinStub) {
    let grin = GrinStub::default();
    grin.answer(answer);
    let cx = AskContext::root("test").child_of(ActorName::Supervisor);
    let mut checker = CheckWorker::new(grin.clone(), addresses());
    let answer = checker.handle(ask, &cx).await;
    (answer, grin)
}

#[tokio::test(start_paused = true)]
async fn each_answer_of_grin_leads_one_way() {
    let small = |status, etag| StubAnswer::Small(status, etag, String::new());
    let same = Some("\"a\"");
    for (answer, stored, expected) in [
        (small(200, same), same, CheckResult::UpToDate),
        (small(200, Some("\"b\"")), same, CheckResult::Download),
        (small(200, same), None, CheckResult::Download),
        (small(200, None), same, CheckResult::Download),
        (small(404, None), same, CheckResult::NotConverted),
        (StubAnswer::Fails(forbidden()), same, CheckResult::Download),
        (StubAnswer::Fails(server(500)), same, CheckResult::Download),
    ] {
        let what = format!("{answer:?}");
        let (found, grin) = check(answer, ask(stored)).await;
        assert_eq!(found.unwrap(), expected, "{what}");
        assert_eq!(grin.count(), 1, "one HEAD: {what}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_says_nothing_of_the_book_is_handed_on() {
    for error in [throttled(60), signed_out()] {
        let what = error.to_string();
        let (found, _) = check(StubAnswer::Fails(error), ask(None)).await;
        assert!(
            matches!(&found, Err(CheckError::Session(found)) if found.to_string() == what),
            "{found:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_the_one_message() {
    let (found, _) = check(StubAnswer::Panics, ask(None)).await;
    assert!(matches!(found, Err(CheckError::Panicked(_))), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_after_a_drain_has_begun() {
    let stopped = ask(None);
    stopped.stop.cancel();
    let (found, grin) = check(StubAnswer::Panics, stopped).await;
    assert_eq!((found.unwrap(), grin.count()), (CheckResult::NotBegun, 0));
}

/// A request that waits at the gate would keep a drain waiting to its end; without a pause the answer may be seconds away.
#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_no_request_that_grin_wants_not_to_be_sent() {
    for held_back in [true, false] {
        let (asked, grin) = (ask(None), GrinStub::default());
        grin.answer(StubAnswer::Hangs);
        if held_back {
            grin.hold_back();
        }
        let stop = asked.stop.clone();
        let cx = AskContext::root("test").child_of(ActorName::Supervisor);
        let mut checker = CheckWorker::new(grin.clone(), addresses());
        let draining = async {
            grin.first_question().await;
            stop.cancel();
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            cx.cancel();
        };
        let began = tokio::time::Instant::now();
        let answered = async { (checker.handle(asked, &cx).await, began.elapsed()) };
        let ((found, took), ()) = tokio::join!(answered, draining);
        match found {
            Ok(CheckResult::NotBegun) => assert!(held_back && took.is_zero()),
            Err(CheckError::Session(_)) => assert!(!held_back && took.as_secs() == 60),
            other => panic!("{held_back}: {other:?}"),
        }
    }
}
