//! What came back from Google's sign-in page, in the address that it sent the browser to.

use oauth2::AuthorizationCode;
use url::form_urlencoded;

/// What an address says.
#[derive(Debug)]
pub(super) enum RedirectAnswer {
    /// The person allowed it.
    Code(AuthorizationCode),
    /// The person or Google refused; the word for why.
    Denied(String),
    /// An answer, but to another sign-in than ours; never to be used.
    Foreign,
    /// No answer at all, such as a browser's request for an icon.
    None,
}

/// Longest code or word of refusal that is taken.
const LONGEST: usize = 4096;

impl RedirectAnswer {
    /// Reads the query of the address; `state` is what we sent along.
    pub(super) fn of(query: &str, state: &str) -> Self {
        let value = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            let value = pairs.find(|(key, _)| key == name)?.1;
            (!value.is_empty() && value.len() <= LONGEST).then(|| value.into_owned())
        };
        let (code, error) = (value("code"), value("error"));
        if code.is_none() && error.is_none() {
            return Self::None;
        }
        if value("state").as_deref() != Some(state) {
            return Self::Foreign;
        }
        match (code, error) {
            (_, Some(error)) => Self::Denied(error),
            (Some(code), None) => Self::Code(AuthorizationCode::new(code)),
            (None, None) => Self::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_to_our_question_counts() {
        for (query, expected) in [
            ("state=s&code=4%2Fabc&scope=x", "code 4/abc"),
            ("code=4%2Fabc", "foreign"),
            ("code=c&state=S", "foreign"),
            ("code=c&state=", "foreign"),
            ("error=access_denied&state=s", "denied access_denied"),
            ("error=access_denied&code=c&state=s", "denied access_denied"),
            ("error=access_denied", "foreign"),
            ("state=s", "none"),
            ("code=&state=s", "none"),
            ("", "none"),
        ] {
            let said = match RedirectAnswer::of(query, "s") {
                RedirectAnswer::Code(code) => format!("code {}", code.secret()),
                RedirectAnswer::Denied(why) => format!("denied {why}"),
                RedirectAnswer::Foreign => "foreign".to_owned(),
                RedirectAnswer::None => "none".to_owned(),
            };
            assert_eq!(said, expected, "{query}");
        }
    }
}
