//! `grind.toml(5)`, written from the file that has every key with its default.

use crate::cli::docs::page::ManualPage;

const INTRODUCTION: &str = "The configuration of grind, in TOML. What follows is what /usr/share/doc/grind/default.toml says: every key with its \
     default. A key that is not set has an example.";

/// The page of a file such as `settings/default.toml`: comments, and the keys that they are about.
pub fn page(defaults: &str) -> String {
    let mut page = ManualPage::begin("grind.toml", "5", "configuration of grind");
    page.heading("SYNOPSIS");
    page.lines("/etc/grind/grind.toml\n/etc/grind/grind.toml.d/*.toml");
    page.heading("DESCRIPTION");
    page.paragraph(INTRODUCTION);
    // Its first paragraph is about the comments.
    let defaults = defaults.split_once("\n#\n").map_or(defaults, |(_, rest)| rest);
    let mut block = KeyBlock::default();
    for line in defaults.lines() {
        block.take(line, &mut page);
    }
    block.end(&mut page);
    page.surroundings();
    page.see_also(&["grind(1)", "grind-check-config(1)", "grind-init(1)"]);
    page.text()
}

/// Comments, and the keys below them.
#[derive(Default)]
struct KeyBlock {
    words: Vec<String>,
    keys: Vec<String>,
    /// Whether a section was begun: what stands before is about the whole.
    in_section: bool,
}

impl KeyBlock {
    fn take(&mut self, line: &str, page: &mut ManualPage) {
        let (comment, text) = match line.strip_prefix('#') {
            Some(text) => (true, text.trim_start()),
            None => (false, line),
        };
        if text.is_empty() {
            self.end(page);
        } else if !comment && text.starts_with('[') {
            self.end(page);
            if !std::mem::replace(&mut self.in_section, true) {
                page.heading("KEYS");
            }
            page.part(text);
        } else if is_key(text) {
            let unset = if comment { " (not set)" } else { "" };
            self.keys.push(format!("{text}{unset}"));
        } else {
            if !self.keys.is_empty() {
                self.end(page);
            }
            self.words.push(text.to_owned());
        }
    }

    fn end(&mut self, page: &mut ManualPage) {
        let words = std::mem::take(&mut self.words).join("\n");
        let keys = std::mem::take(&mut self.keys);
        if !keys.is_empty() {
            page.entry(keys.iter().map(String::as_str), &words);
        } else if !words.is_empty() {
            page.paragraph(&words);
        }
    }
}

/// A key with a value, also one that is commented out.
fn is_key(text: &str) -> bool {
    let name = text.split_once(" = ").map(|(name, _)| name);
    name.is_some_and(|name| {
        name.chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::DEFAULT_TOML;

    #[test]
    fn comments_stand_with_the_keys_below_them() {
        let page = page(
            "# Of this file.\n#\n# All of it.\n\n[one]\n# Two\n# lines.\na = 1\nb_c = \"x\"\n# Not set here.\n# d = 2\n",
        );
        let expected = ".PP\nAll of it.\n.SH KEYS\n.SS [one]\n.TP\n\\fBa = 1\\fR\n.TQ\n\\fBb_c = \"x\"\\fR\nTwo\nlines.\n\
                        .TP\n\\fBd = 2 (not set)\\fR\nNot set here.\n.SH ENVIRONMENT\n";
        assert!(page.contains(expected), "{page}");
        assert!(!page.contains("Of this file"), "{page}");
    }

    #[test]
    fn every_key_is_on_the_page() {
        let page = page(DEFAULT_TOML);
        let keys = DEFAULT_TOML.lines().map(|line| line.trim_start_matches("# "));
        let keys: Vec<_> = keys
            .filter(|line| is_key(line))
            .map(|line| line.replace('-', "\\-"))
            .collect();
        assert!(keys.len() >= 80, "{}", keys.len());
        for key in keys {
            assert!(page.contains(&format!("\\fB{}", key.replace('\'', "\\*(Aq"))), "{key}");
        }
    }
}
