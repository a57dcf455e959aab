//! What came of asking for a conversion.

use std::fmt;

/// What `_process` answered for one volume; each variant says what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProcessOutcome {
    /// Asked for: wait for `_converted`.
    Requested,
    /// Was asked for before: wait.
    InProcess,
    /// In the converted pool: fetch it.
    AlreadyAvailable,
    /// Refused: not to be asked for again soon.
    NotAllowed,
    /// GRIN does not know the barcode.
    NotFound,
    /// No reason given: ask again later.
    RetryLater,
    /// Words that are not known here: keep them, ask again later.
    Unknown,
    /// The answer does not name this volume: ask again later.
    NoAnswer,
    /// 429, the queue is full: pause all asking.
    QueueFull,
    /// 403: signed in, but without the right.
    Forbidden,
    /// 5xx, or GRIN's page of refusal.
    UnavailableService,
}

impl ProcessOutcome {
    /// The word for it in catalog, metrics and `grind parse`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::InProcess => "in_process",
            Self::AlreadyAvailable => "already_available",
            Self::NotAllowed => "not_allowed",
            Self::NotFound => "not_found",
            Self::RetryLater => "retry_later",
            Self::Unknown => "unknown",
            Self::NoAnswer => "no_answer",
            Self::QueueFull => "queue_full",
            Self::Forbidden => "forbidden",
            Self::UnavailableService => "unavailable_service",
        }
    }

    /// What GRIN's status words mean (PROTOCOL.md, section 7). Words are compared whole, because "Already being converted"
    /// and "Not already converted" have much in common. Only what begins with "already" is read by its parts, as other
    /// clients read it, and only if each of its words is known: it says that nothing needs to be requested, and where the book
    /// is. One word more ("no longer", "but", "failed") may turn it into its opposite.
    pub fn of_words(words: &str) -> Self {
        const KNOWN: &[(&str, ProcessOutcome)] = &[
            ("success", ProcessOutcome::Requested),
            ("not allowed to be downloaded", ProcessOutcome::NotAllowed),
            ("not found", ProcessOutcome::NotFound),
            ("barcode not found", ProcessOutcome::NotFound),
            ("other error", ProcessOutcome::RetryLater),
        ];
        let words = words
            .trim()
            .trim_end_matches(['.', '!'])
            .trim_end()
            .to_ascii_lowercase();
        if let Some(rest) = words.strip_prefix("already ") {
            return Self::of_already(rest);
        }
        let known = KNOWN.iter().find(|(text, _)| *text == words);
        known.map_or(Self::Unknown, |(_, outcome)| *outcome)
    }

    /// What follows "already", in lower case. "Available for download" counts first: such a book may have been "processed". With
    /// "not yet available", the book is nowhere to be fetched, whatever else is said.
    fn of_already(rest: &str) -> Self {
        let mut words: Vec<&str> = words_of(rest).collect();
        let not_yet = words.windows(3).position(|three| three == ["not", "yet", "available"]);
        if let Some(at) = not_yet {
            words.drain(at..at + 3);
        }
        let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
        let follow = |first: &str, second: &str| words.windows(2).any(|two| two == [first, second]);
        let in_process = has(&["process", "processed", "processing", "requested", "queue", "queued"]);
        if !words.iter().all(|word| is_plain_word(word)) {
            Self::Unknown
        } else if has(&["available", "ready"]) {
            let is_there = not_yet.is_none() && is_there(&words);
            if is_there {
                Self::AlreadyAvailable
            } else {
                Self::Unknown
            }
        } else if not_yet.is_none() && follow("converted", "and") {
            Self::AlreadyAvailable
        } else if in_process || follow("being", "converted") {
            Self::InProcess
        } else {
            Self::Unknown
        }
    }

    /// What a status other than success says about every volume asked for; `None` for 200.
    pub fn of_status(status: u16) -> Option<Self> {
        match status {
            200 => None,
            429 => Some(Self::QueueFull),
            401 | 403 => Some(Self::Forbidden),
            500..=599 => Some(Self::UnavailableService),
            _ => Some(Self::NoAnswer),
        }
    }
}

/// The words of a text; numbers and dates are none.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '\'');
    words.filter(|word| word.contains(|c: char| !c.is_ascii_digit()))
}

/// Whether "available" and "ready" mean the archive, and now: "ready for conversion" and "available on 2030/01/02" do not.
fn is_there(words: &[&str]) -> bool {
    let said = words.iter().position(|word| matches!(*word, "available" | "ready"));
    let after = said.map_or(&[][..], |at| &words[at + 1..]);
    let for_other = after.windows(2).any(|two| two[0] == "for" && two[1] != "download");
    let dated = after.iter().any(|word| matches!(*word, "at" | "by" | "in" | "on"));
    !for_other && !dated
}

/// Whether a word after "already" says nothing against what the others say.
fn is_plain_word(word: &str) -> bool {
    const PLAIN: &[&str] = &[
        "a",
        "an",
        "and",
        "at",
        "available",
        "been",
        "being",
        "by",
        "conversion",
        "converted",
        "download",
        "for",
        "has",
        "in",
        "is",
        "it",
        "now",
        "of",
        "on",
        "process",
        "processed",
        "processing",
        "queue",
        "queued",
        "ready",
        "request",
        "requested",
        "since",
        "the",
        "was",
        "your",
    ];
    PLAIN.contains(&word)
}

impl fmt::Display for ProcessOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for ProcessOutcome {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ProcessOutcome as O;

    #[test]
    fn words_are_compared_whole() {
        let cases = [
            ("Success", O::Requested),
            (" success. ", O::Requested),
            ("Already being converted", O::InProcess),
            ("Already available for download", O::AlreadyAvailable),
            ("Already processed and available for download", O::AlreadyAvailable),
            ("already processed and available for download.", O::AlreadyAvailable),
            ("Already in process", O::InProcess),
            ("Already processed", O::InProcess),
            ("Already being processed", O::InProcess),
            ("Already in the processing queue", O::InProcess),
            ("Not already available for download", O::Unknown),
            ("Already unavailable", O::Unknown),
            (
                "Already available for download (converted 2020/01/02)",
                O::AlreadyAvailable,
            ),
            ("Already in process; not yet available for download", O::InProcess),
            ("Already converted and not yet available for download", O::Unknown),
            ("Already requested and not yet available for download", O::InProcess),
            ("Already available, not yet available for download", O::Unknown),
            ("Already requested, to be available for download", O::Unknown),
            ("Already requested, will be available for download", O::Unknown),
            ("Already requested, soon available for download", O::Unknown),
            ("Already processed, available again later", O::Unknown),
            ("Already requested, available on 2030/01/02", O::Unknown),
            ("Already requested and ready for conversion", O::Unknown),
            ("Already converted and ready", O::AlreadyAvailable),
            ("Already queued for conversion", O::InProcess),
            ("Already processed but no longer available for download", O::Unknown),
            ("Already requested, but conversion failed", O::Unknown),
            ("Already requested; cancelled", O::Unknown),
            ("Already processed; isn't available", O::Unknown),
            ("Already processed, never available for download", O::Unknown),
            ("Not allowed to be downloaded", O::NotAllowed),
            ("Other error", O::RetryLater),
            ("Not a success", O::Unknown),
            ("Already done with", O::Unknown),
            ("Unsuccessful", O::Unknown),
            ("", O::Unknown),
        ];
        for (words, outcome) in cases {
            assert_eq!(O::of_words(words), outcome, "{words}");
        }
    }

    #[test]
    fn statuses() {
        let cases = [
            (200, None),
            (429, Some(O::QueueFull)),
            (403, Some(O::Forbidden)),
            (503, Some(O::UnavailableService)),
        ];
        for (status, outcome) in cases {
            assert_eq!(O::of_status(status), outcome);
        }
        assert_eq!(O::of_status(302), Some(O::NoAnswer));
    }
}
