//! Are we signed out? Only on proof: a person is called for nothing else.

use std::time::Duration;

/// Denials of the token address in a row, slowly one after another, that are proof.
pub(super) const DENIALS: u32 = 3;

/// New tokens in a row that GRIN refused, slowly one after another, that are proof when it accepted others before.
const REFUSALS: u32 = 3;

/// Different addresses at which they were refused: one that is refused to every token proves nothing of the account.
const ADDRESSES: usize = 2;

/// So many addresses that refuse new tokens, one after another with nothing accepted in between, are no trouble of each of them.
const ADDRESSES_OF_ALL: usize = 5;

/// A token that is replaced ahead of its end is replaced at most this long before it.
const AHEAD: Duration = Duration::from_mins(5);

/// Life of a token whose answer does not tell it.
const USUAL_LIFE: Duration = Duration::from_secs(3_599);

/// A new token is used for at least this long, whatever its answer says: else each request would ask for another. GRIN's refusal
/// tells sooner that it has ended.
const LEAST_LIFE: Duration = Duration::from_mins(1);

/// And at most this long.
const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// What happened to a token, or to a request for one.
#[derive(Debug, Clone, Copy)]
pub(super) enum TokenEvent<'a> {
    /// GRIN refused a token.
    Refused(TokenRecord),
    /// The token address gave a reason for giving out none.
    Denied {
        /// `error` of its answer.
        error: &'a str,
        /// `error_description` of its answer.
        description: &'a str,
        /// Denials in a row, this one included.
        times: u32,
    },
    /// The token address gave no answer, or one without a reason.
    NoAnswer,
    /// A file with a secret cannot be used.
    UnusableFile,
}

/// What is known of a token that GRIN refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct TokenRecord {
    /// Whether another can be got.
    pub(super) renewable: bool,
    /// Whether GRIN refused another token for the same request just before.
    pub(super) second: bool,
    /// Whether the token address gave it out to this process, and GRIN has not accepted it since.
    pub(super) unproven: bool,
    /// When GRIN accepted a token of this account last.
    pub(super) account: AccountRecord,
    /// New tokens in a row that GRIN refused.
    pub(super) refusals: u32,
    /// Different addresses at which it refused tokens, this one included, since it accepted one.
    pub(super) addresses: usize,
    /// An archive was refused, and for another one a new token was got within the last minute.
    pub(super) renewed_lately: bool,
}

/// When GRIN accepted a token of an account last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountRecord {
    Never,
    Before,
    /// Within the last minutes.
    Recently,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenStep {
    /// Get another token now.
    Renew,
    /// Ask the token address again after a while, and let all who need a token wait for it.
    TryAgain,
    /// No token just now: an error that passes.
    RetryLater,
    /// GRIN accepts the account's tokens, but not for this address.
    AddressRefused,
    /// A person has to act.
    SignedOut,
}

/// Decides what an event means.
///
/// A token that GRIN has accepted is stale when it is refused, not forbidden. Signed out is an account of which GRIN never accepted
/// a token that the token address gave out, or refused several new ones in a row at different addresses; and one to which that address denied
/// a new token several times.
/// GRIN may refuse single archives to every token: for these one token a minute is replaced, and the others are the books' own trouble. A
/// token that is stale all the same is known by the second address that refuses it while GRIN accepts nothing in between.
pub(super) fn next_step(event: TokenEvent<'_>) -> TokenStep {
    match event {
        TokenEvent::NoAnswer => TokenStep::RetryLater,
        TokenEvent::UnusableFile => TokenStep::SignedOut,
        TokenEvent::Denied { error, description, .. } if !is_final(error) || is_about_the_clock(description) => {
            TokenStep::RetryLater
        }
        TokenEvent::Denied { times, .. } if times < DENIALS => TokenStep::TryAgain,
        TokenEvent::Denied { .. } => TokenStep::SignedOut,
        TokenEvent::Refused(token) if !token.renewable => TokenStep::SignedOut,
        TokenEvent::Refused(token) => match token.account {
            AccountRecord::Recently if token.renewed_lately && token.addresses < ADDRESSES => TokenStep::AddressRefused,
            AccountRecord::Never if token.unproven => TokenStep::SignedOut,
            // One out of a file, however many of them a request has met: it may be an old one.
            AccountRecord::Never => TokenStep::Renew,
            _ if !token.second => TokenStep::Renew,
            AccountRecord::Recently if token.addresses >= ADDRESSES_OF_ALL => TokenStep::RetryLater,
            AccountRecord::Recently => TokenStep::AddressRefused,
            AccountRecord::Before if token.refusals < REFUSALS => TokenStep::RetryLater,
            AccountRecord::Before if token.addresses < ADDRESSES => TokenStep::AddressRefused,
            AccountRecord::Before => TokenStep::SignedOut,
        },
    }
}

/// How long a new token is used, by the seconds that its answer tells (`expires_in`).
pub(super) fn life(told: Option<f64>) -> Duration {
    let Some(seconds) = told.filter(|seconds| !seconds.is_nan()) else {
        return USUAL_LIFE;
    };
    Duration::from_secs_f64(seconds.clamp(LEAST_LIFE.as_secs_f64(), LONGEST_LIFE.as_secs_f64()))
}

/// How long before its end a token with this much life left is replaced.
pub(super) fn refresh_ahead(life: Duration) -> Duration {
    AHEAD.min(life / 4)
}

/// How long after an attempt that failed another one is made, where we have been signed out for so long. What kept everybody out for some
/// minutes, after a restart too, is over soon after its end: the intake's own pause, of up to 30 s, may begin at the end of this one.
pub(super) fn signed_out_pause(signed_out: Duration) -> Duration {
    (signed_out / 20).clamp(Duration::from_secs(15), Duration::from_mins(5))
}

/// RFC 6749, 5.2, and words of Google's own; anything else may pass.
fn is_final(error: &str) -> bool {
    matches!(
        error,
        "invalid_grant"
            | "invalid_client"
            | "unauthorized_client"
            | "invalid_scope"
            | "unsupported_grant_type"
            | "access_denied"
            | "deleted_client"
            | "disabled_client"
    )
}

/// Google answers `invalid_grant` also when this machine's clock is wrong, which passes when the clock is set. What is said of a
/// refresh token that has expired is not about the clock; of an assertion, which is made anew for each request, it is.
fn is_about_the_clock(description: &str) -> bool {
    const PHRASES: [&str; 5] = ["too early", "too late", "in the future", "not yet valid", "issued at"];
    const WORDS: [&str; 7] = ["iat", "exp", "nbf", "clock", "skew", "timeframe", "timestamp"];
    let description = description.to_ascii_lowercase();
    let has = |word: &str| {
        description
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|part| part == word)
    };
    PHRASES.iter().any(|words| description.contains(words))
        || WORDS.iter().any(|word| has(word))
        || ((has("jwt") || has("assertion")) && has("expired"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use AccountRecord::{Before, Never, Recently};
    use TokenStep::{AddressRefused, Renew, RetryLater, SignedOut, TryAgain};

    #[test]
    fn a_refusal_by_grin_is_proof_only_for_a_token_that_was_never_accepted() {
        // Second refusal of a request, unproven, account, refusals in a row and addresses of them.
        for (second, unproven, account, [refusals, addresses], step) in [
            // A token out of the file, or one that worked, even a second ago.
            (false, false, Never, [0, 2], Renew),
            (false, false, Recently, [0, 2], Renew),
            (false, false, Before, [0, 2], Renew),
            // Another one out of a file that a person has put back meanwhile.
            (true, false, Never, [0, 2], Renew),
            // A new one for an account that GRIN has never accepted.
            (false, true, Never, [0, 2], SignedOut),
            (true, true, Never, [0, 2], SignedOut),
            // A new one for an account that worked.
            (false, true, Before, [0, 2], Renew),
            (false, true, Recently, [0, 2], Renew),
            (true, true, Before, [1, 2], RetryLater),
            (true, true, Before, [2, 2], RetryLater),
            (true, true, Before, [3, 2], SignedOut),
            // One book's archive is refused to all of them, and nothing else is asked for.
            (true, true, Before, [3, 1], AddressRefused),
            (true, true, Before, [9, 1], AddressRefused),
            // All others are answered.
            (true, true, Recently, [0, 2], AddressRefused),
            (true, false, Recently, [0, 2], AddressRefused),
            (true, true, Recently, [0, 4], AddressRefused),
            // Nothing is accepted any more, a moment after all was: the account's, and not known to last.
            (true, true, Recently, [0, 5], RetryLater),
        ] {
            let record = TokenRecord {
                renewable: true,
                second,
                unproven,
                account,
                refusals,
                addresses: addresses as usize,
                renewed_lately: false,
            };
            assert_eq!(next_step(TokenEvent::Refused(record)), step, "{record:?}");
            let fixed = TokenRecord {
                renewable: false,
                ..record
            };
            assert_eq!(next_step(TokenEvent::Refused(fixed)), SignedOut);
        }
    }

    #[test]
    fn refused_archives_cost_one_token_a_minute() {
        for (renewed_lately, unproven, account, addresses, step) in [
            (false, false, Recently, 1, Renew),
            (true, false, Recently, 1, AddressRefused),
            (true, true, Recently, 1, AddressRefused),
            // Nothing is answered in between: it is the token.
            (true, false, Recently, 2, Renew),
            (true, true, Recently, 2, Renew),
            // Nothing is answered any more: it may be the token.
            (true, false, Before, 1, Renew),
            (true, true, Before, 1, Renew),
            (true, false, Never, 1, Renew),
            (true, true, Never, 1, SignedOut),
        ] {
            let record = TokenRecord {
                renewable: true,
                second: false,
                unproven,
                account,
                refusals: 0,
                addresses,
                renewed_lately,
            };
            assert_eq!(next_step(TokenEvent::Refused(record)), step, "{record:?}");
        }
    }

    #[test]
    fn a_denial_is_proof_only_when_it_persists() {
        for (error, description, times, step) in [
            ("invalid_grant", "Token has been expired or revoked.", 1, TryAgain),
            ("invalid_grant", "Token has been expired or revoked.", 2, TryAgain),
            ("invalid_grant", "Token has been expired or revoked.", 3, SignedOut),
            ("invalid_client", "", 1, TryAgain),
            ("deleted_client", "", 3, SignedOut),
            ("temporarily_unavailable", "", 9, RetryLater),
            ("internal_failure", "", 9, RetryLater),
            (
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.",
                9,
                RetryLater,
            ),
            ("invalid_grant", "Invalid JWT Signature.", 3, SignedOut),
            ("invalid_grant", "Invalid grant: account not found", 3, SignedOut),
            ("invalid_grant", "Bad Request", 3, SignedOut),
            ("invalid_grant", "The expiration policy revoked it", 3, SignedOut),
        ] {
            let event = TokenEvent::Denied {
                error,
                description,
                times,
            };
            assert_eq!(next_step(event), step, "{event:?}");
        }
        for description in [
            "Token used too early, 1700000000 < 1700000100",
            "Token used too late, 1700 > 1600. Check that your computer's clock is set correctly.",
            "Invalid JWT: iat is in the future",
            "Invalid JWT: Token must be used within its lifetime. Check your iat and exp values in the JWT claim.",
            "Invalid JWT: the nbf claim is not satisfied",
            "JWT has expired",
            "The assertion is not yet valid",
            "Clock skew is too large",
        ] {
            let event = TokenEvent::Denied {
                error: "invalid_grant",
                description,
                times: 9,
            };
            assert_eq!(next_step(event), RetryLater, "{event:?}");
        }
        assert_eq!(next_step(TokenEvent::NoAnswer), RetryLater);
        assert_eq!(next_step(TokenEvent::UnusableFile), SignedOut);
    }

    #[test]
    fn a_new_token_is_used_for_a_minute_to_a_day() {
        for (told, seconds) in [
            (None, 3_599.0),
            (Some(f64::NAN), 3_599.0),
            (Some(3_600.0), 3_600.0),
            (Some(3_599.5), 3_599.5),
            (Some(0.0), 60.0),
            (Some(-5.0), 60.0),
            (Some(1e30), 86_400.0),
            (Some(f64::INFINITY), 86_400.0),
        ] {
            assert_eq!(life(told), Duration::from_secs_f64(seconds), "{told:?}");
        }
    }

    #[test]
    fn who_is_signed_out_tries_again_soon_at_first() {
        for (signed_out, pause) in [
            (0, 15),
            (60, 15),
            (300, 15),
            (1_200, 60),
            (6_000, 300),
            (1_000_000, 300),
        ] {
            let found = signed_out_pause(Duration::from_secs(signed_out));
            assert_eq!(found, Duration::from_secs(pause), "{signed_out}");
        }
    }

    #[test]
    fn a_short_life_is_not_spent_on_refreshes() {
        for (life, ahead) in [(3600, 300), (1200, 300), (400, 100), (60, 15), (0, 0)] {
            assert_eq!(refresh_ahead(Duration::from_secs(life)), Duration::from_secs(ahead));
        }
    }
}
