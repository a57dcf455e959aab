//! A symmetrically encrypted, integrity-protected packet (SEIPD v1, RFC 9580, section 5.13.1) as a stream.
//!
//! What it gives is not proven until its end was reached without an error: the SHA-1 over everything stands last.

use std::io::{self, BufRead, Read};

use sha1::{Digest, Sha1};

use crate::archive::error::{DamageKind, LayerFault};
use crate::archive::openpgp::cipher::{BLOCK, CfbCipher};
use crate::archive::openpgp::packet::PacketBody;

/// Bytes decrypted at a time: large enough for long runs, small enough for the second-level cache.
const CHUNK: usize = 64 << 10;
/// The random block and its last two octets again.
const PREFIX: usize = BLOCK + 2;
/// The integrity packet at the end: two octets of header, 20 of SHA-1.
const TRAILER: usize = 22;
/// What is looked through for a gzip head if the repeated octets differ.
const GLANCE: usize = 512;

/// The plaintext of a SEIPD v1 packet.
pub(super) struct DecryptingReader<B> {
    body: PacketBody<B>,
    cipher: CfbCipher,
    hash: Sha1,
    /// `[start..ready)` may be given out, `[ready..clear)` is decrypted and held back, `[clear..filled)` is not yet decrypted.
    buffer: Box<[u8]>,
    start: usize,
    ready: usize,
    clear: usize,
    filled: usize,
    /// Bytes of the random prefix still to be skipped: they count for the hash and are not given out.
    prefix: usize,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Running,
    Proven,
    Failed(LayerFault),
}

impl<B: BufRead> DecryptingReader<B> {
    /// Reads the first bytes and takes the first cipher under which the two repeated octets agree.
    pub(super) fn new(body: PacketBody<B>, ciphers: Vec<CfbCipher>) -> io::Result<Self> {
        let mut body = body;
        let mut buffer = vec![0; CHUNK + 4 * BLOCK].into_boxed_slice();
        let filled = read_full(&mut body, &mut buffer[..GLANCE])?;
        if filled < PREFIX + TRAILER {
            return Err(LayerFault::Truncated.into());
        }
        let cipher = choose(ciphers, &buffer[..filled])?;
        let mut new = Self {
            body,
            cipher,
            hash: Sha1::new(),
            buffer,
            start: 0,
            ready: 0,
            clear: 0,
            filled,
            prefix: PREFIX,
            state: State::Running,
        };
        new.decrypt();
        Ok(new)
    }

    /// The bytes under the packet.
    pub(super) fn beneath(&mut self) -> &mut B {
        self.body.inner_mut()
    }

    /// Decrypts what is whole blocks, and releases all but what may be the trailer.
    fn decrypt(&mut self) {
        let blocks = (self.filled - self.clear) / BLOCK * BLOCK;
        self.cipher
            .decrypt_blocks(&mut self.buffer[self.clear..self.clear + blocks]);
        self.clear += blocks;
        self.release();
    }

    fn release(&mut self) {
        let ready = self.clear.saturating_sub(TRAILER).max(self.ready);
        self.hash.update(&self.buffer[self.ready..ready]);
        self.ready = ready;
        let skipped = self.prefix.min(self.ready - self.start);
        self.start += skipped;
        self.prefix -= skipped;
    }

    fn refill(&mut self) -> io::Result<()> {
        while self.start == self.ready && self.state == State::Running {
            self.buffer.copy_within(self.ready..self.filled, 0);
            self.filled -= self.ready;
            self.clear -= self.ready;
            (self.start, self.ready) = (0, 0);
            let end = self.filled + CHUNK;
            match read_full(&mut self.body, &mut self.buffer[self.filled..end]) {
                Ok(got) => self.take(got),
                Err(error) => self.state = State::Failed(LayerFault::of(&error, DamageKind::Packets)),
            }
        }
        match &self.state {
            State::Failed(fault) if self.start == self.ready => Err(fault.clone().into()),
            _ => Ok(()),
        }
    }

    fn take(&mut self, got: usize) {
        self.filled += got;
        self.decrypt();
        if got < CHUNK {
            self.cipher.decrypt_rest(&mut self.buffer[self.clear..self.filled]);
            self.clear = self.filled;
            self.release();
            self.state = self.prove();
        }
    }

    /// Compares the trailer, the last thing in the packet.
    fn prove(&mut self) -> State {
        let trailer = &self.buffer[self.ready..self.clear];
        if trailer.len() != TRAILER {
            return State::Failed(LayerFault::Truncated);
        }
        self.hash.update(&trailer[..2]);
        let computed = self.hash.finalize_reset();
        if trailer[..2] == [0xd3, 20] && trailer[2..] == computed[..] {
            State::Proven
        } else {
            State::Failed(DamageKind::Integrity.into())
        }
    }
}

/// The cipher that opens the packet. If none does, a gzip head in the first bytes still tells damage from a wrong key.
fn choose(ciphers: Vec<CfbCipher>, head: &[u8]) -> Result<CfbCipher, LayerFault> {
    let mut fault = LayerFault::WrongPassphrase;
    for mut cipher in ciphers {
        let mut glance = head.to_vec();
        let fresh = cipher.clone();
        cipher.decrypt_blocks(&mut glance);
        if glance[BLOCK - 2..BLOCK] == glance[BLOCK..PREFIX] {
            return Ok(fresh);
        }
        let whole = glance.len() / BLOCK * BLOCK;
        if glance[..whole].windows(3).any(|three| three == [0x1f, 0x8b, 8]) {
            fault = DamageKind::Integrity.into();
        }
    }
    Err(fault)
}

/// Reads until the buffer is full or the input ends.
fn read_full(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..])? {
            0 => break,
            got => filled += got,
        }
    }
    Ok(filled)
}

impl<B: BufRead> BufRead for DecryptingReader<B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.refill()?;
        Ok(&self.buffer[self.start..self.ready])
    }

    fn consume(&mut self, amount: usize) {
        self.start += amount;
    }
}

impl<B: BufRead> Read for DecryptingReader<B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buf)?;
        self.consume(got);
        Ok(got)
    }
}
