//! Options that several commands share.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use crate::cli::barcode_args::BarcodeArgs;
use crate::cli::error::CliError;
use crate::cli::load;
use crate::observe::DaemonEndpoint;
use crate::settings::{Settings, SettingsSources};
use crate::vocabulary::Queue;

/// Where the config is.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// The config file; drop-ins beside it in FILE.d/*.toml are read after it [default: /etc/grind/grind.toml]
    #[arg(short, long, value_name = "FILE", env = "GRIND_CONFIG")]
    pub config: Option<PathBuf>,
}

/// Which of the books in the catalog are meant.
#[derive(Debug, Clone, Default, Args)]
pub struct SelectionArgs {
    /// At most so many books
    #[arg(long, value_name = "N", help_heading = "Which books", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Barcodes named one by one.
    #[command(flatten)]
    pub barcodes: BarcodeArgs,
    /// Books of this queue; may be given several times [default: work.queues of the config]
    #[arg(long = "queue", value_name = "NAME", help_heading = "Which books")]
    pub queues: Vec<Queue>,
    /// Also books that are done already
    #[arg(long, help_heading = "Which books")]
    pub force: bool,
}

impl ValueEnum for Queue {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::EVERY
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.as_str()).help(match self {
            Self::Converted => "GRIN has the archive ready, and it is not stored",
            Self::Previous => "Asked for in an earlier run, and not stored",
            Self::Unconverted => "GRIN has never been asked to convert it",
            Self::Changed => "Stored, but GRIN has worked on it since",
            Self::Failed => "Failed before",
            Self::All => "Every book in the catalog",
        }))
    }
}

/// Where the running daemon is asked.
#[derive(Debug, Clone, Default, Args)]
pub struct ReachArgs {
    /// Its config, which says where it listens.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The daemon's Unix socket (observe.socket)
    #[arg(long, value_name = "FILE", help_heading = "Where the daemon is")]
    pub socket: Option<PathBuf>,
    /// The daemon's address (observe.listen)
    #[arg(long, value_name = "ADDR:PORT", help_heading = "Where the daemon is")]
    pub address: Option<SocketAddr>,
}

/// The default in `settings/default.toml`, where that cannot be asked: a config of this machine is wrong.
const SOCKET: &str = "/run/grind/grind.sock";
/// The same of the address.
const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9618);

impl ReachArgs {
    /// What was named; else what the config says; else the defaults. Tried in this order.
    ///
    /// # Errors
    /// A config was named, and it cannot be read or is wrong in [observe]. Without one, a config that the caller may not read (it names secrets) is no
    /// error: the defaults are tried.
    pub fn endpoints(&self) -> Result<Vec<DaemonEndpoint>, CliError> {
        if self.socket.is_some() || self.address.is_some() {
            let socket = self.socket.clone().map(DaemonEndpoint::Socket);
            let address = self.address.map(DaemonEndpoint::Address);
            return Ok(socket.into_iter().chain(address).collect());
        }
        let file = self.config.config.as_deref();
        let sources = SettingsSources::of_process(file);
        let observe = match Settings::load_observe(&sources) {
            Ok(observe) => Some(observe),
            Err(error) if file.is_some() => return Err(load::refused(&sources, &error)),
            Err(_) => None,
        };
        Ok(match observe {
            Some(observe) => vec![
                DaemonEndpoint::Socket(observe.socket),
                DaemonEndpoint::Address(observe.listen),
            ],
            None => vec![DaemonEndpoint::Socket(SOCKET.into()), DaemonEndpoint::Address(ADDRESS)],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_named_is_asked() {
        let address = "127.0.0.1:1".parse().unwrap();
        let named = ReachArgs {
            address: Some(address),
            ..ReachArgs::default()
        };
        assert_eq!(named.endpoints().unwrap(), [DaemonEndpoint::Address(address)]);
        assert_eq!(ReachArgs::default().endpoints().unwrap().len(), 2);
    }

    #[test]
    fn the_config_says_where_the_daemon_listens_and_a_wrong_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("grind.toml");
        std::fs::write(
            &file,
            "[library]\ndirectory = \"T\"\n[observe]\nsocket = \"/run/other.sock\"\n",
        )
        .unwrap();
        let named = |file: &std::path::Path| ReachArgs {
            config: ConfigArgs {
                config: Some(file.to_owned()),
            },
            ..ReachArgs::default()
        };
        let endpoints = named(&file).endpoints().unwrap();
        assert_eq!(endpoints[0], DaemonEndpoint::Socket("/run/other.sock".into()));
        std::fs::write(&file, "[library]\ndirectory = \"T\"\n").unwrap();
        assert_eq!(
            named(&file).endpoints().unwrap(),
            [DaemonEndpoint::Socket(SOCKET.into()), DaemonEndpoint::Address(ADDRESS)],
            "what is tried without a config are the defaults"
        );
        std::fs::write(&file, "[library]\nlimt = 1\n[observe]\nsocket = \"/run/other.sock\"\n").unwrap();
        let refused_elsewhere = named(&file).endpoints().unwrap();
        assert_eq!(refused_elsewhere[0], DaemonEndpoint::Socket("/run/other.sock".into()));
        for text in ["[observe]\nsocket = 5\n", "[observe]\nsockt = \"x\"\n", "[observe\n"] {
            std::fs::write(&file, text).unwrap();
            assert!(named(&file).endpoints().is_err(), "{text}");
        }
        let wrong = named(&folder.path().join("none.toml")).endpoints().unwrap_err();
        assert_eq!(wrong.exit(), crate::cli::exit::ExitStatus::Config);
    }
}
