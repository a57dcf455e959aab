//! What each stage of one archive costs: the kernels of the pass, each alone, in CPU time of this process.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::time::Instant;

use aes::Aes256;
use cfb_mode::cipher::{AsyncStreamCipher, KeyIvInit};
use sha1::{Digest, Sha1};
use url::Url;
use xxhash_rust::xxh3::Xxh3Default;

use crate::actor::{ActorRegistry, AskContext};
use crate::archive::{ArchiveLimits, CompressionWrap, InflateReader, PassOptions, TarMembers, process, process_plain};
use crate::grin::{RedirectPolicy, Secret};
use crate::lab::bench::error::BenchError;
use crate::lab::bench::measure::cpu;
use crate::lab::bench::measure::figures::BenchFigures;
use crate::lab::bench::pipeline::library::BenchLibrary;
use crate::session::{OpenBody, Session, SessionConfig};

/// Bytes given at once, as in the pass.
const PIECE: usize = 64 << 10;

/// One archive in all its forms.
pub struct StageSample {
    encrypted: Vec<u8>,
    archive: Vec<u8>,
    tar: Vec<u8>,
    options: PassOptions,
    store: std::path::PathBuf,
    url: Url,
}

/// The stages in the order of the pass. MD5 is the pass with it less the pass without it. Reading texts and the MARC record has
/// no stage of its own: there is no kernel to run alone.
pub const STAGES: [&str; 9] = [
    "download",
    "key derivation",
    "AES-256-CFB",
    "SHA-1 (MDC)",
    DIGESTS,
    "gunzip",
    "tar scan",
    "MD5 of the pages",
    "store",
];

/// SHA-256 of the archive and the fingerprint of what came over the network.
const DIGESTS: &str = "SHA-256 and XXH3";

/// The mode under which the whole pass stands beside its stages.
pub const WHOLE: &str = "whole pass";

/// The mode under which key derivations stand that were timed beside the runs, so many books a second as they would allow.
pub const BOUND: &str = "key derivations on all cores";

/// Derivations of each core each time.
pub const EACH: usize = 2;

/// The quantity noted for each stage.
pub const WHAT: &str = "CPU ms/book";

impl StageSample {
    /// A stored book, as it was encrypted, and what it holds.
    pub fn of(library: &BenchLibrary, barcode: &str, folder: &Path) -> Result<Self, BenchError> {
        let url = Url::parse(&format!("{}/{barcode}.tar.gz.gpg", library.archives()))
            .map_err(|error| BenchError::Helper(error.to_string()))?;
        let read = |path: &Path| fs::read(path).map_err(BenchError::file(path));
        let raw = library.data_folder().join("library").join("raw");
        let archive = read(&raw.join(barcode).join(format!("{barcode}.tar.gz")))?;
        let mut tar = Vec::new();
        InflateReader::new(&archive[..], CompressionWrap::Gzip, &ArchiveLimits::default())
            .read_to_end(&mut tar)
            .map_err(BenchError::system("the archive cannot be inflated"))?;
        let passphrase = read(&library.passphrase_file())?;
        let passphrase = String::from_utf8_lossy(&passphrase).trim_end().to_owned();
        Ok(Self {
            encrypted: download(&url)?.0,
            archive,
            tar,
            options: PassOptions::with_passphrase(Secret::new(&passphrase)),
            store: folder.join("stored.tar.gz"),
            url,
        })
    }

    /// Bytes of the decrypted archive.
    pub fn bytes(&self) -> f64 {
        self.archive.len() as f64
    }

    /// One round: every stage once, in this order or in the opposite one.
    pub fn round(&self, figures: &mut BenchFigures, cell: &str, round: usize) -> Result<(), BenchError> {
        let mut stages = STAGES.to_vec();
        stages.push(WHOLE);
        for stage in crate::lab::bench::measure::stats::order(&stages, round) {
            figures.note(cell, stage, WHAT, self.stage(stage)? * 1_000.0);
        }
        Ok(())
    }

    fn stage(&self, name: &str) -> Result<f64, BenchError> {
        Ok(match name {
            "download" => download(&self.url)?.1,
            "key derivation" => taken(|| self.wrong_passphrase()),
            "AES-256-CFB" => {
                let mut bytes = self.encrypted.clone();
                taken(|| decrypt(&mut bytes))
            }
            "SHA-1 (MDC)" => taken(|| pieces(&self.archive, Sha1::new(), |hash, piece| hash.update(piece))),
            DIGESTS => taken(|| {
                let context = ring::digest::Context::new(&ring::digest::SHA256);
                pieces(&self.archive, context, |hash, piece| hash.update(piece));
                // What came over the network has a fingerprint of its own.
                pieces(&self.encrypted, Xxh3Default::new(), |hash, piece| hash.update(piece));
            }),
            "gunzip" => tried(|| {
                pass_over(&mut InflateReader::new(
                    &self.archive[..],
                    CompressionWrap::Gzip,
                    &ArchiveLimits::default(),
                ))
            })?,
            "tar scan" => tried(|| scan(&self.tar))?,
            // Below nothing where the noise of two passes is larger than the difference; no time is made of that.
            "MD5 of the pages" => self.pass(true)? - self.pass(false)?,
            "store" => tried(|| {
                let mut file = File::create(&self.store)?;
                for piece in self.archive.chunks(PIECE) {
                    io::Write::write_all(&mut file, piece)?;
                }
                file.sync_data()
            })?,
            _ => tried(|| {
                let file = File::create(&self.store)?;
                let passed = process(&self.encrypted[..], file, io::sink(), None, &self.options);
                passed.map(drop).map_err(io::Error::other)
            })?,
        })
    }

    /// The key is derived, found to be wrong, and nothing else happens.
    fn wrong_passphrase(&self) {
        let wrong = PassOptions::with_passphrase(Secret::new("not this one"));
        black_box(process(&self.encrypted[..], io::sink(), io::sink(), None, &wrong).is_err());
    }

    /// Key derivations a second, all cores at it at once: what bounds a library of small books at this moment, whoever else
    /// uses the machine.
    pub fn derivations_a_second(&self) -> f64 {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let began = Instant::now();
        std::thread::scope(|threads| {
            for _ in 0..cores {
                threads.spawn(|| (0..EACH).for_each(|_| self.wrong_passphrase()));
            }
        });
        (cores * EACH) as f64 / began.elapsed().as_secs_f64()
    }

    fn pass(&self, md5: bool) -> Result<f64, BenchError> {
        let options = PassOptions {
            verify_checksums: md5,
            ..self.options.clone()
        };
        tried(|| {
            let passed = process_plain(&self.archive[..], io::sink(), io::sink(), None, &options);
            passed.map(drop).map_err(io::Error::other)
        })
    }
}

/// The session's own way to a body, to its end; gives the bytes and the CPU seconds.
fn download(url: &Url) -> Result<(Vec<u8>, f64), BenchError> {
    actix_rt::System::new().block_on(async {
        let mut config = SessionConfig::new(RedirectPolicy::new(url, &[], &[]));
        config.requests_per_second = 0.0;
        let (session, thread) = Session::start(&ActorRegistry::new(), config)?;
        let cx = AskContext::root("bench");
        // The owner has read its certificates and has its connection.
        drop(session.ask(OpenBody::new(url.clone()), &cx).await?);
        let before = cpu::own();
        let mut body = session.ask(OpenBody::new(url.clone()), &cx).await?;
        let capacity = body
            .head
            .length
            .and_then(|length| usize::try_from(length).ok())
            .unwrap_or(0);
        let mut bytes = Vec::with_capacity(capacity);
        let (tell, told) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || drop(tell.send(body.reader.read_to_end(&mut bytes).map(|_| bytes))));
        let bytes = told
            .await
            .map_err(|_| BenchError::Helper("the reader panicked".to_owned()))?;
        let taken = cpu::own() - before;
        let bytes = bytes.map_err(BenchError::system("the archive cannot be downloaded"))?;
        session.shut();
        thread.join()?;
        Ok((bytes, taken))
    })
}

fn decrypt(bytes: &mut [u8]) {
    let cipher = cfb_mode::Decryptor::<Aes256>::new(&[7; 32].into(), &[0; 16].into());
    cipher.decrypt(bytes);
    black_box(bytes);
}

/// The pass's own scan; the members' contents are skipped, as they are in memory already.
fn scan(tar: &[u8]) -> io::Result<()> {
    let limits = ArchiveLimits::default();
    let mut members = TarMembers::new(tar, &limits);
    while let Some(member) = members.next()? {
        black_box(member);
        pass_over(&mut members)?;
    }
    Ok(())
}

fn pass_over(bytes: &mut impl BufRead) -> io::Result<()> {
    loop {
        let have = black_box(bytes.fill_buf()?).len();
        if have == 0 {
            return Ok(());
        }
        bytes.consume(have);
    }
}

fn pieces<H>(bytes: &[u8], mut hash: H, update: impl Fn(&mut H, &[u8])) {
    for piece in bytes.chunks(PIECE) {
        update(&mut hash, piece);
    }
    black_box(&hash);
}

/// CPU seconds of this process; nothing else of it runs meanwhile.
fn taken(work: impl FnOnce()) -> f64 {
    let before = cpu::own();
    work();
    cpu::own() - before
}

fn tried(work: impl FnOnce() -> io::Result<()>) -> Result<f64, BenchError> {
    let before = cpu::own();
    work().map_err(BenchError::system("a stage failed"))?;
    Ok(cpu::own() - before)
}
