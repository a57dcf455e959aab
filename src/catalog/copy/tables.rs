//! What is copied: all that is about the library. What is about the database itself is not: members and what they hold, whose times are
//! by its own clock, its schema's version, and how far a copy is.

use crate::catalog::engine::rows::{KeptRows, KeptValue};

/// A table as it is copied.
#[derive(Debug)]
pub(in crate::catalog) struct CopiedTable {
    pub name: &'static str,
    /// The numbers that tell its rows apart, by which it is copied piece by piece; none where it is small, and copied as a whole.
    pub key: &'static [&'static str],
    /// The order of its rows.
    order: &'static str,
    /// Which of its rows.
    rows: &'static str,
    /// Its rows are never changed.
    pub is_append_only: bool,
}

const ALL: &str = "TRUE";

pub(in crate::catalog) const TABLES: [CopiedTable; 9] = [
    CopiedTable {
        name: "settings",
        key: &[],
        order: "key",
        // The number of the last claim is a sequence on a server, and each catalog there has an id of its own.
        rows: "key NOT IN ('schema_version', 'last_fence', 'copy_begun_from', 'catalog_id')",
        is_append_only: false,
    },
    small("sessions", "id"),
    CopiedTable {
        name: "books",
        key: &["id"],
        order: "id",
        rows: ALL,
        is_append_only: false,
    },
    CopiedTable {
        name: "book_status_history",
        key: &["id"],
        order: "id",
        rows: ALL,
        is_append_only: true,
    },
    CopiedTable {
        name: "fixity_checks",
        key: &["id"],
        order: "id",
        rows: ALL,
        is_append_only: true,
    },
    CopiedTable {
        name: "second_copies",
        key: &["book"],
        order: "book",
        rows: ALL,
        is_append_only: false,
    },
    small("list_passes", "id"),
    CopiedTable {
        name: "sightings",
        key: &["list", "book"],
        order: "list, book",
        rows: ALL,
        is_append_only: false,
    },
    small("tallies", "kind, value"),
];

const fn small(name: &'static str, order: &'static str) -> CopiedTable {
    CopiedTable {
        name,
        key: &[],
        order,
        rows: ALL,
        is_append_only: false,
    }
}

impl CopiedTable {
    pub(super) fn is_small(&self) -> bool {
        self.key.is_empty()
    }

    /// Its rows after a key, as many as `:limit`; all of a small one.
    pub(super) fn read(&self, after: &[i64]) -> String {
        let Self { name, order, rows, .. } = self;
        if self.is_small() {
            return format!("SELECT * FROM {name} WHERE {rows} ORDER BY {order}");
        }
        let beyond = match after {
            [] => ALL.to_owned(),
            _ => format!("({}) > ({})", self.key.join(", "), self.parameters().join(", ")),
        };
        format!("SELECT * FROM {name} WHERE {rows} AND {beyond} ORDER BY {order} LIMIT :limit")
    }

    /// The parameters for a key.
    fn parameters(&self) -> Vec<String> {
        self.key.iter().map(|name| format!(":after_{name}")).collect()
    }

    pub(super) fn last(&self) -> String {
        let falling: Vec<_> = self.key.iter().map(|name| format!("{name} DESC")).collect();
        format!(
            "SELECT {} FROM {} ORDER BY {} LIMIT 1",
            self.key.join(", "),
            self.name,
            falling.join(", ")
        )
    }

    pub(super) fn count(&self) -> String {
        format!("SELECT count(*) FROM {} WHERE {}", self.name, self.rows)
    }

    pub(super) fn clear(&self, name: &str) -> String {
        format!("DELETE FROM {name} WHERE {}", self.rows)
    }

    /// The key of the last of some rows.
    pub(super) fn last_key(&self, kept: &KeptRows) -> Vec<i64> {
        let Some(last) = kept.rows.last() else {
            return Vec::new();
        };
        let number = |name: &&str| match kept.place(name).and_then(|place| last.get(place)) {
            Some(KeptValue::Integer(n)) => *n,
            _ => i64::MAX,
        };
        self.key.iter().map(number).collect()
    }
}
