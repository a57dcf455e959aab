//! Why an attempt at a book failed, as one word for the catalog, metrics, reports and logs.

use std::str::FromStr;

use crate::vocabulary::words::words;

words! {
    /// Why an attempt at a book failed.
    FailureReason {
        /// No connection: name not found, refused, unreachable.
        Connect = "connect",
        /// No secure connection.
        Tls = "tls",
        /// A part of the request took too long.
        Timeout = "timeout",
        /// The connection was lost.
        Reset = "reset",
        /// The answer ended early.
        Short = "short",
        /// The answer had no length, so its end could not be told from a cut.
        NoLength = "no_length",
        /// What came is no HTTP.
        Protocol = "protocol",
        /// The sign-in to GRIN is gone.
        SignedOut = "signed_out",
        /// No access token could be had.
        NoToken = "no_token",
        /// 403.
        Forbidden = "forbidden",
        /// A host to which GRIN redirected refused the request.
        RefusedByHost = "refused_by_host",
        /// 429, or 503.
        Throttled = "throttled",
        /// Any other 5xx.
        Server = "server",
        /// Any other status that is no answer.
        Status = "status",
        /// 404 where something was expected.
        NotFound = "not_found",
        /// A host that GRIN redirected to gives no answer.
        HostAway = "host_away",
        /// A redirect that must not be followed.
        Redirect = "redirect",
        /// The answer is larger than allowed.
        TooLarge = "too_large",
        /// The body came slower than the minimum speed.
        TooSlow = "too_slow",
        /// The body came in too many parts that were too small.
        TooLittle = "too_little",
        /// Too many requests waited for a connection already.
        Busy = "busy",
        /// An address or header that cannot be sent.
        BadRequest = "bad_request",
        /// The session is closed.
        Closed = "closed",
        /// The work was cancelled.
        Cancelled = "cancelled",
        /// The session could not be set up.
        Setup = "setup",
        /// The session's owner could not be asked.
        Mailbox = "mailbox",
        /// The body was cut and could not be continued.
        Cut = "cut",
        /// The body had to begin anew too often.
        Restart = "restart",
        /// Nothing of the body came for too long.
        Stalled = "stalled",
        /// The passphrase does not open the archive.
        WrongPassphrase = "wrong_passphrase",
        /// There is no passphrase.
        NoPassphrase = "no_passphrase",
        /// No secret key that is given opens the archive.
        NoSecretKey = "no_secret_key",
        /// An integrity check of the archive failed.
        Damaged = "damaged",
        /// The archive ends early.
        Truncated = "truncated",
        /// What came is no archive.
        NotAnArchive = "not_an_archive",
        /// GRIN answered that the request is unavailable.
        Unavailable = "unavailable",
        /// Pages differ from the digests listed for them.
        ChecksumMismatch = "checksum_mismatch",
        /// There is no page in the archive.
        NoPages = "no_pages",
        /// The archive is another book's.
        AnotherBook = "another_book",
        /// The archive's tar has no end mark.
        TarUnterminated = "tar_unterminated",
        /// Nothing in the archive says that it is this book.
        UnnamedBook = "unnamed_book",
        /// Pages that are listed are not in the archive.
        PagesMissing = "pages_missing",
        /// Its encryption has no integrity check, and the settings want one or checksums do not prove every page.
        Unauthenticated = "unauthenticated",
        /// The archive goes beyond what an honest one holds.
        Hostile = "hostile",
        /// A kind of encryption, or a form of tar, that cannot be read.
        Unsupported = "unsupported",
        /// The archive's bytes could not be read.
        Input = "input",
        /// The decrypted archive could not be written.
        Sink = "sink",
        /// The page texts could not be written.
        Text = "text",
        /// Fetched twice with the same bytes and the same damage.
        DamagedAtSource = "damaged_at_source",
        /// A volume, and worse than the stored one, which stays.
        WorseThanStored = "worse_than_stored",
        /// No room in the storage.
        StorageFull = "storage_full",
        /// The storage refuses this user.
        StorageDenied = "storage_denied",
        /// The storage is read-only.
        StorageReadOnly = "storage_read_only",
        /// Something stands where a folder of the library should be.
        StorageUnsafe = "storage_unsafe",
        /// An object that should be in the storage is not.
        StorageNotFound = "storage_not_found",
        /// Another storage is expected where this one is.
        StorageNotOurs = "storage_not_ours",
        /// The bucket does not exist.
        StorageNoBucket = "storage_no_bucket",
        /// `storage.url` cannot be used.
        StorageUrl = "storage_url",
        /// Metadata that the storage cannot keep.
        StorageMeta = "storage_meta",
        /// Not a name for an object.
        StorageKey = "storage_key",
        /// The object store does not answer, or fails.
        StorageUnreachable = "storage_unreachable",
        /// The storage has other bytes than were sent.
        StorageMismatch = "storage_mismatch",
        /// Another failure of the operating system.
        StorageIo = "storage_io",
        /// The upload failed before.
        StorageBroken = "storage_broken",
        /// The storage is closed.
        StorageClosed = "storage_closed",
        /// The catalog did not record it.
        Catalog = "catalog",
        /// The claim ended before the book was done.
        ClaimLost = "claim_lost",
        /// A part of this program panicked.
        Panicked = "panicked",
        /// A worker could not be asked.
        Worker = "worker",
    }
}

impl FailureReason {
    /// The bytes themselves were looked at and judged: the same would come again, so that only another archive at GRIN or a person
    /// makes another attempt worth it.
    pub fn proves_bytes_bad(self) -> bool {
        matches!(self, Self::DamagedAtSource | Self::WorseThanStored)
    }
}

/// A word that names no reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no reason for a failure")]
pub struct NoReason(String);

impl FromStr for FailureReason {
    type Err = NoReason;

    fn from_str(word: &str) -> Result<Self, NoReason> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.as_str() == word)
            .ok_or_else(|| NoReason(word.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_its_own_and_is_read_back() {
        for reason in FailureReason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
        }
        assert!("reasons".parse::<FailureReason>().is_err());
    }
}
