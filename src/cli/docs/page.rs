//! The text of manual pages: that of a command, and what pages share.

use clap::Command;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::error::CliError;
use crate::cli::help::CommandHelp;

/// A name, and what is to be said of it.
pub type NamedText = (&'static str, &'static str);

const ENVIRONMENT: &[NamedText] = &[
    ("GRIND_CONFIG", "The config file, where --config names none."),
    (
        "GRIND__SECTION__KEY",
        "A key of the config, over every file, as in GRIND__LOG__LEVEL=debug.",
    ),
    (
        "CREDENTIALS_DIRECTORY",
        "Where files of secrets that are named without a folder are looked for first. systemd sets it where the unit has LoadCredential=.",
    ),
    (
        "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN",
        "The keys of an S3 storage.",
    ),
    (
        "AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN",
        "The account and the key, or the shared access signature, of an Azure storage.",
    ),
    (
        "GOOGLE_APPLICATION_CREDENTIALS",
        "The file of keys of a Google storage.",
    ),
    (
        "PGSERVICE, PGSERVICEFILE, PGSYSCONFDIR, PGPASSFILE",
        "What the address of a catalog on a PostgreSQL server does not say, as for PostgreSQL's own programs.",
    ),
    (
        "DAPR_API_TOKEN",
        "The token of the Dapr sidecar, where state_store.token_file names none.",
    ),
    ("NO_COLOR", "Set to anything: no colours on the terminal."),
];

const FILES: &[NamedText] = &[
    (
        "/etc/grind/grind.toml",
        "The configuration; what lies in /etc/grind/grind.toml.d/*.toml is read after it. See grind.toml(5).",
    ),
    (
        "/var/lib/grind/catalog.db",
        "What is known of each book, unless catalog.url says otherwise.",
    ),
    (
        "/var/lib/grind/library",
        "The books, unless storage.url says otherwise.",
    ),
    (
        "/run/grind/grind.sock",
        "Where the running daemon is asked, unless observe.socket says otherwise.",
    ),
    (
        "/usr/share/doc/grind/default.toml",
        "Every key of the configuration with its default.",
    ),
];

/// A page that is being written.
#[derive(Default)]
pub struct ManualPage(Roff);

impl ManualPage {
    /// The head of a page that clap knows nothing of.
    pub fn begin(name: &str, section: &str, does: &str) -> Self {
        let mut page = Self::default();
        page.0.control("TH", [name, section, "\"\"", &source(), "grind"]);
        // Addresses and lists of values are too long to be spread over a line.
        page.0.control("ad", ["l"]);
        page.heading("NAME");
        page.0.text([roman(format!("{name} - {does}"))]);
        page
    }

    /// Begins a section.
    pub fn heading(&mut self, heading: &str) {
        self.0.control("SH", [heading]);
    }

    /// Begins a part of a section.
    pub fn part(&mut self, heading: &str) {
        self.0.control("SS", [heading]);
    }

    /// Running text.
    pub fn paragraph(&mut self, text: &str) {
        self.0.control("PP", []);
        self.0.text([roman(text)]);
    }

    /// Names that stand over each other, and their explanation.
    pub fn entry<'a>(&mut self, names: impl IntoIterator<Item = &'a str>, text: &str) {
        for (name, tag) in names.into_iter().zip(["TP"].into_iter().chain(std::iter::repeat("TQ"))) {
            self.0.control(tag, []);
            self.0.text([bold(name)]);
        }
        self.0.text([roman(text)]);
    }

    /// Lines that stay as they are.
    pub fn lines(&mut self, lines: &str) {
        self.0.control("PP", []);
        self.0.control("nf", []);
        self.0.text([roman(lines)]);
        self.0.control("fi", []);
    }

    /// What can be set from outside, and where things lie: the same for all that reads a config.
    pub fn surroundings(&mut self) {
        for (heading, entries) in [("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES)] {
            self.heading(heading);
            for (name, text) in entries {
                self.entry([*name], text);
            }
        }
    }

    /// What else to read.
    pub fn see_also(&mut self, pages: &[&str]) {
        self.heading("SEE ALSO");
        self.0.text([roman(pages.join(", "))]);
    }

    /// The page as a file has it.
    pub fn text(&self) -> String {
        self.0.render()
    }

    fn ending(&mut self, help: &CommandHelp) {
        if !help.notes.is_empty() {
            self.heading("NOTES");
            // Tables are indented.
            match help.notes.contains("\n ") {
                true => self.lines(help.notes),
                false => self.paragraph(help.notes),
            }
        }
        self.heading("EXAMPLES");
        self.lines(&help.examples.join("\n"));
        self.heading("EXIT STATUS");
        for exit in help.exits {
            self.entry([exit.code().to_string().as_str()], exit.meaning());
        }
    }
}

/// The page of a command whose help has this ending.
pub fn of_command(command: &Command, name: &str, help: Option<&CommandHelp>) -> Result<String, CliError> {
    let mut page = Vec::new();
    // Its own name for such a section would be EXTRA.
    let plain = command.clone().display_name(name).after_long_help(None);
    clap_mangen::Man::new(plain)
        .date("\"\"")
        .source(source())
        .manual("grind")
        .render(&mut page)
        .map_err(|error| CliError::output(&error))?;
    let page = String::from_utf8_lossy(&page).into_owned();
    // The version stands at the foot of each page.
    let begin = page.split("\n.SH VERSION\n").next().unwrap_or_default();
    let mut end = ManualPage::default();
    if let Some(help) = help {
        end.ending(help);
    }
    if command.get_arguments().any(|argument| argument.get_id() == "config") || name == PROGRAM {
        end.surroundings();
    }
    end.see_also(&["grind(1)", "grind.toml(5)"]);
    Ok(format!("{begin}\n{}", end.text()))
}

/// The main page's name.
pub const PROGRAM: &str = env!("CARGO_PKG_NAME");

fn source() -> String {
    format!("grind {}", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::DEFAULT_TOML;

    #[test]
    fn files_and_variables_are_those_of_the_configuration() {
        for (file, _) in FILES.iter().filter(|(file, _)| !file.starts_with("/usr/share/doc")) {
            assert!(DEFAULT_TOML.contains(file), "{file}");
        }
        for name in [
            "AWS_ACCESS_KEY_ID",
            "AZURE_STORAGE_SAS_TOKEN",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "PGSERVICE",
            "PGPASSFILE",
            "DAPR_API_TOKEN",
            "CREDENTIALS_DIRECTORY",
        ] {
            assert!(ENVIRONMENT.iter().any(|(names, _)| names.contains(name)), "{name}");
            assert!(DEFAULT_TOML.contains(name), "{name}");
        }
    }
}
