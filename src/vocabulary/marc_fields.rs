//! The seventeen MARC fields that are kept of a book (src/grin/PROTOCOL.md, sections 9 and 13), each named once.

use serde::{Deserialize, Serialize};

/// The fields in their order; one declaration gives the struct, the column names and the stored values.
macro_rules! marc_fields {
    ($($(#[$doc:meta])* $name:ident: $kind:ty,)*) => {
        /// MARC fields by their catalog column names; repeating ones are lists, what is not known is absent.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct MarcFields {
            $($(#[$doc])* #[serde(skip_serializing_if = "MarcValue::is_absent")] pub $name: $kind,)*
        }

        impl MarcFields {
            /// The catalog's columns, in this order.
            pub const COLUMNS: [&'static str; 17] = [$(stringify!($name)),*];

            /// The values as the catalog keeps them, in the order of the columns: repeating fields as a JSON list.
            pub fn stored(&self) -> [Option<String>; 17] {
                [$(self.$name.stored()),*]
            }

            /// Does a column hold a JSON list?
            pub fn is_repeating(column: &str) -> bool {
                match column {
                    $(stringify!($name) => <$kind as MarcValue>::REPEATING,)*
                    _ => false,
                }
            }
        }
    };
}

marc_fields! {
    /// 001.
    marc_control_number: Option<String>,
    /// 008, position 6.
    marc_date_type: Option<String>,
    /// 008, positions 7 to 10, as they stand (`1887`, `18uu`, `9999`).
    marc_date_1: Option<String>,
    /// 008, positions 11 to 14, as they stand.
    marc_date_2: Option<String>,
    /// 008, positions 35 to 37: a MARC language code.
    marc_language: Option<String>,
    /// 010 $a.
    marc_lccn: Option<String>,
    /// 050 $a.
    marc_lc_call_number: Vec<String>,
    /// 020 $a.
    marc_isbn: Vec<String>,
    /// 035 $a with `(OCoLC)`.
    marc_oclc_numbers: Vec<String>,
    /// 245 $a.
    marc_title: Option<String>,
    /// 245 $b.
    marc_title_remainder: Option<String>,
    /// 100 $a.
    marc_author_personal: Option<String>,
    /// 110 $a.
    marc_author_corporate: Option<String>,
    /// 111 $a.
    marc_author_meeting: Option<String>,
    /// 650 $a, without the closing full stop.
    marc_subjects: Vec<String>,
    /// 655 $a, without the closing full stop.
    marc_genres: Vec<String>,
    /// 500 $a.
    marc_general_note: Vec<String>,
}

/// One value, or several of a repeating field.
trait MarcValue {
    const REPEATING: bool;

    fn is_absent(&self) -> bool;

    /// `None` for what is empty.
    fn stored(&self) -> Option<String>;
}

impl MarcValue for Option<String> {
    const REPEATING: bool = false;

    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn stored(&self) -> Option<String> {
        self.clone().filter(|value| !value.is_empty())
    }
}

impl MarcValue for Vec<String> {
    const REPEATING: bool = true;

    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn stored(&self) -> Option<String> {
        let values: Vec<_> = self.iter().filter(|value| !value.is_empty()).collect();
        (!values.is_empty()).then(|| serde_json::json!(values).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_stay_lists_and_empty_ones_are_nothing() {
        let marc = MarcFields {
            marc_isbn: vec!["1, 2".into(), String::new(), "3".into()],
            marc_title: Some(String::new()),
            ..MarcFields::default()
        };
        let values = marc.stored();
        assert_eq!(values[7].as_deref(), Some(r#"["1, 2","3"]"#));
        assert_eq!(values[9], None);
        assert!(MarcFields::is_repeating("marc_isbn") && !MarcFields::is_repeating("marc_title"));
        assert!(!MarcFields::is_repeating("title"));
    }
}
