//! The body of the encrypted packet on its way to rpgp: where it ends, and whether its bytes end before.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::archive::openpgp::packet::{PacketLength, new_length};

/// What a [`BodyWatch`] saw, known also to those who do not have it.
#[derive(Debug, Clone, Default)]
pub(super) struct BodyState {
    cut: Arc<AtomicBool>,
    trailing: Arc<AtomicU64>,
}

impl BodyState {
    /// The bytes ended inside the packet: whatever rpgp says of it, it is cut short.
    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    /// Bytes that followed the packet, known once its end was read.
    pub(super) fn trailing(&self) -> u64 {
        self.trailing.load(Ordering::Relaxed)
    }
}

/// Passes the rest of a packet's body through with its inner lengths, and ends where the packet ends.
#[derive(Debug)]
pub(super) struct BodyWatch<B> {
    inner: B,
    /// Bytes left of the current part.
    left: u64,
    then: Then,
    /// The octets of the next part's length that were passed.
    length: Vec<u8>,
    state: BodyState,
}

/// What follows the current part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    End,
    NextPart,
    /// The packet ends with the bytes.
    Inner,
}

impl<B: BufRead> BodyWatch<B> {
    /// Of a packet with this length, of which `passed` bytes are read already.
    pub(super) fn new(inner: B, length: PacketLength, passed: u64) -> Self {
        let mut watch = Self {
            inner,
            left: 0,
            then: Then::End,
            length: Vec::new(),
            state: BodyState::default(),
        };
        watch.begin(length);
        watch.left = watch.left.saturating_sub(passed);
        watch
    }

    pub(super) fn state(&self) -> BodyState {
        self.state.clone()
    }

    fn begin(&mut self, length: PacketLength) {
        (self.left, self.then) = match length {
            PacketLength::Whole(bytes) => (bytes, Then::End),
            PacketLength::Part(bytes) => (bytes, Then::NextPart),
            PacketLength::ToEnd => (u64::MAX, Then::Inner),
        };
    }

    fn count_rest(&mut self) -> io::Result<()> {
        let rest = io::copy(&mut self.inner, &mut io::sink())?;
        self.state.trailing.fetch_add(rest, Ordering::Relaxed);
        Ok(())
    }

    /// Takes an octet of the next part's length; begins the part when it was the last one.
    fn take_length(&mut self) {
        let octet = self.inner.fill_buf().ok().and_then(|buffer| buffer.first().copied());
        self.length.extend(octet);
        if let Ok(length) = new_length(&mut &self.length[..]) {
            self.length.clear();
            self.begin(length);
        }
    }
}

impl<B: BufRead> BufRead for BodyWatch<B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 && self.then == Then::End {
            self.count_rest()?;
            return Ok(&[]);
        }
        let buffer = self.inner.fill_buf()?;
        if buffer.is_empty() && self.then != Then::Inner {
            self.state.cut.store(true, Ordering::Relaxed);
        }
        // A length is passed octet by octet, so that it is seen.
        let most = usize::try_from(self.left.max(1)).unwrap_or(usize::MAX);
        Ok(&buffer[..buffer.len().min(most)])
    }

    fn consume(&mut self, amount: usize) {
        if self.left > 0 {
            self.left -= amount as u64;
        } else if amount > 0 {
            self.take_length();
        }
        self.inner.consume(amount);
    }
}

impl<B: BufRead> Read for BodyWatch<B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buf)?;
        self.consume(got);
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(bytes: &[u8], length: PacketLength, passed: u64) -> (Vec<u8>, bool, u64) {
        let mut watch = BodyWatch::new(bytes, length, passed);
        let mut all = Vec::new();
        watch.read_to_end(&mut all).unwrap();
        (all, watch.state.is_cut(), watch.state.trailing())
    }

    #[test]
    fn the_body_ends_where_its_lengths_say() {
        // Two octets, two more, then 200 in an octet pair, then something else.
        let parts = [&[1, 2, 0xe1, 3, 4, 192, 8][..], &[7; 200], b"more"].concat();
        let body = parts.len() - 4;
        assert_eq!(
            watched(&parts, PacketLength::Part(2), 0),
            (parts[..body].to_vec(), false, 4)
        );
        assert_eq!(watched(&parts[1..], PacketLength::Part(2), 1).2, 4);
        for end in 0..body {
            let (all, cut, trailing) = watched(&parts[..end], PacketLength::Part(2), 0);
            assert_eq!((all, cut, trailing), (parts[..end].to_vec(), true, 0), "{end}");
        }
        assert_eq!(
            watched(b"abcde", PacketLength::Whole(3), 0),
            (b"abc".to_vec(), false, 2)
        );
        assert!(watched(b"abc", PacketLength::Whole(4), 0).1);
        assert_eq!(watched(b"abc", PacketLength::ToEnd, 0), (b"abc".to_vec(), false, 0));
    }
}
