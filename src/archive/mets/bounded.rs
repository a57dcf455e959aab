//! A reader that ends a document with an error before one tag, or all of it, grows too large. Of a text, a CDATA section or a comment that is
//! longer the rest is passed over: a thumbnail that the METS holds is nothing that is needed.

use std::io::{self, BufRead, Read};

/// First bytes of an event that tell its form.
const HEAD: usize = CDATA.len();
const CDATA: &[u8] = b"<![CDATA[";
const COMMENT: &[u8] = b"<!--";

/// Lets through so many bytes for each event, and so many in all.
pub(super) struct BoundedReader<B> {
    input: B,
    event: usize,
    event_left: usize,
    total_left: u64,
    exceeded: bool,
    /// The event's first bytes.
    head: Vec<u8>,
    /// The last bytes that were taken.
    last: [u8; 2],
    /// The end of what was passed over, still to be given.
    end: &'static [u8],
    was_cut: bool,
}

/// What an event is, by its first bytes.
enum EventForm {
    /// A tag, or what cannot be left out.
    Tag,
    Text,
    /// It ends with these bytes.
    Marked(&'static [u8; 3]),
}

impl EventForm {
    fn of(head: &[u8]) -> Self {
        match head {
            _ if head.starts_with(CDATA) => Self::Marked(b"]]>"),
            _ if head.starts_with(COMMENT) => Self::Marked(b"-->"),
            [] | [b'<' | b'&', ..] => Self::Tag,
            _ => Self::Text,
        }
    }
}

impl<B: BufRead> BoundedReader<B> {
    pub(super) fn new(input: B, event: usize, total: u64) -> Self {
        Self {
            input,
            event,
            event_left: event,
            total_left: total,
            exceeded: false,
            head: Vec::with_capacity(HEAD),
            last: [0; 2],
            end: &[],
            was_cut: false,
        }
    }

    /// A new event begins.
    pub(super) fn next_event(&mut self) {
        self.event_left = self.event;
        self.head.clear();
        self.was_cut = false;
    }

    /// True once a bound was met.
    pub(super) fn exceeded(&self) -> bool {
        self.exceeded
    }

    /// Part of this event was passed over.
    pub(super) fn was_cut(&self) -> bool {
        self.was_cut
    }

    /// Passes over the rest of an event that is too long, as far as its end.
    fn pass_over(&mut self) -> io::Result<()> {
        let form = EventForm::of(&self.head);
        if matches!(form, EventForm::Tag) {
            return Ok(());
        }
        loop {
            let [mut before, mut last] = self.last;
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Ok(());
            }
            self.was_cut = true;
            let is_end = |byte: &u8| match form {
                EventForm::Marked(mark) => {
                    let is_end = [before, last, *byte] == *mark;
                    (before, last) = (last, *byte);
                    is_end
                }
                EventForm::Text | EventForm::Tag => matches!(byte, b'<' | b'&'),
            };
            let end = buffer.iter().position(is_end);
            let have = buffer.len();
            match (end, &form) {
                (Some(at), EventForm::Marked(mark)) => {
                    self.end = *mark;
                    return self.take(at + 1);
                }
                // The event ends before this byte, which is only looked at.
                (Some(at), _) => {
                    self.event_left = 1;
                    return self.take(at);
                }
                (None, _) => self.take(have)?,
            }
        }
    }

    /// Takes bytes that are in the buffer.
    fn take(&mut self, amount: usize) -> io::Result<()> {
        if amount as u64 > self.total_left {
            return Err(self.exceed());
        }
        self.note(amount);
        self.total_left -= amount as u64;
        self.input.consume(amount);
        Ok(())
    }

    fn note(&mut self, amount: usize) {
        let Ok(buffer) = self.input.fill_buf() else { return };
        let taken = &buffer[..amount];
        let more = taken.len().min(HEAD - self.head.len());
        self.head.extend_from_slice(&taken[..more]);
        for byte in &taken[taken.len().saturating_sub(self.last.len())..] {
            self.last = [self.last[1], *byte];
        }
    }

    fn exceed(&mut self) -> io::Error {
        self.exceeded = true;
        io::ErrorKind::FileTooLarge.into()
    }
}

impl<B: BufRead> BufRead for BoundedReader<B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.event_left == 0 && self.end.is_empty() {
            self.pass_over()?;
        }
        if !self.end.is_empty() {
            return Ok(self.end);
        }
        let most = self
            .event_left
            .min(usize::try_from(self.total_left).unwrap_or(usize::MAX));
        if most == 0 && !self.input.fill_buf()?.is_empty() {
            return Err(self.exceed());
        }
        let buffer = self.input.fill_buf()?;
        Ok(&buffer[..buffer.len().min(most)])
    }

    fn consume(&mut self, amount: usize) {
        if !self.end.is_empty() {
            self.end = &self.end[amount..];
            return;
        }
        self.note(amount);
        self.event_left -= amount;
        self.total_left -= amount as u64;
        self.input.consume(amount);
    }
}

impl<B: BufRead> Read for BoundedReader<B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buf)?;
        self.consume(got);
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use crate::archive::limits::ArchiveLimits;
    use crate::archive::mets::{MetsSummary, RecordKind};

    const LIMIT: usize = 64;
    const MARC: &str = "<mdWrap MDTYPE='MARC'><record><leader>x</leader></record></mdWrap>";

    #[test]
    fn what_is_long_and_no_tag_is_passed_over() {
        let long = "QUJD ".repeat(200);
        let cases = [
            (
                "no long text",
                "<binData>QUJD</binData>".to_owned(),
                RecordKind::Found,
                0,
            ),
            ("base64", format!("<binData>{long}</binData>"), RecordKind::Found, 1),
            (
                "with a reference",
                format!("<a>{long}&amp;{long}</a>"),
                RecordKind::Found,
                2,
            ),
            ("CDATA", format!("<a><![CDATA[{long}<b>]]></a>"), RecordKind::Found, 1),
            (
                "CDATA with marks",
                format!("<a><![CDATA[{}]]></a>", "-]".repeat(99)),
                RecordKind::Found,
                1,
            ),
            ("a comment", format!("<!-- {long}<b> -->"), RecordKind::Found, 1),
            ("a tag", format!("<a b='{long}'/>"), RecordKind::Refused, 0),
            ("cut", format!("<a>{long}"), RecordKind::Malformed, 1),
            (
                "CDATA without an end",
                format!("<a><![CDATA[{long}"),
                RecordKind::Malformed,
                0,
            ),
            (
                "a record's own",
                format!("<mdWrap MDTYPE='MARC'><record><leader>{long}</leader></record></mdWrap>"),
                RecordKind::Refused,
                1,
            ),
        ];
        for (what, inside, record, skipped) in cases {
            let document = format!("<mets>{MARC}{inside}</mets>");
            let limits = ArchiveLimits {
                mets_event_bytes: LIMIT,
                ..ArchiveLimits::default()
            };
            // However few bytes come at once.
            for piece in [1, 2, 3, 7, 64, 65, 4_096] {
                let input = BufReader::with_capacity(piece, document.as_bytes());
                let mets = MetsSummary::read(input, &limits).unwrap().unwrap();
                assert_eq!((mets.record, mets.long_texts), (record, skipped), "{what} {piece}");
            }
        }
    }

    #[test]
    fn the_end_may_stand_anywhere_beside_the_bound() {
        for length in 20..40 {
            for (before, after) in [("<![CDATA[", "]]>"), ("<!-- ", " -->"), ("", "")] {
                let document = format!("<mets>{before}{}{after}{MARC}</mets>", "-]".repeat(length));
                let limits = ArchiveLimits {
                    mets_event_bytes: LIMIT,
                    ..ArchiveLimits::default()
                };
                let mets = MetsSummary::read(document.as_bytes(), &limits).unwrap().unwrap();
                assert_eq!(mets.record, RecordKind::Found, "{document}");
            }
        }
    }

    #[test]
    fn all_of_it_stays_bounded() {
        let document = format!("<mets><a>{}</a></mets>", "x".repeat(10_000));
        let limits = ArchiveLimits {
            mets_event_bytes: LIMIT,
            mets_bytes: 9_000,
            ..ArchiveLimits::default()
        };
        let mets = MetsSummary::read(document.as_bytes(), &limits).unwrap().unwrap();
        assert_eq!(mets.record, RecordKind::Refused);
    }
}
