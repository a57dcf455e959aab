//! `grind man` and `grind completions`: written from the same definition as `--help`, and the page of the configuration from the file
//! that has its defaults.

mod config_page;
mod page;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::command::CommandLine;
use crate::cli::docs::page::PROGRAM;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::{help, output};
use crate::settings::DEFAULT_TOML;

/// The page of the configuration.
const CONFIG_PAGE: &str = "grind.toml";

/// `grind man`.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// Which page
    #[arg(value_parser = [PROGRAM, CONFIG_PAGE], default_value = PROGRAM, conflicts_with = "dir")]
    pub page: String,
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

/// Prints a page, or writes those of all commands into a folder.
pub fn man(args: &ManArgs) -> CommandResult {
    // Without the ends of its helps: pages have sections for what they say.
    let mut program = CommandLine::command();
    program.build();
    match &args.dir {
        Some(folder) => write_pages(&program, "", folder)?,
        None if args.page == CONFIG_PAGE => output::print(&config_page::page(DEFAULT_TOML))?,
        None => output::print(&page::of_command(&program, PROGRAM, help::of(""))?)?,
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

/// `grind.1`, `grind-auth.1`, `grind-auth-login.1` …; hidden commands and clap's own `help` have none.
fn write_pages(command: &Command, path: &str, folder: &Path) -> Result<(), CliError> {
    let name = format!("{PROGRAM} {path}").trim_end().replace(' ', "-");
    let text = page::of_command(command, &name, help::of(path))?;
    write(&folder.join(format!("{name}.1")), &text)?;
    let shown = |command: &&Command| !command.is_hide_set() && command.get_name() != "help";
    command.get_subcommands().filter(shown).try_for_each(|command| {
        let path = format!("{path} {}", command.get_name());
        write_pages(command, path.trim_start(), folder)
    })
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

    fn into(folder: &Path) -> ManArgs {
        ManArgs {
            page: PROGRAM.to_owned(),
            dir: Some(folder.to_owned()),
        }
    }

    /// The pages of the commands below this one.
    fn each_command(above: &Command, name: &str, pages: &mut Vec<String>) {
        let shown = |command: &&Command| !command.is_hide_set() && command.get_name() != "help";
        for command in above.get_subcommands().filter(shown) {
            let name = format!("{name}-{}", command.get_name());
            pages.push(format!("{name}.1"));
            each_command(command, &name, pages);
        }
    }

    #[test]
    fn each_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        man(&into(folder.path())).unwrap();
        let mut pages = vec!["grind.1".to_owned()];
        each_command(&CommandLine::command(), "grind", &mut pages);
        assert!(pages.len() > 30, "{pages:?}");
        for page in pages {
            let text = fs::read_to_string(folder.path().join(&page)).unwrap();
            // Those without a configuration have no files and variables.
            let reads_config = page == "grind.1" || page == "grind-run.1" || page == "grind-auth-login.1";
            let of_config: &[&str] = if reads_config { &["ENVIRONMENT", "FILES"] } else { &[] };
            let of_all = ["SYNOPSIS", "EXAMPLES", "EXIT STATUS", "SEE ALSO"];
            for section in of_all.iter().chain(of_config) {
                assert_eq!(
                    text.matches(&format!(".SH \"{section}\"\n")).count()
                        + text.matches(&format!(".SH {section}\n")).count(),
                    1,
                    "{page}: {section}"
                );
            }
            assert!(!text.contains("EXTRA"), "{page}");
            assert!(text.contains(".TP\n\\fB0\\fR\ndone"), "{page}");
        }
        assert!(!folder.path().join("grind-help.1").exists());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named_with_what_to_do() {
        let error = man(&into(Path::new("/nowhere/man1"))).unwrap_err();
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
