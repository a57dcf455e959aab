//! What came of one run of a book, and who is to blame when nothing did.

use crate::vocabulary::words::words;

words! {
    /// How one run of a claimed book ended.
    BookOutcome {
        /// Downloaded, verified and published.
        Stored = "stored",
        /// Nothing to do: what is stored is what GRIN has.
        UpToDate = "up_to_date",
        /// GRIN has no archive of it: its conversion has to be requested.
        NotConverted = "not_converted",
        /// The attempt failed and counts; it is tried again later.
        Retry = "retry",
        /// Not done, through no fault of the book: its claim ends and it keeps its attempts.
        Released = "released",
        /// Given up; served again only at long intervals, or never if its bytes are proven bad.
        Failed = "failed",
    }
}

impl BookOutcome {
    /// Nothing more is to be done for the book now.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Retry | Self::Released)
    }
}

words! {
    /// Whose fault an error is, which decides what it costs the book.
    Blame {
        /// The book's: the attempt counts, and the next one comes after a long wait.
        Book = "book",
        /// The way to GRIN: network, name service, server errors, throttling, the token service. Never fails a book.
        Path = "path",
        /// Only a person can mend it: not signed in, no passphrase, no rights. Costs the book nothing.
        Operator = "operator",
        /// This program and what it runs on: storage, catalog, shutdown. Costs the book nothing.
        Us = "us",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_in_json_are_the_words_everywhere() {
        for outcome in BookOutcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
        }
        assert_eq!(serde_json::from_str::<Blame>("\"us\"").unwrap(), Blame::Us);
    }
}
