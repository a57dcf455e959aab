//! Log levels as people write them.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

/// `info`, or `info,grind::session=debug`: one level for all of grind, and others for some of its modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLevel {
    general: LevelFilter,
    targets: Vec<(String, LevelFilter)>,
}

/// Why a text is no log level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLevel {
    /// Not one of the words.
    #[error("\"{0}\" is no log level; there are off, error, warn, info, debug and trace")]
    Word(String),
    /// More than one part without a target.
    #[error("a log level has one general part, this has a second: \"{0}\"")]
    Twice(String),
    /// Libraries below us write what they send and receive at these levels, tokens included.
    #[error("{0} may be logged up to info; only parts of grind may be logged in more detail")]
    TooDeep(String),
    /// Longer than any sensible one.
    #[error("a log level has at most 500 characters")]
    TooLong,
}

/// What libraries below us may say unless asked for by name.
const LIBRARIES: LevelFilter = LevelFilter::WARN;
/// What they may say at most.
const LIBRARIES_MOST: LevelFilter = LevelFilter::INFO;

impl LogLevel {
    /// Reads a level; parts are divided by commas.
    pub fn parse(text: &str) -> Result<Self, BadLevel> {
        if text.len() > 500 {
            return Err(BadLevel::TooLong);
        }
        let mut general = None;
        let mut targets = Vec::new();
        for part in text.split(',').map(str::trim) {
            match part.split_once('=') {
                Some((target, level)) => targets.push(for_target(target.trim(), level.trim())?),
                None if general.is_some() => return Err(BadLevel::Twice(part.to_owned())),
                None => general = Some(word(part)?),
            }
        }
        Ok(Self {
            general: general.unwrap_or(LevelFilter::INFO),
            targets,
        })
    }

    /// This many steps louder, or quieter if negative; never so quiet that errors are not said, and what is off stays off.
    pub fn moved(self, steps: i16) -> Self {
        let part = |(target, level): (String, LevelFilter)| {
            let most = if is_ours(&target) {
                LevelFilter::TRACE
            } else {
                LIBRARIES_MOST
            };
            let level = moved(level, steps).min(most);
            (target, level)
        };
        Self {
            general: moved(self.general, steps),
            targets: self.targets.into_iter().map(part).collect(),
        }
    }

    /// The filter it stands for.
    pub fn targets(&self) -> Targets {
        Targets::new()
            .with_default(self.general.min(LIBRARIES))
            .with_target("grind", self.general)
            .with_targets(self.targets.iter().cloned())
    }
}

impl Default for LogLevel {
    fn default() -> Self {
        Self {
            general: LevelFilter::INFO,
            targets: Vec::new(),
        }
    }
}

fn moved(level: LevelFilter, steps: i16) -> LevelFilter {
    const LEVELS: [LevelFilter; 5] = [
        LevelFilter::ERROR,
        LevelFilter::WARN,
        LevelFilter::INFO,
        LevelFilter::DEBUG,
        LevelFilter::TRACE,
    ];
    let Some(place) = LEVELS.iter().position(|known| *known == level) else {
        return level;
    };
    let place = place.saturating_add_signed(steps.into()).min(LEVELS.len() - 1);
    LEVELS[place]
}

fn is_ours(target: &str) -> bool {
    target == "grind" || target.starts_with("grind::")
}

fn for_target(target: &str, level: &str) -> Result<(String, LevelFilter), BadLevel> {
    let level = word(level)?;
    if !is_ours(target) && level > LIBRARIES_MOST {
        return Err(BadLevel::TooDeep(target.to_owned()));
    }
    Ok((target.to_owned(), level))
}

fn word(text: &str) -> Result<LevelFilter, BadLevel> {
    match text.to_ascii_lowercase().as_str() {
        "off" => Ok(LevelFilter::OFF),
        "error" => Ok(LevelFilter::ERROR),
        "warn" | "warning" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err(BadLevel::Word(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn a_word_is_meant_for_grind_and_leaves_libraries_quiet() {
        let targets = LogLevel::parse("debug").unwrap().targets();
        assert!(targets.would_enable("grind::session", &Level::DEBUG));
        assert!(!targets.would_enable("h2::codec", &Level::INFO));
        assert!(targets.would_enable("h2::codec", &Level::WARN));
        let quiet = LogLevel::parse("error").unwrap().targets();
        assert!(!quiet.would_enable("h2::codec", &Level::WARN));
    }

    #[test]
    fn one_room_can_be_louder() {
        let targets = LogLevel::parse("warn, grind::session = trace").unwrap().targets();
        assert!(targets.would_enable("grind::session::pool", &Level::TRACE));
        assert!(!targets.would_enable("grind::catalog", &Level::INFO));
    }

    #[test]
    fn flags_move_every_part_of_a_level_by_a_step_each() {
        for (level, steps, expected) in [
            ("info", 0, "info"),
            ("info", 1, "debug"),
            ("info", 2, "trace"),
            ("info", 255, "trace"),
            ("info", -1, "warn"),
            ("info", -2, "error"),
            ("info", -3, "error"),
            ("warn", 1, "info"),
            ("off", 2, "off"),
            (
                "warn,grind::session=info,h2=info",
                2,
                "debug,grind::session=trace,h2=info",
            ),
            (
                "info,grind::session=debug,h2=off",
                -1,
                "warn,grind::session=info,h2=off",
            ),
        ] {
            let moved = LogLevel::parse(level).unwrap().moved(steps);
            assert_eq!(moved, LogLevel::parse(expected).unwrap(), "{level} {steps}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("loud", BadLevel::Word("loud".into())),
            ("", BadLevel::Word(String::new())),
            ("info,debug", BadLevel::Twice("debug".into())),
            ("info,h2=trace", BadLevel::TooDeep("h2".into())),
            ("info,grinder=debug", BadLevel::TooDeep("grinder".into())),
        ];
        for (text, expected) in cases {
            assert_eq!(LogLevel::parse(text), Err(expected), "{text}");
        }
        assert_eq!(LogLevel::parse(&"x".repeat(501)), Err(BadLevel::TooLong));
    }
}
