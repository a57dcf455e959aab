//! The kinds of value a key can have: read from TOML or the environment, and shown again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use config::{Value, ValueKind};
use url::Url;

/// A value as it stands in a layer.
pub(super) struct GivenValue<'a> {
    pub value: &'a Value,
    /// From the environment everything is text, so numbers, booleans and lists are read out of text.
    pub from_environment: bool,
    /// Folder that a relative path is taken from; `None` = the working directory.
    pub folder: Option<&'a Path>,
    /// Where systemd puts credentials.
    pub credentials: Option<&'a Path>,
}

/// Something a key can hold.
pub(super) trait SettingKind: Sized {
    /// What would be right, to complete "should be …".
    const RIGHT: &'static str;

    /// The value, or `None` when it is not of this kind.
    fn read(given: &GivenValue<'_>) -> Option<Self>;

    /// The value of a key that no layer sets, where there can be one.
    fn absent() -> Option<Self> {
        None
    }

    /// How it is written in TOML; `None` = not set.
    fn show(&self) -> Option<toml::Value>;
}

impl GivenValue<'_> {
    pub fn text(&self) -> Option<&str> {
        match &self.value.kind {
            ValueKind::String(text) => Some(text),
            _ => None,
        }
    }

    fn environment_text(&self) -> Option<&str> {
        self.text().filter(|_| self.from_environment)
    }

    fn whole(&self) -> Option<u64> {
        match &self.value.kind {
            ValueKind::I64(number) => u64::try_from(*number).ok(),
            ValueKind::U64(number) => Some(*number),
            _ => self.environment_text()?.trim().parse().ok(),
        }
    }

    pub fn list(&self) -> Option<Vec<String>> {
        if let Some(text) = self.environment_text() {
            return Some(
                text.split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .map(Into::into)
                    .collect(),
            );
        }
        let ValueKind::Array(values) = &self.value.kind else {
            return None;
        };
        values
            .iter()
            .map(|value| match &value.kind {
                ValueKind::String(text) => Some(text.clone()),
                _ => None,
            })
            .collect()
    }

    /// Relative paths: first under the credentials directory if the file is there, else beside the file that names it.
    fn path(&self) -> Option<PathBuf> {
        let path = Path::new(self.text().filter(|text| !text.is_empty())?);
        if let Some(credential) = self.credentials.map(|folder| folder.join(path))
            && path.is_relative()
            && credential.is_file()
        {
            return Some(credential);
        }
        Some(self.folder.map_or_else(|| path.to_owned(), |folder| folder.join(path)))
    }
}

impl SettingKind for String {
    const RIGHT: &'static str = "a text";

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        given.text().map(Into::into)
    }

    /// The check of meaning says which texts must not be empty.
    fn absent() -> Option<Self> {
        Some(Self::new())
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.as_str().into())
    }
}

impl SettingKind for bool {
    const RIGHT: &'static str = "true or false";

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        match &given.value.kind {
            ValueKind::Boolean(truth) => Some(*truth),
            _ => given.environment_text()?.trim().to_ascii_lowercase().parse().ok(),
        }
    }

    fn show(&self) -> Option<toml::Value> {
        Some((*self).into())
    }
}

impl SettingKind for u32 {
    const RIGHT: &'static str = "a whole number from 0 to 4294967295";

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        given.whole()?.try_into().ok()
    }

    fn show(&self) -> Option<toml::Value> {
        Some((*self).into())
    }
}

impl SettingKind for u64 {
    const RIGHT: &'static str = "a whole number from 0 up";

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        // TOML's whole numbers have 63 bits.
        given.whole().filter(|number| i64::try_from(*number).is_ok())
    }

    fn show(&self) -> Option<toml::Value> {
        i64::try_from(*self).ok().map(Into::into)
    }
}

impl SettingKind for f64 {
    const RIGHT: &'static str = "a plain number such as 5 or 0.5";

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        let number = match &given.value.kind {
            ValueKind::Float(number) => *number,
            #[expect(clippy::cast_precision_loss, reason = "a rate with more than 52 bits means nothing")]
            ValueKind::I64(number) => *number as Self,
            _ => given.environment_text()?.trim().parse().ok()?,
        };
        number.is_finite().then_some(number)
    }

    fn show(&self) -> Option<toml::Value> {
        Some((*self).into())
    }
}

impl SettingKind for Duration {
    const RIGHT: &'static str = "a duration such as \"90s\", \"10m\" or \"24h\"";

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        humantime::parse_duration(given.text()?).ok()
    }

    fn show(&self) -> Option<toml::Value> {
        Some(humantime::format_duration(*self).to_string().replace(' ', "").into())
    }
}

impl SettingKind for ByteSize {
    const RIGHT: &'static str = "a size such as \"64MiB\"";

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        given.text()?.parse().ok()
    }

    fn show(&self) -> Option<toml::Value> {
        Some(exact_size(*self).into())
    }
}

/// The shortest text that reads back as the same number of bytes.
pub(super) fn exact_size(size: ByteSize) -> String {
    let bytes = size.as_u64();
    [
        ("TiB", 1u64 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
    ]
    .into_iter()
    .find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit))
    .map_or_else(|| format!("{bytes}B"), |(name, unit)| format!("{}{name}", bytes / unit))
}

impl SettingKind for PathBuf {
    const RIGHT: &'static str = "the path of a file";

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        given.path()
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.to_string_lossy().into_owned().into())
    }
}

impl SettingKind for Url {
    const RIGHT: &'static str = "an address such as \"https://host/path\"";

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        let url = Self::parse(given.text()?).ok()?;
        (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.as_str().into())
    }
}

impl SettingKind for SocketAddr {
    const RIGHT: &'static str = "an address and port such as \"127.0.0.1:9618\"";

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        given.text()?.parse().ok()
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.to_string().into())
    }
}

impl SettingKind for Vec<String> {
    const RIGHT: &'static str = "a list of texts such as [\"a\", \"b\"]";

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        given.list()
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.clone().into())
    }
}

impl<T: SettingKind> SettingKind for Option<T> {
    const RIGHT: &'static str = T::RIGHT;

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        T::read(given).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn show(&self) -> Option<toml::Value> {
        self.as_ref().and_then(SettingKind::show)
    }
}
