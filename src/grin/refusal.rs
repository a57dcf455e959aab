//! Answers that must not be taken for what was asked.

use std::fmt;

/// Why an answer is not what was asked for. The word is the one of `grind parse` and of logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnswerRefusal {
    /// "Your request is unavailable": GRIN refuses with status 200 (PROTOCOL.md, section 8).
    Unavailable,
    /// A sign-in page with status 200.
    SignIn,
    /// A page without the heading row, or a text whose lines are none of a list.
    NotAList,
    /// A page in place of text.
    Html,
    /// Nothing at all.
    Empty,
    /// A header that lacks the column which names the volume.
    BadHeader,
    /// The page or text ends in its middle.
    Truncated,
    /// Larger than allowed.
    TooLarge,
    /// Markup nested or left open beyond the memory allowed.
    TooDeep,
    /// The next page's address leads to another list, host or scheme.
    ForeignNext,
    /// The next page's address is one that was already read.
    Loop,
}

impl AnswerRefusal {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::SignIn => "sign_in",
            Self::NotAList => "not_a_list",
            Self::Html => "html",
            Self::Empty => "empty",
            Self::BadHeader => "bad_header",
            Self::Truncated => "truncated",
            Self::TooLarge => "too_large",
            Self::TooDeep => "too_deep",
            Self::ForeignNext => "foreign_next",
            Self::Loop => "loop",
        }
    }
}

impl fmt::Display for AnswerRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for AnswerRefusal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// GRIN's words of refusal, in lower case.
const UNAVAILABLE_WORDS: &str = "your request is unavailable";

/// Whether a text (not a title!) holds GRIN's words of refusal, whatever its case.
pub(super) fn says_unavailable(text: &str) -> bool {
    contains_ignoring_case(text, UNAVAILABLE_WORDS)
}

/// What servers say in place of the rest of a page, in lower case.
const TROUBLE_WORDS: [&str; 19] = [
    "an error occurred",
    "backend error",
    "bad gateway",
    "deadline exceeded",
    "deadlineexceeded",
    "error has occurred",
    "gateway time-out",
    "gateway timeout",
    "internal error",
    "internal server error",
    "quota exceeded",
    "request timed out",
    "resource_exhausted",
    "server error",
    "service unavailable",
    "temporarily unavailable",
    "that's an error",
    "too many requests",
    "try again later",
];

/// Whether a text outside of a list's rows holds what a server in trouble says, whatever its case.
pub(super) fn tells_of_trouble(text: &str) -> bool {
    let text = text.replace('’', "'");
    TROUBLE_WORDS.iter().any(|words| contains_ignoring_case(&text, words))
}

/// Whether `text` holds `words`, which are ASCII and in lower case.
pub(super) fn contains_ignoring_case(text: &str, words: &str) -> bool {
    text.as_bytes()
        .windows(words.len())
        .any(|window| window.eq_ignore_ascii_case(words.as_bytes()))
}

/// Whether an answer begins like a page: a byte order mark and blanks, then `<` and a letter, `!` or `?`.
pub(crate) fn looks_like_html(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    matches!(text, [b'<', next, ..] if next.is_ascii_alphabetic() || matches!(next, b'!' | b'?' | b'/'))
}

/// What a page in place of a text means.
pub(super) fn refusal_of_html(bytes: &[u8]) -> AnswerRefusal {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(64 * 1024)]);
    let signs = [
        "accounts.google.com/servicelogin",
        "accounts.google.com/v3/signin",
        "type=\"password\"",
    ];
    if says_unavailable(&start) {
        AnswerRefusal::Unavailable
    } else if signs.iter().any(|sign| contains_ignoring_case(&start, sign)) {
        AnswerRefusal::SignIn
    } else {
        AnswerRefusal::Html
    }
}

/// GRIN's refusal with status 200 that stands where something else than a list or a table was asked for (PROTOCOL.md, section 8);
/// `None`: it is neither of the two that GRIN is known to give.
pub(crate) fn refusal_in_place_of_content(beginning: &[u8]) -> Option<AnswerRefusal> {
    match refusal_of_html(beginning) {
        AnswerRefusal::SignIn if !looks_like_html(beginning) => None,
        refusal @ (AnswerRefusal::Unavailable | AnswerRefusal::SignIn) => Some(refusal),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_told_from_text() {
        for page in ["<html>", "\n <!DOCTYPE html>", "\u{feff}<p>", "<?xml"] {
            assert!(looks_like_html(page.as_bytes()), "{page}");
        }
        for text in ["", "<", "TL0001", "<1>", "Barcode\t<b>"] {
            assert!(!looks_like_html(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn trouble_of_a_server_is_known_by_its_words() {
        for (text, expected) in [
            ("DeadlineExceeded", true),
            ("Internal error, please try again later", true),
            ("500 Internal Server Error", true),
            ("502. That’s an error.", true),
            ("HTTP 504 Gateway Time-out", true),
            ("None", false),
            ("Books 1-2 of 2", false),
            ("Errors in conversion", false),
            ("", false),
        ] {
            assert_eq!(tells_of_trouble(text), expected, "{text}");
        }
    }

    #[test]
    fn pages_are_told_apart() {
        assert_eq!(
            refusal_of_html(b"<p>YOUR REQUEST is unavailable."),
            AnswerRefusal::Unavailable
        );
        assert_eq!(
            refusal_of_html(b"<a href=https://accounts.google.com/ServiceLogin?x>"),
            AnswerRefusal::SignIn
        );
        assert_eq!(refusal_of_html(b"<p>Hello"), AnswerRefusal::Html);
    }

    #[test]
    fn only_grins_own_pages_are_refusals_where_no_page_was_asked_for() {
        for (bytes, expected) in [
            (
                &b"<html>Your request is unavailable</html>"[..],
                Some(AnswerRefusal::Unavailable),
            ),
            (b"Your request is unavailable.", Some(AnswerRefusal::Unavailable)),
            (b"<form><input type=\"password\"></form>", Some(AnswerRefusal::SignIn)),
            (b"type=\"password\"", None),
            (b"<html>an error of some proxy</html>", None),
            (b"{}", None),
            (b"", None),
        ] {
            assert_eq!(refusal_in_place_of_content(bytes), expected, "{bytes:?}");
        }
    }
}
