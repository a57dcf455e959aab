//! The rest of a cut body: how it is asked for, and what an answer to that brings.

use crate::grin::Validator;
use crate::session::stream::content_range::{ContentRange, unsatisfied_total};

/// What is known of a body that was cut.
#[derive(Debug, Clone, Default)]
pub(in crate::session) struct PartialBody {
    pub(in crate::session) validator: Option<Validator>,
    /// Bytes of the whole; `None`: it came without a length.
    pub(in crate::session) length: Option<u64>,
    /// Whether it comes with a `Content-Encoding`: then only a part with one continues it.
    pub(in crate::session) coded: bool,
    /// The first answer brought the beginning alone.
    pub(super) is_part: bool,
    /// Only what is proven to be of the same version continues it: parts of two were put together before.
    pub(super) one_version: bool,
}

/// How the rest is asked for; each mode is tried when the one before it was in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RangeMode {
    /// `Range` with `If-Range`: needs a strong validator.
    IfRange,
    /// `Range` alone: nodes of one server may give one archive different entity tags, so the totals and, at the end, the archive's
    /// own integrity check tell whether the parts belong together.
    Range,
    /// Without `Range`: what is there already is skipped.
    Whole,
}

impl RangeMode {
    pub(super) const fn next(self) -> Option<Self> {
        match self {
            Self::IfRange => Some(Self::Range),
            Self::Range => Some(Self::Whole),
            Self::Whole => None,
        }
    }
}

/// The answer to the request for the rest.
#[derive(Debug, Clone, Copy)]
pub(super) struct RangeAnswer<'a> {
    pub(super) status: u16,
    pub(super) content_range: Option<&'a str>,
    pub(super) etag: Option<&'a str>,
    /// `Content-Length`.
    pub(super) length: Option<u64>,
    pub(super) coded: bool,
}

/// The status that an answer is read by.
///
/// 203 is a 200 that a proxy changed on its way (RFC 9110, 15.3.4). A 206 that nobody asked for and that begins at 0 and ends where
/// the whole does is the whole: some proxies fetch by parts and pass the last status on.
pub(in crate::session) fn status_read(
    status: u16,
    asks_for_part: bool,
    content_range: Option<&str>,
    length: Option<u64>,
) -> u16 {
    let is_whole = |range: ContentRange| {
        let bytes = range.last + 1;
        range.first == 0 && range.total == Some(bytes) && length.is_none_or(|length| length == bytes)
    };
    match status {
        203 => 200,
        206 if !asks_for_part && content_range.and_then(ContentRange::parse).is_some_and(is_whole) => 200,
        _ => status,
    }
}

/// What to do with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RangeVerdict {
    /// Take it, leaving out its first bytes, which are there already.
    Append {
        /// Bytes to leave out.
        skip: u64,
    },
    /// There is no rest: the body was complete.
    Complete,
    /// It brings nothing: ask in the next mode.
    NextMode,
    /// It is of another archive: the parts do not belong together.
    Restart,
}

impl PartialBody {
    /// What the first answer for an archive begins. `None`: a part that nobody asked for and that is not the beginning, so that nothing
    /// can be made of it.
    pub(super) fn begun_by(answer: &RangeAnswer<'_>) -> Option<Self> {
        let is_part = answer.status == 206;
        let fits = |range: &ContentRange| {
            let bytes = range.last + 1;
            range.first == 0 && answer.length.is_none_or(|length| length <= bytes)
        };
        let is_beginning = || {
            let range = answer.content_range.and_then(ContentRange::parse);
            range.as_ref().is_some_and(fits)
        };
        (!is_part || is_beginning()).then(|| Self {
            validator: answer.etag.and_then(|etag| Validator::parse(etag).ok()),
            length: Self::total_of(answer),
            coded: answer.coded,
            is_part,
            one_version: false,
        })
    }

    /// How the rest after `got` bytes is asked for first.
    pub(super) fn first_mode(&self, got: u64) -> RangeMode {
        match &self.validator {
            _ if got == 0 => RangeMode::Whole,
            Some(validator) if validator.is_strong() => RangeMode::IfRange,
            _ => RangeMode::Range,
        }
    }

    /// What an answer to a request in `mode` means after `got` bytes (RFC 9110, 14.4 and 15.3.7).
    ///
    /// Two totals that differ are proof of another archive. Entity tags decide only where a total is unknown.
    pub(super) fn judge(&self, answer: &RangeAnswer<'_>, got: u64, mode: RangeMode) -> RangeVerdict {
        match answer.status {
            200 | 206 if self.one_version && got > 0 && !self.has_same_tag(answer.etag) => RangeVerdict::Restart,
            200 | 206 if answer.coded != self.coded => RangeVerdict::NextMode,
            206 => self.judge_part(answer, got, mode),
            200 => match self.judge_identity(answer.length, answer.etag, mode) {
                Some(verdict) => verdict,
                // The server means that the archive has changed: without If-Range it may still give the rest.
                None if mode == RangeMode::IfRange && self.has_other_tag(answer.etag) => RangeVerdict::NextMode,
                None => RangeVerdict::Append { skip: got },
            },
            404 => RangeVerdict::Restart,
            412 if mode != RangeMode::IfRange => RangeVerdict::Restart,
            416 => self.judge_no_rest(answer, got),
            _ => RangeVerdict::NextMode,
        }
    }

    /// The length of the whole as an answer gives it.
    pub(super) fn total_of(answer: &RangeAnswer<'_>) -> Option<u64> {
        match answer.status {
            206 => answer.content_range.and_then(ContentRange::parse)?.total,
            200 => answer.length,
            _ => None,
        }
    }

    fn judge_part(&self, answer: &RangeAnswer<'_>, got: u64, mode: RangeMode) -> RangeVerdict {
        let Some(range) = answer.content_range.and_then(ContentRange::parse) else {
            let rest = self.length.and_then(|length| length.checked_sub(got));
            return match answer.length {
                Some(length) if rest == Some(length) => RangeVerdict::Append { skip: 0 },
                _ => RangeVerdict::NextMode,
            };
        };
        // A part that ends where the whole does speaks for the same whole, also when its total is not said.
        let end = Some(range.last + 1).filter(|end| Some(*end) == self.length);
        if let Some(verdict) = self.judge_identity(range.total.or(end), answer.etag, mode) {
            return verdict;
        }
        let brings_new = range.first <= got && got <= range.last;
        // Of a body that is shorter than its range says the bytes are as good, and the rest of them is asked for; one that is longer is
        // taken where it ends with the whole.
        let fits = |length: u64| {
            let end = range.first.saturating_add(length);
            (end <= range.last + 1 || Some(end) == self.length) && end > got
        };
        let fits = answer.length.is_none_or(fits) && self.length.is_none_or(|length| range.last < length);
        if brings_new && fits {
            RangeVerdict::Append {
                skip: got - range.first,
            }
        } else {
            RangeVerdict::NextMode
        }
    }

    /// A verdict if the answer is of another archive.
    fn judge_identity(&self, total: Option<u64>, etag: Option<&str>, mode: RangeMode) -> Option<RangeVerdict> {
        match (self.length, total) {
            (Some(ours), Some(theirs)) => (ours != theirs).then_some(RangeVerdict::Restart),
            _ if !self.has_other_tag(etag) => None,
            _ if mode == RangeMode::IfRange => Some(RangeVerdict::NextMode),
            _ => Some(RangeVerdict::Restart),
        }
    }

    fn has_same_tag(&self, etag: Option<&str>) -> bool {
        let theirs = etag.and_then(|etag| Validator::parse(etag).ok());
        self.validator.is_some() && theirs.is_some() && !self.has_other_tag(etag)
    }

    fn has_other_tag(&self, etag: Option<&str>) -> bool {
        let theirs = etag.and_then(|etag| Validator::parse(etag).ok());
        match (&self.validator, theirs) {
            (Some(ours), Some(theirs)) => !ours.same_archive(&theirs),
            _ => false,
        }
    }

    /// 416: there is nothing after `got` bytes. If the server has as many and speaks of the same archive, these are all, whatever length
    /// it named before; the archive's own integrity check tells whether they are enough.
    fn judge_no_rest(&self, answer: &RangeAnswer<'_>, got: u64) -> RangeVerdict {
        let total = answer.content_range.and_then(unsatisfied_total);
        let is_all = total == Some(got) && !self.has_other_tag(answer.etag);
        match (total, self.length) {
            _ if is_all => RangeVerdict::Complete,
            (Some(total), Some(length)) if total != length => RangeVerdict::Restart,
            (Some(total), _) if total == got => RangeVerdict::Complete,
            (Some(_), _) => RangeVerdict::NextMode,
            (None, Some(length)) if length != got => RangeVerdict::Restart,
            (None, _) => RangeVerdict::Complete,
        }
    }
}

/// The `Range` for what is left after `got` bytes.
pub(super) fn range(got: u64) -> String {
    format!("bytes={got}-")
}

#[cfg(test)]
mod tests;
