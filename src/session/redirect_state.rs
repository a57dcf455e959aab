//! One request's progress through redirects and refused tokens.

use awc::http::Method;
use url::Url;

use crate::session::exchange::OutgoingRequest;
use crate::session::request::RequestSpec;

/// One request's progress through redirects and refused tokens.
pub(super) struct RedirectState {
    pub(super) url: Url,
    pub(super) outgoing: OutgoingRequest,
    pub(super) hops: usize,
    /// Tokens that were refused for this request.
    pub(super) refusals: u32,
}

impl RedirectState {
    pub(super) fn new(ask: &RequestSpec) -> Self {
        Self {
            url: ask.url.clone(),
            outgoing: ask.outgoing.clone(),
            hops: 0,
            refusals: 0,
        }
    }

    /// Goes on at `url`. As browsers do, a POST becomes a GET unless the status says that it must not (RFC 9110, 15.4).
    pub(super) fn follow(&mut self, url: Url, status: u16) {
        self.url = url;
        self.hops += 1;
        if self.outgoing.method == Method::POST && !matches!(status, 307 | 308) {
            self.outgoing.become_get();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{AuthMode, PermitClass, RequestKind};

    #[test]
    fn a_post_stays_one_only_where_the_status_says_so() {
        for (status, method, sent) in [
            (302, Method::GET, 0),
            (303, Method::GET, 0),
            (307, Method::POST, 1),
            (308, Method::POST, 1),
        ] {
            let mut outgoing = OutgoingRequest::new(Method::POST, RequestKind::Process);
            outgoing.content_type("text/plain");
            outgoing.body = Some("TL1".into());
            let url = Url::parse("http://a/").unwrap();
            let mut state = RedirectState::new(&RequestSpec {
                url: url.clone(),
                outgoing,
                class: PermitClass::Lists,
                auth: AuthMode::Grin,
            });
            state.follow(url, status);
            assert_eq!(
                (state.outgoing.method, state.outgoing.headers.len(), state.hops),
                (method, sent, 1),
                "{status}"
            );
            assert_eq!(state.outgoing.body.is_some(), sent == 1);
        }
    }
}
