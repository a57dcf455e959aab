//! What errors of the workers cost a book.

use crate::pipeline::book_run::*;

#[test]
fn an_error_costs_the_book_only_what_is_the_books() {
    let words = String::new;
    let cases = [
        (
            SessionError::Throttled {
                status: 503,
                retry_after: None,
            },
            ErrorKind::Elsewhere,
        ),
        (
            SessionError::Unexpected {
                status: 400,
                snippet: words(),
            },
            ErrorKind::Lasting,
        ),
        (SessionError::Forbidden { snippet: words() }, ErrorKind::Elsewhere),
        (SessionError::SignedOut { why: words() }, ErrorKind::Elsewhere),
        (SessionError::Server { status: 500 }, ErrorKind::Passing),
        (SessionError::Closed, ErrorKind::Elsewhere),
    ];
    for (error, kind) in cases {
        assert_eq!(session_fault(&error).0, kind, "{error}");
    }
    let panicked = DownloadError::Panicked(crate::grin::Barcode::parse("TL0001").unwrap());
    let (kind, fault) = download_fault(&panicked);
    assert_eq!((kind, fault.reason), (ErrorKind::Passing, FailureReason::Panicked));
}
