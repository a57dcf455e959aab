//! Answers that must not be taken for what was asked.

use std::fmt;

use crate::grin::list_page::is_of_other_service;
use crate::grin::server_words::{TROUBLE_PHRASES, begins_with_trouble};

/// Why an answer is not what was asked for.
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
    /// The word for it in `grind parse` and in metrics.
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

    /// It says nothing of what was asked for, and may come for one request alone.
    pub(crate) fn may_pass(self) -> bool {
        self == Self::SignIn
    }
}

/// What is so of the answer, for a person.
impl fmt::Display for AnswerRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "it says \"Your request is unavailable\"",
            Self::SignIn => "it is a sign-in page",
            Self::NotAList => "it has none of what was asked for",
            Self::Html => "it is a page and no text",
            Self::Empty => "it is empty",
            Self::BadHeader => "its heading does not say which column names the volumes",
            Self::Truncated => "it ends in its middle",
            Self::TooLarge => "it is larger than allowed",
            Self::TooDeep => "its tags are nested, or left open, beyond the memory allowed",
            Self::ForeignNext => "its link to the next page leads to another list, host or scheme",
            Self::Loop => "its link to the next page leads to a page that was read before",
        })
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

/// What a text outside of a list's rows holds of that which a server in trouble says, whatever its case. What is to be done if that
/// comes to pass is no trouble, nor what is said of another service than the list.
pub(super) fn trouble_in(text: &str) -> Option<&'static str> {
    told_phrase(text, |before, phrase| !is_of_other_service(before, phrase))
}

/// Whether a text outside of a list's rows tells that something other than the list is away.
pub(super) fn tells_of_other_service(text: &str) -> bool {
    told_phrase(text, is_of_other_service).is_some()
}

/// The first phrase of trouble that is told, and `is_wanted` after what stands before it.
fn told_phrase(text: &str, is_wanted: impl Fn(&str, &str) -> bool) -> Option<&'static str> {
    let text = text.replace('’', "'").to_ascii_lowercase();
    let is_told = |phrase: &&&str| {
        let mut places = text.match_indices(**phrase);
        places.any(|(at, _)| !is_supposed(&text[..at]) && is_wanted(&text[..at], phrase))
    };
    TROUBLE_PHRASES.iter().find(is_told).copied()
}

/// Words before a phrase that are looked at.
const NEAR: usize = 12;

/// Is what follows only supposed: "If something went wrong", "in case of an internal error"?
fn is_supposed(before: &str) -> bool {
    let sentence = before.rsplit(['.', '!', '?', ';']).next().unwrap_or_default();
    let mut near = words_of(sentence);
    near.drain(..near.len().saturating_sub(NEAR));
    near.contains(&"if") || near.windows(2).any(|pair| pair == ["in", "case"])
}

/// What a statement begins with that tells of trouble; any other beginning with these words is about something else.
const ERROR_GOES_ON: [&str; 16] = [
    "at",
    "code",
    "connecting",
    "during",
    "fetching",
    "from",
    "generating",
    "getting",
    "in",
    "loading",
    "occurred",
    "processing",
    "reading",
    "retrieving",
    "when",
    "while",
];

/// Whether a statement, as it stands between two tags or on a line, tells of a server's trouble. `of_list`: it stands in the list's own
/// table or text, where one word is enough. Elsewhere pages also tell what to do "if an error occurs".
pub(super) fn says_trouble(statement: &str, of_list: bool) -> bool {
    if trouble_in(statement).is_some() || statement.split_whitespace().any(is_of_a_trace) {
        return true;
    }
    let lower = statement.to_lowercase();
    let words = words_of(&lower);
    // "No failed books."
    if of_list && words.first() != Some(&"no") && words.iter().any(|word| begins_with_trouble(word)) {
        return true;
    }
    let mut sentences = lower.split_inclusive(['.', '!', '?', ';', ':', '\n']);
    sentences.any(|sentence| tells_of_an_error(sentence) || tells_of_a_part(&words_of(sentence)))
}

fn words_of(text: &str) -> Vec<&str> {
    let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '\'');
    text.split(|c: char| !is_of_word(c))
        .filter(|word| !word.is_empty())
        .collect()
}

/// Whether a word stands in the trace of a program that was ended: `java.io.IOException:`, `com.x.Foo.bar(Foo.java:12)`, `Traceback`.
fn is_of_a_trace(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    let is_class = |name: &str| {
        let rest = bare.strip_suffix(name).unwrap_or_default();
        rest.len() > 2 && rest.contains(|c: char| c.is_ascii_lowercase()) && !rest.contains(['-', '/'])
    };
    is_class("Exception") || is_class("Error") || bare == "Traceback" || word.contains(".java:")
}

fn tells_of_an_error(sentence: &str) -> bool {
    match words_of(sentence)[..] {
        ["error" | "failure" | "exception" | "timeout" | "time-out"] => true,
        // Nothing else: advice about a search goes on.
        ["try", "again"] | ["please", "try", "again"] => true,
        [
            "fatal" | "server" | "backend" | "system" | "temporary",
            "error" | "failure",
            ..,
        ] => true,
        ["error" | "failure", next, ..] => {
            next.starts_with(|c: char| c.is_ascii_digit()) || ERROR_GOES_ON.contains(&next)
        }
        [
            "timeout" | "time-out",
            "while" | "when" | "during" | "in" | "of" | "after" | "at" | "reading" | "waiting",
            ..,
        ] => true,
        ref words => {
            let timed_out = words.windows(2).any(|pair| pair == ["timed", "out"]);
            timed_out && !words.iter().any(|word| ["if", "when", "may", "might"].contains(word))
        }
    }
}

/// Whether it says that a list is a part of what it should be, or could not be made.
fn tells_of_a_part(words: &[&str]) -> bool {
    let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
    let is_of_list = has(&[
        "list", "lists", "listing", "result", "results", "rows", "page", "table", "data", "report", "records", "output",
    ]);
    let is_part = has(&["incomplete", "partial", "partially", "shortened", "abridged", "cut"]);
    let is_unable = has(&["unable", "cannot", "can't", "couldn't"])
        || words
            .windows(2)
            .any(|pair| pair == ["could", "not"] || pair == ["failed", "to"] || pair == ["not", "able"]);
    let is_maybe = has(&["if", "may", "might", "should", "when", "whenever"]);
    // "Results may be missing": said of this list.
    let is_feared = words.windows(3).any(|some| {
        matches!(
            some,
            ["may" | "might", "be", "missing" | "incomplete" | "partial" | "cut"]
        )
    });
    let is_advice = has(&["if", "should", "when", "whenever"]);
    is_of_list && (!is_maybe && (is_part || is_unable) || is_feared && !is_advice)
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
            ("Conversion is temporarily unavailable. Please try again later.", false),
            ("Conversion is temporarily unavailable. Internal error", true),
            ("Books 1-2 of 2", false),
            ("Errors in conversion", false),
            ("If something went wrong, write to us.", false),
            ("In case of an internal error wait a day.", false),
            ("Books TL0001 If an internal error is told, wait", false),
            ("If in doubt, ask. An error occurred", true),
            (
                "If something went wrong, ask. Internal error, something went wrong.",
                true,
            ),
            ("", false),
        ] {
            assert_eq!(trouble_in(text).is_some(), expected, "{text}");
        }
    }

    #[test]
    fn a_statement_tells_of_trouble_by_its_form() {
        // In the list's table, and anywhere else.
        for (text, in_list, elsewhere) in [
            ("Error: backend timeout", true, true),
            ("Error", true, true),
            ("Error 500", true, true),
            ("Error (504)", true, true),
            ("ERROR while reading the list", true, true),
            ("Timeout while reading rows", true, true),
            ("The query timed out.", true, true),
            ("Warning: this list is incomplete.", true, true),
            ("Only partial results are shown.", true, true),
            ("Too many results; the list has been cut.", true, true),
            ("The list could not be loaded", true, true),
            ("Unable to retrieve all rows", true, true),
            ("java.lang.NullPointerException at com.x.Foo(Foo.java:12)", true, true),
            ("java.lang.OutOfMemoryError: heap", true, true),
            ("Traceback (most recent call last):", true, true),
            ("DeadlineExceededException", true, true),
            ("Server error", true, true),
            ("Sorry, we could not complete your request.", true, true),
            ("Request failed.", true, true),
            ("Please try again", true, true),
            ("Try again", true, true),
            ("Temporary failure", true, true),
            ("The list may be incomplete.", true, true),
            ("Some results may be missing", true, true),
            ("Sorry, something went wrong", true, true),
            ("Unavailable", true, false),
            // Said of something other than the list.
            ("Conversion is temporarily unavailable.", true, false),
            ("The list is temporarily unavailable.", true, true),
            // What pages say about errors elsewhere.
            (
                "If you experience an error or a timeout, please contact your partner manager.",
                true,
                false,
            ),
            ("The service is unavailable on Sundays.", true, false),
            ("Errors in conversion", true, false),
            ("Error reports", true, false),
            ("Failed", true, false),
            ("Material Error%", true, false),
            ("If the list is incomplete, reload it", true, false),
            ("If results may be missing, tell us", false, false),
            ("If something went wrong, try again later.", true, false),
            ("An error occurred; see if it is still there.", true, true),
            ("Try again with another barcode", true, false),
            ("Books may be missing pages", false, false),
            // Nothing of that kind.
            ("No failed books.", false, false),
            ("No books found.", false, false),
            ("None", false, false),
            ("Converted 2025/06/01", false, false),
            ("Terror", false, false),
            ("", false, false),
        ] {
            assert_eq!(says_trouble(text, true), in_list, "in the list: {text}");
            assert_eq!(says_trouble(text, false), elsewhere, "elsewhere: {text}");
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
