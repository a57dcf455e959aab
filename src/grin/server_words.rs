//! Words that pages, servers and proxies write where a list names volumes or goes on, each with what it means there.

/// What servers say in place of the rest of a page, in lower case.
pub(super) const TROUBLE_PHRASES: [&str; 26] = [
    "an error occurred",
    "backend error",
    "bad gateway",
    "complete your request",
    "connection refused",
    "connection reset",
    "deadline exceeded",
    "deadlineexceeded",
    "error has occurred",
    "gateway time-out",
    "gateway timeout",
    "internal error",
    "internal server error",
    "limit exceeded",
    "quota exceeded",
    "request failed",
    "request timed out",
    "resource_exhausted",
    "server error",
    "service unavailable",
    "something went wrong",
    "temporarily unavailable",
    "that's an error",
    "too many requests",
    "try again later",
    "uncaught exception",
];
/// What tells of trouble in the list's own table, wherever in a word it begins.
const TROUBLE: [&str; 27] = [
    "abort",
    "again",
    "busy",
    "cancel",
    "cannot",
    "crash",
    "error",
    "exceed",
    "exception",
    "fail",
    "fault",
    "incomplete",
    "interrupt",
    "denied",
    "invalid",
    "overload",
    "partial",
    "problem",
    "refuse",
    "retry",
    "sorry",
    "time-out",
    "timed",
    "timeout",
    "unable",
    "unavailable",
    "wrong",
];
/// What stands for no volume where one is named, in capitals. (A word with small letters is none in any case.)
const NO_VOLUME: [&str; 49] = [
    "ALL",
    "BLANK",
    "BOOK",
    "BOOKS",
    "COUNT",
    "DETAIL",
    "DETAILS",
    "DONE",
    "DOWNLOAD",
    "EMPTY",
    "END",
    "EOF",
    "FALSE",
    "FATAL",
    "FILE",
    "GET",
    "LINK",
    "MISSING",
    "MORE",
    "MULTIPLE",
    "NAN",
    "NEXT",
    "NIL",
    "NONE",
    "NULL",
    "OPEN",
    "OTHER",
    "PENDING",
    "PREVIOUS",
    "SEE",
    "SHOW",
    "SUM",
    "TBA",
    "TBC",
    "TBD",
    "TODO",
    "TOTAL",
    "TOTALS",
    "TRUE",
    "TRUNCATED",
    "UNASSIGNED",
    "UNDEFINED",
    "UNKNOWN",
    "UNNAMED",
    "VARIOUS",
    "VIEW",
    "VOID",
    "WARNING",
    "XXX",
];
/// What no barcode has in it, beside its digits.
const IN_NO_BARCODE: [&str; 7] = [
    "ERROR",
    "EXCEPTION",
    "MISSING",
    "PENDING",
    "TIMEOUT",
    "UNDEFINED",
    "UNKNOWN",
];
/// Short words of servers: barcodes have as many letters side by side.
const SHORT: [&str; 11] = [
    "BAD", "CODE", "ERR", "HTTP", "NONE", "NOT", "NULL", "RPC", "SVR", "TRY", "WARN",
];

/// Whether a word of a list's own table or text tells of trouble, whatever its case.
pub(super) fn begins_with_trouble(word: &str) -> bool {
    TROUBLE.iter().any(|trouble| {
        let beginning = word.as_bytes().get(..trouble.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(trouble.as_bytes()))
    })
}

/// Whether a word without digits stands for no volume, where one is named.
pub(super) fn stands_for_no_volume(word: &str) -> bool {
    is_one_of(&NO_VOLUME, word) || begins_with_trouble(word)
}

/// Whether no barcode has these letters in it.
pub(super) fn is_in_no_barcode(letters: &str) -> bool {
    is_one_of(&IN_NO_BARCODE, letters)
}

/// Whether these few letters are a word of servers.
pub(super) fn is_of_a_server(letters: &str) -> bool {
    is_one_of(&SHORT, letters) || begins_with_trouble(letters)
}

fn is_one_of(words: &[&str], word: &str) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_word_means_where_a_volume_is_named() {
        for (word, no_volume, in_no_barcode, of_a_server) in [
            ("ERROR", true, true, true),
            ("Errors", true, false, true),
            ("FAIL", true, false, true),
            ("FAULTY", true, false, true),
            ("NONE", true, false, true),
            ("BOOK", true, false, false),
            ("ERR", false, false, true),
            ("PENDING", true, true, false),
            ("HARVARD", false, false, false),
            ("", false, false, false),
        ] {
            assert_eq!(stands_for_no_volume(word), no_volume, "{word}");
            assert_eq!(is_in_no_barcode(word), in_no_barcode, "{word}");
            assert_eq!(is_of_a_server(word), of_a_server, "{word}");
        }
    }
}
