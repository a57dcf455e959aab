//! Kinds of value with meanings of their own: periods, the disk's reserve, and words out of a list.

use std::time::Duration;

use bytesize::ByteSize;

use crate::settings::kinds::{GivenValue, SettingKind};

/// How often something is done; `None` (written `"off"`) = never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleInterval(pub Option<Duration>);

impl SettingKind for ScheduleInterval {
    const RIGHT: &'static str = "a duration such as \"24h\", or \"off\"";

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        match given.text()? {
            "off" => Some(Self(None)),
            _ => Duration::read(given).map(|period| Self(Some(period))),
        }
    }

    fn show(&self) -> Option<toml::Value> {
        self.0.map_or_else(|| Some("off".into()), |period| period.show())
    }
}

/// Room on the disk that is left free.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DiskReserve {
    /// Of the file system's size, 0 to 100.
    Percent(f64),
    /// So many bytes.
    Size(ByteSize),
}

impl SettingKind for DiskReserve {
    const RIGHT: &'static str = "a share such as \"10%\" or a size such as \"50GiB\"";

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        let text = given.text()?.trim();
        match text.strip_suffix('%') {
            Some(share) => share
                .trim()
                .parse()
                .ok()
                .filter(|share| (0.0..=100.0).contains(share))
                .map(Self::Percent),
            None => text.parse().ok().map(Self::Size),
        }
    }

    fn show(&self) -> Option<toml::Value> {
        match self {
            Self::Percent(share) => Some(format!("{share}%").into()),
            Self::Size(size) => size.show(),
        }
    }
}

/// Defines an enum whose values stand as words in the file.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident: $right:literal { $( $(#[$doc:meta])* $variant:ident = $word:literal, )+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $( $(#[$doc])* $variant, )+ }

        impl $name {
            /// The word in the file.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word, )+ }
            }

            /// The value of a word, if it is one.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $( $word => Some(Self::$variant), )+ _ => None }
            }
        }

        impl SettingKind for $name {
            const RIGHT: &'static str = concat!("one of ", $right);

            fn read(given: &GivenValue<'_>) -> Option<Self> {
                Self::parse(given.text()?)
            }

            fn show(&self) -> Option<toml::Value> {
                Some(self.as_str().into())
            }
        }
    };
}

words! {
    /// A queue of books, as `work.queues` and `--queue` name it.
    QueueName: "converted, previous, unconverted, changed, failed, all" {
        /// GRIN has an archive ready.
        Converted = "converted",
        /// Downloaded before; its archive may have been pushed out of the pool.
        Previous = "previous",
        /// Never converted.
        Unconverted = "unconverted",
        /// GRIN's copy is newer than ours.
        Changed = "changed",
        /// Failed here before.
        Failed = "failed",
        /// Every book.
        All = "all",
    }
}

words! {
    /// How a request for conversion is written (src/grin/PROTOCOL.md, section 7).
    ConversionForm: "lines, fields, query, get, commas" {
        /// POST, one barcode a line in the body.
        Lines = "lines",
        /// POST of form fields.
        Fields = "fields",
        /// POST with the barcodes in the address.
        Query = "query",
        /// GET, the parameter repeated.
        Get = "get",
        /// GET, one parameter with commas between.
        Commas = "commas",
    }
}

words! {
    /// Where leases between daemons are kept.
    LeasesName: "process, sqlite, dapr" {
        /// In this process: it shares with nobody.
        Process = "process",
        /// In a file beside the catalog, for processes of one machine that share it.
        Sqlite = "sqlite",
        /// In the state store, for machines that each have a catalog.
        Dapr = "dapr",
    }
}

words! {
    /// The form of a log line.
    LogFormatName: "auto, journald, text, json" {
        /// `journald` under systemd, else `text`.
        Auto = "auto",
        /// No time stamp of its own; the priority in front.
        Journald = "journald",
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

impl SettingKind for Vec<QueueName> {
    const RIGHT: &'static str =
        "a list of queues out of \"converted\", \"previous\", \"unconverted\", \"changed\", \"failed\", \"all\"";

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        given.list()?.iter().map(|word| QueueName::parse(word)).collect()
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.iter().map(|queue| queue.as_str()).collect::<Vec<_>>().into())
    }
}
