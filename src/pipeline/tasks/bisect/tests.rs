//! GRIN as a function of the books asked for, and what is found of it.

use std::cell::Cell;

use super::*;

fn batch(size: usize) -> FailedBatch {
    FailedBatch {
        barcodes: (0..size)
            .map(|n| Barcode::parse(&format!("TL{n:04}")).unwrap())
            .collect(),
        why: "server error 500".to_owned(),
        parts_may_be_answered: true,
        unnamed: false,
        was_asked: true,
    }
}

/// What came of halving a batch.
#[derive(Debug)]
struct Found {
    spoilers: Vec<String>,
    answered: usize,
    requests: usize,
    stopped: bool,
}

/// Halves a batch of `size` in which any of these books spoils a request.
async fn run(size: usize, bad: &[usize], bisection: &mut BatchBisection) -> Found {
    let all = batch(size);
    let bad: Vec<_> = bad.iter().map(|at| all.barcodes[*at].clone()).collect();
    let requests = Cell::new(0);
    let ask = async |barcodes: Vec<Barcode>| {
        requests.set(requests.get() + 1);
        match barcodes.iter().any(|barcode| bad.contains(barcode)) {
            false => Ok(PartAnswer::new(barcodes.len(), Vec::new(), barcodes.len())),
            true => Err(FailedBatch { barcodes, ..batch(0) }),
        }
    };
    found(bisection.run(all, ask, |_| false).await, requests.get())
}

fn found(result: BisectResult<usize>, requests: usize) -> Found {
    let spoilers = result.spoilers.iter();
    Found {
        spoilers: spoilers.map(|book| book.barcode.to_string()).collect(),
        answered: result.answers.iter().sum(),
        requests,
        stopped: result.stopped.is_some(),
    }
}

#[tokio::test(start_paused = true)]
async fn the_books_that_spoil_a_batch_are_found_and_the_others_answered() {
    for (size, bad, others_answered) in [
        (400, &[7][..], true),
        (400, &[7], false),
        (400, &[0, 399], false),
        // One in each quarter: only a single book shows that GRIN answers.
        (400, &[1, 150, 250, 390], false),
        (2, &[1], false),
        (1, &[0], true),
        (5, &[0, 1, 2, 3, 4], true),
    ] {
        let mut found = run(size, bad, &mut BatchBisection::new(others_answered)).await;
        found.spoilers.sort_unstable();
        let expected: Vec<_> = bad.iter().map(|at| format!("TL{at:04}")).collect();
        assert_eq!(found.spoilers, expected, "{size} {bad:?}");
        assert_eq!(
            (found.answered, found.stopped),
            (size - bad.len(), false),
            "{size} {bad:?}"
        );
        assert!(found.requests <= 20 * bad.len(), "{size} {bad:?}: {found:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_any_answer_no_book_is_blamed_and_no_further_batch_halved() {
    let everyone: Vec<_> = (0..400).collect();
    let mut bisection = BatchBisection::new(false);
    for requests in [8, 0] {
        let found = run(400, &everyone, &mut bisection).await;
        assert_eq!(
            (found.spoilers.len(), found.answered, found.requests, found.stopped),
            (0, 0, requests, true)
        );
    }
    let alone = run(1, &[0], &mut BatchBisection::new(false)).await;
    assert_eq!((alone.spoilers.len(), alone.requests, alone.stopped), (0, 0, true));
}

#[tokio::test(start_paused = true)]
async fn there_is_a_bound_of_the_parts_asked_for_and_what_is_beyond_waits() {
    let odd: Vec<_> = (1..400).step_by(2).collect();
    let found = run(400, &odd, &mut BatchBisection::new(true)).await;
    assert!(found.requests <= MOST_PARTS + 1, "{found:?}");
    assert_eq!(found.spoilers.len() + found.answered, 400);
}

/// GRIN names no more than `most` of the books asked for, and none of `never`.
async fn named(size: usize, most: usize, never: &[usize]) -> Found {
    let all = batch(size);
    let never: Vec<_> = never.iter().map(|at| all.barcodes[*at].clone()).collect();
    let requests = Cell::new(0);
    let ask = async |barcodes: Vec<Barcode>| {
        requests.set(requests.get() + 1);
        let asked = barcodes.len();
        let (mut unnamed, mut named): (Vec<_>, Vec<_>) = barcodes.into_iter().partition(|book| never.contains(book));
        unnamed.extend(named.split_off(named.len().min(most)));
        match named.len() {
            0 => Err(FailedBatch {
                barcodes: unnamed,
                unnamed: true,
                ..batch(0)
            }),
            answered => Ok(PartAnswer::new(answered, unnamed, asked)),
        }
    };
    let first = match ask(all.barcodes).await {
        Ok(PartAnswer { answer, rest }) => (BatchBisection::new(true), answer, rest),
        Err(failed) => (BatchBisection::new(false), 0, Some(failed)),
    };
    let (mut bisection, answered, Some(rest)) = first else {
        panic!("all were named");
    };
    let mut found = found(bisection.run(rest, ask, |_| false).await, requests.get());
    found.answered += answered;
    found
}

#[tokio::test(start_paused = true)]
async fn books_that_an_answer_does_not_name_are_asked_for_again_and_put_off() {
    for (size, most, never, put_off, most_requests) in [
        // So many rows and no more.
        (300, 50, &[][..], 0, 12),
        (46, 1, &[], 0, 64),
        // One that GRIN does not know is asked for once more, alone.
        (300, 300, &[7], 1, 2),
        (1, 1, &[0], 1, 1),
        (3, 3, &[0, 1, 2], 3, 5),
        // It names nobody: all of them wait.
        (8, 0, &[], 8, 9),
        (400, 0, &[], 400, 9),
    ] {
        let found = named(size, most, never).await;
        assert_eq!(
            (found.spoilers.len(), found.answered),
            (put_off, size - put_off),
            "{size} {most} {never:?}"
        );
        assert!(found.requests <= most_requests, "{size} {most} {never:?}: {found:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_is_no_books_fault_stops_the_search() {
    let ask = async |barcodes: Vec<Barcode>| -> Result<PartAnswer<()>, _> {
        Err(FailedBatch {
            barcodes,
            why: "connection refused".to_owned(),
            parts_may_be_answered: false,
            ..batch(0)
        })
    };
    let result = BatchBisection::new(true).run(batch(8), ask, |()| false).await;
    assert_eq!(result.stopped.as_deref(), Some("connection refused"));
    assert!(result.spoilers.is_empty());
}

#[test]
fn what_is_put_off_is_told_in_one_sentence() {
    for (count, expected) in [
        (0, None),
        (1, Some("no answer about TL0000: why; requested again later")),
        (
            2,
            Some("no answer about 2 books (TL0000, TL0001): why; requested again later"),
        ),
        (
            11,
            Some(
                "no answer about 11 books (TL0000, TL0001, TL0002, TL0003, TL0004, TL0005, TL0006, TL0007, TL0008, \
                 TL0009, …): why; requested again later",
            ),
        ),
    ] {
        let mut result: BisectResult<()> = BisectResult {
            answers: Vec::new(),
            spoilers: Vec::new(),
            stopped: None,
        };
        result.put_off(FailedBatch {
            why: "why".to_owned(),
            ..batch(count)
        });
        assert_eq!(result.trouble().as_deref(), expected);
    }
}
