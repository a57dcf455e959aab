//! How a text that is written for SQLite becomes one for PostgreSQL.

/// A date that could be read, as `catalog::dates` asks for it; what stands for any one character differs.
const READABLE: [&str; 2] = ["GLOB '????-??-??T??:??:??'", "LIKE '____-__-__T__:__:__'"];

/// Adds to a running total. Each connection has a part of its own, so that none waits for another's transaction.
pub(crate) const ADD_TO_COUNTER: &str = "INSERT INTO tally_parts (part, kind, value, n) \
    VALUES (current_setting('grind.part')::bigint, :kind, :value, :by) \
    ON CONFLICT (kind, value, part) DO UPDATE SET n = tally_parts.n + excluded.n";

/// A number that no claim had before; a sequence makes no transaction wait for another.
pub(crate) const NEXT_FENCE: &str = "SELECT nextval('claim_fences')";

pub(crate) const LAST_FENCE: &str = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM claim_fences";

/// Sequences do not see numbers that are given, and the planner does not see rows before they were counted.
pub(crate) const AFTER_COPY: &[&str] = &[
    "SELECT setval('claim_fences', greatest(:fence::bigint, 1), :fence::bigint > 0)",
    "SELECT setval(pg_get_serial_sequence('sessions', 'id'), ifnull(max(id), 1), max(id) IS NOT NULL) FROM sessions",
    "SELECT setval(pg_get_serial_sequence('books', 'id'), ifnull(max(id), 1), max(id) IS NOT NULL) FROM books",
    "SELECT setval(pg_get_serial_sequence('book_status_history', 'id'), ifnull(max(id), 1), max(id) IS NOT NULL) \
     FROM book_status_history",
    "SELECT setval(pg_get_serial_sequence('list_passes', 'id'), ifnull(max(id), 1), max(id) IS NOT NULL) FROM list_passes",
    "SELECT setval(pg_get_serial_sequence('fixity_checks', 'id'), ifnull(max(id), 1), max(id) IS NOT NULL) FROM fixity_checks",
    "ANALYZE books",
    "ANALYZE book_status_history",
    "ANALYZE sightings",
];

/// The table in which rows are written, and what stands in front of each.
pub(crate) struct WrittenTable<'t> {
    pub name: &'t str,
    column: &'static str,
    value: &'static str,
}

/// Where rows are written that are read by this name: of totals, in a part of them.
pub(crate) fn written_table(read: &str) -> WrittenTable<'_> {
    let (name, column, value) = match read {
        "tallies" => ("tally_parts", "part, ", "0, "),
        _ => (read, "", ""),
    };
    WrittenTable { name, column, value }
}

/// Adds the rows of `:rows`, JSON objects by column, to the table that is read by this name.
pub(crate) fn append_rows(read: &str, columns: &str) -> String {
    let WrittenTable { name, column, value } = written_table(read);
    format!(
        "INSERT INTO {name} ({column}{columns}) \
         SELECT {value}{columns} FROM json_populate_recordset(NULL::{name}, :rows::text::json)"
    )
}

/// A text with numbered parameters, and their names in that order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TranslatedText {
    pub sql: String,
    pub names: Vec<String>,
}

impl TranslatedText {
    /// `locks`: with the locks on rows that stand in its comments.
    pub(super) fn of(sql: &str, locks: bool) -> Self {
        let locking = locks.then(|| sql.replace("/*pg ", "").replace("*/", ""));
        let sql = locking
            .as_deref()
            .unwrap_or(sql)
            .replace("ifnull(", "coalesce(")
            .replace("json_each(", "json_array_elements_text(")
            .replace(READABLE[0], READABLE[1]);
        let mut out = Self {
            sql: String::with_capacity(sql.len()),
            names: Vec::new(),
        };
        // Every second piece stands between quotation marks.
        for (at, piece) in sql.split('\'').enumerate() {
            if at > 0 {
                out.sql.push('\'');
            }
            if at % 2 == 0 {
                out.number(piece);
            } else {
                out.sql.push_str(piece);
            }
        }
        out
    }

    /// Appends a piece with its `:name`s numbered; `::` is a cast.
    fn number(&mut self, piece: &str) {
        let mut rest = piece;
        while let Some(at) = rest.find(':') {
            let (before, after) = rest.split_at(at);
            self.sql.push_str(before);
            if let Some(cast) = after.strip_prefix("::") {
                self.sql.push_str("::");
                rest = cast;
                continue;
            }
            let name: String = after[1..]
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            rest = &after[1 + name.len()..];
            let number = self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
                self.names.push(name);
                self.names.len() - 1
            });
            self.sql.push('$');
            self.sql.push_str(&(number + 1).to_string());
        }
        self.sql.push_str(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_translated() {
        for (text, sql, names) in [
            ("SELECT 1", "SELECT 1", &[][..]),
            (
                "a = :a AND b = :b OR a < :a",
                "a = $1 AND b = $2 OR a < $1",
                &["a", "b"],
            ),
            ("x = ':no' AND y = :yes", "x = ':no' AND y = $1", &["yes"]),
            ("n::bigint + :n::bigint", "n::bigint + $1::bigint", &["n"]),
            ("id = :id /*pg FOR UPDATE*/", "id = $1 FOR UPDATE", &["id"]),
            ("ifnull(a, '') || :a_b", "coalesce(a, '') || $1", &["a_b"]),
            (
                "a IN (SELECT value FROM json_each(:a))",
                "a IN (SELECT value FROM json_array_elements_text($1))",
                &["a"],
            ),
            (
                "d GLOB '????-??-??T??:??:??' AND :d",
                "d LIKE '____-__-__T__:__:__' AND $1",
                &["d"],
            ),
        ] {
            let translated = TranslatedText::of(text, true);
            assert_eq!(
                (translated.sql.as_str(), translated.names),
                (sql, names.iter().map(ToString::to_string).collect())
            );
        }
        let without_locks = TranslatedText::of("id = :id /*pg FOR UPDATE*/", false);
        assert_eq!(without_locks.sql, "id = $1 /*pg FOR UPDATE*/");
    }
}
