//! `grind init`: asks for what must be known, checks each answer, and writes the configuration and the credentials of the unit.

mod answers;
mod checks;
mod files;

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::Args;
use url::Url;

use crate::cli::args::ConfigArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::init::answers::{AnswerSource, InitAnswers, SignInAnswer};
use crate::cli::init::files::{NewFile, refuse_existing, write_all};
use crate::cli::{load, output, preflight};
use crate::settings::{LoadedSettings, Settings, SettingsSources, StorageAddress};

const CONFIGURATION: &str = "/etc/grind/grind.toml";
const DROP_IN: &str = "/etc/systemd/system/grind.service.d/credentials.conf";

/// `grind init`.
#[derive(Debug, Clone, Default, Args)]
pub struct InitArgs {
    /// Where the configuration goes.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// GRIN's directory for the library, exactly as GRIN writes it
    #[arg(long, value_name = "NAME", help_heading = "Answers")]
    pub library: Option<String>,
    /// Where books go: file:///path or s3://bucket/prefix
    #[arg(long, value_name = "URL", help_heading = "Answers")]
    pub storage: Option<String>,
    /// Address of an S3 store other than AWS's
    #[arg(long, value_name = "URL", help_heading = "Answers")]
    pub endpoint: Option<Url>,
    /// Region of the bucket
    #[arg(long, value_name = "NAME", help_heading = "Answers")]
    pub region: Option<String>,
    /// Sign in by this key of a service account, the better way for a daemon
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Answers",
        conflicts_with = "client_secret_file"
    )]
    pub service_account_file: Option<PathBuf>,
    /// Sign in as a person, by this client secret; `grind auth login` follows
    #[arg(long, value_name = "FILE", help_heading = "Answers")]
    pub client_secret_file: Option<PathBuf>,
    /// File with the passphrase of GRIN's archives
    #[arg(long, value_name = "FILE", help_heading = "Answers")]
    pub passphrase_file: Option<PathBuf>,
    /// The drop-in that hands the secrets to the daemon [default: /etc/systemd/system/grind.service.d/credentials.conf]
    #[arg(long, value_name = "FILE")]
    pub drop_in: Option<PathBuf>,
    /// Put both files under this folder, as for an image
    #[arg(long, value_name = "FOLDER")]
    pub root: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    pub force: bool,
    /// Then try it against the real services, as `grind check-config --connect` does
    #[arg(long)]
    pub connect: bool,
}

/// Asks, checks, writes, and says what to do next.
pub fn run(args: &InitArgs) -> CommandResult {
    let [configuration, drop_in] = places(args);
    refuse_existing(&[configuration.clone(), drop_in.clone()], args.force)?;
    let stdin = io::stdin();
    let mut source = AnswerSource {
        typed: stdin.is_terminal().then(|| stdin.lock()),
        asked: io::stdout(),
    };
    let answers = InitAnswers::gather(args, &mut source)?;
    let files = [
        NewFile {
            path: configuration,
            text: answers.configuration(args)?,
            mode: 0o640,
        },
        NewFile {
            path: drop_in,
            text: answers.drop_in()?,
            mode: 0o644,
        },
    ];
    let loaded = proven(&answers, &files[0].text)?;
    write_all(&files, args.force)?;
    for file in &files {
        output::print(&format!("written: {}\n", file.path.display()))?;
    }
    let exit = match args.connect {
        true => preflight::print(&preflight::checked(&loaded, &loaded.findings))?,
        false => ExitStatus::Done,
    };
    output::print(&next_steps(args, &answers, &files[0].path)?)?;
    Ok(exit)
}

/// Where configuration and drop-in go.
fn places(args: &InitArgs) -> [PathBuf; 2] {
    let place = |named: Option<&PathBuf>, usual: &str| {
        let place = match (named, &args.root) {
            (Some(named), _) => named.clone(),
            (None, Some(root)) => root.join(usual.trim_start_matches('/')),
            (None, None) => PathBuf::from(usual),
        };
        // The folder of a bare name is the working folder, which `parent` gives as an empty path.
        std::path::absolute(&place).unwrap_or(place)
    };
    [
        place(args.config.config.as_ref(), CONFIGURATION),
        place(args.drop_in.as_ref(), DROP_IN),
    ]
}

/// The configuration as a run would read it, with the secrets where they are now. What is wrong with all answers together shows here,
/// before anything is written.
fn proven(answers: &InitAnswers, text: &str) -> Result<LoadedSettings, CliError> {
    let cannot =
        |error: io::Error| CliError::new(ExitStatus::CannotCreate, "cannot try the configuration").because(&error);
    let folder = tempfile::tempdir().map_err(cannot)?;
    let file = folder.path().join("grind.toml");
    std::fs::write(&file, text).map_err(cannot)?;
    let mut sources = SettingsSources {
        dropins: None,
        ..SettingsSources::of_process(Some(&file))
    };
    for secret in answers.secrets()? {
        let section = if secret.key == "passphrase_file" {
            "ARCHIVE"
        } else {
            "AUTH"
        };
        let key = format!("GRIND__{section}__{}", secret.key.to_ascii_uppercase());
        sources.env.insert(key, secret.file.display().to_string());
    }
    Settings::load(&sources).map_err(|error| load::refused(&error))
}

fn next_steps(args: &InitArgs, answers: &InitAnswers, configuration: &Path) -> Result<String, CliError> {
    let mut steps = Vec::new();
    let folder = configuration.parent().unwrap_or(Path::new("/"));
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    for secret in answers.secrets()? {
        if secret.file.parent() != Some(&folder) {
            let (name, file) = (&secret.name, secret.file.display());
            steps.push(format!(
                "For commands by hand, put {name} beside the configuration: install -o grind -g grind -m 600 {file} {}",
                folder.join(name).display()
            ));
        }
    }
    if let Some(folder) = StorageAddress::folder_of(&answers.storage) {
        steps.push(format!(
            "Let the storage belong to the daemon's user: install -d -o grind -g grind -m 750 {}",
            folder.display()
        ));
    }
    let config = match &args.config.config {
        Some(named) => format!(" --config {}", named.display()),
        None => String::new(),
    };
    if matches!(answers.sign_in, SignInAnswer::Person(_)) {
        steps.push(format!("Sign in: sudo -u grind grind auth login --no-browser{config}"));
    }
    steps.push(format!(
        "Try it against the real services: sudo -u grind grind check-config --connect{config}"
    ));
    steps.push(format!(
        "See what is recognised of GRIN's answers, with nothing stored: sudo -u grind grind rehearse{config}"
    ));
    steps.push("Start it: systemctl daemon-reload && systemctl enable --now grind".to_owned());
    let mut text = String::from("Next:\n");
    for (number, step) in (1..).zip(steps) {
        let _ = writeln!(text, "{number}. {step}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_lies_in_the_working_folder() {
        let args = InitArgs {
            drop_in: Some("grind.conf".into()),
            ..InitArgs::default()
        };
        let drop_in = std::env::current_dir().unwrap().join("grind.conf");
        assert_eq!(places(&args), [PathBuf::from(CONFIGURATION), drop_in]);
    }
}
