//! The entity tag by which two archives are told apart.

use std::fmt;

/// An `ETag`, opaque as GRIN gives it (PROTOCOL.md, section 3).
///
/// Read from the header (`"abc"`, `W/"abc"`) or from a catalog of today's tool, which keeps the tag without its quotes (`abc`).
#[derive(Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Validator {
    tag: String,
    weak: bool,
}

/// Why a text is no validator: nothing can be concluded from it, above all not "the same".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadValidator {
    /// No tag at all, or one between empty quotes.
    #[error("the entity tag is empty")]
    Empty,
    /// A quote, control character or blank inside, or a quote missing at one end.
    #[error("{0:?} is not an entity tag")]
    Malformed(String),
    /// Longer than any tag in use.
    #[error("an entity tag of {0} bytes is too long")]
    TooLong(usize),
}

/// No server in use sends tags near this; the bound keeps a hostile header out of the catalog.
const LONGEST: usize = 512;

impl Validator {
    /// Takes a header value, or a tag stored without quotes.
    pub fn parse(text: &str) -> Result<Self, BadValidator> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(BadValidator::TooLong(text.len()));
        }
        let (weak, quoted) = match text.strip_prefix("W/") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let malformed = || BadValidator::Malformed(text.chars().take(80).collect());
        let tag = match quoted.strip_prefix('"') {
            Some(rest) => rest.strip_suffix('"').ok_or_else(malformed)?,
            None if weak => return Err(malformed()),
            None => quoted,
        };
        if tag.is_empty() {
            return Err(BadValidator::Empty);
        }
        if tag.chars().any(|c| c == '"' || c.is_control() || c == ' ') {
            return Err(malformed());
        }
        Ok(Self {
            tag: tag.to_owned(),
            weak,
        })
    }

    /// The tag without quotes and weakness mark, as today's tool stores it.
    pub fn opaque(&self) -> &str {
        &self.tag
    }

    /// Whether the tag vouches for the bytes themselves, so that a cut body may be continued with `If-Range` (RFC 9110, 13.1.5).
    pub fn is_strong(&self) -> bool {
        !self.weak
    }

    /// Whether both tags name one archive: equal tags, weak or not (RFC 9110's weak comparison).
    pub fn same_archive(&self, other: &Self) -> bool {
        self.tag == other.tag
    }
}

impl fmt::Display for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.weak { "W/" } else { "" };
        write!(f, "{mark}\"{}\"", self.tag)
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Validator {
    type Error = BadValidator;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Validator> for String {
    fn from(validator: Validator) -> Self {
        validator.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Validator {
        Validator::parse(text).unwrap()
    }

    #[test]
    fn header_and_stored_forms_are_one_archive() {
        for (one, other, same) in [
            ("\"a\"", "a", true),
            ("\"a\"", "W/\"a\"", true),
            ("\"a\"", "\"A\"", false),
            ("\"a\"", "\"a-gzip\"", false),
        ] {
            assert_eq!(tag(one).same_archive(&tag(other)), same, "{one} {other}");
        }
    }

    #[test]
    fn only_a_strong_tag_vouches_for_bytes() {
        assert!(tag("\"a\"").is_strong());
        assert!(!tag("W/\"a\"").is_strong());
    }

    #[test]
    fn what_is_no_tag_is_refused_rather_than_compared() {
        assert_eq!(Validator::parse(""), Err(BadValidator::Empty));
        assert_eq!(Validator::parse("\"\""), Err(BadValidator::Empty));
        for bad in ["\"a", "W/a", "a b", "\"a\"b\"", "\"a\nb\""] {
            assert!(
                matches!(Validator::parse(bad), Err(BadValidator::Malformed(_))),
                "{bad}"
            );
        }
        assert_eq!(Validator::parse(&"x".repeat(600)), Err(BadValidator::TooLong(600)));
    }

    #[test]
    fn written_form_is_read_back() {
        for form in ["\"a\"", "W/\"a\""] {
            assert_eq!(tag(form).to_string(), form);
            let json = serde_json::to_string(&tag(form)).unwrap();
            assert_eq!(serde_json::from_str::<Validator>(&json).unwrap(), tag(form));
        }
    }
}
