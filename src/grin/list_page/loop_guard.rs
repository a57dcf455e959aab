//! Notices a list whose pages lead round in a circle.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use url::Url;

use crate::grin::{AnswerRefusal, ListRow};

/// Remembers the pages of one pass over a list: 8 bytes an address and 8 bytes for what stood on it.
#[derive(Debug, Default)]
pub struct LoopGuard {
    addresses: HashSet<u64>,
    contents: HashSet<u64>,
    /// Pages without rows since the last one that had some.
    empty: u32,
}

/// A list that goes on after so many pages without rows leads nowhere.
const MOST_EMPTY: u32 = 3;

impl LoopGuard {
    /// Notes that a page is about to be read; refuses one that was read before.
    pub fn enter(&mut self, page: &Url) -> Result<(), AnswerRefusal> {
        let mut page = page.clone();
        page.set_fragment(None);
        note(&mut self.addresses, page.as_str())
    }

    /// Whether the page was about to be read before.
    pub fn has_entered(&self, page: &Url) -> bool {
        let mut page = page.clone();
        page.set_fragment(None);
        self.addresses.contains(&hash_of(page.as_str()))
    }

    /// Notes what stood on a page: a server that makes new addresses for the same page again and again is found out by
    /// the same volumes in the same order, or by having none page after page.
    pub fn leave(&mut self, mark: &PageMark) -> Result<(), AnswerRefusal> {
        if mark.rows > 0 {
            self.empty = 0;
            return note(&mut self.contents, &mark.hash);
        }
        self.empty += 1;
        if self.empty <= MOST_EMPTY {
            Ok(())
        } else {
            Err(AnswerRefusal::Loop)
        }
    }
}

/// The volumes of one page, folded into a number.
#[derive(Debug, Clone, Default)]
pub struct PageMark {
    hash: u64,
    rows: u64,
}

impl PageMark {
    /// Adds the rows that one push gave.
    pub fn add(&mut self, rows: &[ListRow]) {
        for row in rows {
            let mut hasher = DefaultHasher::new();
            hasher.write_u64(self.hash);
            row.barcode.hash(&mut hasher);
            self.hash = hasher.finish();
        }
        self.rows += rows.len() as u64;
    }
}

fn hash_of<T: Hash + ?Sized>(what: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

fn note<T: Hash + ?Sized>(known: &mut HashSet<u64>, what: &T) -> Result<(), AnswerRefusal> {
    if known.insert(hash_of(what)) {
        Ok(())
    } else {
        Err(AnswerRefusal::Loop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grin::Barcode;

    #[test]
    fn the_same_address_twice_is_a_loop() {
        let page = |query: &str| Url::parse(&format!("http://127.0.0.1/_all_books?{query}")).unwrap();
        let mut guard = LoopGuard::default();
        assert_eq!(guard.enter(&page("first=1")), Ok(()));
        assert_eq!(guard.enter(&page("first=2")), Ok(()));
        assert_eq!(guard.enter(&page("first=1#top")), Err(AnswerRefusal::Loop));
    }

    #[test]
    fn the_same_rows_under_new_addresses_are_a_loop() {
        let rows: Vec<_> = ["TL1", "TL2"].map(|b| ListRow::bare(Barcode::parse(b).unwrap())).into();
        let mark = |pieces: &[&[ListRow]]| {
            let mut mark = PageMark::default();
            for piece in pieces {
                mark.add(piece);
            }
            mark
        };
        let mut guard = LoopGuard::default();
        assert_eq!(guard.leave(&mark(&[&rows])), Ok(()));
        assert_eq!(guard.leave(&mark(&[&rows[..1]])), Ok(()));
        assert_eq!(guard.leave(&mark(&[&rows[..1], &rows[1..]])), Err(AnswerRefusal::Loop));
    }

    #[test]
    fn page_after_page_without_rows_is_a_loop() {
        let mut some = PageMark::default();
        some.add(&[ListRow::bare(Barcode::parse("TL1").unwrap())]);
        let (mut guard, none) = (LoopGuard::default(), PageMark::default());
        for _ in 0..MOST_EMPTY {
            assert_eq!(guard.leave(&none), Ok(()));
        }
        assert_eq!(guard.leave(&some), Ok(()), "one with rows between");
        for _ in 0..MOST_EMPTY {
            assert_eq!(guard.leave(&none), Ok(()));
        }
        assert_eq!(guard.leave(&none), Err(AnswerRefusal::Loop));
    }
}
