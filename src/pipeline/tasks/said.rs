//! What the log says of work that is not done: each reason once, until the work is done.

use std::collections::{BTreeMap, BTreeSet};

use crate::log::{EndedTrouble, LastingTrouble};

/// Reasons remembered of one task or list; one that names other books in each round would fill the memory.
const MOST_REASONS: usize = 16;

/// Tasks and lists that are not done, and the reasons that the log has named since each was done last. Two that last are met by turns.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct SaidTroubles(BTreeMap<String, SaidTrouble>);

#[derive(Debug, Default)]
struct SaidTrouble {
    trouble: LastingTrouble,
    reasons: BTreeSet<String>,
}

impl SaidTroubles {
    /// Whether the log has not named this reason since the task or list was done last; from now on it has.
    pub fn is_news(&mut self, what: &str, why: &str) -> bool {
        let said = self.0.entry(what.to_owned()).or_default();
        said.trouble.met(why);
        let reasons = &mut said.reasons;
        if reasons.len() >= MOST_REASONS && !reasons.contains(why) {
            reasons.clear();
        }
        reasons.insert(why.to_owned())
    }

    /// It is done; what kept it, if the log has said that it was not.
    pub fn over(&mut self, what: &str) -> Option<EndedTrouble> {
        self.0.remove(what)?.trouble.over()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reason_is_news_once_until_the_work_is_done() {
        let mut said = SaidTroubles::default();
        for (what, why, is_news) in [
            ("_all_books", "signed out", true),
            ("_all_books", "signed out", false),
            ("_converted", "signed out", true),
            ("_all_books", "connection reset", true),
            ("_all_books", "signed out", false),
            ("_all_books", "connection reset", false),
        ] {
            assert_eq!(said.is_news(what, why), is_news, "{what} {why}");
        }
        tokio::time::advance(std::time::Duration::from_mins(90)).await;
        let ended = EndedTrouble {
            cause: "connection reset".into(),
            seconds: 5_400,
        };
        assert_eq!(said.over("_all_books"), Some(ended));
        assert_eq!((said.over("_all_books"), said.over("_failed")), (None, None));
        assert!(said.is_news("_all_books", "signed out"));
        assert!(!said.is_news("_converted", "signed out"));
    }

    #[test]
    fn reasons_that_differ_each_time_are_not_remembered_without_end() {
        let mut said = SaidTroubles::default();
        for round in 0..1_000 {
            assert!(said.is_news("enrich", &format!("book {round} is not answered")));
        }
        assert!(said.0["enrich"].reasons.len() <= MOST_REASONS);
    }
}
