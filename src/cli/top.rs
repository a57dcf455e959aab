//! `grind top`: the running daemon in a terminal, drawn again whenever something is new.
//!
//! What is shown is a pure function of what the daemon told last (`data`) and of what keys have chosen (`state`).

mod data;
mod draw;
mod layout;
mod screen;
mod state;
mod table;
mod watch;

use std::io::{IsTerminal, stdin, stdout};
use std::time::Duration;

use clap::Args;

use crate::cli::args::ReachArgs;
use crate::cli::error::CommandResult;
use crate::cli::exit::ExitStatus;
use crate::cli::frame::TopFrame;
use crate::cli::output;
use crate::cli::status;

/// `grind top`.
#[derive(Debug, Clone, Args)]
pub struct TopArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub reach: ReachArgs,
    /// Seconds between two looks
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub every: u64,
}

/// Shows the daemon until `q` is pressed; where there is no terminal, once and as plain text.
pub fn run(args: &TopArgs) -> CommandResult {
    let endpoints = args.reach.endpoints()?;
    let first = status::ask(&endpoints)?;
    if stdout().is_terminal() && stdin().is_terminal() {
        screen::run(endpoints, Duration::from_secs(args.every), first)?;
    } else {
        output::print(&TopFrame { seen: &first }.text())?;
    }
    Ok(ExitStatus::Done)
}

/// Columns and rows; what a terminal had before there were others, if it does not tell.
pub fn terminal_size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (80, 24),
    }
}
