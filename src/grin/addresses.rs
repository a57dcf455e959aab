//! GRIN's addresses for one library.

use url::Url;

use crate::grin::{Barcode, FileName, LibraryDirectory, ListKind};

/// Longest address of a `_barcode_search` that is known to work (PROTOCOL.md, section 3).
pub const SEARCH_ADDRESS_LIMIT: usize = 7_500;

/// Builds the addresses of PROTOCOL.md, section 1.
#[derive(Debug, Clone)]
pub struct GrinAddresses {
    /// `https://books.google.com/libraries/<LIB>/`, with the blank path part that makes joining safe.
    base: Url,
}

/// How a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListQuery {
    /// Page or text.
    pub form: ListForm,
    /// `result_count`: volumes a page; -1 asks for all; `None` leaves it to GRIN.
    pub page_size: Option<i64>,
}

/// The forms in which GRIN gives a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListForm {
    /// Pages with a table.
    #[default]
    Html,
    /// One barcode or file name a line.
    Text,
    /// Tab-separated columns.
    TextAll,
}

impl std::fmt::Display for ListForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Html => "pages",
            Self::Text => "text",
            Self::TextAll => "text with columns",
        })
    }
}

/// The form of a request for conversions (PROTOCOL.md, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProcessForm {
    /// POST, one barcode a line in the body.
    #[default]
    PostLines,
    /// POST of form fields, the parameter repeated.
    PostFields,
    /// POST, the parameter repeated in the address.
    PostQuery,
    /// GET, the parameter repeated.
    GetRepeated,
    /// GET, one parameter with commas between.
    GetCommas,
}

impl ProcessForm {
    /// All forms, in the order in which they are tried.
    pub const ALL: [Self; 5] = [
        Self::PostLines,
        Self::PostFields,
        Self::PostQuery,
        Self::GetRepeated,
        Self::GetCommas,
    ];

    /// The form that is tried where a server does not take this one; the last is followed by the first.
    #[must_use]
    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|form| *form == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }

    /// Whether a status refuses the form of a request, and not what is asked for: the method, the type of the body, its length or that of
    /// the address.
    pub fn is_refused_by(status: u16) -> bool {
        matches!(status, 405 | 406 | 411 | 413 | 414 | 415 | 501)
    }
}

/// A request for conversions, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessRequest {
    /// Where it goes.
    pub url: Url,
    /// Content type and body of a POST; `None` means GET.
    pub post: Option<(&'static str, String)>,
}

/// Why an address cannot be GRIN's base.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadBase {
    /// `mailto:` and the like.
    #[error("{0} cannot be a base address: it has no host")]
    NoHost(Url),
}

impl GrinAddresses {
    /// `base_url` is what comes before the library's directory, usually `https://books.google.com/libraries/`. A query
    /// or fragment in it is dropped.
    pub fn new(base_url: &Url, library: &LibraryDirectory) -> Result<Self, BadBase> {
        let mut base = base_url.clone();
        if !base.has_host() {
            return Err(BadBase::NoHost(base));
        }
        base.set_query(None);
        base.set_fragment(None);
        if let Ok(mut parts) = base.path_segments_mut() {
            parts.pop_if_empty().push(library.as_str()).push("");
        }
        Ok(Self { base })
    }

    /// First page of a list.
    pub fn list(&self, kind: ListKind, query: &ListQuery) -> Url {
        let mut pairs = Vec::new();
        match query.form {
            ListForm::Html => {}
            ListForm::Text => pairs.push("format=text".to_owned()),
            ListForm::TextAll => pairs.push("format=text&mode=all".to_owned()),
        }
        pairs.extend(query.page_size.map(|size| format!("result_count={size}")));
        self.with(kind.path(), &pairs.join("&"))
    }

    /// Facts about barcodes; see [`batches`] for how many fit.
    pub fn barcode_search(&self, barcodes: &[Barcode]) -> Url {
        let joined = barcodes
            .iter()
            .map(Barcode::for_address)
            .collect::<Vec<_>>()
            .join("%20");
        self.with("_barcode_search", &format!("{SEARCH_QUERY}{joined}"))
    }

    /// Where conversions are asked for.
    pub fn process(&self) -> Url {
        self.with("_process", "")
    }

    /// A request for the conversion of `barcodes`.
    pub fn process_request(&self, form: ProcessForm, barcodes: &[Barcode]) -> ProcessRequest {
        let join = |before: &str, between: &str| {
            let names: Vec<String> = barcodes
                .iter()
                .map(|b| format!("{before}{}", b.for_address()))
                .collect();
            names.join(between)
        };
        let lines = || barcodes.iter().map(Barcode::as_str).collect::<Vec<_>>().join("\n");
        let repeated = || self.with("_process", &join("barcodes=", "&"));
        let (url, post) = match form {
            ProcessForm::PostLines => (self.process(), Some(("text/plain", lines()))),
            ProcessForm::PostFields => {
                let body = format!("process_format=text&{}", join("barcodes=", "&"));
                (self.process(), Some(("application/x-www-form-urlencoded", body)))
            }
            ProcessForm::PostQuery => (repeated(), Some(("text/plain", String::new()))),
            ProcessForm::GetRepeated => (repeated(), None),
            ProcessForm::GetCommas => (self.with("_process", &format!("barcodes={}", join("", ","))), None),
        };
        ProcessRequest { url, post }
    }

    /// An archive, by the name as listed.
    pub fn archive(&self, name: &FileName) -> Url {
        self.with(&name.for_address(), "")
    }

    /// Summary of the directory, the cheapest test of credentials.
    pub fn summary(&self) -> Url {
        self.with("", "format=text&result_count=1")
    }

    /// Volumes checked in from `start` (inclusive) to `end` (exclusive).
    pub fn monthly_report(&self, start: jiff::civil::Date, end: jiff::civil::Date) -> Url {
        let query = format!(
            "execute_query=true&year={}&month={}&check_in_date_start={start}&check_in_date_end={end}&format=text",
            start.year(),
            start.month()
        );
        self.with("_monthly_report", &query)
    }

    fn with(&self, name: &str, query: &str) -> Url {
        let mut url = self.base.clone();
        // Names come encoded; `PathSegmentsMut::push` would encode their `%` once more.
        url.set_path(&format!("{}{name}", self.base.path()));
        url.set_query((!query.is_empty()).then_some(query));
        url
    }
}

const SEARCH_QUERY: &str = "execute_query=true&format=text&mode=full&barcodes=";

/// Cuts `barcodes` into runs whose `_barcode_search` address, percent-encoded, has at most `limit` characters; a run
/// has at least one barcode. See [`SEARCH_ADDRESS_LIMIT`].
pub fn batches<'a>(
    barcodes: &'a [Barcode],
    addresses: &GrinAddresses,
    limit: usize,
) -> impl Iterator<Item = &'a [Barcode]> + use<'a> {
    let fixed = addresses.barcode_search(&[]).as_str().len();
    let mut rest = barcodes;
    std::iter::from_fn(move || {
        let (run, after) = rest.split_at_checked(run_length(rest, limit.saturating_sub(fixed)))?;
        rest = after;
        (!run.is_empty()).then_some(run)
    })
}

/// How many of the first barcodes fit into `room` characters, with `%20` between.
fn run_length(barcodes: &[Barcode], room: usize) -> usize {
    let mut used = 0;
    let fitting = barcodes.iter().enumerate().take_while(|(i, barcode)| {
        used += barcode.for_address().len() + if *i == 0 { 0 } else { "%20".len() };
        used <= room
    });
    fitting.count().max(1).min(barcodes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> GrinAddresses {
        let base = Url::parse("https://books.google.com/libraries/").unwrap();
        GrinAddresses::new(&base, &LibraryDirectory::parse("TESTLIB").unwrap()).unwrap()
    }

    fn barcodes(n: usize) -> Vec<Barcode> {
        (0..n).map(|i| Barcode::parse(&format!("TL{i:010}")).unwrap()).collect()
    }

    #[test]
    fn addresses_are_grins() {
        let a = addresses();
        let b = barcodes(2);
        let list = |form, page_size| a.list(ListKind::AllBooks, &ListQuery { form, page_size });
        let base = "https://books.google.com/libraries/TESTLIB/";
        let cases = [
            (list(ListForm::Html, None), "_all_books"),
            (list(ListForm::Html, Some(10_000)), "_all_books?result_count=10000"),
            (
                list(ListForm::TextAll, Some(-1)),
                "_all_books?format=text&mode=all&result_count=-1",
            ),
            (list(ListForm::Text, None), "_all_books?format=text"),
            (
                a.barcode_search(&b),
                "_barcode_search?execute_query=true&format=text&mode=full&barcodes=TL0000000000%20TL0000000001",
            ),
            (a.process(), "_process"),
            (a.archive(&FileName::of(&b[0])), "TL0000000000.tar.gz.gpg"),
            (a.summary(), "?format=text&result_count=1"),
            (
                a.monthly_report(jiff::civil::date(2024, 2, 1), jiff::civil::date(2024, 3, 1)),
                "_monthly_report?execute_query=true&year=2024&month=2&check_in_date_start=2024-02-01\
                 &check_in_date_end=2024-03-01&format=text",
            ),
        ];
        for (url, expected) in cases {
            assert_eq!(url.as_str(), format!("{base}{expected}"));
        }
    }

    #[test]
    fn a_base_without_slash_serves_too() {
        let library = LibraryDirectory::parse("X").unwrap();
        let at = |text: &str| GrinAddresses::new(&Url::parse(text).unwrap(), &library).map(|a| a.summary().to_string());
        let summary = "http://127.0.0.1:9/libraries/X/?format=text&result_count=1";
        assert_eq!(at("http://127.0.0.1:9/libraries").unwrap(), summary);
        assert_eq!(at("http://127.0.0.1:9/libraries/?a#b").unwrap(), summary);
        assert!(at("mailto:a@b").is_err());
    }

    #[test]
    fn forms_of_process() {
        let b = barcodes(2);
        let request = |form| {
            let request = addresses().process_request(form, &b);
            (request.url.query().unwrap_or_default().to_owned(), request.post)
        };
        let repeated = "barcodes=TL0000000000&barcodes=TL0000000001".to_owned();
        assert_eq!(
            request(ProcessForm::PostLines),
            (
                String::new(),
                Some(("text/plain", "TL0000000000\nTL0000000001".to_owned()))
            )
        );
        assert_eq!(
            request(ProcessForm::PostQuery),
            (repeated.clone(), Some(("text/plain", String::new())))
        );
        assert_eq!(request(ProcessForm::GetRepeated), (repeated, None));
        assert_eq!(
            request(ProcessForm::GetCommas),
            ("barcodes=TL0000000000,TL0000000001".to_owned(), None)
        );
        let (query, post) = request(ProcessForm::PostFields);
        assert_eq!((query.as_str(), post.unwrap().1.matches("barcodes=").count()), ("", 2));
    }

    #[test]
    fn batches_fill_the_address_and_lose_nothing() {
        let (addresses, barcodes) = (addresses(), barcodes(2_000));
        let runs: Vec<_> = batches(&barcodes, &addresses, SEARCH_ADDRESS_LIMIT).collect();
        let length = |run: &[Barcode]| addresses.barcode_search(run).as_str().len();
        for run in &runs {
            assert!(length(run) <= SEARCH_ADDRESS_LIMIT);
        }
        assert!(
            length(&barcodes[..=runs[0].len()]) > SEARCH_ADDRESS_LIMIT,
            "one more would not have fitted"
        );
        assert_eq!(runs.concat(), barcodes);
        assert_eq!(
            batches(&barcodes[..3], &addresses, 10).count(),
            3,
            "one at a time if even one is too long"
        );
        assert_eq!(batches(&[], &addresses, 10).count(), 0);
    }
}
