//! A reader that ends a document with an error before one tag, or all of it, grows too large.

use std::io::{self, BufRead, Read};

/// Lets through so many bytes for each event, and so many in all.
pub(super) struct BoundedReader<B> {
    input: B,
    event: usize,
    event_left: usize,
    total_left: u64,
    exceeded: bool,
}

impl<B: BufRead> BoundedReader<B> {
    pub(super) fn new(input: B, event: usize, total: u64) -> Self {
        Self {
            input,
            event,
            event_left: event,
            total_left: total,
            exceeded: false,
        }
    }

    /// A new event begins.
    pub(super) fn next_event(&mut self) {
        self.event_left = self.event;
    }

    /// True once a bound was met.
    pub(super) fn exceeded(&self) -> bool {
        self.exceeded
    }
}

impl<B: BufRead> BufRead for BoundedReader<B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let most = self
            .event_left
            .min(usize::try_from(self.total_left).unwrap_or(usize::MAX));
        let buffer = self.input.fill_buf()?;
        if most == 0 && !buffer.is_empty() {
            self.exceeded = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(&buffer[..buffer.len().min(most)])
    }

    fn consume(&mut self, amount: usize) {
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
