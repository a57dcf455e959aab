//! Why a measurement could not be taken.

use std::path::PathBuf;

/// Why a measurement could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A file or folder.
    #[error("cannot write {}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        cause: std::io::Error,
    },
    /// A process, socket or thread could not be had.
    #[error("{what}")]
    System {
        /// What was to be done.
        what: String,
        /// What the operating system said.
        #[source]
        cause: std::io::Error,
    },
    /// A helper process did not do what it was started for.
    #[error("{0}")]
    Helper(String),
    /// The session could not be made.
    #[error("the session cannot be made")]
    Session(#[from] crate::session::SessionError),
    /// Certificates could not be made.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The report could not be drawn or written as JSON.
    #[error("the report cannot be made: {0}")]
    Report(String),
    /// The bounds in the program are wrong.
    #[error("the bounds cannot be read: {0}")]
    Bounds(String),
}

impl BenchError {
    /// For use in `map_err`: names what was tried.
    pub fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |cause| Self::System { what, cause }
    }

    /// For use in `map_err`: names the file.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |cause| Self::File { path, cause }
    }
}
