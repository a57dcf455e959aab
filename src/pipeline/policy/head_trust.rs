//! Is HEAD worth a request? It saves a download and decides nothing: where it gets no answer, or is told to come back later each time, a GET may be
//! served all the same. A GET in place of a HEAD costs an outage no request more than the HEAD would.

use crate::grin::Barcode;

/// So many different books one after another whose HEAD failed on the way, and none that was answered: other books are not asked for by HEAD.
const IN_VAIN: usize = 3;
/// HEAD is tried once more when so many GETs were answered without it; each time that it fails again, after twice as many.
const FIRST_ROUND: u32 = 10;
const LONGEST_ROUND: u32 = 1_000;

/// How HEAD has fared since it was last answered.
#[derive(Debug, Default)]
pub(super) struct HeadTrust {
    /// Different books whose HEAD failed, as long as they are too few to tell.
    in_vain: Vec<Barcode>,
    /// GETs answered since a HEAD failed last.
    answered_gets: u32,
    /// So many of them, and HEAD is tried once more.
    round: u32,
}

impl HeadTrust {
    /// Whether a book is asked for by HEAD first. `failed_before`: this book's own HEAD failed the last time.
    pub fn is_asked(&self, failed_before: bool) -> bool {
        !failed_before && (self.in_vain.len() < IN_VAIN || self.answered_gets >= self.round)
    }

    /// HEAD was answered, whatever the answer.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// A GET was answered. While GRIN answers nothing that tells no GET from a HEAD, so only these count.
    pub fn get_answered(&mut self) {
        self.answered_gets = self.answered_gets.saturating_add(1);
    }

    /// The HEAD of this book failed on the way.
    pub fn failed(&mut self, barcode: &Barcode) {
        if self.in_vain.len() < IN_VAIN {
            if !self.in_vain.contains(barcode) {
                self.in_vain.push(barcode.clone());
            }
            self.round = FIRST_ROUND;
        } else if self.answered_gets >= self.round {
            self.round = (self.round * 2).min(LONGEST_ROUND);
        }
        self.answered_gets = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens, so many times.
    enum Event {
        Answered,
        GetsAnswered(u32),
        Failed(&'static [&'static str]),
    }

    fn after(events: &[Event]) -> HeadTrust {
        let mut trust = HeadTrust::default();
        for event in events {
            match event {
                Event::Answered => trust.answered(),
                Event::GetsAnswered(gets) => (0..*gets).for_each(|_| trust.get_answered()),
                Event::Failed(books) => {
                    let books = books.iter().map(|book| Barcode::parse(&format!("TL{book}")).unwrap());
                    books.for_each(|book| trust.failed(&book));
                }
            }
        }
        trust
    }

    #[test]
    fn a_get_decides_where_heads_of_different_books_fail_in_a_row() {
        use Event as E;
        const THREE: E = E::Failed(&["A1", "A2", "A3"]);
        for (what, events, failed_before, is_asked) in [
            ("nothing known", &[][..], false, true),
            ("this book's own", &[], true, false),
            ("two books", &[E::Failed(&["A1", "A2"])], false, true),
            (
                "one book again and again",
                &[E::Failed(&["A1", "A1", "A1", "A1"])],
                false,
                true,
            ),
            ("three books", &[THREE], false, false),
            (
                "GETs before count for nothing",
                &[E::GetsAnswered(99), THREE],
                false,
                false,
            ),
            ("another's was answered since", &[THREE, E::Answered], false, true),
            (
                "not in a row",
                &[E::Failed(&["A1", "A2"]), E::Answered, E::Failed(&["A3"])],
                false,
                true,
            ),
            ("not a round yet", &[THREE, E::GetsAnswered(9)], false, false),
            ("once more after a round", &[THREE, E::GetsAnswered(10)], false, true),
            ("but not for this book", &[THREE, E::GetsAnswered(10)], true, false),
            (
                "in vain again",
                &[THREE, E::GetsAnswered(10), E::Failed(&["A4"]), E::GetsAnswered(19)],
                false,
                false,
            ),
            (
                "twice as late",
                &[THREE, E::GetsAnswered(10), E::Failed(&["A4"]), E::GetsAnswered(20)],
                false,
                true,
            ),
            // Two HEADs are on their way at once.
            (
                "one round for both",
                &[
                    THREE,
                    E::GetsAnswered(10),
                    E::Failed(&["A4", "A5"]),
                    E::GetsAnswered(20),
                ],
                false,
                true,
            ),
        ] {
            let trust = after(events);
            assert_eq!(trust.is_asked(failed_before), is_asked, "{what}");
        }
    }

    #[test]
    fn an_outage_in_which_no_get_is_answered_makes_no_round_longer() {
        let (mut trust, book) = (HeadTrust::default(), |number: u32| {
            Barcode::parse(&format!("TL{number:03}")).unwrap()
        });
        (0..50).for_each(|number| trust.failed(&book(number)));
        assert!(!trust.is_asked(false));
        (0..FIRST_ROUND).for_each(|_| trust.get_answered());
        assert!(trust.is_asked(false), "HEAD is tried soon after it");
        // And where GETs are answered all the time, it is tried ever more rarely.
        for round in 0..12 {
            trust.failed(&book(100 + round));
            (0..LONGEST_ROUND).for_each(|_| trust.get_answered());
        }
        assert!(trust.is_asked(false));
    }
}
