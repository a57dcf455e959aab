//! What the program tells the shell at its end.

use std::process::ExitCode;

/// Exit codes; those above 63 are the ones of `sysexits.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// 0: what was asked for is done.
    Done,
    /// 1: it ran, and the answer is no: a barcode failed, is unknown, or a stored archive is damaged.
    Failed,
    /// 2: wrong usage of the command line; for `verify`: could not check.
    Usage,
    /// 69: the daemon or a server cannot be reached.
    Unavailable,
    /// 70: a fault of this program.
    Internal,
    /// 73: a file cannot be created.
    CannotCreate,
    /// 77: not permitted or not signed in.
    NotPermitted,
    /// 78: wrong configuration.
    Config,
    /// 130: a second signal ended the process; the thread that hears signals does it.
    StoppedAtOnce,
}

impl ExitStatus {
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
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unavailable => 69,
            Self::Internal => 70,
            Self::CannotCreate => 73,
            Self::NotPermitted => 77,
            Self::Config => 78,
            Self::StoppedAtOnce => 130,
        }
    }

    /// What the number means, as help and manual say it.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => {
                "it ran, and the answer is no: a book failed or is unknown, or something could not be read or is refused"
            }
            Self::Usage => "wrong usage of the command line",
            Self::Unavailable => "the daemon or a server cannot be reached",
            Self::Internal => "a fault of this program",
            Self::CannotCreate => "a file cannot be created",
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
