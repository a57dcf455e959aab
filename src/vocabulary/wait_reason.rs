//! What the work waits for, with the data that a person or a program needs to judge it.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::vocabulary::in_zone;
use crate::vocabulary::words::words;

words! {
    /// What is waited for.
    WaitCause {
        /// An operator paused the work, or `work.paused` is set.
        Operator = "operator",
        /// GRIN does not answer as it should.
        Grin = "grin",
        /// GRIN answers, and book after book fails.
        Failures = "too_many_failures",
        /// GRIN asked to be left alone for a while.
        Gate = "gate_closed",
        /// The sign-in to GRIN is gone.
        SignIn = "signed_out",
        /// The token service gives no token.
        Token = "token",
        /// The passphrase of the archives is missing or wrong.
        Passphrase = "passphrase",
        /// The storage does not take what it is given.
        Storage = "storage",
        /// Another storage is mounted than the catalog knows, or none.
        Mount = "storage_not_ours",
        /// The storage is short of space.
        Disk = "disk_full",
        /// The catalog is locked, full or not writable.
        Catalog = "catalog",
        /// Another program has this one's name among the members of the catalog.
        Members = "members",
    }
}

impl WaitCause {
    /// The name in a sentence: `waiting for …`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Operator => "the operator",
            Self::Grin | Self::Failures | Self::Gate => "GRIN",
            Self::SignIn => "a sign-in to GRIN",
            Self::Token => "an access token",
            Self::Passphrase => "the passphrase",
            Self::Storage => "the storage",
            Self::Mount => "the right storage",
            Self::Disk => "disk space",
            Self::Catalog => "the catalog",
            Self::Members => "the other daemons",
        }
    }

    /// Only the attempt of a book shows that it is over. Storage and catalog are looked at without one.
    pub const fn is_tried_by_books(self) -> bool {
        match self {
            Self::Grin | Self::Failures | Self::Gate | Self::SignIn | Self::Token | Self::Passphrase => true,
            Self::Storage | Self::Mount | Self::Disk | Self::Catalog | Self::Operator | Self::Members => false,
        }
    }

    /// Work goes on by itself once the cause is gone; otherwise somebody must change the configuration.
    pub const fn resumes_by_itself(self) -> bool {
        !matches!(self, Self::Operator | Self::Passphrase | Self::Members)
    }
}

/// Why no new book is begun, since when, and what ends the wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitReason {
    /// What is waited for.
    #[serde(rename = "what")]
    pub cause: WaitCause,
    /// What happened, in an administrator's words.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// When it is tried next; `None` while that is under way, and if nothing but a person's action ends the wait.
    pub until: Option<Timestamp>,
    /// A person must act before work can go on.
    pub needs_person: bool,
    /// Work goes on without a restart or a reload once the cause is gone.
    pub resumes_by_itself: bool,
}

impl WaitReason {
    /// A wait that begins now, with no known end.
    pub fn new(cause: WaitCause, why: impl Into<String>, now: Timestamp) -> Self {
        Self {
            cause,
            why: why.into(),
            since: now,
            until: None,
            needs_person: cause == WaitCause::Operator || cause == WaitCause::SignIn || cause == WaitCause::Passphrase,
            resumes_by_itself: cause.resumes_by_itself(),
        }
    }

    /// The same, with the moment of the next attempt in this time zone.
    fn write(&self, f: &mut fmt::Formatter<'_>, zone: TimeZone) -> fmt::Result {
        write!(f, "waiting for {}: {}", self.cause.label(), self.why)?;
        let words = match self.cause {
            WaitCause::Operator => "until",
            _ => "next attempt",
        };
        match self.until {
            Some(until) => write!(f, ", {words} {}", in_zone(until, zone)),
            None => Ok(()),
        }
    }
}

/// `waiting for GRIN: 503, next attempt 2026-11-28 14:02:10 +01:00`, in local time.
impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, TimeZone::system())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_names_cause_reason_and_next_attempt() {
        struct InUtc(WaitReason);
        impl fmt::Display for InUtc {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write(f, TimeZone::UTC)
            }
        }
        let now: Timestamp = "2026-11-28T14:02:00Z".parse().unwrap();
        let mut wait = WaitReason::new(WaitCause::Grin, "503", now);
        assert_eq!(InUtc(wait.clone()).to_string(), "waiting for GRIN: 503");
        wait.until = Some("2026-11-28T14:02:10Z".parse().unwrap());
        assert_eq!(
            InUtc(wait.clone()).to_string(),
            "waiting for GRIN: 503, next attempt 2026-11-28 14:02:10 UTC"
        );
        wait.cause = WaitCause::Operator;
        let paused = InUtc(wait).to_string();
        assert!(paused.ends_with(": 503, until 2026-11-28 14:02:10 UTC"), "{paused}");
    }

    #[test]
    fn only_configuration_has_to_be_changed_by_hand() {
        let now = Timestamp::UNIX_EPOCH;
        for cause in WaitCause::ALL {
            let wait = WaitReason::new(*cause, "x", now);
            let by_hand = matches!(cause, WaitCause::Operator | WaitCause::Passphrase | WaitCause::Members);
            assert_eq!(wait.resumes_by_itself, !by_hand, "{cause}");
        }
    }

    #[test]
    fn a_wait_survives_json_under_the_keys_of_the_status() {
        let wait = WaitReason::new(WaitCause::Disk, "no room in /library", Timestamp::UNIX_EPOCH);
        let json = serde_json::to_value(&wait).unwrap();
        assert_eq!(
            (json["what"].as_str(), json["why"].as_str()),
            (Some("disk_full"), Some("no room in /library"))
        );
        assert_eq!(serde_json::from_value::<WaitReason>(json).unwrap(), wait);
    }
}
