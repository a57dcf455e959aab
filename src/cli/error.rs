//! An error as a person meets it.

use std::error::Error;
use std::fmt;
use std::io;

use crate::cli::exit::ExitStatus;
use crate::log::PlainText;

/// What every command returns: how it ended, or what went wrong.
pub type CommandResult = Result<ExitStatus, CliError>;

/// First line what happened, then the causes, last what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliError {
    message: String,
    causes: Vec<String>,
    advice: Option<String>,
    exit: ExitStatus,
    /// The reader of our output went away (`grind export csv | head`): nobody is left to be told.
    silent: bool,
}

impl CliError {
    /// An error with the code the shell shall see. The message is lower-case and without a full stop.
    pub fn new(exit: ExitStatus, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            causes: Vec::new(),
            advice: None,
            exit,
            silent: false,
        }
    }

    /// Adds an error and all that lies behind it.
    #[must_use]
    pub fn because(mut self, cause: &dyn Error) -> Self {
        let mut next = Some(cause);
        while let Some(cause) = next {
            let text = cause.to_string();
            // Errors that quote their source would say everything twice.
            if !self.causes.last().is_some_and(|last| last.contains(&text)) {
                self.causes.push(text);
            }
            next = cause.source();
        }
        self
    }

    /// Adds a cause in words.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Says what a person can do about it.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Turns a failure to write our own output into an error; a reader that went away is none.
    pub fn output(error: &io::Error) -> Self {
        let silent = error.kind() == io::ErrorKind::BrokenPipe;
        let exit = if silent {
            ExitStatus::Done
        } else {
            ExitStatus::CannotCreate
        };
        Self {
            silent,
            ..Self::new(exit, "cannot write the output").because(error)
        }
    }

    /// All of it in one line, for a list of findings.
    pub fn in_one_line(&self) -> String {
        let mut parts = vec![self.message.clone()];
        parts.extend(self.causes.iter().cloned());
        let said = parts.join(": ");
        let line = match &self.advice {
            Some(advice) => format!("{said}. {advice}"),
            None => said,
        };
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// What the shell shall see.
    pub fn exit(&self) -> ExitStatus {
        self.exit
    }

    /// Whether nothing is to be printed.
    pub fn is_silent(&self) -> bool {
        self.silent
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "grind: {}", PlainText(&self.message))?;
        for cause in &self.causes {
            writeln!(f, " -> {}", PlainText(cause))?;
        }
        self.advice.iter().try_for_each(|advice| writeln!(f, "{advice}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the catalog")]
    struct Outer(#[source] io::Error);

    #[test]
    fn what_happened_then_why_then_what_to_do() {
        let cause = Outer(io::Error::other("disk on fire"));
        let error = CliError::new(ExitStatus::Internal, "cannot export")
            .because(&cause)
            .advise("Fetch water.");
        assert_eq!(
            error.to_string(),
            "grind: cannot export\n -> cannot read the catalog\n -> disk on fire\nFetch water.\n"
        );
        assert_eq!(
            error.in_one_line(),
            "cannot export: cannot read the catalog: disk on fire. Fetch water."
        );
        assert_eq!(error.exit(), ExitStatus::Internal);
    }

    #[test]
    fn a_long_answer_of_an_object_store_is_said_once_and_in_short() {
        let answer = format!("503:\n<Code>SlowDown</Code>{}", "x".repeat(5_000));
        let failed = crate::storage::StorageError::store("writing X1".to_owned(), &answer);
        let text = CliError::new(ExitStatus::Internal, "no").because(&failed).to_string();
        assert_eq!(text.matches("SlowDown").count(), 1, "{text}");
        assert!(text.len() < 500 && text.lines().count() == 2, "{text}");
    }

    #[test]
    fn a_cause_that_was_quoted_already_is_not_repeated() {
        let error = CliError::new(ExitStatus::Internal, "no")
            .cause("open x: denied")
            .because(&io::Error::other("denied"));
        assert_eq!(error.to_string(), "grind: no\n -> open x: denied\n");
    }

    #[test]
    fn an_answer_from_outside_cannot_steer_the_terminal() {
        let error = CliError::new(ExitStatus::Failed, "GRIN said \u{1b}[2J\r\nbye");
        assert_eq!(error.to_string(), "grind: GRIN said \\u{1b}[2J\\r\n    bye\n");
    }

    #[test]
    fn a_reader_that_left_is_no_failure() {
        let left = CliError::output(&io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(left.is_silent());
        assert_eq!(left.exit(), ExitStatus::Done);
        let full = CliError::output(&io::Error::from(io::ErrorKind::StorageFull));
        assert!(!full.is_silent());
        assert_eq!(full.exit(), ExitStatus::CannotCreate);
    }
}
