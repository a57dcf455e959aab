//! Messages in ASCII armour: the packets inside, as if they had come without it.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pgp::armor::Dearmor;

use crate::archive::error::{DamageKind, LayerFault};

/// How a message in armour begins.
pub(super) const ARMOUR: &[u8] = b"-----BEGIN PGP MESSAGE";

/// Decodes the armour. Where the bytes end before it does, the packets end; who reads them knows whether that is too soon.
#[derive(Debug)]
pub(super) struct ArmourReader<B: BufRead> {
    inner: Dearmor<EndWatch<B>>,
    ended: Arc<AtomicBool>,
    /// rpgp's reader must not be asked again after an error.
    failed: Option<LayerFault>,
}

impl<B: BufRead> ArmourReader<B> {
    pub(super) fn new(inner: B) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let watch = EndWatch {
            inner,
            ended: Arc::clone(&ended),
        };
        Self {
            inner: Dearmor::new(watch),
            ended,
            failed: None,
        }
    }
}

impl<B: BufRead> Read for ArmourReader<B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Some(fault) = &self.failed {
            return match fault {
                LayerFault::Truncated => Ok(0),
                fault => Err(fault.clone().into()),
            };
        }
        self.inner.read(buf).or_else(|error| {
            let fault = match LayerFault::of(&error, DamageKind::Packets) {
                LayerFault::Damaged(_) if self.ended.load(Ordering::Relaxed) => LayerFault::Truncated,
                fault => fault,
            };
            self.failed = Some(fault);
            self.read(buf)
        })
    }
}

/// Knows whether the bytes have ended.
#[derive(Debug)]
struct EndWatch<B> {
    inner: B,
    ended: Arc<AtomicBool>,
}

impl<B: BufRead> BufRead for EndWatch<B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let buffer = self.inner.fill_buf()?;
        if buffer.is_empty() {
            self.ended.store(true, Ordering::Relaxed);
        }
        Ok(buffer)
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
    }
}

impl<B: BufRead> Read for EndWatch<B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(buf)?;
        self.consume(got);
        Ok(got)
    }
}
