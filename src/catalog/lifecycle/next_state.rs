//! What changes about a book: one table from its state and what happened to the state, the cause in its history and the time when
//! it is looked at next. SQL applies what comes out and repeats none of it.

use jiff::Timestamp;

use crate::catalog::lifecycle::history::ChangeCause;
use crate::catalog::lifecycle::policy::CatalogPolicy;
use crate::clock::{later, stamp};
use crate::grin::{GrinState, ListKind, ProcessOutcome};
use crate::vocabulary::{BookState, FailureReason};

/// What a list or a barcode search says about the whereabouts of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GrinSignal {
    /// The archive is ready.
    Ready,
    /// It is being converted.
    InProcess,
    /// Its conversion failed, and we had not heard of this failure.
    ConversionFailed,
    /// It is not given out.
    NotAvailable,
    /// It is there, and nothing is going on.
    Idle,
    /// Nothing.
    Silent,
}

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignalSource {
    List,
    Search,
    /// Another program's database.
    Import,
}

/// What GRIN answered to a request for a conversion, as far as it is about the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConversionAnswer {
    Requested,
    InProcess,
    Available,
    Unavailable,
    /// Nothing certain.
    Unclear,
}

/// What happened to a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BookChange {
    /// GRIN said something of it.
    Signal(GrinSignal, SignalSource),
    /// A list names a newer archive than the one that was given up.
    NewerArchive,
    /// GRIN answered a request for its conversion.
    Answer(ConversionAnswer),
    /// A complete pass did not name it where it should be.
    NotListed,
    /// A worker took it.
    Claimed,
    /// Its archive is being fetched.
    Downloading,
    /// The worker released it untried; the cause says why.
    Released(ChangeCause),
    /// An archive is published.
    Stored,
    /// GRIN has the archive that is stored.
    UpToDate,
    /// GRIN has no archive ready.
    NotConverted,
    /// To be tried again at this time.
    Retry(Timestamp),
    /// Given up for now, or for good if the reason proves its bytes bad.
    Failed(FailureReason),
    /// A person wants it tried again.
    Reset,
    /// A person wants it left out.
    Forgotten,
    /// An archive from another program is stored.
    Imported,
    /// The storage has it, which a restored catalog does not know.
    Found,
    /// What is stored of it is damaged or missing: it is to be fetched again, not before this moment.
    Unsound(Timestamp),
    /// A person removes what is stored of it.
    Removed,
    /// The storage does not have what a restored catalog calls stored.
    Lost,
}

/// A book as far as the table looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BookStanding {
    pub state: BookState,
    /// The state from which it was claimed; the same as `state` while it is not claimed.
    pub resume: BookState,
    /// An archive of it is stored.
    pub stored: bool,
    /// GRIN had no archive of it when we looked.
    pub absent: bool,
    /// How often it was given up.
    pub failures: u32,
    /// How often its conversion failed.
    pub conversion_failures: u32,
    /// Requests for its conversion without a certain answer.
    pub asks: u32,
}

impl BookStanding {
    /// A book of which nothing is known but its state.
    pub(crate) fn of(state: BookState) -> Self {
        Self {
            state,
            resume: state,
            stored: state == BookState::Stored,
            absent: false,
            failures: 0,
            conversion_failures: 0,
            asks: 0,
        }
    }

    /// Where it stands if nothing came of its claim; given up before and tried again, it is no longer given up.
    fn untried(&self) -> BookState {
        match self.resume {
            BookState::Failed => BookState::Available,
            other => other,
        }
    }

    /// A book of which an archive is stored stays stored, whatever comes of a newer one.
    fn stored_or(&self, otherwise: BookState) -> BookState {
        if self.stored { BookState::Stored } else { otherwise }
    }
}

/// When a book is looked at next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DueTime {
    /// As before.
    Keep,
    /// No time is set: at once, or never by itself, as its state says.
    Clear,
    /// Not before this moment.
    At(Timestamp),
}

impl DueTime {
    /// The column `next_attempt_at` as it becomes: whether it is kept, and its new value if not.
    pub(crate) fn column(self) -> (bool, Option<String>) {
        match self {
            Self::Keep => (true, None),
            Self::Clear => (false, None),
            Self::At(at) => (false, Some(stamp(at))),
        }
    }
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BookTransition {
    pub state: BookState,
    pub cause: ChangeCause,
    pub due: DueTime,
}

/// The table.
pub(crate) fn next_state(
    book: &BookStanding,
    change: BookChange,
    policy: &CatalogPolicy,
    now: Timestamp,
) -> BookTransition {
    use BookChange as C;
    use BookState as S;
    let (state, cause, due) = match change {
        C::Forgotten => (S::Forgotten, ChangeCause::Forgotten, DueTime::Keep),
        // What is stored of it can be removed, under a claim: it stays left out.
        C::Removed if book.state == S::Forgotten => (S::Forgotten, ChangeCause::Removed, DueTime::Keep),
        C::Claimed if book.state == S::Forgotten => (S::Forgotten, ChangeCause::Claimed, DueTime::Keep),
        C::Released(cause) if book.state == S::Forgotten => (S::Forgotten, cause, DueTime::Keep),
        // Whatever GRIN says of it; only a person, or an import that finds its archive, brings it back.
        change if book.state == S::Forgotten && !matches!(change, C::Reset | C::Imported) => {
            (S::Forgotten, ChangeCause::Forgotten, DueTime::Keep)
        }
        C::Signal(signal, source) => return after_signal(book, signal, source, policy, now),
        C::Answer(answer) => return after_answer(book, answer, policy, now),
        C::NewerArchive => (S::Available, ChangeCause::Listed, DueTime::Clear),
        C::NotListed => (S::Known, ChangeCause::NotListed, DueTime::Clear),
        // Its time is kept, so that a failed book that is released waits as it did.
        C::Claimed => (S::Checking, ChangeCause::Claimed, DueTime::Keep),
        C::Downloading => (S::Downloading, ChangeCause::Downloading, DueTime::Keep),
        C::Released(cause) => (book.resume, cause, DueTime::Keep),
        C::Stored => (S::Stored, ChangeCause::Stored, DueTime::Clear),
        C::UpToDate => (book.stored_or(book.untried()), ChangeCause::UpToDate, DueTime::Clear),
        C::NotConverted => (book.stored_or(S::Known), ChangeCause::NotConverted, DueTime::Clear),
        C::Retry(at) => (book.untried(), ChangeCause::Retry, DueTime::At(at)),
        C::Failed(reason) => {
            let due = if book.stored || reason.proves_bytes_bad() {
                DueTime::Clear
            } else {
                DueTime::At(policy.after_failure(book.failures.saturating_add(1), now))
            };
            (book.stored_or(S::Failed), ChangeCause::Failed, due)
        }
        C::Reset => {
            // A forgotten book is what it was before, tried again.
            let state = match book.resume {
                _ if book.state == S::Forgotten && book.stored => S::Stored,
                // A failed conversion is requested again; a given-up archive is looked for again, and 404 sends it to conversion.
                S::ConversionFailed => S::Known,
                // A forgotten book has no state before where the storage lost its archive.
                S::Failed | S::Forgotten => S::Available,
                other => other,
            };
            (state, ChangeCause::Reset, DueTime::Clear)
        }
        C::Imported => (S::Stored, ChangeCause::Imported, DueTime::Clear),
        // What an operator said of a book holds in a restored catalog, too.
        C::Found | C::Lost if book.state == S::Forgotten => (S::Forgotten, ChangeCause::Restored, DueTime::Clear),
        C::Found => (S::Stored, ChangeCause::Restored, DueTime::Clear),
        // CHECK, or the archive's 404, tells whether it is still there to be fetched.
        C::Unsound(at) => (S::Available, ChangeCause::Unsound, DueTime::At(at)),
        C::Removed => (S::Available, ChangeCause::Removed, DueTime::Clear),
        C::Lost => (S::Available, ChangeCause::Restored, DueTime::Clear),
    };
    BookTransition { state, cause, due }
}

/// States that we decide about stay as they are.
///
/// `Idle` moves a book only out of `unavailable`: a list may be older than our request for conversion, and an archive
/// may be there although GRIN calls the book previously downloaded. What was pushed out, or never came, is found by
/// complete passes over `_converted` and by 404.
fn after_signal(
    book: &BookStanding,
    signal: GrinSignal,
    source: SignalSource,
    policy: &CatalogPolicy,
    now: Timestamp,
) -> BookTransition {
    use BookState as S;
    let state = match (signal, book.state) {
        (_, state) if !state.follows_grin() => state,
        (GrinSignal::Ready, _) => S::Available,
        (GrinSignal::InProcess, _) => S::InProcess,
        (GrinSignal::NotAvailable, _) => S::Unavailable,
        (GrinSignal::ConversionFailed, S::Known | S::Requested | S::InProcess) => S::ConversionFailed,
        (GrinSignal::Idle, S::Unavailable) => S::Known,
        (GrinSignal::ConversionFailed | GrinSignal::Idle | GrinSignal::Silent, state) => state,
    };
    let due = if state == book.state {
        DueTime::Keep
    } else if state == S::ConversionFailed {
        let failures = book.conversion_failures.saturating_add(1);
        let again = policy.after_conversion_failure(failures, now);
        again.map_or(DueTime::Clear, DueTime::At)
    } else {
        DueTime::Clear
    };
    let cause = match source {
        SignalSource::List => ChangeCause::Listed,
        SignalSource::Search => ChangeCause::Enriched,
        SignalSource::Import => ChangeCause::Imported,
    };
    BookTransition { state, cause, due }
}

fn after_answer(
    book: &BookStanding,
    answer: ConversionAnswer,
    policy: &CatalogPolicy,
    now: Timestamp,
) -> BookTransition {
    use ConversionAnswer as A;
    let answered = match answer {
        A::Requested => BookState::Requested,
        A::InProcess => BookState::InProcess,
        A::Available => BookState::Available,
        A::Unavailable => BookState::Unavailable,
        A::Unclear => book.state,
    };
    let state = if book.state.follows_grin() {
        answered
    } else {
        book.state
    };
    let again = || DueTime::At(policy.after_unclear_answer(book.asks.saturating_add(1), now));
    let due = match answer {
        A::Unclear => again(),
        // Said to be ready, and yet it was not there when we looked: not in a circle without pause.
        A::Available if book.absent || state == BookState::Stored => again(),
        // Stored books keep their state, so time must tell that they have been asked for.
        A::Requested | A::InProcess | A::Unavailable if state == BookState::Stored => {
            DueTime::At(later(now, policy.ask_again_cap))
        }
        _ if state == book.state => DueTime::Keep,
        _ => DueTime::Clear,
    };
    BookTransition {
        state,
        cause: ChangeCause::Asked,
        due,
    }
}

/// What being in this list means, beside GRIN's state if the list has it.
pub(crate) fn signal_of_list(list: ListKind, grin_state: Option<&str>, new_failure: bool) -> GrinSignal {
    match list {
        ListKind::Converted => GrinSignal::Ready,
        ListKind::InProcess => GrinSignal::InProcess,
        ListKind::Failed if new_failure => GrinSignal::ConversionFailed,
        ListKind::Failed => GrinSignal::Silent,
        ListKind::Available => GrinSignal::Idle,
        ListKind::AllBooks => signal_of_state(grin_state),
    }
}

/// What GRIN's state means (src/grin/PROTOCOL.md, section 6).
pub(crate) fn signal_of_state(grin_state: Option<&str>) -> GrinSignal {
    match grin_state.and_then(GrinState::read) {
        None => GrinSignal::Silent,
        Some(GrinState::Converted) => GrinSignal::Ready,
        Some(GrinState::InProcess) => GrinSignal::InProcess,
        Some(GrinState::NotAvailableForDownload) => GrinSignal::NotAvailable,
        Some(_) => GrinSignal::Idle,
    }
}

/// What an answer to a request for conversion says of the book; `None` where it says nothing of it. Words that are not known never
/// make a book unavailable.
pub(crate) fn answer_about_book(outcome: ProcessOutcome) -> Option<ConversionAnswer> {
    match outcome {
        ProcessOutcome::Requested => Some(ConversionAnswer::Requested),
        ProcessOutcome::InProcess => Some(ConversionAnswer::InProcess),
        ProcessOutcome::AlreadyAvailable => Some(ConversionAnswer::Available),
        ProcessOutcome::NotAllowed => Some(ConversionAnswer::Unavailable),
        ProcessOutcome::NotFound | ProcessOutcome::RetryLater | ProcessOutcome::Unknown | ProcessOutcome::NoAnswer => {
            Some(ConversionAnswer::Unclear)
        }
        ProcessOutcome::QueueFull | ProcessOutcome::Forbidden | ProcessOutcome::UnavailableService => None,
    }
}

#[cfg(test)]
mod tests;
