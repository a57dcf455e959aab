//! `grind simulate`: the GRIN simulator on its own.

mod serve;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

pub use crate::cli::simulate::serve::{SimulateError, run};
use crate::grin::Secret;
use crate::lab::simulator::{
    AfterDownload, AuthConfig, ConversionConfig, FaultKind, FaultPlan, ListConfig, PagerForm, PagingForm, RefusedList,
    ReplayedAnswers, RunningSidecar, SidecarConfig, SidecarSimulator, SimulatorConfig, SimulatorError, StateMix,
    TokenRefusal,
};

/// Serves a simulated GRIN until Ctrl-C: lists, searches, conversion, archives and, where asked for, sign-in and faults
///
/// Prints its base address on start, as one line. At the end it says on standard error, as JSON, what it was asked.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct SimulateArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8642")]
    pub listen: SocketAddr,
    /// Threads that serve
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
    /// Same seed, same library
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The library directory
    #[arg(long, value_name = "NAME", default_value = "TESTLIB")]
    pub library: String,
    /// Books in the library
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub books: u32,
    /// Pages of a book
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub pages: u32,
    /// Bytes of a page's image
    #[arg(long, value_name = "B", default_value_t = 40_000, value_parser = clap::value_parser!(u32).range(0..=100_000_000))]
    pub image_bytes: u32,
    /// Octets hashed by the key derivation; gpg's own count is 65011712
    #[arg(long, value_name = "N", default_value_t = 65_536)]
    pub s2k_count: u32,
    /// File whose first line opens the archives [default: a passphrase known to settings/demo.toml]
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// In which states the books begin
    #[arg(long, value_name = "MIX", default_value = "converted")]
    pub mix: MixName,
    /// Keep made archives here and find them again
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Make all archives before serving
    #[arg(long)]
    pub prepare: bool,
    /// Ask for an access token; implied by --write-config
    #[arg(long)]
    pub require_token: bool,
    /// Ask for no token, also with --write-config
    #[arg(long, conflicts_with = "require_token")]
    pub no_auth: bool,
    /// Seconds an access token lives
    #[arg(long, value_name = "S", default_value_t = 3_599)]
    pub token_seconds: u64,
    /// What a request without a good token gets
    #[arg(long, value_name = "HOW", default_value = "401")]
    pub refusal: RefusalName,
    /// Answer with what a bundle of `grind support-bundle` holds; the library is its, too
    #[arg(long, value_name = "BUNDLE", conflicts_with = "library")]
    pub replay: Option<PathBuf>,
    /// Serve TLS; the certificate authority to trust is written to DIR/ca.pem
    #[arg(long, value_name = "DIR")]
    pub tls: Option<PathBuf>,
    /// Write a config, credentials and passphrase that point here
    #[arg(long, value_name = "DIR")]
    pub write_config: Option<PathBuf>,
    /// Every fault at a rate a good client copes with
    #[arg(long)]
    pub faults: bool,
    /// One fault at this rate, e.g. cut=0.1 (repeatable; 0 switches one off)
    #[arg(long, value_name = "NAME=RATE", value_parser = parse_fault)]
    pub fault: Vec<(FaultKind, f64)>,
    /// Faulty answers for one request at most
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub faults_per_request: u32,
    /// Seconds a stalled body stays silent
    #[arg(long, value_name = "S", default_value_t = 40)]
    pub stall_seconds: u64,
    /// Milliseconds before every answer
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub delay_ms: u64,
    /// More requests in a second than this are answered 429
    #[arg(long, value_name = "R")]
    pub requests_per_second: Option<f64>,
    /// Send whole archives only
    #[arg(long)]
    pub no_ranges: bool,
    /// List archives under names that begin with the library's
    #[arg(long)]
    pub prefixed_names: bool,
    /// What a download does to a book
    #[arg(long, value_name = "WHAT", default_value = "keeps")]
    pub after_download: AfterDownloadName,
    /// Name the next page by an opaque mark
    #[arg(long)]
    pub ctoken: bool,
    /// What leads to the next page: next, double-arrow, more, image, numbers, button, form, foot or script
    #[arg(long, value_name = "FORM", default_value = "next", value_parser = PagerForm::parse)]
    pub pager: PagerForm,
    /// Put lists inside a layout table, with a busy pager and markup in titles
    #[arg(long)]
    pub layout_table: bool,
    /// Leave cells and rows of lists unclosed
    #[arg(long)]
    pub unclosed_cells: bool,
    /// Answer a list with a status, in one form (html, text, all) or in every one, e.g. in_process=404 or available:html=403
    /// (repeatable)
    #[arg(long, value_name = "LIST[:FORM]=STATUS", value_parser = RefusedList::parse)]
    pub refuse_list: Vec<RefusedList>,
    /// Conversions in a simulated day
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    pub conversions_per_day: u32,
    /// Seconds in a simulated day
    #[arg(long, value_name = "S", default_value_t = 86_400.0)]
    pub day_seconds: f64,
    /// Books in process at most
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    pub queue_limit: u32,
    /// Archives in the pool at most; the oldest is dropped [default: no limit]
    #[arg(long, value_name = "N")]
    pub pool_limit: Option<u32>,
    /// Serve a Dapr sidecar with the state store `statestore` too; its address is printed as a second line
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "127.0.0.1:3500")]
    pub state_store: Option<SocketAddr>,
    /// Share of conversions that fail
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub conversion_failures: f64,
    /// End when standard input does, so with whoever holds its other end
    #[arg(long, hide = true)]
    pub until_input_ends: bool,
}

/// In which states the books begin.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum MixName {
    /// Every book can be downloaded at once.
    Converted,
    /// Every book has to be converted first.
    New,
    /// As in Harvard's sample run.
    Harvard,
}

/// What a request without a good token gets.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RefusalName {
    /// Status 401.
    #[value(name = "401")]
    Unauthorized,
    /// A redirect to the sign-in address.
    Redirect,
    /// A sign-in page with status 200.
    Page,
}

/// What a download does to a book.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum AfterDownloadName {
    /// Sets the date of the download.
    Keeps,
    /// Makes it `PREVIOUSLY_DOWNLOADED`; the archive stays.
    Marks,
    /// Makes it `PREVIOUSLY_DOWNLOADED`; the archive is gone.
    Drops,
}

impl SimulateArgs {
    /// The simulator these options describe.
    pub fn config(&self) -> Result<SimulatorConfig, SimulateError> {
        let defaults = SimulatorConfig::default();
        let replay = self.replayed()?;
        let signs_in = (self.require_token || self.write_config.is_some()) && !self.no_auth;
        Ok(SimulatorConfig {
            odd_barcodes: false,
            listen: self.listen,
            workers: self.workers.into(),
            seed: self.seed,
            library: replay.library.clone().unwrap_or_else(|| self.library.clone()),
            books: self.books,
            pages: self.pages,
            image_bytes: self.image_bytes.into(),
            s2k_count: self.s2k_count,
            passphrase: self.passphrase()?.unwrap_or(defaults.passphrase),
            mix: self.mix(),
            prefixed_names: self.prefixed_names,
            tls: self.tls.clone(),
            auth: signs_in.then(|| self.auth()),
            cache_dir: self.cache_dir.clone(),
            ranges: !self.no_ranges,
            after_download: self.after_download(),
            delay: Duration::from_millis(self.delay_ms),
            requests_per_second: self.requests_per_second,
            lists: self.lists(),
            refused_lists: self.refuse_list.clone(),
            replay,
            conversion: self.conversion(),
            faults: self.faults(),
            etags: true,
            form: None,
            cache_bytes: defaults.cache_bytes,
        })
    }

    fn sidecar(&self, listen: SocketAddr) -> Result<RunningSidecar, SimulatorError> {
        SidecarSimulator::start(SidecarConfig {
            listen,
            delay: Duration::from_millis(self.delay_ms),
            workers: self.workers.into(),
            ..SidecarConfig::default()
        })
    }

    fn replayed(&self) -> Result<ReplayedAnswers, SimulateError> {
        let Some(path) = &self.replay else {
            return Ok(ReplayedAnswers::default());
        };
        ReplayedAnswers::read(path).map_err(|error| SimulateError::Replay(path.clone(), error))
    }

    fn passphrase(&self) -> Result<Option<Secret>, SimulateError> {
        let Some(path) = &self.passphrase_file else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(path).map_err(|error| SimulateError::Passphrase(path.clone(), error))?;
        Ok(Some(Secret::new(text.lines().next().unwrap_or_default())))
    }

    fn mix(&self) -> StateMix {
        match self.mix {
            MixName::Converted => StateMix::CONVERTED,
            MixName::New => StateMix::NEW,
            MixName::Harvard => StateMix::HARVARD,
        }
    }

    fn auth(&self) -> AuthConfig {
        AuthConfig {
            token_lifetime: Duration::from_secs(self.token_seconds),
            refusal: match self.refusal {
                RefusalName::Unauthorized => TokenRefusal::Unauthorized,
                RefusalName::Redirect => TokenRefusal::Redirect,
                RefusalName::Page => TokenRefusal::Page,
            },
            ..AuthConfig::default()
        }
    }

    fn after_download(&self) -> AfterDownload {
        match self.after_download {
            AfterDownloadName::Keeps => AfterDownload::Keeps,
            AfterDownloadName::Marks => AfterDownload::Marks,
            AfterDownloadName::Drops => AfterDownload::Drops,
        }
    }

    fn lists(&self) -> ListConfig {
        ListConfig {
            paging: if self.ctoken {
                PagingForm::Ctoken
            } else {
                PagingForm::First
            },
            pager: self.pager,
            layout_table: self.layout_table,
            busy_pager: self.layout_table,
            title_markup: self.layout_table,
            unclosed_cells: self.unclosed_cells,
            ..ListConfig::default()
        }
    }

    fn conversion(&self) -> ConversionConfig {
        ConversionConfig {
            queue_limit: self.queue_limit,
            per_day: self.conversions_per_day,
            pool_limit: self.pool_limit,
            failure_rate: self.conversion_failures,
            day: Duration::try_from_secs_f64(self.day_seconds).ok(),
            ..ConversionConfig::default()
        }
    }

    fn faults(&self) -> FaultPlan {
        let mut faults = if self.faults {
            FaultPlan::all()
        } else {
            FaultPlan::default()
        };
        faults.per_request = self.faults_per_request;
        faults.stall = Duration::from_secs(self.stall_seconds);
        let given = self.fault.iter().copied();
        given.fold(faults, |faults, (fault, rate)| faults.with(fault, rate))
    }
}

fn parse_fault(text: &str) -> Result<(FaultKind, f64), String> {
    let (name, rate) = text.split_once('=').ok_or("write NAME=RATE")?;
    let fault = FaultKind::parse(name).ok_or_else(|| {
        let names: Vec<_> = FaultKind::ALL.iter().map(|fault| fault.name()).collect();
        format!("no fault is called {name:?}; there are {}", names.join(", "))
    })?;
    let rate = rate.parse::<f64>().map_err(|_| format!("{rate:?} is no number"))?;
    let fits = (0.0..=1.0).contains(&rate);
    fits.then_some((fault, rate))
        .ok_or_else(|| format!("a rate lies between 0 and 1, this is {rate}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: SimulateArgs,
    }

    fn config(line: &str) -> Result<SimulatorConfig, clap::Error> {
        let words = std::iter::once("simulate").chain(line.split_whitespace());
        Ok(Line::try_parse_from(words)?.args.config().unwrap())
    }

    #[test]
    fn the_defaults_serve_without_sign_in_and_without_faults() {
        let config = config("").unwrap();
        assert!(config.auth.is_none());
        assert_eq!(config.listen.port(), 8642);
        assert!(FaultKind::ALL.iter().all(|&fault| config.faults.rate(fault) <= 0.0));
    }

    #[test]
    fn a_written_config_brings_sign_in_unless_refused() {
        assert!(config("--write-config d").unwrap().auth.is_some());
        assert!(config("--write-config d --no-auth").unwrap().auth.is_none());
        assert!(config("--require-token --no-auth").is_err());
    }

    #[test]
    fn the_sidecar_is_served_only_when_asked_for() {
        let address = |line: &str| {
            let words = std::iter::once("simulate").chain(line.split_whitespace());
            Line::try_parse_from(words).unwrap().args.state_store
        };
        assert_eq!(address(""), None);
        assert_eq!(
            address("--state-store --books 3"),
            Some("127.0.0.1:3500".parse().unwrap())
        );
        assert_eq!(
            address("--state-store 127.0.0.1:0"),
            Some("127.0.0.1:0".parse().unwrap())
        );
    }

    #[test]
    fn lists_are_refused_as_they_are_named() {
        let refused = config("--refuse-list in_process=404 --refuse-list all_books:html=500")
            .unwrap()
            .refused_lists;
        let told: Vec<_> = refused.iter().map(|refused| (refused.form, refused.status)).collect();
        assert_eq!(told, [(None, 404), (Some(crate::grin::ListForm::Html), 500)]);
        assert!(config("--refuse-list in_process").is_err());
    }

    #[test]
    fn single_faults_override_all_faults() {
        let faults = config("--faults --fault cut=0.5 --fault html=0").unwrap().faults;
        assert!((faults.rate(FaultKind::Cut) - 0.5).abs() < 1e-9 && faults.rate(FaultKind::Html) <= 0.0);
        assert!(faults.rate(FaultKind::Stall) > 0.0);
    }

    #[test]
    fn nonsense_is_refused_with_what_would_be_right() {
        let error = config("--fault cat=0.5").unwrap_err().to_string();
        assert!(error.contains("there are status-403, status-404"), "{error}");
        for line in ["--fault cut=2", "--fault cut", "--books 0", "--mix none"] {
            assert!(config(line).is_err(), "{line}");
        }
    }
}
