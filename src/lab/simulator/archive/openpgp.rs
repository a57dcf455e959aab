//! `OpenPGP` messages as `gpg --symmetric` writes them: SKESK v4, SEIPD v1 with MDC (RFC 4880).
//!
//! A writer of our own, apart from the reader in `archive`, so that a common misunderstanding cannot hide; the tests
//! open its messages with the real `gpg`.

use std::io::{self, Write};

use aes::Aes256;
use cfb_mode::Encryptor;
use cfb_mode::cipher::inout::InOutBuf;
use cfb_mode::cipher::{AsyncStreamCipher, BlockEncryptMut, KeyIvInit};
use sha1::{Digest, Sha1};

use crate::lab::simulator::archive::gzip::{StoredDeflate, stored_length};

/// gpg's size of a partial body: 2^13.
const PARTIAL: usize = 8_192;
const PARTIAL_HEAD: u8 = 0xE0 + 13;
/// Tag 18, new format.
const SEIPD: u8 = 0xD2;
/// SKESK packet: head, version, cipher, S2K.
const SKESK_LENGTH: u64 = 2 + 13;
/// Version octet, 16 random octets and the 2 repeated ones.
const SEIPD_HEAD: u64 = 1 + 18;
const MDC_LENGTH: u64 = 22;
/// Old-format head of a literal packet with four octets of length.
const LITERAL_FIXED: u64 = 5;
/// Compressed data packet of indeterminate length (as gpg writes it) and its algorithm, ZIP.
const COMPRESSED: [u8; 2] = [0xA3, 1];

/// How a message's lengths are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LengthForm {
    /// From a file, uncompressed: every length is known.
    Fixed,
    /// From a pipe: partial lengths.
    Partial,
    /// From a pipe with gpg's own compression round the literal.
    Compressed,
}

/// The parameters of one message.
#[derive(Debug, Clone)]
pub(crate) struct MessageShape<'a> {
    pub passphrase: &'a [u8],
    pub salt: [u8; 8],
    /// 16 octets that begin the encrypted data.
    pub prefix: [u8; 16],
    /// The coded S2K count: 0x60 is 65,536, 0xFF is 65,011,712.
    pub count: u8,
    pub form: LengthForm,
    /// The name in the literal packet.
    pub name: &'a str,
}

/// The coded S2K count nearest below or at `count` octets (RFC 4880, 3.7.1.3).
pub fn coded_count(count: u32) -> u8 {
    (0..=u8::MAX)
        .rev()
        .find(|&coded| decoded_count(coded) <= count)
        .unwrap_or(0)
}

fn decoded_count(coded: u8) -> u32 {
    (16 + u32::from(coded & 15)) << (u32::from(coded >> 4) + 6)
}

/// Length of the whole message round `content` octets.
pub(crate) fn message_length(form: LengthForm, name: &str, content: u64) -> u64 {
    let inner = inner_length(form, name, content);
    let body = SEIPD_HEAD + inner + MDC_LENGTH;
    let framed = if form == LengthForm::Fixed {
        5 + body
    } else {
        partial_length(body)
    };
    SKESK_LENGTH + 1 + framed
}

fn inner_length(form: LengthForm, name: &str, content: u64) -> u64 {
    let literal = 6 + name.len() as u64 + content;
    match form {
        LengthForm::Fixed => LITERAL_FIXED + literal,
        LengthForm::Partial => 1 + partial_length(literal),
        LengthForm::Compressed => COMPRESSED.len() as u64 + stored_length(1 + partial_length(literal)),
    }
}

/// Lengths and body of a packet in partial bodies.
fn partial_length(body: u64) -> u64 {
    let whole = body / PARTIAL as u64;
    let rest = body % PARTIAL as u64;
    body + whole + last_head(rest).len() as u64
}

fn last_head(rest: u64) -> Vec<u8> {
    if rest < 192 {
        return vec![u8::try_from(rest).unwrap_or(0)];
    }
    let [high, low] = u16::try_from(rest - 192).unwrap_or(0).to_be_bytes();
    vec![high + 192, low]
}

/// Writes one message round the `content` octets that `write_content` writes.
pub(crate) fn encrypt<W: Write, T>(
    out: W,
    message: &MessageShape<'_>,
    content: u64,
    write_content: impl FnOnce(&mut dyn Write) -> io::Result<T>,
) -> io::Result<(W, T)> {
    let mut out = out;
    write_skesk(&mut out, message)?;
    let body = SEIPD_HEAD + inner_length(message.form, message.name, content) + MDC_LENGTH;
    let framing = if message.form == LengthForm::Fixed {
        out.write_all(&[SEIPD, 0xFF])?;
        out.write_all(&u32::try_from(body).map_err(io::Error::other)?.to_be_bytes())?;
        Framing::plain(out)
    } else {
        out.write_all(&[SEIPD])?;
        Framing::partial(out)
    };
    let mut sealed = Sealed::begin(framing, message)?;
    let result = write_inner(&mut sealed, message, content, write_content)?;
    Ok((sealed.finish()?.finish()?, result))
}

fn write_inner<W: Write, T>(
    sealed: &mut Sealed<W>,
    message: &MessageShape<'_>,
    content: u64,
    write_content: impl FnOnce(&mut dyn Write) -> io::Result<T>,
) -> io::Result<T> {
    match message.form {
        LengthForm::Fixed => {
            let length = u32::try_from(6 + message.name.len() as u64 + content).map_err(io::Error::other)?;
            sealed.write_all(&[0xAE])?;
            sealed.write_all(&length.to_be_bytes())?;
            write_literal_head(sealed, message.name)?;
            write_content(sealed)
        }
        LengthForm::Partial => write_partial_literal(sealed, message.name, write_content),
        LengthForm::Compressed => {
            sealed.write_all(&COMPRESSED)?;
            let mut deflate = StoredDeflate::new(&mut *sealed);
            let result = write_partial_literal(&mut deflate, message.name, write_content)?;
            deflate.finish()?;
            Ok(result)
        }
    }
}

fn write_partial_literal<T>(
    out: &mut dyn Write,
    name: &str,
    write_content: impl FnOnce(&mut dyn Write) -> io::Result<T>,
) -> io::Result<T> {
    out.write_all(&[0xCB])?;
    let mut framing = Framing::partial(out);
    write_literal_head(&mut framing, name)?;
    let result = write_content(&mut framing)?;
    framing.finish()?;
    Ok(result)
}

fn write_literal_head(out: &mut dyn Write, name: &str) -> io::Result<()> {
    out.write_all(&[b'b', u8::try_from(name.len()).map_err(io::Error::other)?])?;
    out.write_all(name.as_bytes())?;
    out.write_all(&[0x65, 0, 0, 0])
}

fn write_skesk(out: &mut impl Write, message: &MessageShape<'_>) -> io::Result<()> {
    out.write_all(&[0x8C, 13, 4, 9, 3, 2])?;
    out.write_all(&message.salt)?;
    out.write_all(&[message.count])
}

/// The session key: the iterated and salted S2K over SHA-1, twice, since a 256-bit key needs two digests.
fn session_key(message: &MessageShape<'_>) -> [u8; 32] {
    let once = [&message.salt[..], message.passphrase].concat();
    let count = decoded_count(message.count) as usize;
    // Hashing a long run at once keeps the cost near that of the hash alone.
    let repeated = once.repeat(65_536_usize.div_ceil(once.len().max(1)));
    let mut key = [0; 40];
    for (zeros, half) in key.chunks_mut(20).enumerate() {
        let mut hash = Sha1::new();
        hash.update(&[0_u8; 1][..zeros]);
        let mut left = count.max(once.len());
        while left > 0 {
            // A whole number of repetitions, so that the next round begins at their start again.
            let taken = left.min(repeated.len());
            hash.update(&repeated[..taken]);
            left -= taken;
        }
        half.copy_from_slice(&hash.finalize());
    }
    let mut session = [0; 32];
    session.copy_from_slice(&key[..32]);
    session
}

/// Encrypts what is written and hashes it for the MDC, many blocks at once.
struct Sealed<W: Write> {
    out: Framing<W>,
    cipher: Encryptor<Aes256>,
    mdc: Sha1,
    plain: Vec<u8>,
}

/// Bytes encrypted at once: a whole number of blocks.
const BATCH: usize = 64 * 1_024;

impl<W: Write> Sealed<W> {
    fn begin(mut out: Framing<W>, message: &MessageShape<'_>) -> io::Result<Self> {
        out.write_all(&[1])?;
        let key = session_key(message);
        let mut sealed = Self {
            out,
            cipher: Encryptor::new(&key.into(), &[0; 16].into()),
            mdc: Sha1::new(),
            plain: Vec::with_capacity(BATCH),
        };
        sealed.write_all(&message.prefix)?;
        sealed.write_all(&message.prefix[14..])?;
        Ok(sealed)
    }

    /// Adds the MDC packet, whose head is hashed with what went before, and encrypts the rest.
    fn finish(mut self) -> io::Result<Framing<W>> {
        self.write_all(&[0xD3, 20])?;
        self.mdc.update(&self.plain);
        let mut rest = std::mem::take(&mut self.plain);
        rest.extend_from_slice(&self.mdc.finalize());
        self.cipher.encrypt(&mut rest);
        self.out.write_all(&rest)?;
        Ok(self.out)
    }

    fn seal_batch(&mut self) -> io::Result<()> {
        self.mdc.update(&self.plain);
        let (blocks, _) = InOutBuf::from(self.plain.as_mut_slice()).into_chunks();
        self.cipher.encrypt_blocks_inout_mut(blocks);
        self.out.write_all(&self.plain)?;
        self.plain.clear();
        Ok(())
    }
}

impl<W: Write> Write for Sealed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.plain.len() == BATCH {
            self.seal_batch()?;
        }
        let taken = bytes.len().min(BATCH - self.plain.len());
        self.plain.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Passes a packet's body on, in partial bodies where its length is not known before.
struct Framing<W: Write> {
    out: W,
    piece: Option<Vec<u8>>,
}

impl<W: Write> Framing<W> {
    fn plain(out: W) -> Self {
        Self { out, piece: None }
    }

    fn partial(out: W) -> Self {
        Self {
            out,
            piece: Some(Vec::with_capacity(PARTIAL)),
        }
    }

    fn finish(mut self) -> io::Result<W> {
        if let Some(piece) = self.piece {
            self.out.write_all(&last_head(piece.len() as u64))?;
            self.out.write_all(&piece)?;
        }
        Ok(self.out)
    }
}

impl<W: Write> Write for Framing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(piece) = &mut self.piece else {
            return self.out.write(bytes);
        };
        let taken = bytes.len().min(PARTIAL - piece.len());
        piece.extend_from_slice(&bytes[..taken]);
        if piece.len() == PARTIAL {
            self.out.write_all(&[PARTIAL_HEAD])?;
            self.out.write_all(piece)?;
            piece.clear();
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(form: LengthForm) -> MessageShape<'static> {
        MessageShape {
            passphrase: b"correct horse",
            salt: *b"saltsalt",
            prefix: [7; 16],
            count: 0x60,
            form,
            name: "b.tar.gz",
        }
    }

    #[test]
    fn the_length_said_is_the_length_written() {
        for form in [LengthForm::Fixed, LengthForm::Partial, LengthForm::Compressed] {
            for size in [0_usize, 1, 7_000, 8_133, 8_192, 65_600, 300_000] {
                let content = vec![3; size];
                let (out, ()) = encrypt(Vec::new(), &message(form), size as u64, |w| w.write_all(&content)).unwrap();
                assert_eq!(
                    out.len() as u64,
                    message_length(form, "b.tar.gz", size as u64),
                    "{form:?} {size}"
                );
            }
        }
    }

    #[test]
    fn counts_are_coded_as_gpg_does() {
        assert_eq!(coded_count(65_536), 0x60);
        assert_eq!(coded_count(65_011_712), 0xFF);
        assert_eq!(coded_count(0), 0);
        assert_eq!(decoded_count(coded_count(1_024)), 1_024);
    }
}
