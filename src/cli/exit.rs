//! What the program tells the shell at its end.

use std::process::ExitCode;

/// Exit codes; those above 63 are the ones of `sysexits.h`. What each means is said by [`ExitStatus::meaning`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// What was asked for is done.
    Done = 0,
    /// The answer is no.
    Failed = 1,
    /// The command line, or a file that it names, is not understood.
    Usage = 2,
    /// Something that was to be asked does not answer; later it may.
    Unavailable = 69,
    /// Trying again does not help.
    Internal = 70,
    /// No room there, or nothing can be written to it; or another daemon runs under this name.
    CannotCreate = 73,
    /// A person must act: the unit does not start it again.
    NotPermitted = 77,
    /// A person must act: the unit does not start it again.
    Config = 78,
    /// The thread that hears signals ends the process with it.
    StoppedAtOnce = 130,
}

impl ExitStatus {
    /// `grind verify` found nothing bad, and could not check all: the contract of old gives it the number of wrong usage.
    pub const UNCHECKED: Self = Self::Usage;

    /// All of them, by number.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Unavailable,
        Self::Internal,
        Self::CannotCreate,
        Self::NotPermitted,
        Self::Config,
        Self::StoppedAtOnce,
    ];

    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What the number means, as help and manual say it.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => {
                "it ran, and the answer is no: a book failed or is unknown, or something could not be read or is refused"
            }
            Self::Usage => "wrong usage of the command line; of `grind verify` also: something could not be checked",
            Self::Unavailable => "the daemon, the catalog or a server cannot be reached",
            Self::Internal => "a fault of this program, or a damaged catalog",
            Self::CannotCreate => {
                "a file or the output cannot be made or written, or another daemon runs under this name"
            }
            Self::NotPermitted => "not permitted or not signed in",
            Self::Config => "wrong configuration",
            Self::StoppedAtOnce => "stopped at once by a second SIGTERM or SIGINT; the next run resumes",
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(exit: ExitStatus) -> Self {
        Self::from(exit.code())
    }
}
