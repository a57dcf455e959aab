//! Everything that can be set.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::grin::Secret;
use crate::lab::simulator::archive::openpgp::LengthForm;
use crate::lab::simulator::faults::FaultPlan;
use crate::lab::simulator::grin::dates::START;
use crate::lab::simulator::grin::life::StateMix;
use crate::lab::simulator::grin::pager::PagerForm;
use crate::lab::simulator::grin::refused::RefusedList;
use crate::lab::simulator::replay::ReplayedAnswers;
use crate::settings::DEMO_PASSPHRASE;

/// A simulated library and how its site behaves. `Default` is a small library on a free loopback port, without sign-in
/// and without faults, every book in the pool.
#[derive(Debug, Clone)]
pub struct SimulatorConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Threads that serve.
    pub workers: usize,
    /// Same seed, same library.
    pub seed: u64,
    /// The library directory.
    pub library: String,
    /// Number of books.
    pub books: u32,
    /// Pages of a book, an eighth more or fewer.
    pub pages: u32,
    /// Bytes of a page image, an eighth more or fewer.
    pub image_bytes: u64,
    /// Octets hashed by the key derivation; gpg's own count is 65,011,712.
    pub s2k_count: u32,
    /// One form for every message; `None` mixes them.
    pub form: Option<LengthForm>,
    /// What opens the archives.
    pub passphrase: Secret,
    /// In which states the books begin.
    pub mix: StateMix,
    /// Are archives listed as `<LIB>_<BARCODE>.tar.gz.gpg`?
    pub prefixed_names: bool,
    /// Serves TLS with a certificate of its own; its CA is written here as `ca.pem`.
    pub tls: Option<PathBuf>,
    /// Sign-in; `None` lets everybody in.
    pub auth: Option<AuthConfig>,
    /// Made archives are kept here and found again.
    pub cache_dir: Option<PathBuf>,
    /// Made archives are kept in memory up to this sum when there is no folder.
    pub cache_bytes: u64,
    /// Does a GET honour `Range`?
    pub ranges: bool,
    /// Does a HEAD or GET carry an `ETag`?
    pub etags: bool,
    /// What a GET to the end does to a book.
    pub after_download: AfterDownload,
    /// Pause before every answer.
    pub delay: Duration,
    /// More requests in a second than this are answered 429.
    pub requests_per_second: Option<f64>,
    /// How lists look.
    pub lists: ListConfig,
    /// Lists that are not handed out.
    pub refused_lists: Vec<RefusedList>,
    /// Answers in place of its own.
    pub replay: ReplayedAnswers,
    /// Do some barcodes begin with `$` or `+`?
    pub odd_barcodes: bool,
    /// How conversion works.
    pub conversion: ConversionConfig,
    /// What goes wrong.
    pub faults: FaultPlan,
}

/// Sign-in as a client meets it.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    /// The one client that is known.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// The refresh token that is alive from the start.
    pub refresh_token: Secret,
    /// How long an access token lives.
    pub token_lifetime: Duration,
    /// For how many requests it is good besides.
    pub token_requests: Option<u64>,
    /// What a request without a good token gets.
    pub refusal: TokenRefusal,
    /// PEM of the public key that service accounts sign with; without it their signature is not checked.
    pub service_account_key: Option<String>,
    /// Does the authorisation page send the browser back at once, as if a person had agreed?
    pub consent: ConsentChoice,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            client_id: "1234-grind.apps.googleusercontent.com".into(),
            client_secret: Secret::new("client-secret-of-the-simulator"),
            refresh_token: Secret::new("1//refresh-token-of-the-simulator"),
            token_lifetime: Duration::from_secs(3_599),
            token_requests: None,
            refusal: TokenRefusal::Unauthorized,
            service_account_key: None,
            consent: ConsentChoice::Given,
        }
    }
}

/// What a request without a valid token gets (src/grin/PROTOCOL.md, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRefusal {
    /// 401.
    Unauthorized,
    /// 302 to the sign-in address.
    Redirect,
    /// A sign-in page with status 200.
    Page,
}

/// What the person before the authorisation page does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentChoice {
    /// Agrees at once.
    Given,
    /// Refuses at once.
    Refused,
    /// Is shown a page with a link to press.
    Asked,
}

/// What a GET to the end does to a book; GRIN's own habit is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterDownload {
    /// Only the date of the download is set.
    Keeps,
    /// It becomes `PREVIOUSLY_DOWNLOADED`, its archive can still be had.
    Marks,
    /// It becomes `PREVIOUSLY_DOWNLOADED` and its archive is gone.
    Drops,
}

/// How lists look.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one habit of the pages, free of the others"
)]
pub struct ListConfig {
    /// Rows of a page when the client does not say.
    pub page_size: u32,
    /// Rows of a page at most, whatever the client says.
    pub max_page_size: u32,
    /// How the next page is named.
    pub paging: PagingForm,
    /// What leads to the next page.
    pub pager: PagerForm,
    /// How the address of the next page is written.
    pub links: NextLinkForm,
    /// Does the list stand inside a layout table with a menu?
    pub layout_table: bool,
    /// Are cells and rows left unclosed?
    pub unclosed_cells: bool,
    /// Does the last page link to an empty one?
    pub empty_last_page: bool,
    /// Is there a column that no client knows?
    pub extra_column: bool,
    /// Are some titles links, and do some hold markup?
    pub title_markup: bool,
    /// Does the pager show `Last >>` and `< Previous` before `Next >`?
    pub busy_pager: bool,
    /// A continuation mark older than this is answered with a page that refuses.
    pub ctoken_lifetime: Option<Duration>,
}

impl Default for ListConfig {
    fn default() -> Self {
        Self {
            page_size: 1_000,
            max_page_size: 50_000,
            paging: PagingForm::First,
            pager: PagerForm::Next,
            links: NextLinkForm::SiteRelative,
            layout_table: false,
            unclosed_cells: false,
            empty_last_page: false,
            extra_column: false,
            title_markup: false,
            busy_pager: false,
            ctoken_lifetime: None,
        }
    }
}

/// How the next page is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PagingForm {
    /// `first=`, an offset.
    First,
    /// `ctoken=`, an opaque mark.
    Ctoken,
}

/// The form of the next page's address. GRIN's own form is not known (src/grin/PROTOCOL.md, section 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextLinkForm {
    /// `/libraries/LIB/_all_books?…`
    SiteRelative,
    /// `_all_books?…`
    PageRelative,
    /// `?…` alone.
    QueryOnly,
    /// With scheme and host.
    Absolute,
}

/// How conversion works.
#[derive(Debug, Clone)]
pub struct ConversionConfig {
    /// Books in process at most; a request beyond it is answered 429.
    pub queue_limit: u32,
    /// Conversions in a simulated day.
    pub per_day: u32,
    /// Archives in the pool at most; the oldest is dropped. `None`: no limit.
    pub pool_limit: Option<u32>,
    /// Share of conversions that fail.
    pub failure_rate: f64,
    /// Length of a simulated day; `None`: only the tests' hand moves the clock.
    pub day: Option<Duration>,
    /// Minutes since 1970 at which the calendar begins.
    pub start: u32,
}

impl Default for ConversionConfig {
    fn default() -> Self {
        Self {
            queue_limit: 50_000,
            per_day: 5_000,
            pool_limit: None,
            failure_rate: 0.0,
            day: Some(Duration::from_hours(24)),
            start: START,
        }
    }
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            workers: 1,
            seed: 1,
            library: "TESTLIB".into(),
            books: 20,
            pages: 8,
            image_bytes: 20_000,
            s2k_count: 65_536,
            form: None,
            passphrase: Secret::new(DEMO_PASSPHRASE),
            mix: StateMix::CONVERTED,
            prefixed_names: false,
            tls: None,
            auth: None,
            cache_dir: None,
            cache_bytes: 256 << 20,
            ranges: true,
            etags: true,
            after_download: AfterDownload::Keeps,
            delay: Duration::ZERO,
            requests_per_second: None,
            lists: ListConfig::default(),
            refused_lists: Vec::new(),
            replay: ReplayedAnswers::default(),
            odd_barcodes: false,
            conversion: ConversionConfig::default(),
            faults: FaultPlan::default(),
        }
    }
}
