//! The files of secrets among the answers.

use std::collections::BTreeSet;
use std::path::Path;

use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::init::InitArgs;
use crate::cli::init::answers::{InitAnswers, SignInAnswer};

/// A secret as configuration and unit name it: the name of the credential, and the file.
pub struct NamedSecret<'a> {
    /// The section of its key.
    pub section: &'static str,
    /// The key.
    pub key: &'static str,
    /// The name.
    pub name: String,
    /// The file.
    pub file: &'a Path,
}

impl<'a> NamedSecret<'a> {
    fn of(section: &'static str, key: &'static str, file: &'a Path) -> Self {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self {
            section,
            key,
            name,
            file,
        }
    }
}

impl InitAnswers {
    /// Its secrets; two files of one name cannot both be credentials, and systemd 257 starts no service whose credential has a blank or a
    /// quote in its path.
    pub fn secrets(&self) -> Result<Vec<NamedSecret<'_>>, CliError> {
        let sign_in = match &self.sign_in {
            SignInAnswer::ServiceAccount(file) => NamedSecret::of("auth", "service_account_file", file),
            SignInAnswer::Person(file) => NamedSecret::of("auth", "client_secret_file", file),
        };
        let mut secrets = vec![sign_in, NamedSecret::of("archive", "passphrase_file", &self.passphrase)];
        let keys = self.storage_keys.as_ref();
        secrets.extend(keys.map(|file| NamedSecret::of("storage", "credentials_file", file)));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let is_name = |name: &str| !name.is_empty() && name.chars().all(is_plain);
        let names: BTreeSet<&str> = secrets.iter().map(|secret| secret.name.as_str()).collect();
        let is_odd = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\');
        let odd = secrets
            .iter()
            .find(|secret| secret.file.to_string_lossy().contains(is_odd));
        if let Some(odd) = odd {
            let what = "systemd cannot hand over a file with a blank, a quote or a backslash in its path";
            return Err(CliError::new(ExitStatus::Config, what)
                .cause(odd.file.display().to_string())
                .advise("Put it into /etc/grind, for instance, and name it there. Nothing was written."));
        }
        if names.len() == secrets.len() && names.into_iter().all(is_name) {
            return Ok(secrets);
        }
        let files: Vec<_> = secrets.iter().map(|secret| secret.file.display().to_string()).collect();
        Err(
            CliError::new(ExitStatus::Config, "systemd cannot hand over files with these names")
                .cause(files.join(", "))
                .advise("Give each a name of its own, of ASCII letters, digits, dots, - and _. Nothing was written."),
        )
    }
}

/// Refuses a path that is no UTF-8: it can stand in no configuration.
pub fn refuse_unprintable(args: &InitArgs) -> Result<(), CliError> {
    for (flag, file) in [
        ("--storage-keys-file", &args.storage_keys_file),
        ("--service-account-file", &args.service_account_file),
        ("--client-secret-file", &args.client_secret_file),
        ("--passphrase-file", &args.passphrase_file),
    ] {
        if let Some(file) = file.as_ref().filter(|file| file.to_str().is_none()) {
            let what = format!("{flag}: {} is not UTF-8", file.display());
            return Err(
                CliError::new(ExitStatus::Config, what).advise("Give the file another name. Nothing was written.")
            );
        }
    }
    Ok(())
}
