//! `grind init`: asks for what must be known, checks each answer, and writes the configuration and the credentials of the unit.

mod answers;
mod checks;
mod files;
mod image;
mod secrets;

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
use crate::cli::init::image::path_in_image;
use crate::cli::root::{as_daemon_user, shell_quoted};
use crate::cli::{load, output, preflight};
use crate::settings::{LoadedSettings, Settings, SettingsFinding, SettingsSources, StorageAddress};

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
    /// Where books go: file:///path, s3://bucket/prefix, az://container/prefix or gs://bucket/prefix
    #[arg(long, value_name = "URL", help_heading = "Answers")]
    pub storage: Option<String>,
    /// Address of an object store that is not its provider's own [default: asked for on a terminal, else its provider's own]
    #[arg(long, value_name = "URL", help_heading = "Answers")]
    pub endpoint: Option<Url>,
    /// Region of the bucket [default: asked for on a terminal, else that of the environment]
    #[arg(long, value_name = "NAME", help_heading = "Answers")]
    pub region: Option<String>,
    /// Storage account of an Azure container [default: asked for on a terminal, else that of the environment]
    #[arg(long, value_name = "NAME", help_heading = "Answers")]
    pub account: Option<String>,
    /// File with the keys of an object store [default: asked for on a terminal, else those of the environment, or this machine's own]
    #[arg(long, value_name = "FILE", help_heading = "Answers")]
    pub storage_keys_file: Option<PathBuf>,
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
    /// Whether GRIN is also asked to convert books that it has not converted yet; no: only what is converted already is fetched [default:
    /// asked for on a terminal, else no]
    #[arg(long, value_name = "YES|NO", help_heading = "Answers")]
    pub ask_for_conversions: Option<String>,
    /// The drop-in that hands the secrets to the daemon [default: /etc/systemd/system/grind.service.d/credentials.conf]
    #[arg(long, value_name = "FILE")]
    pub drop_in: Option<PathBuf>,
    /// Put both files under this folder, as for an image; secrets that lie in it are named as the image has them
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
    let text = answers.configuration()?;
    let mut loaded = proven(&answers, &text)?;
    let (answers, shown) = match &args.root {
        Some(root) => (answers.in_image(root), path_in_image(&configuration, root)),
        None => (answers, configuration.clone()),
    };
    let files = [
        NewFile {
            path: configuration,
            text,
            mode: 0o640,
        },
        NewFile {
            path: drop_in,
            text: answers.drop_in()?,
            mode: 0o644,
        },
    ];
    write_all(&files, args.force)?;
    loaded.files = vec![files[0].path.clone()];
    for file in &files {
        output::print(&format!("written: {}\n", file.path.display()))?;
    }
    // Where the services are asked, these are among the lines of that.
    let of_storage = |finding: &&SettingsFinding| !args.connect && finding.key.starts_with("storage.");
    for finding in loaded.findings.iter().filter(of_storage) {
        output::print(&format!("{finding}\n"))?;
    }
    let exit = match args.connect {
        true => preflight::check(&loaded, &loaded.findings)?,
        false => ExitStatus::Done,
    };
    let mut text = String::from("Next:\n");
    for (number, step) in (1..).zip(next_steps(args, &answers, &shown)?) {
        let _ = writeln!(text, "{number}. {step}");
    }
    output::print(&text)?;
    Ok(exit)
}

/// Where configuration and drop-in go.
fn places(args: &InitArgs) -> [PathBuf; 2] {
    let place = |named: Option<&PathBuf>, usual: &str| {
        let place = named.map_or_else(|| PathBuf::from(usual), Clone::clone);
        // The folder of a bare name is the working folder, which `parent` gives as an empty path.
        let place = std::path::absolute(&place).unwrap_or(place);
        match &args.root {
            // Also one that the environment names.
            Some(root) if !place.starts_with(root) => root.join(place.strip_prefix("/").unwrap_or(&place)),
            _ => place,
        }
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
        let key = format!("GRIND__{}__{}", secret.section, secret.key).to_ascii_uppercase();
        sources.env.insert(key, secret.file.display().to_string());
    }
    Settings::load(&sources).map_err(|error| load::refused(&sources, &error))
}

/// What is left to do, in this order: first everything that the commands after it, which run as the daemon's user, must be able to read.
fn next_steps(args: &InitArgs, answers: &InitAnswers, configuration: &Path) -> Result<Vec<String>, CliError> {
    let is_elsewhere = args.config.config.is_some() && configuration != Path::new(CONFIGURATION);
    let mut steps = steps_for_secrets(answers, configuration)?;
    if is_elsewhere {
        steps.push(format!(
            "Let the daemon's user read the configuration: chgrp grind {}",
            as_word(configuration)
        ));
    }
    if let Some(folder) = StorageAddress::folder_of(&answers.storage) {
        steps.push(format!(
            "Let the storage belong to the daemon's user: install -d -o grind -g grind -m 750 {}",
            as_word(&folder)
        ));
    }
    if StorageAddress::provider_of(&answers.storage).is_some() && answers.storage_keys.is_none() {
        let step = "Unless this machine has an identity of its own in the cloud, give the daemon the keys of the storage, which are not those of \
                    this shell (EnvironmentFile= under [Service]; or begin again with --storage-keys-file and --force): systemctl edit grind";
        steps.push(step.to_owned());
    }
    let config = match &args.config.config {
        Some(named) => format!(" --config {}", as_word(named)),
        None => String::new(),
    };
    let user = as_daemon_user();
    if matches!(answers.sign_in, SignInAnswer::Person(_)) {
        steps.push(format!("Sign in: {user} grind auth login --no-browser{config}"));
    }
    steps.push(format!(
        "Try it against the real services: {user} grind check-config --connect{config}"
    ));
    steps.push(format!(
        "See what is recognised of GRIN's answers, with nothing stored: {user} grind rehearse{config}"
    ));
    if is_elsewhere {
        steps.push(format!(
            "Put the configuration where the unit reads it (-b keeps what is there): install -b -g grind -m 640 {} {CONFIGURATION}",
            as_word(configuration)
        ));
    }
    steps.push("Start it: systemctl daemon-reload && systemctl enable --now grind".to_owned());
    Ok(steps)
}

/// How commands by hand come to read what systemd hands to the daemon.
fn steps_for_secrets(answers: &InitAnswers, configuration: &Path) -> Result<Vec<String>, CliError> {
    let folder = configuration.parent().unwrap_or(Path::new("/"));
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let secrets = answers.secrets()?.into_iter();
    let steps = secrets.map(|secret| {
        let (name, file) = (&secret.name, as_word(secret.file));
        match secret.file.parent() == Some(&folder) {
            true => format!("Let the daemon's user alone read {name}: chown grind:grind {file} && chmod 600 {file}"),
            false => format!(
                "For commands by hand, put {name} beside the configuration: install -o grind -g grind -m 600 {file} {}",
                as_word(&folder.join(name))
            ),
        }
    });
    Ok(steps.collect())
}

/// A path as a shell reads it.
fn as_word(path: &Path) -> String {
    shell_quoted(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::init::answers::StoreAnswers;

    /// The commands of the steps, without the words before them.
    fn commands(config: Option<&str>, secrets: [&str; 2]) -> Vec<String> {
        let args = InitArgs {
            config: ConfigArgs {
                config: config.map(PathBuf::from),
            },
            ..InitArgs::default()
        };
        let [key, passphrase] = secrets.map(PathBuf::from);
        let answers = InitAnswers {
            library: "Harvard".to_owned(),
            storage: "s3://bucket/books".to_owned(),
            store: StoreAnswers::default(),
            storage_keys: Some("/root/keys/s3".into()),
            sign_in: SignInAnswer::ServiceAccount(key),
            passphrase,
            asks_for_conversions: false,
        };
        let steps = next_steps(&args, &answers, &places(&args)[0]).unwrap();
        let command = |step: &String| step.split_once(": ").unwrap().1.to_owned();
        steps.iter().map(command).collect()
    }

    #[test]
    fn the_daemons_user_can_read_every_file_before_a_command_runs_as_it() {
        let (start, user) = (
            "systemctl daemon-reload && systemctl enable --now grind",
            as_daemon_user(),
        );
        let usual = commands(None, ["/etc/grind/key.json", "/root/gpg"]);
        let expected = [
            "chown grind:grind /etc/grind/key.json && chmod 600 /etc/grind/key.json",
            "install -o grind -g grind -m 600 /root/gpg /etc/grind/gpg",
            "install -o grind -g grind -m 600 /root/keys/s3 /etc/grind/s3",
            &format!("{user} grind check-config --connect"),
            &format!("{user} grind rehearse"),
            start,
        ];
        assert_eq!(usual, expected);
        let named = commands(Some(CONFIGURATION), ["/etc/grind/key.json", "/root/gpg"]);
        assert_eq!(named.len(), usual.len(), "it lies where the unit reads it: {named:?}");
        let elsewhere = commands(Some("/srv/other/grind.toml"), ["/srv/other/key.json", "/srv/other/gpg"]);
        let expected = [
            "chown grind:grind /srv/other/key.json && chmod 600 /srv/other/key.json",
            "chown grind:grind /srv/other/gpg && chmod 600 /srv/other/gpg",
            "install -o grind -g grind -m 600 /root/keys/s3 /srv/other/s3",
            "chgrp grind /srv/other/grind.toml",
            &format!("{user} grind check-config --connect --config /srv/other/grind.toml"),
            &format!("{user} grind rehearse --config /srv/other/grind.toml"),
            "install -b -g grind -m 640 /srv/other/grind.toml /etc/grind/grind.toml",
            start,
        ];
        assert_eq!(elsewhere, expected);
    }

    #[test]
    fn who_names_no_keys_of_an_object_store_is_told_that_the_daemon_has_none() {
        let of = |storage: &str| InitAnswers {
            library: "Harvard".to_owned(),
            storage: storage.to_owned(),
            store: StoreAnswers::default(),
            storage_keys: None,
            sign_in: SignInAnswer::ServiceAccount("/etc/grind/key.json".into()),
            passphrase: "/etc/grind/gpg".into(),
            asks_for_conversions: false,
        };
        for (storage, is_told) in [
            ("s3://bucket", true),
            ("az://container/books", true),
            ("file:///srv/library", false),
        ] {
            let args = InitArgs::default();
            let steps = next_steps(&args, &of(storage), &places(&args)[0]).unwrap();
            let told = steps.iter().any(|step| step.contains("--storage-keys-file"));
            assert_eq!(told, is_told, "{steps:?}");
        }
    }

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
