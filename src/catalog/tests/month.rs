//! A month of a library whose books are scanned, converted, pushed out of the pool and refused, while GRIN is away for hours and days,
//! answers are lost, tokens expire and the daemon is killed, started anew and reconfigured: every book is accounted for at every moment,
//! GRIN's queue is kept filled, and in the end each book that GRIN gives out is stored, once.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::catalog::engine::value::arguments;
use crate::catalog::queries::forecast::ForecastLimit;
use crate::catalog::tests::shelf::{HOUR, Shelf, converted, failed, queue, retry, row, stored};
use crate::catalog::*;
use crate::grin::{ListKind, ProcessOutcome};

/// Hours between two looks at the work.
const TICK: u64 = 3;
const MONTH: u64 = 30 * 24 / TICK;
/// In which nothing happens but the work.
const AFTERWARDS: u64 = 12 * 24 / TICK;
/// Hours for which the pool keeps an archive that nobody fetches.
const POOL: u64 = 72;
const QUEUES: [Queue; 3] = [Queue::Converted, Queue::Previous, Queue::Unconverted];

/// Where GRIN has a book; hours since the beginning.
#[derive(Debug, Clone, Copy, PartialEq)]
enum PlaceAtGrin {
    Scanned { at: u64 },
    New,
    InProcess { until: u64 },
    Converted { since: u64 },
    Failed { at: u64 },
    Previous,
    Withheld,
}

#[derive(Debug, Clone, Copy)]
struct BookAtGrin {
    place: PlaceAtGrin,
    /// Hours that a conversion takes.
    conversion: u64,
    /// Conversions that fail first.
    failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum TickEvent {
    Calm,
    /// Killed with all books claimed.
    Killed,
    Restarted,
    /// Of what is done in this tick, nothing is accepted by GRIN.
    TokenExpired,
    /// GRIN takes the requests for conversions, and its answer is lost.
    AnswersLost,
    /// Another `grin.conversion_queue_limit` is read.
    Reloaded(u64),
}

struct MonthOfWork {
    shelf: Shelf,
    grin: BTreeMap<String, BookAtGrin>,
    hour: u64,
    queue_limit: u64,
    /// Programs so far: each has claims of its own.
    programs: u32,
    stored: u64,
    /// Conversions that came to their end while the catalog knew of them.
    converted: u64,
}

impl MonthOfWork {
    fn new(books: Vec<BookAtGrin>) -> Self {
        let named = books.into_iter().enumerate();
        Self {
            shelf: Shelf::new(),
            grin: named.map(|(number, book)| (format!("TL{number:04}"), book)).collect(),
            hour: 0,
            queue_limit: 8,
            programs: 0,
            stored: 0,
            converted: 0,
        }
    }

    /// GRIN goes on by itself.
    fn grin_goes_on(&mut self) {
        use PlaceAtGrin as P;
        for book in self.grin.values_mut() {
            book.place = match book.place {
                P::Scanned { at } if at <= self.hour => P::New,
                P::InProcess { until } if until <= self.hour && book.failures > 0 => {
                    book.failures -= 1;
                    P::Failed { at: self.hour }
                }
                P::InProcess { until } if until <= self.hour => P::Converted { since: self.hour },
                P::Converted { since } if since + POOL <= self.hour => P::Previous,
                other => other,
            };
        }
    }

    fn collect(&mut self) {
        use PlaceAtGrin as P;
        let word = |place| match place {
            P::Scanned { .. } => "CHECKED_IN",
            P::New | P::Failed { .. } => "NEW",
            P::InProcess { .. } => "IN_PROCESS",
            P::Converted { .. } => "CONVERTED",
            P::Previous => "PREVIOUSLY_DOWNLOADED",
            P::Withheld => "NOT_AVAILABLE_FOR_DOWNLOAD",
        };
        let begun = self.shelf.clock.now() - Duration::from_secs(self.hour * 3_600);
        let day = |hour: u64| {
            (begun + Duration::from_secs(hour * 3_600))
                .strftime("%Y/%m/%d")
                .to_string()
        };
        let all = self
            .grin
            .iter()
            .map(|(code, book)| row(code, word(book.place)))
            .collect();
        let of = |listed: &dyn Fn(&str, PlaceAtGrin) -> Option<crate::grin::ListRow>| {
            let books = self.grin.iter();
            books
                .filter_map(|(code, book)| listed(code, book.place))
                .collect::<Vec<_>>()
        };
        let ready = of(&|code, place| match place {
            P::Converted { since } => Some(converted(code, &day(since))),
            _ => None,
        });
        let in_process = of(&|code, place| matches!(place, P::InProcess { .. }).then(|| row(code, "")));
        let failures = of(&|code, place| match place {
            P::Failed { at } => Some(failed(code, &day(at), "Bad pages")),
            _ => None,
        });
        let waiting = |shelf: &Shelf| -> Vec<String> {
            let waits =
                |code: &&String| matches!(state(shelf, code), Some(BookState::Requested | BookState::InProcess));
            self.grin.keys().filter(waits).cloned().collect()
        };
        let before = waiting(&self.shelf);
        self.shelf.complete_pass(ListKind::AllBooks, all);
        for (list, rows) in [
            (ListKind::Converted, ready),
            (ListKind::InProcess, in_process),
            (ListKind::Failed, failures),
        ] {
            self.shelf.complete_pass(list, rows);
        }
        let is_ready = |code: &&String| state(&self.shelf, code) == Some(BookState::Available);
        self.converted += before.iter().filter(is_ready).count() as u64;
    }

    /// Asks for as many conversions as GRIN's queue takes; afterwards it is full, or nothing is to be asked for.
    fn convert(&mut self, event: TickEvent) {
        let plan = PlanConversions {
            selection: queue(&QUEUES),
            limit: usize::MAX,
            queue_limit: self.queue_limit,
        };
        let planned = self.shelf.ledger.execute(plan.clone()).unwrap();
        assert!(planned.barcodes.len() as u64 <= planned.room);
        let answers = planned.barcodes.iter().map(|code| {
            let outcome = self.requested(code.as_str(), event);
            (code.clone(), outcome, format!("{outcome}"))
        });
        let answers: Vec<_> = answers.collect();
        let is_certain = answers
            .iter()
            .all(|(_, outcome, _)| *outcome == ProcessOutcome::Requested);
        self.shelf.ledger.execute(RecordConversions(answers)).unwrap();
        let after = self.shelf.ledger.execute(plan).unwrap();
        if is_certain {
            assert!(
                after.room == 0 || after.barcodes.is_empty(),
                "the queue is kept filled: {after:?}"
            );
        }
    }

    fn requested(&mut self, code: &str, event: TickEvent) -> ProcessOutcome {
        use PlaceAtGrin as P;
        if event == TickEvent::TokenExpired {
            return ProcessOutcome::Forbidden;
        }
        let hour = self.hour;
        let book = self.grin.get_mut(code).unwrap();
        let outcome = match book.place {
            P::New | P::Previous | P::Failed { .. } => {
                book.place = P::InProcess {
                    until: hour + book.conversion,
                };
                ProcessOutcome::Requested
            }
            P::InProcess { .. } => ProcessOutcome::InProcess,
            P::Converted { .. } => ProcessOutcome::AlreadyAvailable,
            P::Withheld => ProcessOutcome::NotAllowed,
            P::Scanned { .. } => ProcessOutcome::NotFound,
        };
        if event == TickEvent::AnswersLost {
            ProcessOutcome::NoAnswer
        } else {
            outcome
        }
    }

    fn start_again(&mut self) {
        self.programs += 1;
        self.shelf.reopen();
    }

    /// Fetches some of what is ready.
    fn download(&mut self, event: TickEvent) {
        let owner = format!("program {}", self.programs);
        let claimed = self.shelf.claim_of(&owner, queue(&QUEUES), 6);
        if event == TickEvent::Killed {
            return self.start_again();
        }
        for book in claimed {
            let code = book.claim.barcode.as_str().to_owned();
            let at_grin = self.grin.get_mut(&code).unwrap();
            let settlement = match at_grin.place {
                _ if event == TickEvent::TokenExpired => retry(self.shelf.now_plus(HOUR)),
                PlaceAtGrin::Converted { .. } => {
                    at_grin.place = PlaceAtGrin::Previous;
                    self.stored += 1;
                    stored(&code, "\"a\"")
                }
                _ => ClaimSettlement::NotConverted,
            };
            self.shelf.settle(&book, settlement).unwrap();
        }
    }

    fn tick(&mut self, number: u64, is_away: bool, event: TickEvent) {
        self.shelf.clock.advance(Duration::from_secs(TICK * 3_600));
        self.hour += TICK;
        self.grin_goes_on();
        match event {
            TickEvent::Restarted => self.start_again(),
            TickEvent::Reloaded(limit) => self.queue_limit = limit,
            _ => {}
        }
        if !is_away {
            if number.is_multiple_of(2) {
                self.collect();
            }
            self.convert(event);
            self.download(event);
        }
        self.check();
    }

    /// Every book is counted once, and the forecast knows what is left.
    fn check(&mut self) {
        let pace = self.shelf.ledger.execute(AskPace::default()).unwrap();
        let (states, inputs) = (&pace.states, pace.inputs);
        let told = forecast(&inputs);
        let done = [BookState::Stored, BookState::Unavailable].map(|state| states.of(state));
        let counted = told.remaining + told.unasked + told.unscanned + told.given_up + done.iter().sum::<u64>();
        assert_eq!(counted, states.total);
        let nothing_is_left = told.remaining == 0 && states.total > 0;
        assert_eq!(told.limited_by == ForecastLimit::NothingToDo, nothing_is_left);
        assert_eq!(states.of(BookState::Stored), self.stored, "stored once each");
    }

    fn check_end(&mut self) {
        for (code, book) in &self.grin {
            let expected = match book.place {
                PlaceAtGrin::Withheld => BookState::Unavailable,
                _ => BookState::Stored,
            };
            assert_eq!(state(&self.shelf, code), Some(expected), "{code}: {book:?}");
        }
        let claims: i64 = self.count("SELECT count(*) FROM books WHERE claimed_by IS NOT NULL");
        assert_eq!(claims, 0);
        for (kind, counted) in [("stored_on", self.stored), ("converted_on", self.converted)] {
            let sum = self.count(&format!(
                "SELECT CAST(ifnull(sum(n), 0) AS BIGINT) FROM tallies WHERE kind = '{kind}'"
            ));
            assert_eq!(sum, i64::try_from(counted).unwrap(), "{kind}");
        }
        let pace = self.shelf.ledger.execute(AskPace::default()).unwrap();
        assert_eq!(forecast(&pace.inputs).limited_by, ForecastLimit::NothingToDo);
    }

    fn count(&self, sql: &str) -> i64 {
        self.shelf.ledger.conn().one(sql, &[], |row| row.at(0)).unwrap()
    }
}

/// `None`: not known yet.
fn state(shelf: &Shelf, code: &str) -> Option<BookState> {
    let sql = "SELECT state FROM books WHERE barcode = :code";
    let conn = shelf.ledger.conn();
    conn.first(sql, &arguments! { code: code }, |row| row.at(0)).unwrap()
}

fn book() -> impl Strategy<Value = BookAtGrin> {
    let place = prop_oneof![
        2 => (0..25 * 24_u64).prop_map(|at| PlaceAtGrin::Scanned { at }),
        6 => Just(PlaceAtGrin::New),
        2 => Just(PlaceAtGrin::Previous),
        1 => Just(PlaceAtGrin::Withheld),
        1 => (1..48_u64).prop_map(|until| PlaceAtGrin::InProcess { until }),
        1 => Just(PlaceAtGrin::Converted { since: 0 }),
    ];
    (place, 1..60_u64, prop_oneof![8 => Just(0), 1 => 1..3_u32]).prop_map(|(place, conversion, failures)| BookAtGrin {
        place,
        conversion,
        failures,
    })
}

fn event() -> impl Strategy<Value = TickEvent> {
    prop_oneof![
        20 => Just(TickEvent::Calm),
        1 => Just(TickEvent::Killed),
        1 => Just(TickEvent::Restarted),
        1 => Just(TickEvent::TokenExpired),
        1 => Just(TickEvent::AnswersLost),
        1 => (1..20_u64).prop_map(TickEvent::Reloaded),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2, max_shrink_iters: 10, ..ProptestConfig::default() })]

    #[test]
    fn after_a_month_every_book_is_accounted_for(
        books in prop::collection::vec(book(), 1..40),
        events in prop::collection::vec(event(), MONTH as usize),
        // First tick, and how many: up to four days.
        outages in prop::collection::vec((0..MONTH, 1..32_u64), 0..6),
    ) {
        let mut month = MonthOfWork::new(books);
        for (number, event) in (0..).zip(events) {
            let is_away = outages.iter().any(|(from, length)| (*from..from + length).contains(&number));
            month.tick(number, is_away, event);
        }
        month.queue_limit = 50;
        for number in MONTH..MONTH + AFTERWARDS {
            month.tick(number, false, TickEvent::Calm);
        }
        month.check_end();
    }
}
