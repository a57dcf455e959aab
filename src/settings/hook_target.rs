//! Whom a hook tells: a command, or an address.

use std::path::Path;

use rustix::fs::Access;
use url::Url;

/// Whom a hook tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookTarget {
    /// A program by its absolute path, and its arguments; no shell is between.
    Command(Vec<String>),
    /// An address that takes a POST.
    Address(Url),
}

/// Why a text names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadHook(&'static str);

impl HookTarget {
    /// A text with `://` that does not begin as a path is an address; any other is a command, whose words are parted by blanks.
    pub fn parse(text: &str) -> Result<Self, BadHook> {
        if text.contains("://") && !text.trim_start().starts_with('/') {
            let url = Url::parse(text).map_err(|_| BadHook("is no address"))?;
            return match url.scheme() {
                "http" | "https" if url.host().is_some() => Ok(Self::Address(url)),
                _ => Err(BadHook("should be an https:// address or a command")),
            };
        }
        let words: Vec<String> = text.split_whitespace().map(Into::into).collect();
        match words.first() {
            None => Err(BadHook("is empty; leave the key out where there is no hook")),
            Some(program) if !program.starts_with('/') => {
                Err(BadHook("should begin with the absolute path of a program"))
            }
            Some(_) => Ok(Self::Command(words)),
        }
    }
}

/// Why a program cannot be run, as far as can be seen; `None`: it can.
pub(super) fn not_runnable(program: &str) -> Option<&'static str> {
    let path = Path::new(program);
    match path.metadata() {
        Err(_) => Some("is not there"),
        Ok(found) if !found.is_file() => Some("is no file"),
        Ok(_) if rustix::fs::access(path, Access::EXEC_OK).is_err() => Some("is not executable"),
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_a_command_with_an_absolute_path_or_an_address() {
        let command = |words: &[&str]| {
            Ok(HookTarget::Command(
                words.iter().map(|word| (*word).to_owned()).collect(),
            ))
        };
        let address = |text: &str| Ok(HookTarget::Address(Url::parse(text).unwrap()));
        for (text, expected) in [
            ("/usr/local/bin/told", command(&["/usr/local/bin/told"])),
            ("/bin/told  --queue a b", command(&["/bin/told", "--queue", "a", "b"])),
            (
                "/bin/told https://example.org/",
                command(&["/bin/told", "https://example.org/"]),
            ),
            ("https://example.org/books", address("https://example.org/books")),
            ("http://127.0.0.1:8080/", address("http://127.0.0.1:8080/")),
        ] {
            assert_eq!(HookTarget::parse(text), expected, "{text}");
        }
        for text in [
            "",
            "  ",
            "told",
            "./told",
            "ftp://example.org/",
            "https://",
            "file:///bin/told",
        ] {
            assert!(HookTarget::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_program_that_cannot_be_run_is_seen() {
        assert_eq!(not_runnable("/bin/sh"), None);
        assert_eq!(not_runnable("/nonexistent/told"), Some("is not there"));
        assert_eq!(not_runnable("/"), Some("is no file"));
    }
}
