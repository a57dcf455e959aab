//! What follows when GRIN refuses a token.

use std::time::Duration;

use tokio::time::Instant;

use crate::session::SessionError;
use crate::session::TokenSource;
use crate::session::token::decision::{AccountRecord, TokenEvent, TokenRecord, TokenStep, next_step};
use crate::session::token::exchange::PostForm;
use crate::session::token::keeper::{BearerToken, RECENTLY, REFUSAL_PAUSE, TokenKeeper};

/// A request to which GRIN refused a token.
#[derive(Debug, Clone, Copy)]
pub(in crate::session) struct RefusedRequest<'a> {
    /// What was asked for.
    pub(in crate::session) address: &'a str,
    /// It refused another token for the same request just before.
    pub(in crate::session) second: bool,
    /// What was asked for is an archive, and may be refused for what it is.
    pub(in crate::session) of_archive: bool,
}

/// So long after a token was replaced because of a refused archive none is because of another one.
const NEXT_FOR_ARCHIVE: Duration = Duration::from_mins(1);

impl TokenKeeper {
    /// GRIN refused this token: gets another, unless another is there already, or another would not help.
    pub(in crate::session) async fn refused(
        &self,
        bearer: &BearerToken,
        request: RefusedRequest<'_>,
        post: &impl PostForm,
    ) -> Result<(), SessionError> {
        let _turn = self.turn.lock().await;
        let (token, unproven) = match self.current.borrow().as_ref() {
            Some(current) if current.bearer.generation == bearer.generation => {
                (current.token.clone(), current.unproven)
            }
            _ => return Ok(()),
        };
        let record = TokenRecord {
            renewable: !matches!(self.source, TokenSource::Fixed(_)),
            second: request.second,
            unproven,
            account: self.account(),
            refusals: self.refusals.get() + 1,
            addresses: self.refused_at(request.address),
            renewed_lately: request.of_archive
                && (self.renewed_for_archive_at.get()).is_some_and(|at| at.elapsed() < NEXT_FOR_ARCHIVE),
        };
        match next_step(TokenEvent::Refused(record)) {
            TokenStep::Renew => {
                self.renew(post, Some(&token)).await?;
                if request.of_archive {
                    self.renewed_for_archive_at.set(Some(Instant::now()));
                }
                Ok(())
            }
            TokenStep::AddressRefused => {
                let snippet = "GRIN refuses an access token for this address that it accepts for others";
                Err(SessionError::Forbidden {
                    snippet: snippet.to_owned(),
                })
            }
            TokenStep::RetryLater | TokenStep::TryAgain => {
                self.refusals.set(record.refusals);
                let why = "GRIN refused a new access token; it accepted others before";
                Err(self.wait(why, REFUSAL_PAUSE))
            }
            TokenStep::SignedOut => {
                let why = "GRIN rejected a new access token; check that the account has access to this library";
                if let Some(current) = self.current.borrow_mut().as_mut().filter(|_| record.renewable) {
                    // It stays known, so that it is not taken out of the file again.
                    current.ends = Some(Instant::now());
                    self.counters.set_token_end(current.ends);
                }
                Err(self.sign_out(why.to_owned(), true))
            }
        }
    }

    /// At how many addresses GRIN refused new tokens in a row, this one included; several are not told apart further.
    fn refused_at(&self, address: &str) -> usize {
        const SEVERAL: usize = 8;
        let mut known = self.refused_at.borrow_mut();
        if known.len() < SEVERAL {
            known.insert(address.to_owned());
        }
        known.len()
    }

    fn account(&self) -> AccountRecord {
        match self.accepted_at.get() {
            None => AccountRecord::Never,
            Some(at) if at.elapsed() < RECENTLY => AccountRecord::Recently,
            Some(_) => AccountRecord::Before,
        }
    }
}
