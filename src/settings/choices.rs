//! Kinds of value with meanings of their own: periods, the disk's reserve, and words out of a list.

use std::time::Duration;

use bytesize::ByteSize;

use crate::grin::ProcessForm;
use crate::log::LogFormat;
use crate::settings::kinds::{GivenValue, SettingKind};
use crate::vocabulary::Queue;

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

/// Says by which words the values of an enum stand in the file.
macro_rules! words_of {
    ($name:ident: $right:literal { $( $variant:ident = $word:literal, )+ }) => {
        impl SettingKind for $name {
            const RIGHT: &'static str = concat!("one of ", $right);

            fn read(given: &GivenValue<'_>) -> Option<Self> {
                match given.text()? { $( $word => Some(Self::$variant), )+ _ => None }
            }

            fn show(&self) -> Option<toml::Value> {
                Some(match self { $( Self::$variant => $word, )+ }.into())
            }
        }
    };
}

// How a request for conversion is written (src/grin/PROTOCOL.md, section 7).
words_of! {
    ProcessForm: "lines, fields, query, get, commas" {
        PostLines = "lines",
        PostFields = "fields",
        PostQuery = "query",
        GetRepeated = "get",
        GetCommas = "commas",
    }
}

words_of! {
    LogFormat: "auto, journald, text, json" {
        Auto = "auto",
        Journald = "journald",
        Text = "text",
        Json = "json",
    }
}

/// Under which names objects are stored (src/storage/key/layout.rs).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayoutChoice {
    /// This program's own.
    PerBook,
    /// Those by which readers of a library of grin-transfer's ask for them.
    GrinTransfer,
}

words_of! {
    LayoutChoice: "per-book, grin-transfer" {
        PerBook = "per-book",
        GrinTransfer = "grin-transfer",
    }
}

impl SettingKind for Vec<Queue> {
    const RIGHT: &'static str =
        "a list of queues out of \"converted\", \"previous\", \"unconverted\", \"changed\", \"failed\", \"all\"";

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        given.list()?.iter().map(|word| word.parse().ok()).collect()
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.iter().map(|queue| queue.as_str()).collect::<Vec<_>>().into())
    }
}
