//! Titles in many scripts, some with what looks like markup, some empty.

use crate::lab::simulator::seed::{DrawPurpose, SeedDraw};

const SUBJECTS: [&str; 16] = [
    "On Tides",
    "Éléments de géométrie",
    "Über die Grundlagen der Optik",
    "История государства",
    "Περὶ φύσεως",
    "東遊記",
    "مقدمة في الحساب",
    "ספר הזכרונות",
    "Sermons preached at sea",
    "Flora of the northern islands",
    "A < B & C > D: notes on inequalities",
    "\"Quoted\" letters of a traveller's friend",
    "<i>Hamlet</i> and its critics",
    "Next >> a handbook for clerks",
    "Your request is unavailable, and other refusals",
    "Dějiny města Brna",
];
const KINDS: [&str; 6] = [
    "",
    ", a history",
    " — second edition",
    "; with plates",
    " [microform]",
    ", vol. ",
];

/// The title of book number `index`; empty for a few.
pub(crate) fn title(seed: u64, index: u32) -> String {
    let mut draw = SeedDraw::new(seed, DrawPurpose::Title, u64::from(index));
    if draw.once_in(61) {
        return String::new();
    }
    let subject = SUBJECTS[draw.pick(SUBJECTS.len())];
    let kind = KINDS[draw.pick(KINDS.len())];
    if kind.ends_with("vol. ") {
        return format!("{subject}{kind}{}", draw.below(40) + 1);
    }
    format!("{subject}{kind}")
}

/// Writes text into HTML, escaping what has to be.
pub(crate) fn push_escaped(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_vary_and_some_are_empty() {
        let all: Vec<String> = (0..1_000).map(|index| title(5, index)).collect();
        assert!(all.iter().any(String::is_empty));
        assert!(all.iter().any(|title| title.contains("<i>")));
        assert!(all.iter().any(|title| !title.is_ascii()));
        assert_eq!(all[17], title(5, 17));
    }

    #[test]
    fn markup_is_escaped() {
        let mut out = Vec::new();
        push_escaped("<i>A & 'B'</i>", &mut out);
        assert_eq!(out, b"&lt;i&gt;A &amp; &#39;B&#39;&lt;/i&gt;");
    }
}
