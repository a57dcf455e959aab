//! Who the actors are, and who may ask whom.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Every actor of the program; the closed set behind the metric label `actor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActorName {
    /// Owns each book's plan and asks everyone below.
    Supervisor,
    /// Reads GRIN's list pages.
    Collector,
    /// Asks GRIN for the details of books.
    Enricher,
    /// Asks GRIN to convert books.
    Converter,
    /// Asks for an archive's headers.
    Checker,
    /// Fetches, verifies and stores an archive.
    Downloader,
    /// The one writer of the catalog.
    Catalog,
    /// Client of the state store.
    StateStore,
    /// Owner of the one HTTP client.
    SessionOwner,
}

impl ActorName {
    /// All names, in layer order.
    pub const ALL: [Self; 9] = [
        Self::Supervisor,
        Self::Collector,
        Self::Enricher,
        Self::Converter,
        Self::Checker,
        Self::Downloader,
        Self::Catalog,
        Self::StateStore,
        Self::SessionOwner,
    ];

    /// The label in metrics, logs and snapshots.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Supervisor => "supervisor",
            Self::Collector => "collector",
            Self::Enricher => "enricher",
            Self::Converter => "converter",
            Self::Checker => "checker",
            Self::Downloader => "downloader",
            Self::Catalog => "catalog",
            Self::StateStore => "state_store",
            Self::SessionOwner => "session_owner",
        }
    }

    /// Depth in the layers; an actor may ask only actors of a greater layer, so that no two can wait for each other.
    pub const fn layer(self) -> u8 {
        match self {
            Self::Supervisor => 0,
            Self::Collector | Self::Enricher | Self::Converter | Self::Checker | Self::Downloader => 1,
            Self::Catalog | Self::StateStore => 2,
            Self::SessionOwner => 3,
        }
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for ActorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ActorName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ActorName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let known = Self::ALL.into_iter().find(|name| name.as_str() == word);
        known.ok_or_else(|| serde::de::Error::custom(format!("there is no actor {word:?}")))
    }
}

/// Who asks: an actor, or somebody outside the actors (command line, tests).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageSender {
    /// An actor, bound to ask downwards only.
    Actor(ActorName),
    /// Anybody else, by a name fixed in the code.
    Outside(&'static str),
}

impl MessageSender {
    /// How many rows a table by asker needs: each actor, and one for all of outside.
    pub(super) const ROWS: usize = ActorName::ALL.len() + 1;

    /// The asker's name; `outside` askers show theirs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Actor(name) => name.as_str(),
            Self::Outside(name) => name,
        }
    }

    /// May this asker ask `to`? Actors only downwards; outsiders anyone.
    pub const fn may_ask(self, to: ActorName) -> bool {
        match self {
            Self::Actor(name) => name.layer() < to.layer(),
            Self::Outside(_) => true,
        }
    }

    pub(super) const fn row(self) -> usize {
        match self {
            Self::Actor(name) => name.index(),
            Self::Outside(_) => ActorName::ALL.len(),
        }
    }

    /// The row as it is kept with each event.
    pub(super) fn row_code(self) -> u8 {
        u8::try_from(self.row()).unwrap_or(u8::MAX)
    }

    /// Label of a row: outside askers share one, so that the set of labels stays closed.
    pub(super) fn row_label(row: usize) -> &'static str {
        ActorName::ALL.get(row).map_or("outside", |name| name.as_str())
    }
}

impl fmt::Display for MessageSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for MessageSender {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_follow_the_list_of_all() {
        for (index, name) in ActorName::ALL.into_iter().enumerate() {
            assert_eq!(name.index(), index, "{name}");
        }
    }

    #[test]
    fn actors_ask_downwards_only() {
        use ActorName::{Catalog, Checker, Downloader, SessionOwner, StateStore, Supervisor};
        let cases = [
            (Supervisor, Checker, true),
            (Supervisor, SessionOwner, true),
            (Checker, SessionOwner, true),
            (StateStore, SessionOwner, true),
            (Downloader, Catalog, true),
            (Checker, Downloader, false),
            (Catalog, StateStore, false),
            (SessionOwner, Supervisor, false),
            (SessionOwner, SessionOwner, false),
        ];
        for (from, to, allowed) in cases {
            assert_eq!(MessageSender::Actor(from).may_ask(to), allowed, "{from} -> {to}");
        }
        assert!(MessageSender::Outside("cli").may_ask(Supervisor));
    }
}
