//! Lists that this GRIN does not hand out, in one form or in any.

use crate::grin::{ListForm, ListKind};
use crate::lab::simulator::grin::query::QueryPairs;

/// The forms of a list by the names they have on the command line.
const FORMS: [(&str, ListForm); 3] = [
    ("html", ListForm::Html),
    ("text", ListForm::Text),
    ("all", ListForm::TextAll),
];

/// Answers a list with an error status, always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedList {
    /// Which list.
    pub list: ListKind,
    /// In which form; `None`: in every one.
    pub form: Option<ListForm>,
    /// With which status.
    pub status: u16,
}

impl RefusedList {
    /// Reads `LIST=STATUS` or `LIST:FORM=STATUS`: `in_process=404`, `available:html=403`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (place, status) = text.split_once('=').ok_or("write LIST=STATUS or LIST:FORM=STATUS")?;
        let (list, form) = match place.split_once(':') {
            Some((list, form)) => (list, Some(form)),
            None => (place, None),
        };
        let names = |kind: ListKind| kind.path().trim_start_matches('_');
        let list = ListKind::ALL
            .into_iter()
            .find(|kind| names(*kind) == list.trim_start_matches('_'))
            .ok_or_else(|| {
                format!(
                    "no list is called {list:?}; there are {}",
                    ListKind::ALL.map(names).join(", ")
                )
            })?;
        let form = form.map(form_named).transpose()?;
        let status = status.parse().ok().filter(|status| (400..600).contains(status));
        let status = status.ok_or("a status that refuses lies between 400 and 599")?;
        Ok(Self { list, form, status })
    }

    /// Whether a request for this list of the directory is one of those that are refused.
    pub(crate) fn concerns(self, name: &str, query: &QueryPairs) -> bool {
        let form = match (query.get("format"), query.get("mode")) {
            (Some("text"), Some("all")) => ListForm::TextAll,
            (Some("text"), _) => ListForm::Text,
            _ => ListForm::Html,
        };
        self.list.path() == name && self.form.is_none_or(|refused| refused == form)
    }
}

fn form_named(name: &str) -> Result<ListForm, String> {
    let found = FORMS.iter().find(|(known, _)| *known == name);
    found.map(|(_, form)| *form).ok_or_else(|| {
        format!(
            "no form is called {name:?}; there are {}",
            FORMS.map(|(known, _)| known).join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_refused_in_the_form_that_is_named_or_in_all() {
        for (text, refused) in [
            ("in_process=404", [true, true, true]),
            ("_in_process:html=403", [true, false, false]),
            ("in_process:text=500", [false, true, false]),
            ("in_process:all=404", [false, false, true]),
            ("failed=404", [false, false, false]),
        ] {
            let refusal = RefusedList::parse(text).unwrap();
            let asked = ["result_count=10", "format=text", "format=text&mode=all"];
            let concerned = asked.map(|query| refusal.concerns("_in_process", &QueryPairs::parse(query)));
            assert_eq!(concerned, refused, "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_what_would_be_right() {
        for (text, told) in [
            ("in_process", "LIST=STATUS"),
            ("cats=404", "all_books, available"),
            ("failed:xml=404", "html, text, all"),
            ("failed=200", "between 400 and 599"),
            ("failed=no", "between 400 and 599"),
        ] {
            let error = RefusedList::parse(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
