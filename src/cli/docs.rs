//! `grind man` and `grind completions`: written from the same definition as `--help`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;

use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::{help, output};

/// `grind man`.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// Write a page for each command into this folder, instead of the main page to standard output
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// `grind completions`.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// For which shell
    pub shell: Shell,
}

/// Prints the main page, or writes all pages into a folder.
pub fn man(args: &ManArgs) -> CommandResult {
    let mut program = help::command();
    program.build();
    match &args.dir {
        None => output::print(&page(&program)?)?,
        Some(folder) => write_pages(&program, "", folder)?,
    }
    Ok(ExitStatus::Done)
}

/// Prints the script for a shell.
pub fn completions(args: &CompletionsArgs) -> CommandResult {
    let mut script = Vec::new();
    // Into memory first: the generator panics where it cannot write.
    clap_complete::generate(args.shell, &mut help::command(), "grind", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitStatus::Done)
}

fn page(command: &Command) -> Result<String, CliError> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .render(&mut page)
        .map_err(|error| CliError::output(&error))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// `grind.1`, `grind-auth.1`, `grind-auth-login.1` …; hidden commands and clap's own `help` have none.
fn write_pages(command: &Command, prefix: &str, folder: &Path) -> Result<(), CliError> {
    let name = format!("{prefix}{}", command.get_name());
    let titled = command.clone().display_name(name.clone());
    write(&folder.join(format!("{name}.1")), &page(&titled)?)?;
    let shown = |command: &&Command| !command.is_hide_set() && command.get_name() != "help";
    command
        .get_subcommands()
        .filter(shown)
        .try_for_each(|command| write_pages(command, &format!("{name}-"), folder))
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let refused = |error: io::Error| {
        CliError::new(ExitStatus::CannotCreate, format!("cannot write {}", path.display()))
            .because(&error)
            .advise("Give --dir a folder that exists and that you may write to.")
    };
    fs::write(path, text).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        man(&ManArgs {
            dir: Some(folder.path().to_owned()),
        })
        .unwrap();
        for page in ["grind.1", "grind-run.1", "grind-auth-login.1"] {
            let text = fs::read_to_string(folder.path().join(page)).unwrap();
            assert!(text.contains(".SH SYNOPSIS"), "{page}");
        }
        assert!(!folder.path().join("grind-help.1").exists());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named_with_what_to_do() {
        let error = man(&ManArgs {
            dir: Some("/nowhere/man1".into()),
        })
        .unwrap_err();
        assert_eq!(error.exit(), ExitStatus::CannotCreate);
        assert!(error.to_string().contains("/nowhere/man1/grind.1"), "{error}");
    }

    #[test]
    fn every_shell_gets_a_script() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut help::command(), "grind", &mut script);
            assert!(String::from_utf8(script).unwrap().contains("completions"), "{shell}");
        }
    }
}
