//! When is a way that breaks off one book's own trouble? A reset, a time-out or a server error says nothing of the book by itself. One whose archive
//! always breaks off while others are served, before and after it, is another matter.

use crate::pipeline::policy::BookFault;
use crate::vocabulary::{Blame, WaitCause};

/// So often others were served after a failure of the book, and it failed again.
const SERVED_BETWEEN: u32 = 3;

impl BookFault {
    /// GRIN, or the way to it, let the request down, without a word about anybody.
    pub fn is_on_the_way(&self) -> bool {
        self.blame == Blame::Path && self.cause == Some(WaitCause::Grin)
    }

    /// Whose a fault on the way is: everybody's, as far as is known, until so many failures of this book were each followed by an archive of
    /// another one, and then by a failure of this one. From then on it says nothing of others, and its waits grow whether others are
    /// asked for or not. It is charged no attempt: the book may be as good as any, and the way too long for it.
    #[must_use]
    pub fn on_the_way(self, served_between: u32) -> Self {
        if served_between < SERVED_BETWEEN {
            return self;
        }
        Self {
            cause: None,
            detail: format!(
                "{}; so it is with this book each time, and others are served in between",
                self.detail
            ),
            ..self
        }
    }

    /// It is a fault on the way that was found to be this book's own trouble.
    pub fn is_own_trouble(&self) -> bool {
        self.blame == Blame::Path && self.cause.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{BodyError, SessionError};

    #[test]
    fn a_way_that_breaks_off_for_one_book_while_others_are_served_is_its_own_trouble() {
        let server = SessionError::Server { status: 503 };
        for fault in [
            BookFault::from(&SessionError::Reset),
            BookFault::from(&server),
            BookFault::from(&BodyError::Stalled),
            BookFault::from(&BodyError::Restart),
        ] {
            assert!(fault.is_on_the_way());
            for (served_between, is_own) in [(0, false), (2, false), (3, true), (99, true)] {
                let told = fault.clone().on_the_way(served_between);
                let cause = (!is_own).then_some(WaitCause::Grin);
                assert_eq!((told.blame, told.cause), (Blame::Path, cause), "{served_between}");
                assert_eq!(told.is_own_trouble(), is_own, "{served_between}");
                assert_eq!((told.reason, told.outlook), (fault.reason, fault.outlook));
            }
        }
    }

    #[test]
    fn an_answer_and_what_everybody_meets_are_no_faults_on_the_way() {
        let why = "the token address is down".to_owned();
        for error in [
            SessionError::Forbidden { snippet: String::new() },
            SessionError::NotFound,
            SessionError::TokenUnavailable { why },
            SessionError::Busy,
        ] {
            let fault = BookFault::from(&error);
            assert!(!fault.is_on_the_way() && !fault.is_own_trouble(), "{error}");
        }
    }
}
