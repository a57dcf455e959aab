//! One request of a rehearsal: what was recognised, and what the daemon would do.

use std::fmt;

use crate::cli::exit::ExitStatus;
use crate::cli::grin_line;
use crate::log::PlainText;
use crate::session::{ErrorClass, SessionError};

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepVerdict {
    /// All of the answer was understood.
    Recognised,
    /// Something of it was not.
    NotRecognised,
    /// There is no answer to look at, for which a person must act or wait.
    NotAnswered(ExitStatus),
    /// It was not made, and that is no fault.
    LeftOut,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RehearsalStep {
    verdict: StepVerdict,
    /// What was asked for, and what came.
    seen: String,
    /// What the daemon would do; empty where that goes without saying.
    then: String,
}

impl RehearsalStep {
    /// All of the answer was understood.
    pub fn recognised(seen: impl Into<String>, then: impl Into<String>) -> Self {
        Self::new(StepVerdict::Recognised, seen, then)
    }

    /// Something of it was not.
    pub fn not_recognised(seen: impl Into<String>, then: impl Into<String>) -> Self {
        Self::new(StepVerdict::NotRecognised, seen, then)
    }

    /// A sign-in page in place of the answer.
    pub fn signed_out(seen: impl Into<String>, then: impl Into<String>) -> Self {
        Self::new(StepVerdict::NotAnswered(ExitStatus::NotPermitted), seen, then)
    }

    /// It was not made.
    pub fn left_out(what: &str, why: &str) -> Self {
        Self::new(StepVerdict::LeftOut, format!("{what}: {why}"), "")
    }

    /// There is no answer. An answer that will be the same each time is one that was not recognised.
    pub fn of_error(what: &str, error: &SessionError) -> Self {
        let seen = format!("{what}: {error}");
        let (verdict, then) = match (error, error.class()) {
            (SessionError::Redirect(_), _) => (
                StepVerdict::NotRecognised,
                "The daemon follows to no host that grin.redirect_hosts does not name.",
            ),
            (_, ErrorClass::Permanent) => (StepVerdict::NotRecognised, "The daemon would try it again much later."),
            (_, ErrorClass::NeedsPerson) => (
                StepVerdict::NotAnswered(grin_line::failed(error).exit()),
                "The daemon would stop asking, and wait for a person.",
            ),
            (_, ErrorClass::Transient { .. }) => (
                StepVerdict::NotAnswered(ExitStatus::Unavailable),
                "The daemon would wait, and try it again.",
            ),
        };
        Self::new(verdict, seen, then)
    }

    /// Whether something of the answer was not understood, so that there is something to report.
    pub fn is_unrecognised(&self) -> bool {
        self.verdict == StepVerdict::NotRecognised
    }

    fn new(verdict: StepVerdict, seen: impl Into<String>, then: impl Into<String>) -> Self {
        Self {
            verdict,
            seen: seen.into(),
            then: then.into(),
        }
    }
}

impl fmt::Display for RehearsalStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.verdict {
            StepVerdict::Recognised => "recognised",
            StepVerdict::NotRecognised => "NOT RECOGNISED",
            StepVerdict::NotAnswered(_) => "no answer",
            StepVerdict::LeftOut => "left out",
        };
        writeln!(f, "{word}: {}", PlainText(&self.seen))?;
        match self.then.is_empty() {
            true => Ok(()),
            false => writeln!(f, "    {}", PlainText(&self.then)),
        }
    }
}

/// What the shell is told: first what a person must act on, then what may pass, then what was not recognised. `of_summary`, which a summary
/// that is not there would mean, counts only where nothing else was recognised either.
pub fn exit_of(steps: &[RehearsalStep], of_summary: Option<ExitStatus>) -> ExitStatus {
    let weight = |exit: &ExitStatus| match exit {
        ExitStatus::Config => 4,
        ExitStatus::NotPermitted => 3,
        ExitStatus::Failed => 1,
        _ => 2,
    };
    let exits = steps.iter().filter_map(|step| match step.verdict {
        StepVerdict::NotAnswered(exit) => Some(exit),
        StepVerdict::NotRecognised => Some(ExitStatus::Failed),
        StepVerdict::Recognised | StepVerdict::LeftOut => None,
    });
    let is_in_doubt = steps.iter().all(|step| step.verdict != StepVerdict::Recognised);
    let of_summary = of_summary.filter(|_| is_in_doubt);
    exits.chain(of_summary).max_by_key(weight).unwrap_or(ExitStatus::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grin::RedirectRefused;

    #[test]
    fn the_exit_code_tells_what_comes_first() {
        let snippet = String::new;
        for (error, exit) in [
            (SessionError::Reset, ExitStatus::Unavailable),
            (SessionError::Server { status: 500 }, ExitStatus::Unavailable),
            (SessionError::Forbidden { snippet: snippet() }, ExitStatus::NotPermitted),
            (SessionError::SignedOut { why: snippet() }, ExitStatus::NotPermitted),
            (SessionError::NotFound, ExitStatus::Failed),
            (
                SessionError::Redirect(RedirectRefused::TooManyHops(5)),
                ExitStatus::Failed,
            ),
        ] {
            let steps = [
                RehearsalStep::recognised("a", "b"),
                RehearsalStep::of_error("_failed as pages", &error),
                RehearsalStep::left_out("HEAD", "no archive is ready"),
            ];
            assert_eq!(exit_of(&steps, None), exit, "{error}");
        }
        let worst = [
            RehearsalStep::not_recognised("a", ""),
            RehearsalStep::of_error("b", &SessionError::TokenWanted),
            RehearsalStep::of_error("c", &SessionError::Reset),
        ];
        assert_eq!(exit_of(&worst, None), ExitStatus::NotPermitted);
    }

    #[test]
    fn a_summary_that_is_not_there_says_nothing_where_a_list_is() {
        let summary = RehearsalStep::not_recognised("the summary", "");
        let recognised = RehearsalStep::recognised("_failed as pages", "");
        let away = RehearsalStep::of_error("_failed as pages", &SessionError::NotFound);
        let of_summary = Some(ExitStatus::NotPermitted);
        for (steps, exit) in [
            (vec![summary.clone(), recognised.clone()], ExitStatus::Failed),
            (vec![summary.clone(), recognised, away.clone()], ExitStatus::Failed),
            (vec![summary.clone(), away], ExitStatus::NotPermitted),
            (vec![summary], ExitStatus::NotPermitted),
        ] {
            assert_eq!(exit_of(&steps, of_summary), exit, "{steps:?}");
        }
    }
}
