//! Trouble that lasts: the log tells its beginning, and its end as loudly, with cause and duration.

use std::fmt::Display;

use tokio::time::Instant;

/// Trouble with one thing, while there is some.
#[derive(Debug, Default)]
pub(crate) struct LastingTrouble(Option<MetTrouble>);

#[derive(Debug)]
struct MetTrouble {
    since: Instant,
    cause: String,
}

/// Trouble that is over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EndedTrouble {
    /// What it was, as it was met last.
    pub cause: String,
    /// How long it lasted.
    pub seconds: u64,
}

impl LastingTrouble {
    /// Met now, with this cause; whether it begins with that.
    pub fn met(&mut self, cause: &(impl Display + ?Sized)) -> bool {
        let since = self.0.as_ref().map(|met| met.since);
        self.0 = Some(MetTrouble {
            since: since.unwrap_or_else(Instant::now),
            cause: cause.to_string(),
        });
        since.is_none()
    }

    /// There is none now; what it was, if there was some until now.
    pub fn over(&mut self) -> Option<EndedTrouble> {
        let MetTrouble { since, cause } = self.0.take()?;
        Some(EndedTrouble {
            cause,
            seconds: since.elapsed().as_secs(),
        })
    }

    /// Whether there is some.
    pub fn is_met(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_begins_once_and_ends_once_with_its_last_cause_and_the_time_from_its_beginning() {
        let mut trouble = LastingTrouble::default();
        assert_eq!((trouble.is_met(), trouble.over()), (false, None));
        assert!(trouble.met("refused"));
        tokio::time::advance(std::time::Duration::from_mins(2)).await;
        assert!(!trouble.met("silent") && trouble.is_met());
        tokio::time::advance(std::time::Duration::from_mins(1)).await;
        let ended = EndedTrouble {
            cause: "silent".into(),
            seconds: 180,
        };
        assert_eq!(
            (trouble.over(), trouble.is_met(), trouble.over()),
            (Some(ended), false, None)
        );
        assert!(trouble.met("refused"), "another one");
    }
}
