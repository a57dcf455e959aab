use super::*;
use BookState as S;
use GrinSignal as G;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3_600);
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn transition(book: &BookStanding, change: BookChange) -> BookTransition {
    next_state(book, change, &CatalogPolicy::default(), NOW)
}

fn after(state: S, change: BookChange) -> S {
    transition(&BookStanding::of(state), change).state
}

fn signal(signal: G) -> BookChange {
    BookChange::Signal(signal, SignalSource::List)
}

fn claimed_from(resume: S) -> BookStanding {
    BookStanding {
        resume,
        stored: resume == S::Stored,
        ..BookStanding::of(S::Downloading)
    }
}

fn days(days: u64) -> DueTime {
    DueTime::At(later(NOW, Duration::from_secs(days * 24 * 3_600)))
}

#[test]
fn what_follows_from_what_grin_says() {
    let cases = [
        (S::Known, G::Ready, S::Available),
        (S::Requested, G::Ready, S::Available),
        (S::ConversionFailed, G::Ready, S::Available),
        (S::Unavailable, G::Ready, S::Available),
        (S::Known, G::InProcess, S::InProcess),
        (S::Requested, G::InProcess, S::InProcess),
        (S::Requested, G::Idle, S::Requested),
        (S::InProcess, G::Idle, S::InProcess),
        (S::Available, G::Idle, S::Available),
        (S::Unavailable, G::Idle, S::Known),
        (S::Available, G::NotAvailable, S::Unavailable),
        (S::InProcess, G::ConversionFailed, S::ConversionFailed),
        (S::Known, G::ConversionFailed, S::ConversionFailed),
        (S::Available, G::ConversionFailed, S::Available),
        (S::Known, G::Silent, S::Known),
    ];
    for (state, said, expected) in cases {
        let next = transition(&BookStanding::of(state), signal(said));
        assert_eq!(next.state, expected, "{state} {said:?}");
        let due = match expected {
            same if same == state => DueTime::Keep,
            S::ConversionFailed => days(1),
            _ => DueTime::Clear,
        };
        assert_eq!(next.due, due, "{state} {said:?}");
    }
}

#[test]
fn what_is_ours_does_not_follow_grin() {
    for state in [S::Checking, S::Downloading, S::Stored, S::Failed] {
        for said in [G::Ready, G::InProcess, G::ConversionFailed, G::NotAvailable, G::Idle] {
            assert_eq!(after(state, signal(said)), state);
        }
        for answer in [ConversionAnswer::Requested, ConversionAnswer::Unavailable] {
            assert_eq!(after(state, BookChange::Answer(answer)), state);
        }
    }
}

#[test]
fn what_comes_of_a_claim() {
    let retry = BookChange::Retry(later(NOW, DAY));
    let failed = BookChange::Failed(FailureReason::Timeout);
    let proven = BookChange::Failed(FailureReason::DamagedAtSource);
    let released = BookChange::Released(ChangeCause::Released);
    let cases = [
        (S::Available, BookChange::Stored, S::Stored, DueTime::Clear),
        (S::Stored, BookChange::Stored, S::Stored, DueTime::Clear),
        (S::Stored, BookChange::UpToDate, S::Stored, DueTime::Clear),
        (S::Available, BookChange::UpToDate, S::Available, DueTime::Clear),
        (S::Available, BookChange::NotConverted, S::Known, DueTime::Clear),
        (S::Stored, BookChange::NotConverted, S::Stored, DueTime::Clear),
        (S::Failed, BookChange::NotConverted, S::Known, DueTime::Clear),
        (S::Available, retry, S::Available, days(1)),
        (S::Stored, retry, S::Stored, days(1)),
        (S::Failed, retry, S::Available, days(1)),
        (S::Available, failed, S::Failed, days(1)),
        (S::Available, proven, S::Failed, DueTime::Clear),
        (S::Stored, failed, S::Stored, DueTime::Clear),
        (S::Stored, proven, S::Stored, DueTime::Clear),
        (S::Available, released, S::Available, DueTime::Keep),
        (S::Failed, released, S::Failed, DueTime::Keep),
        (S::Stored, released, S::Stored, DueTime::Keep),
    ];
    for (resume, change, state, due) in cases {
        let next = transition(&claimed_from(resume), change);
        assert_eq!((next.state, next.due), (state, due), "{resume} {change:?}");
    }
}

#[test]
fn a_failed_book_waits_longer_each_time_but_never_for_ever() {
    let failed = BookChange::Failed(FailureReason::Timeout);
    let waits = [0, 1, 2, 3, 4, 5, 60].map(|failures| {
        let book = BookStanding {
            failures,
            ..claimed_from(S::Failed)
        };
        transition(&book, failed).due
    });
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30].map(days));
}

#[test]
fn what_grin_answers_to_a_request() {
    use ConversionAnswer as A;
    let cases = [
        (S::Known, A::Requested, S::Requested),
        (S::Known, A::InProcess, S::InProcess),
        (S::ConversionFailed, A::Available, S::Available),
        (S::Known, A::Unavailable, S::Unavailable),
        (S::Known, A::Unclear, S::Known),
    ];
    for (state, answer, expected) in cases {
        assert_eq!(after(state, BookChange::Answer(answer)), expected, "{state} {answer:?}");
    }
    let hour = DueTime::At(later(NOW, Duration::from_secs(3_600)));
    let unclear = transition(&BookStanding::of(S::Known), BookChange::Answer(A::Unclear));
    assert_eq!(unclear.due, hour);
    let absent = BookStanding {
        absent: true,
        ..BookStanding::of(S::Known)
    };
    assert_eq!(transition(&absent, BookChange::Answer(A::Available)).due, hour);
    let stored = transition(&BookStanding::of(S::Stored), BookChange::Answer(A::Requested));
    assert_eq!((stored.state, stored.due), (S::Stored, days(7)));
    assert_eq!(answer_about_book(ProcessOutcome::Unknown), Some(A::Unclear));
    assert_eq!(answer_about_book(ProcessOutcome::QueueFull), None);
}

#[test]
fn a_person_may_reset_what_was_given_up() {
    for (state, expected) in [
        (S::Failed, S::Available),
        (S::ConversionFailed, S::Known),
        (S::Available, S::Available),
        (S::Stored, S::Stored),
    ] {
        let next = transition(&BookStanding::of(state), BookChange::Reset);
        assert_eq!((next.state, next.due), (expected, DueTime::Clear), "{state}");
    }
}

#[test]
fn what_lists_say() {
    let cases = [
        (ListKind::AllBooks, Some("CONVERTED"), G::Ready),
        (ListKind::AllBooks, Some("NOT_AVAILABLE_FOR_DOWNLOAD"), G::NotAvailable),
        (ListKind::AllBooks, Some("SOMETHING_NEW"), G::Idle),
        (ListKind::AllBooks, None, G::Silent),
        (ListKind::Converted, None, G::Ready),
        (ListKind::InProcess, None, G::InProcess),
        (ListKind::Available, None, G::Idle),
    ];
    for (list, state, said) in cases {
        assert_eq!(signal_of_list(list, state, false), said, "{list:?} {state:?}");
    }
    assert_eq!(signal_of_list(ListKind::Failed, None, true), G::ConversionFailed);
    assert_eq!(signal_of_list(ListKind::Failed, None, false), G::Silent, "old news");
}

#[test]
fn what_is_stored_and_not_sound_is_fetched_again() {
    let at = later(NOW, DAY);
    for (state, change, expected, due) in [
        (S::Stored, BookChange::Unsound(at), S::Available, DueTime::At(at)),
        (S::Stored, BookChange::Removed, S::Available, DueTime::Clear),
        // Somebody wants it left out.
        (S::Forgotten, BookChange::Removed, S::Forgotten, DueTime::Keep),
    ] {
        let next = transition(&BookStanding::of(state), change);
        assert_eq!((next.state, next.due), (expected, due), "{state} {change:?}");
    }
}
