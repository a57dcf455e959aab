//! One answer that was not recognised.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::diagnostics::sample::AnswerSample;
use crate::diagnostics::secrets::{url_without_secrets, without_secrets};

/// Characters of a shape.
const SHAPE: usize = 200;

/// What of GRIN's answers was not recognised; the metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnrecognisedKind {
    /// What may lead to more of a list.
    Pager,
    /// Names of columns.
    Column,
    /// Words for the state of a book, or for what came of a request for its conversion.
    Word,
    /// A row that cannot be read.
    Row,
    /// A whole answer, or its status.
    Answer,
    /// A redirect that is not followed.
    Redirect,
    /// Headers that do not tell where an answer ends, or how it is coded.
    Header,
    /// An OpenPGP message of a form that is not read.
    Packet,
    /// A METS, or a record in it, of a form that is not read.
    Mets,
    /// Another member of an archive.
    Member,
}

impl UnrecognisedKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Pager,
        Self::Column,
        Self::Word,
        Self::Row,
        Self::Answer,
        Self::Redirect,
        Self::Header,
        Self::Packet,
        Self::Mets,
        Self::Member,
    ];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pager => "pager",
            Self::Column => "column",
            Self::Word => "word",
            Self::Row => "row",
            Self::Answer => "answer",
            Self::Redirect => "redirect",
            Self::Header => "header",
            Self::Packet => "packet",
            Self::Mets => "mets",
            Self::Member => "member",
        }
    }
}

/// An answer that was not recognised, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnrecognisedAnswer {
    /// What of it.
    pub kind: UnrecognisedKind,
    /// The same for all answers that differ in nothing but books and numbers; one of each is kept.
    pub shape: String,
    /// The words in question: names of columns, or what stands where a state is looked for, which in a misread column tells of a book.
    pub words: Vec<String>,
    /// What was asked for.
    pub url: Option<String>,
    /// Of the answer, where that is what was not recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The host that it redirected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirected_to: Option<String>,
    /// As its head says.
    pub content_type: String,
    /// The answer, or what of a long one is needed to meet the same again.
    pub body: String,
    /// When it was kept.
    pub kept_at: Option<jiff::Timestamp>,
}

impl UnrecognisedAnswer {
    /// Of this shape; numbers in it do not count.
    pub fn new(kind: UnrecognisedKind, shape: &str) -> Self {
        Self {
            kind,
            shape: without_secrets(&without_numbers(shape)),
            words: Vec::new(),
            url: None,
            status: None,
            redirected_to: None,
            content_type: String::new(),
            body: String::new(),
            kept_at: None,
        }
    }

    /// With the words in question, secrets left out.
    #[must_use]
    pub fn worded(mut self, words: &[String]) -> Self {
        self.words = words.iter().map(|word| without_secrets(word)).collect();
        self
    }

    /// With the address that was asked.
    #[must_use]
    pub fn asked_at(mut self, url: &Url) -> Self {
        self.url = Some(url_without_secrets(url));
        self
    }

    /// With what was answered, secrets left out.
    #[must_use]
    pub fn answered(mut self, content_type: &str, body: &[u8]) -> Self {
        self.body = without_secrets(&String::from_utf8_lossy(&AnswerSample::of(body)));
        content_type.clone_into(&mut self.content_type);
        self
    }
}

/// Each run of digits as one 0, blanks as one, cut to a length.
fn without_numbers(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let c = match c {
            digit if digit.is_ascii_digit() => '0',
            blank if blank.is_whitespace() || blank.is_control() => ' ',
            other => other,
        };
        if !(matches!(c, '0' | ' ') && out.ends_with(c)) {
            out.push(c);
        }
    }
    out.trim().chars().take(SHAPE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_do_not_count_for_a_shape() {
        for (text, shape) in [
            ("ON_HOLD", "ON_HOLD"),
            ("row of 12 cells,\n 39015000000001", "row of 0 cells, 0"),
            (" r3---sn-4g5.example ", "r0---sn-0g0.example"),
            ("status 10", "status 0"),
        ] {
            assert_eq!(without_numbers(text), shape);
        }
        assert_eq!(without_numbers(&"ä".repeat(500)).chars().count(), SHAPE);
    }

    #[test]
    fn nothing_of_an_answer_is_kept_with_a_secret() {
        let said = "by jane@lib.example.org, token=S3CR3T";
        let answer = UnrecognisedAnswer::new(UnrecognisedKind::Word, said)
            .worded(&[said.to_owned()])
            .asked_at(&"https://jane:S3CR3T@lib.example.org/_x?token=S3CR3T".parse().unwrap())
            .answered("text/html", said.as_bytes());
        let kept = format!("{answer:?}");
        assert!(!kept.contains("jane") && !kept.contains("S3CR3T"), "{kept}");
    }

    #[test]
    fn kinds_are_numbered_in_their_order() {
        for (number, kind) in UnrecognisedKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
