//! The sections of the config file, typed. `settings/default.toml` says in words what each key does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use url::Url;

use crate::grin::ProcessForm;
use crate::log::LogFormat;
use crate::settings::bandwidth::{BandwidthLimit, BandwidthTimetable};
use crate::settings::choices::{DiskReserve, LayoutChoice, ScheduleInterval};
use crate::settings::hours::DailyHours;
use crate::settings::reader::KeyReader;
use crate::settings::second_copy::SecondCopySettings;
use crate::settings::section::{ConfigKey, section};
use crate::vocabulary::Queue;

section! {
    /// `[library]`: whose books.
    LibrarySettings = "library" {
        /// GRIN's library directory, case-sensitive; never empty once loaded.
        directory: String => NeedsRestart,
    }
}

section! {
    /// `[grin]`: where GRIN is and how fast it may be asked.
    GrinSettings = "grin" {
        /// Address above the library directories; ends in `/` once loaded.
        base_url: Url => NeedsRestart,
        /// Hosts that may be sent the bearer token, exactly; once loaded never empty (the host of `base_url`).
        token_hosts: Vec<String> => NeedsRestart,
        /// Hosts, and hosts under them, that a redirect may lead to, without the token.
        redirect_hosts: Vec<String> => NeedsRestart,
        /// Requests a second, above 0.
        requests_per_second: f64 => Applied,
        /// How many books GRIN lets wait for conversion.
        conversion_queue_limit: u64 => NeedsRestart,
        /// Rows asked for in one list page.
        page_size: u32 => NeedsRestart,
        /// Whether each pass over a list is held against its text form.
        count_check: bool => NeedsRestart,
        /// Whether volumes checked in between full passes are asked for by `_monthly_report`.
        monthly_report: bool => Applied,
        /// Barcodes in one request for conversion.
        conversion_batch: u32 => NeedsRestart,
        /// How a request for conversion is written.
        conversion_form: ProcessForm => NeedsRestart,
    }
}

section! {
    /// `[auth]`: the files that sign us in.
    AuthSettings = "auth" {
        /// OAuth client of type "desktop", as Google hands it out.
        client_secret_file: Option<PathBuf> => NeedsRestart,
        /// Tokens, as `grind auth login` writes them.
        credentials_file: Option<PathBuf> => NeedsRestart,
        /// Key of a service account; replaces the two above.
        service_account_file: Option<PathBuf> => NeedsRestart,
        /// The only addresses that client secrets and refresh tokens are sent to.
        token_uri_allowed: Vec<String> => NeedsRestart,
    }
}

section! {
    /// `[work]`: which books.
    WorkSettings = "work" {
        /// Queues to serve, in this order.
        queues: Vec<Queue> => NeedsRestart,
        /// Only these barcodes, one a line.
        barcodes_file: Option<PathBuf> => NeedsRestart,
        /// Stop after so many books.
        limit: Option<u64> => NeedsRestart,
        /// Download also what is stored and unchanged.
        force: bool => NeedsRestart,
        /// Begin nothing new.
        paused: bool => Applied,
        /// Its name among the daemons that share the catalog; the machine's where none is given.
        instance: Option<String> => NeedsRestart,
        /// How long a daemon that does not renew its membership keeps what it has.
        lease_time: Duration => NeedsRestart,
    }
}

section! {
    /// `[session]`: the one HTTP session.
    SessionSettings = "session" {
        /// Connections in use at once.
        limit: u32 => NeedsRestart,
        /// Of these to one host.
        limit_per_host: u32 => NeedsRestart,
        /// Name lookup, TCP and TLS.
        connect_timeout: Duration => NeedsRestart,
        /// Longest silence.
        read_timeout: Duration => NeedsRestart,
        /// A small request from sending to the end of its answer.
        total_timeout: Duration => NeedsRestart,
        /// Far backstop for one archive.
        download_timeout: Duration => NeedsRestart,
        /// Bytes a second, averaged over a minute, below which a download is cut and resumed; 0 = no floor.
        minimum_speed: ByteSize => NeedsRestart,
        /// Bytes a second of all bodies together, by the time of day.
        bandwidth: BandwidthTimetable => Applied,
        /// How long an idle connection is kept.
        keep_alive: Duration => NeedsRestart,
        /// A connection older than this is not used again.
        max_connection_age: Duration => NeedsRestart,
        /// How long a looked-up name is believed.
        dns_ttl: Duration => NeedsRestart,
        /// CA certificates (PEM) instead of the system's.
        ca_file: Option<PathBuf> => NeedsRestart,
        /// Offer HTTP/2.
        http2: bool => NeedsRestart,
        /// Idle connections are dropped after so many errors in a row.
        reset_after_errors: u32 => NeedsRestart,
    }
}

section! {
    /// `[workers]`: how many of each kind work at once.
    WorkersSettings = "workers" {
        /// Ask GRIN whether an archive changed.
        check: u32 => Applied,
        /// Download, decrypt, verify, store.
        download: u32 => Applied,
        /// Ask GRIN for books' facts.
        enrich: u32 => Applied,
        /// Read GRIN's lists.
        collect: u32 => Applied,
        /// Ask GRIN to convert.
        convert: u32 => Applied,
    }
}

section! {
    /// `[retry]`: what happens after a failure.
    RetrySettings = "retry" {
        /// Attempts for one book before it is `failed`.
        attempts: u32 => Applied,
        /// First wait; each further one may be twice as long.
        base: Duration => Applied,
        /// Longest wait.
        cap: Duration => Applied,
        /// So many failures in a row, over all books, pause the work.
        max_sequential_failures: u32 => Applied,
    }
}

section! {
    /// `[archive]`: what is done with an archive.
    ArchiveSettings = "archive" {
        /// File with the passphrase of GRIN's archives.
        passphrase_file: Option<PathBuf> => NeedsRestart,
        /// File with an OpenPGP secret key, for archives that are encrypted to a public key.
        secret_key_file: Option<PathBuf> => NeedsRestart,
        /// Read also archives whose encryption has no integrity check, if checksums prove every page.
        accept_unauthenticated: bool => NeedsRestart,
        /// Check the archive's own list of digests.
        verify_checksums: bool => NeedsRestart,
        /// Write the pages' text.
        extract_text: bool => NeedsRestart,
        /// Read the MARC record out of the METS.
        extract_marc: bool => NeedsRestart,
        /// Gzip the pages' text.
        compress_text: bool => NeedsRestart,
        /// Write it also with page numbers and names of images.
        text_by_page: bool => NeedsRestart,
        /// Keep the archive as GRIN sent it beside the decrypted one.
        keep_encrypted: bool => NeedsRestart,
    }
}

section! {
    /// `[storage]`: where the books go.
    StorageSettings = "storage" {
        /// `file:///path`, `s3://bucket/prefix`, `az://container/prefix`, `gs://bucket/prefix` or `memory:`.
        url: String => NeedsRestart,
        /// Place of archives, instead of `raw_prefix` in `url`.
        raw_url: Option<String> => NeedsRestart,
        /// Place of pages' text, instead of `full_prefix` in `url`.
        full_url: Option<String> => NeedsRestart,
        /// Place of manifests, exports and backups, instead of `meta_prefix` in `url`.
        meta_url: Option<String> => NeedsRestart,
        /// Under which names objects are stored.
        layout: LayoutChoice => NeedsRestart,
        /// The run that is in the names of the layout `grin-transfer`, instead of the library's.
        run: Option<String> => NeedsRestart,
        /// Prefix of archives.
        raw_prefix: String => NeedsRestart,
        /// Prefix of pages' text.
        full_prefix: String => NeedsRestart,
        /// Prefix of manifests, exports and backups.
        meta_prefix: String => NeedsRestart,
        /// Address of the object store, where it is not its provider's.
        endpoint: Option<Url> => NeedsRestart,
        /// S3 region.
        region: Option<String> => NeedsRestart,
        /// Azure storage account.
        account: Option<String> => NeedsRestart,
        /// The object store's keys, instead of those in the environment.
        credentials_file: Option<PathBuf> => NeedsRestart,
        /// Room on the disk that is left free.
        disk_reserve: DiskReserve => NeedsRestart,
    }
}

section! {
    /// `[catalog]`: what is known of each book.
    CatalogSettings = "catalog" {
        /// `sqlite:///path`.
        url: String => NeedsRestart,
    }
}

section! {
    /// `[state_store]`: a Dapr state store, for several machines on one library.
    StateStoreSettings = "state_store" {
        /// Use it.
        enabled: bool => NeedsRestart,
        /// Address of the sidecar.
        url: Url => NeedsRestart,
        /// Name of the state store component.
        store: String => NeedsRestart,
        /// The API token of the sidecar.
        token_file: Option<PathBuf> => NeedsRestart,
        /// Connections in use at once.
        limit: u32 => NeedsRestart,
        /// Of these to one host.
        limit_per_host: u32 => NeedsRestart,
        /// One request from beginning to end.
        total_timeout: Duration => NeedsRestart,
        /// Waiting for a permit and connecting.
        connect_timeout: Duration => NeedsRestart,
        /// Longest silence.
        read_timeout: Duration => NeedsRestart,
        /// How long a looked-up name is believed.
        dns_ttl: Duration => NeedsRestart,
    }
}

section! {
    /// `[schedule]`: what is done again, and how often.
    #[expect(clippy::struct_field_names, reason = "the keys are named so")]
    ScheduleSettings = "schedule" {
        /// The whole list of books.
        collect_every: ScheduleInterval => NeedsRestart,
        /// Facts of books that have none yet.
        enrich_every: ScheduleInterval => NeedsRestart,
        /// GRIN's short lists: converted, in process, failed.
        refresh_every: ScheduleInterval => NeedsRestart,
        /// Asking for conversions.
        convert_every: ScheduleInterval => NeedsRestart,
        /// The CSV into storage.
        export_every: ScheduleInterval => NeedsRestart,
        /// A copy of the catalog into storage.
        backup_every: ScheduleInterval => NeedsRestart,
    }
}

section! {
    /// `[fixity]`: stored books are read again.
    FixitySettings = "fixity" {
        /// How often each of them.
        reread_every: ScheduleInterval => NeedsRestart,
        /// How much of them a day.
        bytes_per_day: BandwidthLimit => NeedsRestart,
        /// At which hours.
        hours: DailyHours => NeedsRestart,
    }
}

section! {
    /// `[hooks]`: who is told of stored books.
    HooksSettings = "hooks" {
        /// A command with its arguments, or an address.
        on_stored: Option<String> => NeedsRestart,
        /// How long one telling may take.
        timeout: Duration => NeedsRestart,
    }
}

section! {
    /// `[observe]`: where the daemon can be watched.
    ObserveSettings = "observe" {
        /// Page, metrics and probes.
        listen: SocketAddr => NeedsRestart,
        /// What whoever asks over the network must have.
        token_file: Option<PathBuf> => NeedsRestart,
        /// For `grind status` and `grind top`.
        socket: PathBuf => NeedsRestart,
        /// Where spans are sent.
        traces_url: Option<Url> => NeedsRestart,
        /// Of how many books, from 0 to 1.
        traces_share: f64 => NeedsRestart,
    }
}

section! {
    /// `[log]`: what is written to the log.
    LogSettings = "log" {
        /// `error`, `warn`, `info`, `debug`, `trace`, or a comma-separated list with `target=level`.
        level: String => Applied,
        /// Form of a line.
        format: LogFormat => NeedsRestart,
    }
}

section! {
    /// `[shutdown]`: how the daemon ends.
    ShutdownSettings = "shutdown" {
        /// How long running books may finish.
        grace: Duration => NeedsRestart,
    }
}

macro_rules! settings {
    ( $( $(#[$meta:meta])* $field:ident: $section:ident, )+ ) => {
        /// The whole configuration, checked: every key of every section has a value.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Settings {
            $( $(#[$meta])* pub $field: $section, )+
        }

        impl Settings {
            /// Every key, section by section.
            pub(super) fn keys() -> impl Iterator<Item = &'static ConfigKey> {
                [ $( $section::KEYS, )+ ].into_iter().flatten()
            }

            pub(super) fn read(reader: &mut KeyReader<'_>) -> Option<Self> {
                $( let $field = $section::read(reader); )+
                Some(Self { $( $field: $field?, )+ })
            }

            /// These settings with what a reload applies of `new`: what is in force after it. A key that needs a restart
            /// keeps its value, so that each later reload goes on saying that it waits.
            #[must_use]
            pub fn with_live_of(&self, new: &Self) -> Self {
                let mut in_force = self.clone();
                $( in_force.$field.take_live(&new.$field); )+
                in_force
            }

            /// Every key with its value, in the order of [`Settings::keys`]; `None` = not set.
            pub(super) fn show(&self) -> Vec<(&'static ConfigKey, Option<toml::Value>)> {
                let values = [ $( self.$field.show(), )+ ].into_iter().flatten();
                Self::keys().zip(values).collect()
            }
        }
    };
}

settings! {
    /// Whose books.
    library: LibrarySettings,
    /// Where GRIN is.
    grin: GrinSettings,
    /// Signing in.
    auth: AuthSettings,
    /// Which books.
    work: WorkSettings,
    /// The HTTP session.
    session: SessionSettings,
    /// Workers of each kind.
    workers: WorkersSettings,
    /// After a failure.
    retry: RetrySettings,
    /// What is done with an archive.
    archive: ArchiveSettings,
    /// Where the books go.
    storage: StorageSettings,
    /// A second place for the same books.
    storage_copy: SecondCopySettings,
    /// What is known of each book.
    catalog: CatalogSettings,
    /// A Dapr state store.
    state_store: StateStoreSettings,
    /// What is done again.
    schedule: ScheduleSettings,
    /// Stored books are read again.
    fixity: FixitySettings,
    /// Who is told of stored books.
    hooks: HooksSettings,
    /// Where the daemon can be watched.
    observe: ObserveSettings,
    /// The log.
    log: LogSettings,
    /// How the daemon ends.
    shutdown: ShutdownSettings,
}
