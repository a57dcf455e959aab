//! Which pages there are, as ranges of their numbers.

use std::fmt::{Display, Formatter};

use serde::{Deserialize, Serialize};

/// Page numbers in ascending order, written as in `1-4,6`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct PageNumbers(Vec<PageRange>);

/// Numbers that follow one another; neither end is beside another range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PageRange {
    first: u32,
    last: u32,
}

impl PageNumbers {
    /// Is each of `others` among them?
    pub fn hold_all(&self, others: &Self) -> bool {
        others.0.iter().all(|other| {
            let at = self.0.partition_point(|range| range.last < other.first);
            let around = self.0.get(at);
            around.is_some_and(|range| range.first <= other.first && other.last <= range.last)
        })
    }

    /// How many pages there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|range| u64::from(range.last - range.first) + 1).sum()
    }

    fn push(&mut self, next: PageRange) {
        match self.0.last_mut() {
            Some(before) if before.last.checked_add(1) == Some(next.first) => before.last = next.last,
            _ => self.0.push(next),
        }
    }
}

/// From numbers in ascending order, each once.
impl FromIterator<u32> for PageNumbers {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut all = Self::default();
        for number in numbers {
            all.push(PageRange {
                first: number,
                last: number,
            });
        }
        all
    }
}

impl Display for PageNumbers {
    fn fmt(&self, out: &mut Formatter<'_>) -> std::fmt::Result {
        for (place, PageRange { first, last }) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(out, "{comma}{first}")?;
            if last > first {
                write!(out, "-{last}")?;
            }
        }
        Ok(())
    }
}

impl From<PageNumbers> for String {
    fn from(numbers: PageNumbers) -> Self {
        numbers.to_string()
    }
}

/// What is no range is passed over: a manifest with a range that cannot be read names fewer pages, and is read for all the rest.
impl From<String> for PageNumbers {
    fn from(text: String) -> Self {
        let mut all = Self::default();
        for range in text.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            if let (Ok(first), Ok(last)) = (first.parse(), last.parse()) {
                all.push(PageRange { first, last });
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_written_as_ranges_and_read_back() {
        for (numbers, text) in [
            (vec![], ""),
            (vec![0], "0"),
            (vec![1, 2, 3, 4, 6], "1-4,6"),
            (vec![1, 3, 5, 6], "1,3,5-6"),
            (vec![7, u32::MAX], "7,4294967295"),
        ] {
            let all: PageNumbers = numbers.iter().copied().collect();
            assert_eq!(all.to_string(), text);
            assert_eq!(PageNumbers::from(text.to_owned()), all);
            assert_eq!(all.count(), numbers.len() as u64, "{text}");
        }
    }

    #[test]
    fn which_hold_which() {
        for (these, others, expected) in [
            ("1-5", "1-5", true),
            ("1-5", "2,4", true),
            ("1-5", "", true),
            ("", "1", false),
            ("1-4,6", "1-5", false),
            ("1-4,6", "6", true),
            ("1-4,6-9", "1-2,7-9", true),
            ("1-4,6-9", "4-6", false),
            ("2-5", "1-5", false),
            ("1-5", "1-6", false),
        ] {
            let [these, others] = [these, others].map(|text| PageNumbers::from(text.to_owned()));
            assert_eq!(these.hold_all(&others), expected, "{these} {others}");
        }
    }
}
