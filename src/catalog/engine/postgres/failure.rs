//! What PostgreSQL's errors mean for the catalog.

use std::error::Error as _;
use std::path::PathBuf;

use tokio_postgres::error::DbError;

use crate::catalog::CatalogError;

impl From<tokio_postgres::Error> for CatalogError {
    fn from(error: tokio_postgres::Error) -> Self {
        let words = words(&error);
        match error.code() {
            Some(code) => of_code(code.code(), error.as_db_error().and_then(DbError::constraint), words),
            None if error
                .source()
                .is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
                || error.is_closed() =>
            {
                Self::Unreachable(words)
            }
            None => Self::Fault(words),
        }
    }
}

/// What two writers that make the same book known both want to add.
const BARCODE: &str = "books_barcode";

/// By the code of the server (SQLSTATE), and the constraint that was violated.
fn of_code(code: &str, constraint: Option<&str>, words: String) -> CatalogError {
    match code {
        "25006" => CatalogError::ReadOnly(words),
        // The same of the schema in which tables are to be made: then none can be chosen.
        "42501" | "3F000" => CatalogError::NotPermitted(words),
        // A character that the database's encoding lacks.
        "22P05" => CatalogError::Encoding(words),
        "53100" => CatalogError::DiskFull {
            path: std::path::PathBuf::new(),
            cause: words,
        },
        "58030" => CatalogError::Disk(words),
        // Two transactions were in each other's way, or one waited too long for another's lock.
        "40001" | "40P01" | "55P03" => CatalogError::Busy,
        "23505" if constraint == Some(BARCODE) => CatalogError::Busy,
        "XX001" | "XX002" => CatalogError::Damaged {
            path: PathBuf::new(),
            cause: words,
        },
        // The connection ended or is refused, or a statement was ended: shutdown, crash, too many connections, idle or busy for too
        // long.
        "57014" | "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "53200" | "53300" | "53400" => {
            CatalogError::Unreachable(words)
        }
        _ if code.starts_with("08") => CatalogError::Unreachable(words),
        _ if is_not_admitted(code) => CatalogError::NotAdmitted(words),
        _ => CatalogError::Fault(words),
    }
}

/// No such database, or a sign-in that is refused.
fn is_not_admitted(code: &str) -> bool {
    code == "3D000" || code.starts_with("28")
}

/// Why no connection came about; `shown`: the address.
pub(super) fn of_connecting(error: &tokio_postgres::Error, shown: &str) -> CatalogError {
    let words = words(error);
    let is_refused = error.code().is_some_and(|code| is_not_admitted(code.code())) || words.contains(NO_PASSWORD);
    let told = format!("{shown}: {words}");
    if is_refused {
        CatalogError::NotAdmitted(told)
    } else {
        CatalogError::Unreachable(told)
    }
}

/// How the client's error ends where a server asks for a password that nobody gave.
const NO_PASSWORD: &str = "password missing";

/// The error's words, the server's own where there are any.
pub(crate) fn words(error: &tokio_postgres::Error) -> String {
    if let Some(server) = error.as_db_error() {
        return format!("{} ({})", server.message(), server.code().code());
    }
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    if words.ends_with(NO_PASSWORD) {
        words.push_str("; no line of the password file is for this host, port, database and user");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_pass_are_told_from_faults() {
        for (code, kind, may_pass) in [
            ("57014", "Unreachable", true),
            ("57P01", "Unreachable", true),
            ("57P03", "Unreachable", true),
            ("53300", "Unreachable", true),
            ("08006", "Unreachable", true),
            ("28P01", "NotAdmitted", true),
            ("28000", "NotAdmitted", true),
            ("3D000", "NotAdmitted", true),
            ("25006", "ReadOnly", true),
            ("42501", "NotPermitted", true),
            ("53100", "DiskFull", true),
            ("58030", "Disk", true),
            ("40001", "Busy", true),
            ("40P01", "Busy", true),
            ("XX001", "Damaged", false),
            ("42P01", "Fault", false),
            ("22P05", "Encoding", false),
            ("23505", "Fault", false),
            ("22P02", "Fault", false),
        ] {
            let error = of_code(code, None, "words".into());
            assert!(format!("{error:?}").starts_with(kind), "{code}: {error:?}");
            assert_eq!(error.may_pass(), may_pass, "{code}");
        }
        for (constraint, is_busy) in [("books_barcode", true), ("books_pkey", false), ("settings_pkey", false)] {
            let error = of_code("23505", Some(constraint), "words".into());
            assert_eq!(matches!(error, CatalogError::Busy), is_busy, "{constraint}: {error:?}");
        }
    }
}
