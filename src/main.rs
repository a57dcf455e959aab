//! The `grind` program: reads the command line, does what it says, and tells the shell how it ended.

use std::process::ExitCode;

use grind::cli;

fn main() -> ExitCode {
    let exit = match cli::parse() {
        Ok(command_line) => cli::conclude(cli::run(&command_line)),
        Err(answered) => answered,
    };
    exit.into()
}
