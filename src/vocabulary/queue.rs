//! The queues that books are served from.

use std::fmt;
use std::str::FromStr;

/// Which books are worked on (`work.queues`, `--queue`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Queue {
    /// GRIN has the archive ready. Books whose archive was pushed out of the pool before it was fetched belong here too:
    /// their conversion is asked for again.
    Converted,
    /// GRIN gave it out before and we have it not: asked for conversion, then fetched.
    Previous,
    /// Never converted: asked for conversion, then fetched.
    Unconverted,
    /// Stored, but GRIN worked on it since (dates), or GRIN converted it anew: fetched again if its ETag differs.
    Changed,
    /// Given up before, by us or by GRIN's conversion: tried once more in each run.
    Failed,
    /// All of these.
    All,
}

impl Queue {
    /// Whether these ask GRIN to convert books of which nothing is stored and no archive was ready; which of them,
    /// [`UnrequestedBook::is_asked_for`] says.
    pub fn ask_for_conversions(queues: &[Self]) -> bool {
        queues
            .iter()
            .any(|queue| matches!(queue, Self::Previous | Self::Unconverted | Self::All))
    }

    /// All queues, in the order in which `All` serves them.
    pub const EVERY: [Self; 6] = [
        Self::Converted,
        Self::Previous,
        Self::Unconverted,
        Self::Changed,
        Self::Failed,
        Self::All,
    ];

    /// The word in settings and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Converted => "converted",
            Self::Previous => "previous",
            Self::Unconverted => "unconverted",
            Self::Changed => "changed",
            Self::Failed => "failed",
            Self::All => "all",
        }
    }

    /// The queues that these stand for: each once, in the order given, `All` resolved.
    pub fn resolve(queues: &[Self]) -> Vec<Self> {
        let mut out = Vec::new();
        for queue in queues {
            let parts: &[Self] = match queue {
                Self::All => &Self::EVERY[..5],
                one => std::slice::from_ref(one),
            };
            for part in parts {
                if !out.contains(part) {
                    out.push(*part);
                }
            }
        }
        out
    }
}

/// A book that GRIN has scanned, and of which it has no archive ready nor converts one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnrequestedBook {
    /// Its archive was ready, and left GRIN's pool before it was fetched.
    Lost,
    /// GRIN gave it out before.
    Previous,
    /// Never converted.
    Unconverted,
    /// GRIN failed to convert it for the queue `previous`, and is asked again when its time comes.
    FailedPrevious,
    /// The same for another queue.
    FailedUnconverted,
    /// GRIN failed to convert it each time.
    FailedForGood,
}

impl UnrequestedBook {
    /// Whether GRIN is asked to convert it where these queues are served.
    pub fn is_asked_for(self, queues: &[Queue]) -> bool {
        let serves = |queue| queues.contains(&queue) || queues.contains(&Queue::All);
        match self {
            Self::Lost => !queues.is_empty(),
            Self::Previous => serves(Queue::Previous),
            Self::Unconverted => serves(Queue::Unconverted),
            Self::FailedPrevious => serves(Queue::Previous) || serves(Queue::Failed),
            Self::FailedUnconverted => serves(Queue::Unconverted) || serves(Queue::Failed),
            Self::FailedForGood => serves(Queue::Failed),
        }
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no queue: use converted, previous, unconverted, changed, failed or all")]
pub struct NoQueue(String);

impl FromStr for Queue {
    type Err = NoQueue;

    fn from_str(word: &str) -> Result<Self, NoQueue> {
        Self::EVERY
            .into_iter()
            .find(|queue| queue.as_str() == word)
            .ok_or_else(|| NoQueue(word.into()))
    }
}

impl serde::Serialize for Queue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for queue in Queue::EVERY {
            assert_eq!(queue.as_str().parse(), Ok(queue));
        }
        let words = "convertd".parse::<Queue>().unwrap_err().to_string();
        assert!(words.contains("converted, previous"), "{words}");
    }

    #[test]
    fn who_serves_only_what_is_ready_or_stored_asks_for_no_conversions() {
        use Queue::{All, Changed, Converted, Failed, Previous, Unconverted};
        for (queues, asks) in [
            (vec![], false),
            (vec![Converted, Changed, Failed], false),
            (vec![Converted, Previous], true),
            (vec![Unconverted], true),
            (vec![All], true),
        ] {
            assert_eq!(Queue::ask_for_conversions(&queues), asks, "{queues:?}");
        }
    }

    #[test]
    fn each_queue_has_books_of_its_own_asked_for() {
        use Queue::{All, Changed, Converted, Failed, Previous, Unconverted};
        use UnrequestedBook as U;
        const EVERY: [UnrequestedBook; 6] = [
            U::Lost,
            U::Previous,
            U::Unconverted,
            U::FailedPrevious,
            U::FailedUnconverted,
            U::FailedForGood,
        ];
        for (queues, asked) in [
            (vec![], vec![]),
            (vec![Converted], vec![U::Lost]),
            (vec![Converted, Changed], vec![U::Lost]),
            (vec![Previous], vec![U::Lost, U::Previous, U::FailedPrevious]),
            (vec![Unconverted], vec![U::Lost, U::Unconverted, U::FailedUnconverted]),
            (
                vec![Converted, Previous, Unconverted],
                vec![
                    U::Lost,
                    U::Previous,
                    U::Unconverted,
                    U::FailedPrevious,
                    U::FailedUnconverted,
                ],
            ),
            (
                vec![Failed],
                vec![U::Lost, U::FailedPrevious, U::FailedUnconverted, U::FailedForGood],
            ),
            (vec![All], EVERY.to_vec()),
        ] {
            let told: Vec<_> = EVERY.into_iter().filter(|book| book.is_asked_for(&queues)).collect();
            assert_eq!(told, asked, "{queues:?}");
        }
    }

    #[test]
    fn all_stands_for_each_once() {
        use Queue::{All, Changed, Converted, Failed, Previous, Unconverted};
        assert_eq!(
            Queue::resolve(&[Failed, All]),
            [Failed, Converted, Previous, Unconverted, Changed]
        );
        assert_eq!(Queue::resolve(&[Converted, Converted]), [Converted]);
    }
}
