//! Values on their way into a statement and out of a row.

use std::borrow::Cow;

use crate::catalog::CatalogError;
use crate::grin::Barcode;
use crate::vocabulary::BookState;

/// A value as the engines know it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum SqlValue<'a> {
    Null,
    Flag(bool),
    Integer(i64),
    Real(f64),
    Text(&'a str),
}

/// A text as both engines keep it: PostgreSQL takes no NUL in one, and words of others, such as those of a hook, may have it.
pub(super) fn kept_text(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => text.replace('\0', "\u{fffd}").into(),
        false => text.into(),
    }
}

/// A parameter's name, without its colon, and its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SqlArgument<'a> {
    pub name: &'a str,
    pub value: SqlValue<'a>,
}

impl<'a> SqlArgument<'a> {
    pub(crate) fn new(name: &'a str, value: &'a (impl ParameterValue + ?Sized)) -> Self {
        let value = value.as_sql();
        Self { name, value }
    }
}

/// The arguments of a statement: `arguments! { id: book.id, now: tx.stamp }` for its parameters `:id` and `:now`.
macro_rules! arguments {
    ($($name:ident: $value:expr),* $(,)?) => {
        [$($crate::catalog::engine::value::SqlArgument::new(stringify!($name), &$value)),*]
    };
}
pub(crate) use arguments;

/// What is given for a parameter. Mostly arguments are given in the order in which a statement names its parameters, so the search
/// begins at the parameter's place.
pub(crate) fn argument<'a>(
    arguments: &[SqlArgument<'a>],
    place: usize,
    name: &str,
) -> Result<SqlValue<'a>, CatalogError> {
    let (before, from_here) = arguments.split_at(arguments.len().min(place));
    let found = from_here.iter().chain(before).find(|argument| argument.name == name);
    found
        .map(|argument| argument.value)
        .ok_or_else(|| CatalogError::Fault(format!("a statement's parameter {name:?} was not given")))
}

/// Texts as a list in JSON, for `json_each(:texts)`.
pub(crate) fn json_list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    serde_json::Value::from_iter(texts).to_string()
}

/// What can be given to a statement.
pub(crate) trait ParameterValue {
    fn as_sql(&self) -> SqlValue<'_>;
}

impl ParameterValue for bool {
    fn as_sql(&self) -> SqlValue<'_> {
        SqlValue::Flag(*self)
    }
}

macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl ParameterValue for $kind {
            fn as_sql(&self) -> SqlValue<'_> {
                SqlValue::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
            }
        }

        impl ColumnValue for $kind {
            fn of(value: SqlValue<'_>) -> Option<Self> {
                match value {
                    SqlValue::Integer(n) => Self::try_from(n).ok(),
                    _ => None,
                }
            }
        }
    )*};
}
integers!(i64, i32, u64, u32, usize);

impl ParameterValue for str {
    fn as_sql(&self) -> SqlValue<'_> {
        SqlValue::Text(self)
    }
}

impl ParameterValue for String {
    fn as_sql(&self) -> SqlValue<'_> {
        SqlValue::Text(self)
    }
}

impl ParameterValue for Cow<'_, str> {
    fn as_sql(&self) -> SqlValue<'_> {
        SqlValue::Text(self)
    }
}

impl ParameterValue for BookState {
    fn as_sql(&self) -> SqlValue<'_> {
        SqlValue::Text(self.as_str())
    }
}

impl ParameterValue for Barcode {
    fn as_sql(&self) -> SqlValue<'_> {
        SqlValue::Text(self.as_str())
    }
}

impl ParameterValue for SqlValue<'_> {
    fn as_sql(&self) -> SqlValue<'_> {
        *self
    }
}

impl<T: ParameterValue + ?Sized> ParameterValue for &T {
    fn as_sql(&self) -> SqlValue<'_> {
        (**self).as_sql()
    }
}

impl<T: ParameterValue> ParameterValue for Option<T> {
    fn as_sql(&self) -> SqlValue<'_> {
        self.as_ref().map_or(SqlValue::Null, ParameterValue::as_sql)
    }
}

/// What can be read from a column.
pub(crate) trait ColumnValue: Sized {
    /// `None`: the column holds something else.
    fn of(value: SqlValue<'_>) -> Option<Self>;
}

impl ColumnValue for bool {
    fn of(value: SqlValue<'_>) -> Option<Self> {
        match value {
            SqlValue::Flag(flag) => Some(flag),
            SqlValue::Integer(n) => Some(n != 0),
            _ => None,
        }
    }
}

impl ColumnValue for String {
    fn of(value: SqlValue<'_>) -> Option<Self> {
        match value {
            SqlValue::Text(text) => Some(text.into()),
            _ => None,
        }
    }
}

impl ColumnValue for BookState {
    fn of(value: SqlValue<'_>) -> Option<Self> {
        match value {
            SqlValue::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

impl<T: ColumnValue> ColumnValue for Option<T> {
    fn of(value: SqlValue<'_>) -> Option<Self> {
        match value {
            SqlValue::Null => Some(None),
            other => T::of(other).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_all_but_nul() {
        for (text, kept) in [
            ("", ""),
            ("a\u{1}b", "a\u{1}b"),
            ("bad\0thing\0", "bad\u{fffd}thing\u{fffd}"),
        ] {
            assert_eq!(kept_text(text), kept);
        }
    }

    #[test]
    fn what_is_given_is_read_back_and_nothing_else() {
        let state = BookState::Stored;
        let given = arguments! { state: state, n: 7_u32, none: None::<u64>, text: "x", on: true };
        let values = given.map(|argument| argument.value);
        assert_eq!(
            given.map(|argument| argument.name),
            ["state", "n", "none", "text", "on"]
        );
        assert_eq!(BookState::of(values[0]), Some(state));
        assert_eq!(u32::of(values[1]), Some(7));
        assert_eq!(Option::<u64>::of(values[2]), Some(None));
        assert_eq!(String::of(values[3]).as_deref(), Some("x"));
        assert_eq!(bool::of(values[4]), Some(true));
        assert_eq!(BookState::of(SqlValue::Text("home")), None);
        assert_eq!(u32::of(SqlValue::Integer(-1)), None);
        assert_eq!(u64::of(SqlValue::Null), None);
    }
}
