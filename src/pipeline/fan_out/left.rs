//! What a run that ends by itself leaves to the next one: which books, why, and until when.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::warn;

use crate::catalog::{BookSelection, CatalogError, PutOffBook};
use crate::grin::Barcode;
use crate::pipeline::book_services::BookServices;
use crate::pipeline::fan_out::FanOut;
use crate::pipeline::policy::MOST_LEFT;
use crate::vocabulary::{BookState, WaitCause, in_zone};

/// Most books that are named.
const NAMED: usize = 20;

/// Books that are left, so many at most.
#[derive(Debug, Default)]
pub(super) struct LeftBooks(BTreeMap<Barcode, PutOffBook>);

impl LeftBooks {
    /// Notes what this run leaves; what it knows of a book already stays.
    fn add(&mut self, books: impl IntoIterator<Item = PutOffBook>) {
        for book in books {
            if self.0.len() < MOST_LEFT {
                self.0.entry(book.barcode.clone()).or_insert(book);
            }
        }
    }

    /// Notes what was put off, by whichever run. A book that nothing failed of waits for GRIN, whose list names it before it is there.
    fn add_put_off(&mut self, books: Vec<PutOffBook>) {
        self.add(books.into_iter().filter(|book| book.reason.is_some()));
    }

    /// How a book ended now: it is left, or not any more.
    pub fn note(&mut self, barcode: &Barcode, left: Option<PutOffBook>) {
        self.0.remove(barcode);
        self.add(left);
    }

    /// How many there are, and of the first to come due why and until when; nothing where nothing is left.
    fn in_words(&self, now: Timestamp) -> Vec<String> {
        let (count, those) = match self.0.len() {
            0 => return Vec::new(),
            1 => ("1 book".to_owned(), "is"),
            MOST_LEFT => (format!("{MOST_LEFT} books or more"), "are"),
            more => (format!("{more} books"), "are"),
        };
        let mut books: Vec<_> = self.0.values().collect();
        books.sort_by_key(|book| book.until);
        let mut words = vec![format!(
            "sync: {count} could not be fetched and {those} left to the next run"
        )];
        words.extend(books.iter().take(NAMED).map(|book| book_in_words(book, now)));
        if books.len() > NAMED {
            words.push(format!("and {} more", books.len() - NAMED));
        }
        words
    }
}

fn book_in_words(book: &PutOffBook, now: Timestamp) -> String {
    let reason = book.reason.map(|reason| format!(" {reason}"));
    let until = (book.until > now).then(|| format!(" not before {}", in_utc(book.until)));
    let detail = Some(&book.detail).filter(|detail| !detail.is_empty());
    let detail = detail.map(|detail| format!(" {detail}"));
    let parts: Vec<_> = [reason, until, detail].into_iter().flatten().collect();
    format!("{}:{}", book.barcode, parts.join(","))
}

fn in_utc(at: Timestamp) -> String {
    in_zone(at, TimeZone::UTC)
}

impl<S: BookServices> FanOut<'_, S> {
    /// Tells what is left. Where the run came to its own end, also books that were put off before it began: nothing else says a word
    /// of them.
    pub(super) async fn report_left(&mut self, ended_by_itself: bool) {
        let stopped = self.control.report.borrow().stopped_by.is_some();
        if !self.scope.once || stopped || !ended_by_itself || self.has_reached_limit() {
            return self.say_left();
        }
        // Those that this run left or gave up, too: what it knows of them already stays.
        let selection = BookSelection {
            except: HashSet::new(),
            ..self.selection(Vec::new())
        };
        match self.services.put_off(selection, MOST_LEFT).await {
            Ok(books) => self.left.add_put_off(books),
            Err(error) => self.put_off_unknown(&error),
        }
        self.say_left();
        self.tell_failed().await;
    }

    /// Failed books are not among those that are left: without a word they would go unnoticed.
    async fn tell_failed(&self) {
        if let Ok(books @ 1..) = self.services.count(BookState::Failed).await {
            warn!(
                books,
                "failed books are not fetched before their time: `grind report` says why they failed, `grind sync --queue failed` fetches them now"
            );
        }
    }

    fn say_left(&self) {
        let words = self.left.in_words(self.catalog_time());
        self.control.report.borrow_mut().left.extend(words);
    }

    fn put_off_unknown(&self, error: &CatalogError) {
        let what = format!("sync: which books are put off is not known: {error}");
        self.control.report.borrow_mut().add_incomplete(what);
    }

    /// GRIN asked everybody to wait for longer than such a run does: until when, and what is left.
    pub(super) async fn report_gate(&self) {
        let stopped_by = self.control.report.borrow().stopped_by.clone();
        let Some(until) = stopped_by
            .filter(|wait| wait.cause == WaitCause::Gate)
            .and_then(|wait| wait.until)
        else {
            return;
        };
        let books = match self.services.count(BookState::Available).await {
            Ok(1) => "1 book is".to_owned(),
            Ok(books) => format!("{books} books are"),
            Err(_) => "books are".to_owned(),
        };
        let until = in_utc(until);
        let what = format!("sync: GRIN asked everybody to wait until {until}; {books} left to the next run");
        self.control.report.borrow_mut().left.push(what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::FailureReason;

    #[test]
    fn what_is_left_is_counted_and_the_first_are_named_with_reason_and_time() {
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let book = |number: u64, minutes: i64, reason: Option<FailureReason>, detail: &str| PutOffBook {
            barcode: Barcode::parse(&format!("TL{number:04}")).unwrap(),
            reason,
            detail: detail.to_owned(),
            until: now + jiff::SignedDuration::from_mins(minutes),
        };
        let forbidden = Some(FailureReason::Forbidden);
        let two = vec![book(1, 61, forbidden, "GRIN answered 403"), book(2, 0, None, "")];
        let many = (0..30).map(|number| book(number, 5, forbidden, "")).collect();
        let most = (0..2_000).map(|number| book(number, 5, forbidden, "")).collect();
        let one = "TL0001: forbidden, not before 2026-03-01 01:01:00 UTC, GRIN answered 403";
        for (books, lines, first, last) in [
            (vec![], 0, None, None),
            (
                two[..1].to_vec(),
                2,
                Some("sync: 1 book could not be fetched and is left to the next run"),
                Some(one),
            ),
            (
                two,
                3,
                Some("sync: 2 books could not be fetched and are left to the next run"),
                Some(one),
            ),
            (
                many,
                22,
                Some("sync: 30 books could not be fetched and are left to the next run"),
                Some("and 10 more"),
            ),
            (
                most,
                22,
                Some("sync: 1000 books or more could not be fetched and are left to the next run"),
                Some("and 980 more"),
            ),
        ] {
            let mut left = LeftBooks::default();
            left.add(books);
            let words = left.in_words(now);
            assert_eq!(words.len(), lines, "{words:?}");
            assert_eq!(words.first().map(String::as_str), first);
            assert_eq!(words.last().map(String::as_str), last);
        }
    }

    #[test]
    fn a_book_that_waits_for_grin_is_not_left() {
        let book = |code: &str, reason| PutOffBook {
            barcode: Barcode::parse(code).unwrap(),
            reason,
            detail: String::new(),
            until: Timestamp::UNIX_EPOCH,
        };
        let mut left = LeftBooks::default();
        left.add_put_off(vec![
            book("TL0001", None),
            book("TL0002", Some(FailureReason::Forbidden)),
        ]);
        assert_eq!(left.in_words(Timestamp::UNIX_EPOCH)[1..], ["TL0002: forbidden"]);
    }

    #[test]
    fn a_book_that_is_fetched_after_all_is_not_left() {
        let book = PutOffBook {
            barcode: Barcode::parse("TL0001").unwrap(),
            reason: None,
            detail: String::new(),
            until: Timestamp::UNIX_EPOCH,
        };
        let mut left = LeftBooks::default();
        left.note(&book.barcode, Some(book.clone()));
        assert_eq!(left.in_words(Timestamp::UNIX_EPOCH)[1], "TL0001:");
        left.note(&book.barcode, None);
        assert!(left.in_words(Timestamp::UNIX_EPOCH).is_empty());
    }
}
