//! `grind top`: the running daemon, drawn again each second.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write, stdout};
use std::time::{Duration, Instant};

use clap::Args;

use crate::cli::args::ReachArgs;
use crate::cli::error::CommandResult;
use crate::cli::exit::ExitStatus;
use crate::cli::frame::TopFrame;
use crate::cli::output;
use crate::cli::status;
use crate::observe::DaemonStatus;

/// `grind top`.
#[derive(Debug, Clone, Args)]
pub struct TopArgs {
    /// Where the daemon is.
    #[command(flatten)]
    pub reach: ReachArgs,
    /// Seconds between two frames
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub every: u64,
}

/// Cursor to the top left corner; what follows overwrites the frame before.
const HOME: &str = "\u{1b}[H";
/// The whole screen empty.
const CLEAR: &str = "\u{1b}[2J";
/// From the cursor to the end of the screen.
const CLEAR_BELOW: &str = "\u{1b}[J";
/// From the cursor to the end of the line, then a new line.
const LINE_END: &str = "\u{1b}[K\n";

/// Draws frames until the daemon or the terminal is gone.
pub fn run(args: &TopArgs) -> CommandResult {
    let endpoints = args.reach.endpoints()?;
    let mut memory = Memory::default();
    let first = memory.frame(status::ask(&endpoints)?);
    if !stdout().is_terminal() {
        output::print(&first.text(usize::MAX, usize::MAX))?;
        return Ok(ExitStatus::Done);
    }
    output::print(CLEAR)?;
    draw(&first)?;
    loop {
        std::thread::sleep(Duration::from_secs(args.every));
        draw(&memory.frame(status::ask(&endpoints)?))?;
    }
}

fn draw(frame: &TopFrame) -> Result<(), crate::cli::error::CliError> {
    let (columns, rows) = terminal_size();
    let text = frame.text(columns, rows.saturating_sub(1)).replace('\n', LINE_END);
    output::write_to(&mut stdout().lock(), |out| write!(out, "{HOME}{text}{CLEAR_BELOW}"))
}

/// Columns and rows; what a terminal had before there were others, if it does not tell.
pub fn terminal_size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (80, 24),
    }
}

/// Busy seconds by actor as they were, to tell how busy each was since.
#[derive(Debug, Default)]
struct Memory {
    at: Option<Instant>,
    busy: BTreeMap<String, f64>,
}

impl Memory {
    fn frame(&mut self, seen: DaemonStatus) -> TopFrame {
        let now = Instant::now();
        let elapsed = self.at.map(|at| now.duration_since(at).as_secs_f64());
        let busy: BTreeMap<_, _> = seen
            .hub
            .actors
            .iter()
            .map(|actor| (actor.name.to_string(), actor.busy_seconds))
            .collect();
        let share = |name: &str| {
            let since = busy.get(name)? - self.busy.get(name)?;
            elapsed
                .filter(|elapsed| *elapsed > 0.0)
                .map(|elapsed| (since / elapsed).max(0.0))
        };
        let shares = busy
            .keys()
            .filter_map(|name| share(name).map(|share| (name.clone(), share)))
            .collect();
        *self = Self { at: Some(now), busy };
        TopFrame { seen, busy: shares }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_is_told_from_the_second_frame_on() {
        let seen = |busy: f64| -> DaemonStatus {
            let mut seen = crate::cli::frame::tests::seen();
            seen.hub.actors[0].busy_seconds = busy;
            seen
        };
        let mut memory = Memory::default();
        assert!(memory.frame(seen(1.0)).busy.is_empty());
        std::thread::sleep(Duration::from_millis(1));
        assert!(memory.frame(seen(1.5)).busy["downloader"] > 0.0);
        let restarted = memory.frame(seen(0.0));
        assert!(
            restarted.busy["downloader"].abs() < f64::EPSILON,
            "a new daemon is not busy backwards"
        );
    }
}
