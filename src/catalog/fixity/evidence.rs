//! The checks of one book.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlConnection;
use crate::catalog::engine::value::arguments;
use crate::grin::Barcode;

/// One check of a book: what was stored of it was read again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckEvent {
    /// When.
    pub checked_at: String,
    /// How closely: `digest`, `deep`.
    pub level: String,
    /// `ok`, `damaged`, `missing` or `could_not_check`.
    pub outcome: String,
    /// The SHA-256 of the archive as it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Bytes read of all its objects.
    pub bytes: u64,
    /// Each object that is not as it should be.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub findings: Value,
}

/// Most checks that are read; the oldest are left out before.
const MOST_CHECKS: usize = 1_000;

/// All checks of a book, the first first.
pub(in crate::catalog) fn checks(conn: &SqlConnection, barcode: &Barcode) -> Result<Vec<CheckEvent>, CatalogError> {
    let sql = "SELECT checked_at, level, outcome, sha256, bytes, findings FROM \
               (SELECT * FROM fixity_checks WHERE barcode = :barcode ORDER BY id DESC LIMIT :limit) AS last ORDER BY id";
    conn.all(sql, &arguments! { barcode: barcode, limit: MOST_CHECKS }, |row| {
        let findings: Option<String> = row.get("findings")?;
        Ok(CheckEvent {
            checked_at: row.get("checked_at")?,
            level: row.get("level")?,
            outcome: row.get("outcome")?,
            sha256: row.get("sha256")?,
            bytes: row.get("bytes")?,
            findings: findings.map_or(Value::Null, |text| {
                serde_json::from_str(&text).unwrap_or(Value::String(text))
            }),
        })
    })
}

impl fmt::Display for CheckEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            checked_at,
            level,
            outcome,
            findings,
            ..
        } = self;
        write!(f, "{checked_at} {level} {outcome}")?;
        for finding in findings.as_array().into_iter().flatten() {
            let text = |name: &str| finding.get(name).and_then(Value::as_str).unwrap_or_default();
            write!(f, "; {}: {}", text("key"), text("detail"))?;
        }
        Ok(())
    }
}
