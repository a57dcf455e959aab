//! Why the story of a book could not be told.

/// Why the story of a book could not be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoryError {
    /// Others are being told already.
    #[error("other books are being looked up; try again in a few seconds")]
    Busy,
    /// The catalog is locked, or its disk or server does not answer.
    #[error("the catalog has not answered within {seconds} s; try again, or use grind explain")]
    Silent {
        /// How long it was waited for.
        seconds: u64,
    },
    /// The catalog cannot be read.
    #[error("the catalog cannot be read: {0}")]
    Catalog(String),
    /// There is no catalog.
    #[error("no catalog is known here")]
    Unsupported,
}
