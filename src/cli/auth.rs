//! `grind auth`: signing in, and whether GRIN accepts it.

mod answer;
mod listener;
mod login;
mod status;

use clap::{Args, Subcommand};

use crate::cli::args::ConfigArgs;
use crate::cli::error::CommandResult;
use crate::cli::load;

/// `grind auth …`.
#[derive(Debug, Clone, Args)]
pub struct AuthArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: AuthCommand,
}

/// What can be done about signing in.
#[derive(Debug, Clone, Subcommand)]
pub enum AuthCommand {
    /// Sign in with the library's Google account; the daemon goes on by itself afterwards
    Login {
        /// Where the config is.
        #[command(flatten)]
        config: ConfigArgs,
        /// Print the address to open elsewhere, and take the address it led to
        #[arg(long)]
        no_browser: bool,
    },
    /// Tell whether GRIN accepts the sign-in, and until when
    Status {
        /// Where the config is.
        #[command(flatten)]
        config: ConfigArgs,
        /// As JSON on standard output
        #[arg(long)]
        json: bool,
    },
}

/// Does it.
pub fn run(args: &AuthArgs) -> CommandResult {
    match &args.command {
        AuthCommand::Login { config, no_browser } => login::run(&load::settings(config)?.0, *no_browser),
        AuthCommand::Status { config, json } => status::run(&load::settings(config)?.0, *json),
    }
}
