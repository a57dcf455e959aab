//! Text from outside, made safe for a terminal.

use std::fmt;

/// A text from outside on a terminal: control characters are shown, not sent.
pub struct PlainText<'a>(pub &'a str);

impl fmt::Display for PlainText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\n' => f.write_str("\n    ")?,
                '\t' => f.write_str("    ")?,
                control if control.is_control() => write!(f, "{}", control.escape_default())?,
                other => write!(f, "{other}")?,
            }
        }
        Ok(())
    }
}
