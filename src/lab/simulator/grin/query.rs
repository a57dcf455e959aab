//! Parameters of an address or a form.

use url::form_urlencoded;

/// Decoded parameters in their order; a name may come more than once.
pub(crate) struct QueryPairs(Vec<(String, String)>);

impl QueryPairs {
    pub fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// The first value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every value of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A value as a number.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.get(name)?.parse().ok()
    }

    /// Barcodes of one or more parameters, parted by blanks, commas or line ends.
    pub fn barcodes(&self) -> Vec<&str> {
        self.all("barcodes").flat_map(split_barcodes).collect()
    }
}

/// Barcodes parted by blanks, commas or line ends.
pub(crate) fn split_barcodes(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', '\n', '\r', '\t']).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn barcodes_are_found_in_every_form() {
        let query = QueryPairs::parse("barcodes=A%20B&x=1&barcodes=C,D&barcodes=E");
        assert_eq!(query.barcodes(), ["A", "B", "C", "D", "E"]);
        assert_eq!(query.number("x"), Some(1));
        assert_eq!(query.get("y"), None);
    }
}
