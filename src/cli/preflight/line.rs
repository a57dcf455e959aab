//! One line a check, and the exit code that all of them come to.

use std::fmt;

use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::log::PlainText;
use crate::settings::SettingsFinding;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckVerdict {
    /// Nothing is wrong.
    Passed,
    /// A person should look; the daemon would work.
    Doubtful,
    /// It depends on what failed before.
    NotChecked,
    /// The daemon would not work.
    Failed(ExitStatus),
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckLine {
    verdict: CheckVerdict,
    /// The key that it is about.
    key: String,
    /// What was found, why, and what to do about it.
    text: String,
}

impl CheckLine {
    fn new(verdict: CheckVerdict, key: &str, text: impl Into<String>) -> Self {
        Self {
            verdict,
            key: key.to_owned(),
            text: text.into(),
        }
    }

    /// Nothing is wrong.
    pub fn passed(key: &str, text: impl Into<String>) -> Self {
        Self::new(CheckVerdict::Passed, key, text)
    }

    /// A person should look.
    pub fn doubtful(key: &str, text: impl Into<String>) -> Self {
        Self::new(CheckVerdict::Doubtful, key, text)
    }

    /// It could not be checked, for this reason.
    pub fn not_checked(key: &str, why: impl Into<String>) -> Self {
        Self::new(CheckVerdict::NotChecked, key, why)
    }

    /// The daemon would not work, for this reason.
    pub fn failed(key: &str, exit: ExitStatus, text: impl Into<String>) -> Self {
        Self::new(CheckVerdict::Failed(exit), key, text)
    }

    /// The same of an error.
    pub fn of_error(key: &str, error: &CliError) -> Self {
        Self::failed(key, error.exit(), error.in_one_line())
    }

    /// The same of a finding about the settings.
    pub fn of_finding(finding: &SettingsFinding) -> Self {
        let verdict = match finding.is_warning() {
            true => CheckVerdict::Doubtful,
            false => CheckVerdict::Failed(ExitStatus::Config),
        };
        let text = finding.text.strip_prefix(&finding.key).unwrap_or(&finding.text);
        Self::new(verdict, &finding.key, text.trim_start_matches([':', ' ']))
    }
}

impl CheckLine {
    /// Nothing is wrong.
    pub fn is_passed(&self) -> bool {
        self.verdict == CheckVerdict::Passed
    }

    /// What was found, for whoever asked about this key alone.
    pub fn into_text(self) -> String {
        self.text
    }
}

impl fmt::Display for CheckLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.verdict {
            CheckVerdict::Passed => "ok",
            CheckVerdict::Doubtful => "warning",
            CheckVerdict::NotChecked => "not checked",
            CheckVerdict::Failed(_) => "error",
        };
        write!(f, "{word}: {}: {}", self.key, PlainText(&self.text))
    }
}

/// What the shell is told: first what a person must act on. A server that does not answer may answer later.
pub fn exit_of(lines: &[CheckLine]) -> ExitStatus {
    let weight = |exit: &ExitStatus| match exit {
        ExitStatus::Config => 4,
        ExitStatus::NotPermitted => 3,
        ExitStatus::CannotCreate => 2,
        _ => 1,
    };
    let failed = lines.iter().filter_map(|line| match line.verdict {
        CheckVerdict::Failed(exit) => Some(exit),
        _ => None,
    });
    failed.max_by_key(weight).unwrap_or(ExitStatus::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ExitStatus::{CannotCreate, Config, Done, NotPermitted, Unavailable};

    #[test]
    fn the_exit_code_is_that_of_what_a_person_must_act_on() {
        for (failed, expected) in [
            (vec![], Done),
            (vec![Unavailable], Unavailable),
            (vec![Unavailable, CannotCreate], CannotCreate),
            (vec![NotPermitted, Unavailable, CannotCreate], NotPermitted),
            (vec![NotPermitted, Config, Unavailable], Config),
        ] {
            let mut lines: Vec<_> = failed.iter().map(|exit| CheckLine::failed("k", *exit, "t")).collect();
            lines.push(CheckLine::doubtful("k", "t"));
            lines.push(CheckLine::not_checked("k", "t"));
            assert_eq!(exit_of(&lines), expected, "{failed:?}");
        }
    }

    #[test]
    fn a_line_names_its_key_once() {
        let finding = SettingsFinding::error("auth.x", "auth.x: names /y, which is not there");
        let line = CheckLine::of_finding(&finding).to_string();
        assert_eq!(line, "error: auth.x: names /y, which is not there");
    }
}
