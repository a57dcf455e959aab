//! One log message as one line.

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::Level;

use crate::log::PlainText;
use crate::log::lasting_text::lasting_text;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStyle {
    /// Time, level, message, fields.
    Text {
        /// Whether the level is in colour.
        colour: bool,
    },
    /// `<N>`, message, fields; journald knows the time. To journald itself the fields are sent as such.
    Journald,
    /// One JSON object.
    Json,
}

/// Fields that tell a message from the one before, which says the same.
const OF_ONE_TIME: [&str; 3] = ["attempt", "delay", "until"];

/// Fields in the words of others: a server's, the system's, a library's.
const OF_OTHERS: [&str; 6] = ["error", "why", "fault", "detail", "failure", "cause"];

/// Fields in the order in which they were given.
pub type LogFields = Vec<(&'static str, Value)>;

/// A message with all that belongs to it.
#[derive(Debug)]
pub struct LogRecord<'a> {
    /// When.
    pub at: Timestamp,
    /// How grave.
    pub level: Level,
    /// The part of the program that speaks.
    pub target: &'a str,
    /// The actor that speaks.
    pub actor: Option<&'static str>,
    /// Fields of the message, `message` among them, those of the spans round it after them.
    pub fields: LogFields,
    /// Messages of the same place left out before this one.
    pub left_out: u32,
}

impl LogRecord<'_> {
    /// The line, its end included. Line ends and control characters within it are shown, not sent.
    pub fn line(&self, style: LogStyle) -> String {
        let mut line = match style {
            LogStyle::Json => self.json(),
            LogStyle::Journald => format!("<{}>{}", priority(self.level), self.words()),
            LogStyle::Text { colour } => format!("{:.3} {} {}", self.at, level_word(self.level, colour), self.words()),
        };
        line.push('\n');
        line
    }

    /// What is the same of each message of a fault that lasts.
    pub fn gist(&self) -> String {
        let lasting = self.fields.iter().filter(|(name, _)| !OF_ONE_TIME.contains(name));
        let words = lasting.map(|(name, value)| match value.as_str() {
            Some(text) if OF_OTHERS.contains(name) => word(name, &lasting_text(text).into()),
            _ => word(name, value),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// Message and fields on one line.
    pub fn words(&self) -> String {
        let mut words: Vec<String> = self.fields.iter().map(|(name, value)| word(name, value)).collect();
        if self.left_out > 0 {
            words.push(match self.left_out {
                1 => "(1 more like this was left out)".to_owned(),
                more => format!("({more} more like this were left out)"),
            });
        }
        words.join(" ")
    }

    fn json(&self) -> String {
        let mut object = Map::new();
        object.insert("timestamp".into(), format!("{:.3}", self.at).into());
        object.insert("level".into(), self.level.as_str().to_ascii_lowercase().into());
        object.insert("target".into(), self.target.into());
        for (name, value) in &self.fields {
            object.entry(*name).or_insert_with(|| value.clone());
        }
        if let Some(actor) = self.actor {
            object.entry("actor").or_insert_with(|| actor.into());
        }
        if self.left_out > 0 {
            object.insert("left_out".into(), self.left_out.into());
        }
        Value::Object(object).to_string()
    }
}

fn word(name: &str, value: &Value) -> String {
    let text = one_line(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    match name {
        "message" => text,
        _ if text.is_empty() || text.contains([' ', '"']) => format!("{name}={text:?}"),
        _ => format!("{name}={text}"),
    }
}

fn one_line(text: &str) -> String {
    text.lines()
        .map(|line| PlainText(line).to_string())
        .collect::<Vec<_>>()
        .join("\\n")
}

/// Priorities of syslog(3).
pub fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

fn level_word(level: Level, colour: bool) -> String {
    let (number, word) = match level {
        Level::ERROR => (31, "ERROR"),
        Level::WARN => (33, "WARN "),
        Level::INFO => (32, "INFO "),
        Level::DEBUG => (34, "DEBUG"),
        _ => (35, "TRACE"),
    };
    if colour {
        format!("\u{1b}[{number}m{word}\u{1b}[0m")
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> LogRecord<'static> {
        LogRecord {
            at: Timestamp::from_second(1_000_000_000).unwrap(),
            level: Level::WARN,
            target: "grind::session",
            actor: Some("downloader"),
            fields: vec![
                ("message", "cut\nshort \u{1b}[2J".into()),
                ("barcode", "ABC1".into()),
                ("attempt", 2.into()),
                ("why", "no route".into()),
            ],
            left_out: 0,
        }
    }

    #[test]
    fn text_has_time_level_message_and_fields_on_one_line() {
        assert_eq!(
            record().line(LogStyle::Text { colour: false }),
            "2001-09-09T01:46:40.000Z WARN  cut\\nshort \\u{1b}[2J barcode=ABC1 attempt=2 why=\"no route\"\n"
        );
        assert!(
            record()
                .line(LogStyle::Text { colour: true })
                .contains("\u{1b}[33mWARN \u{1b}[0m")
        );
    }

    #[test]
    fn what_tells_one_attempt_from_the_next_is_no_part_of_the_gist_and_how_long_it_lasts_is() {
        let gist = |name, value: u32| {
            let mut record = record();
            record.fields.push((name, value.into()));
            record.gist()
        };
        for (name, is_same) in [("attempt", true), ("seconds", false), ("status", false)] {
            assert_eq!(gist(name, 2) == gist(name, 3_600), is_same, "{name}");
        }
    }

    #[test]
    fn what_another_program_says_anew_each_time_is_the_same_and_another_book_is_not() {
        let gist = |name, value: &str| {
            let mut record = record();
            record.fields.push((name, value.into()));
            record.gist()
        };
        let error = |number: u32| format!("503 Slow Down, request {number}A7F, after {number}.5 s");
        assert_eq!(gist("error", &error(1)), gist("error", &error(23)));
        assert_ne!(gist("error", "status 503"), gist("error", "status 429"));
        assert_ne!(gist("barcode", "32044000000001"), gist("barcode", "32044000000002"));
    }

    #[test]
    fn journald_gets_the_priority_and_no_time() {
        let record = LogRecord {
            left_out: 7,
            ..record()
        };
        let line = record.line(LogStyle::Journald);
        assert!(line.starts_with("<4>cut\\nshort"), "{line}");
        assert!(line.ends_with("(7 more like this were left out)\n"), "{line}");
    }

    #[test]
    fn json_is_one_object_a_line() {
        let line = record().line(LogStyle::Json);
        assert_eq!(line.lines().count(), 1);
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["level"], "warn");
        assert_eq!(object["message"], "cut\nshort \u{1b}[2J");
        assert_eq!(object["attempt"], 2);
        assert_eq!(object["actor"], "downloader");
        assert_eq!(object["timestamp"], "2001-09-09T01:46:40.000Z");
    }
}
