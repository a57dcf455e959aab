//! Helper processes: started, asked over their standard input, ended with this one.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;

use crate::lab::bench::error::BenchError;
use crate::lab::bench::rig::interrupt;
use crate::lab::bench::rig::interrupt::NotedHelper;

/// A process of ours that answers lines with lines. It is to end when its standard input does, so also when we are killed:
/// `bench serve` always does, `simulate` when called with `--until-input-ends`.
#[derive(Debug)]
pub struct HelperProcess {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    _noted: NotedHelper,
}

/// This program once more.
pub fn ourselves() -> Result<Command, BenchError> {
    let program = std::env::current_exe().map_err(BenchError::system("this program's file cannot be found"))?;
    Ok(Command::new(program))
}

impl HelperProcess {
    /// Starts `command` with its standard streams tied to us.
    pub fn start(mut command: Command) -> Result<Self, BenchError> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let (mut child, noted) =
            interrupt::spawn(&mut command).map_err(BenchError::system("a helper process cannot be started"))?;
        let input = child.stdin.take();
        let Some(output) = child.stdout.take() else {
            return Err(BenchError::Helper("a helper process has no output".to_owned()));
        };
        Ok(Self {
            _noted: noted,
            child,
            input,
            output: BufReader::new(output),
        })
    }

    /// The next line it says.
    pub fn line(&mut self) -> Result<String, BenchError> {
        let mut line = String::new();
        self.output
            .read_line(&mut line)
            .map_err(BenchError::system("a helper process cannot be heard"))?;
        if line.is_empty() {
            return Err(BenchError::Helper(
                "a helper process ended early; it says above why".to_owned(),
            ));
        }
        Ok(line.trim_end().to_owned())
    }

    /// The next line it says, as JSON.
    pub fn json<T: DeserializeOwned>(&mut self) -> Result<T, BenchError> {
        let line = self.line()?;
        serde_json::from_str(&line)
            .map_err(|error| BenchError::Helper(format!("a helper process said {line:?}: {error}")))
    }

    /// Says a line to it and hears its answer.
    pub fn ask<T: DeserializeOwned>(&mut self, word: &str) -> Result<T, BenchError> {
        let Some(input) = &mut self.input else {
            return Err(BenchError::Helper("a helper process does not listen".to_owned()));
        };
        writeln!(input, "{word}")
            .and_then(|()| input.flush())
            .map_err(BenchError::system("a helper process cannot be asked"))?;
        self.json()
    }
}

impl Drop for HelperProcess {
    fn drop(&mut self) {
        drop(self.input.take());
        // What does not listen to its input is ended; what has ended already is only collected.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_both_ways() {
        let mut helper = HelperProcess::start(Command::new("cat")).unwrap();
        assert_eq!(helper.ask::<Vec<u32>>("[1, 2]").unwrap(), [1, 2]);
        assert!(
            helper
                .ask::<Vec<u32>>("no JSON")
                .unwrap_err()
                .to_string()
                .contains("no JSON")
        );
    }

    #[test]
    fn one_that_ends_early_is_told() {
        let mut helper = HelperProcess::start(Command::new("true")).unwrap();
        assert!(helper.line().unwrap_err().to_string().contains("ended early"));
    }
}
