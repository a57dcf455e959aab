//! The rest of a cut body: what is asked for, and whether what comes is exactly that.

use crate::grin::Validator;
use crate::session::RestartWhy;

/// What is known of the body that was cut.
#[derive(Debug, Clone)]
pub(in crate::session) struct WholeBody {
    /// Strong, so that it vouches for bytes.
    pub(in crate::session) validator: Validator,
    pub(in crate::session) length: u64,
}

/// The answer to the request for the rest.
#[derive(Debug, Clone, Copy)]
pub(super) struct RangeAnswer<'a> {
    pub(super) status: u16,
    pub(super) content_range: Option<&'a str>,
    pub(super) etag: Option<&'a str>,
    pub(super) length: Option<u64>,
}

impl WholeBody {
    /// Whether an offer is the rest after `got` bytes of the same archive (RFC 9110, 14.4 and 15.3.7).
    pub(super) fn judge(&self, offer: &RangeAnswer<'_>, got: u64) -> Result<(), RestartWhy> {
        let other = offer
            .etag
            .is_some_and(|etag| Validator::parse(etag) != Ok(self.validator.clone()));
        match offer.status {
            404 | 412 | 416 => Err(RestartWhy::Changed),
            200 | 206 if other => Err(RestartWhy::Changed),
            206 if self.is_exact(offer, got) => Ok(()),
            206 => Err(RestartWhy::WrongRange),
            _ => Err(RestartWhy::RangeIgnored),
        }
    }

    fn is_exact(&self, offer: &RangeAnswer<'_>, got: u64) -> bool {
        let range = offer.content_range.and_then(parse);
        let rest = self.length.checked_sub(got);
        range == Some((got, self.length.saturating_sub(1), self.length))
            && offer.length.is_none_or(|length| rest == Some(length))
    }
}

/// The `Range` for what is left after `got` bytes.
pub(super) fn range(got: u64) -> String {
    format!("bytes={got}-")
}

/// `bytes FIRST-LAST/LENGTH`.
fn parse(text: &str) -> Option<(u64, u64, u64)> {
    let (range, length) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number = |digits: &str| {
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse().ok())
            .flatten()
    };
    Some((number(first)?, number(last)?, number(length)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: RangeAnswer<'_> = RangeAnswer {
        status: 206,
        content_range: Some("bytes 400-999/1000"),
        etag: Some("\"a\""),
        length: Some(600),
    };

    fn whole() -> WholeBody {
        WholeBody {
            validator: Validator::parse("\"a\"").unwrap(),
            length: 1_000,
        }
    }

    #[test]
    fn only_the_exact_rest_of_the_same_archive_is_taken() {
        let cases = [
            (GOOD, Ok(())),
            (RangeAnswer { etag: None, ..GOOD }, Ok(())),
            (RangeAnswer { length: None, ..GOOD }, Ok(())),
            (
                RangeAnswer {
                    etag: Some("\"b\""),
                    ..GOOD
                },
                Err(RestartWhy::Changed),
            ),
            (
                RangeAnswer {
                    etag: Some("W/\"a\""),
                    ..GOOD
                },
                Err(RestartWhy::Changed),
            ),
            (
                RangeAnswer {
                    content_range: None,
                    ..GOOD
                },
                Err(RestartWhy::WrongRange),
            ),
            (
                RangeAnswer {
                    content_range: Some("bytes 399-999/1000"),
                    ..GOOD
                },
                Err(RestartWhy::WrongRange),
            ),
            (
                RangeAnswer {
                    content_range: Some("bytes 400-998/1000"),
                    ..GOOD
                },
                Err(RestartWhy::WrongRange),
            ),
            (
                RangeAnswer {
                    content_range: Some("bytes 400-999/1001"),
                    ..GOOD
                },
                Err(RestartWhy::WrongRange),
            ),
            (
                RangeAnswer {
                    content_range: Some("bytes 400-999/*"),
                    ..GOOD
                },
                Err(RestartWhy::WrongRange),
            ),
            (
                RangeAnswer {
                    content_range: Some("bytes +400-999/1000"),
                    ..GOOD
                },
                Err(RestartWhy::WrongRange),
            ),
            (
                RangeAnswer {
                    length: Some(599),
                    ..GOOD
                },
                Err(RestartWhy::WrongRange),
            ),
            (RangeAnswer { status: 200, ..GOOD }, Err(RestartWhy::RangeIgnored)),
            (
                RangeAnswer {
                    status: 200,
                    etag: Some("\"b\""),
                    ..GOOD
                },
                Err(RestartWhy::Changed),
            ),
            (RangeAnswer { status: 416, ..GOOD }, Err(RestartWhy::Changed)),
            (RangeAnswer { status: 404, ..GOOD }, Err(RestartWhy::Changed)),
        ];
        for (offer, expected) in cases {
            assert_eq!(whole().judge(&offer, 400), expected, "{offer:?}");
        }
        assert_eq!(range(400), "bytes=400-");
    }
}
