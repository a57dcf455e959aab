//! Volumes, tars and gpg messages for the tests of module `archive`.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use grind::archive::{ArchiveError, PassOptions, ProvenVolume, process, process_plain};
use grind::grin::{Barcode, Secret};
use md5::{Digest, Md5};

pub const PASSPHRASE: &str = "a short text of random words";
pub const LINK: &[u8] = b"hard link to ";
pub const BARCODE: &str = "TL0000000001";

pub fn barcode() -> Barcode {
    Barcode::parse(BARCODE).unwrap()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn md5_hex(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

/// Files of an archive, in order.
#[derive(Clone, Default)]
pub struct Files(pub Vec<(String, Vec<u8>)>);

/// Bytes that do not compress and differ from page to page.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(len);
    out
}

pub const MARC: &str = r#"<slim:record><slim:leader>01234cam a2200301 a 4500</slim:leader>
<slim:controlfield tag="001">990000000001</slim:controlfield>
<slim:controlfield tag="008">870101s1887    enk                 eng d</slim:controlfield>
<slim:datafield tag="245" ind1="1" ind2="0"><slim:subfield code="a">On tides &amp; moons</slim:subfield></slim:datafield>
</slim:record>"#;

impl Files {
    /// A volume with `pages` pages, METS (without digests) and checksum list.
    pub fn volume(pages: u32, image_bytes: usize) -> Self {
        let mut files = Self::bare(pages, image_bytes);
        files.add("TESTLIB_TL0000000001.xml", files.mets(false).as_bytes());
        files.add("checksum.md5", files.checksums().as_bytes());
        files
    }

    /// Pages only.
    pub fn bare(pages: u32, image_bytes: usize) -> Self {
        let mut files = Self::default();
        for page in 1..=pages {
            files.add(&format!("{page:08}.jp2"), &noise(page.into(), image_bytes));
            files.add(
                &format!("{page:08}.html"),
                format!("<html><body>page {page}</body></html>").as_bytes(),
            );
            files.add(&format!("{page:08}.txt"), text(page).as_bytes());
        }
        files
    }

    pub fn add(&mut self, name: &str, bytes: &[u8]) {
        self.0.push((name.to_owned(), bytes.to_vec()));
    }

    pub fn with(mut self, name: &str, bytes: &[u8]) -> Self {
        self.add(name, bytes);
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| known != name);
        self
    }

    pub fn replace(mut self, name: &str, bytes: &[u8]) -> Self {
        for (known, old) in &mut self.0 {
            if known == name {
                *old = bytes.to_vec();
            }
        }
        self
    }

    pub fn checksums(&self) -> String {
        self.0
            .iter()
            .map(|(name, bytes)| format!("{}  {name}\n", md5_hex(bytes)))
            .collect()
    }

    pub fn mets(&self, digests: bool) -> String {
        let file = |(name, bytes): &(String, Vec<u8>)| {
            let checksum = if digests {
                format!("CHECKSUM=\"{}\" CHECKSUMTYPE=\"MD5\"", md5_hex(bytes))
            } else {
                String::new()
            };
            format!("<mets:file ID=\"f\" {checksum}><mets:FLocat LOCTYPE=\"OTHER\" xlink:href=\"{name}\"/></mets:file>")
        };
        let files: String = self.0.iter().map(file).collect();
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<mets:mets xmlns:mets="http://www.loc.gov/METS/" xmlns:slim="http://www.loc.gov/MARC21/slim" xmlns:xlink="http://www.w3.org/1999/xlink" OBJID="TESTLIB:TL0000000001">
<mets:dmdSec ID="D"><mets:mdWrap MIMETYPE="text/xml" MDTYPE="MARC"><mets:xmlData>{MARC}</mets:xmlData></mets:mdWrap></mets:dmdSec>
<mets:fileSec><mets:fileGrp USE="image">{files}</mets:fileGrp></mets:fileSec></mets:mets>"#
        )
    }

    /// A file whose bytes begin with [`LINK`] is a hard link to what they name behind it.
    pub fn tar(&self) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in &self.0 {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            if let Some(target) = bytes.strip_prefix(LINK) {
                header.set_entry_type(tar::EntryType::Link);
                header.set_size(0);
                let target = std::str::from_utf8(target).unwrap();
                builder.append_link(&mut header, name, target).unwrap();
            } else {
                header.set_size(bytes.len() as u64);
                builder.append_data(&mut header, name, &bytes[..]).unwrap();
            }
        }
        builder.into_inner().unwrap()
    }

    pub fn tar_gz(&self) -> Vec<u8> {
        gz(&self.tar())
    }
}

pub fn text(page: u32) -> String {
    format!("Page {page}\nof a b\u{f6}ok, with \"quotes\"\r\n")
}

pub fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).unwrap();
    out
}

/// What a pass gave: the outcome, and what it wrote.
pub struct Passed {
    pub outcome: Result<ProvenVolume, ArchiveError>,
    pub archive: Vec<u8>,
    pub text: Vec<u8>,
}

impl Passed {
    pub fn volume(&self) -> &ProvenVolume {
        self.outcome.as_ref().unwrap()
    }

    pub fn error(&self) -> &ArchiveError {
        self.outcome.as_ref().unwrap_err()
    }

    pub fn lines(&self) -> Vec<String> {
        let text = if self.text.starts_with(&[0x1f, 0x8b]) {
            gunzip(&self.text)
        } else {
            self.text.clone()
        };
        text.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    pub fn codes(&self) -> Vec<&'static str> {
        let findings = match &self.outcome {
            Ok(volume) => &volume.findings[..],
            Err(error) => error.findings(),
        };
        findings.iter().map(|finding| finding.code.as_str()).collect()
    }
}

pub fn options() -> PassOptions {
    PassOptions::with_passphrase(Secret::new(PASSPHRASE))
}

pub fn pass(encrypted: &[u8]) -> Passed {
    pass_with(encrypted, &options())
}

pub fn pass_with(encrypted: impl Read + Send, options: &PassOptions) -> Passed {
    let (mut archive, mut text) = (Vec::new(), Vec::new());
    let outcome = process(encrypted, &mut archive, &mut text, &barcode(), options);
    Passed { outcome, archive, text }
}

pub fn pass_plain(archive: &[u8]) -> Passed {
    pass_plain_with(archive, &PassOptions::default())
}

/// What is in an archive that need not be a volume.
pub fn look_into(archive: &[u8]) -> Passed {
    let options = PassOptions {
        require_volume: false,
        ..PassOptions::default()
    };
    pass_plain_with(archive, &options)
}

pub fn pass_plain_with(bytes: &[u8], options: &PassOptions) -> Passed {
    let (mut archive, mut text) = (Vec::new(), Vec::new());
    let outcome = process_plain(bytes, &mut archive, &mut text, Some(&barcode()), options);
    Passed { outcome, archive, text }
}

/// The real gpg, with a home of its own that is gone afterwards.
pub struct Gpg {
    home: tempfile::TempDir,
}

impl Gpg {
    pub fn new() -> Self {
        let home = tempfile::Builder::new().prefix("gpg").tempdir().unwrap();
        Command::new("chmod").arg("700").arg(home.path()).status().unwrap();
        Self { home }
    }

    pub fn path(&self) -> &Path {
        self.home.path()
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new("gpg");
        command.env("GNUPGHOME", self.home.path()).env("LC_ALL", "C");
        command.args(["--batch", "--yes", "--quiet", "--no-tty", "--pinentry-mode", "loopback"]);
        command.args(["--passphrase", PASSPHRASE, "--trust-model", "always"]);
        command.stderr(Stdio::piped());
        command
    }

    /// Encrypts symmetrically from a file, so that gpg knows the length.
    pub fn from_file(&self, bytes: &[u8], args: &[&str]) -> Vec<u8> {
        let input = self.home.path().join("input");
        std::fs::write(&input, bytes).unwrap();
        let output = self
            .command()
            .args(args)
            .arg("--output")
            .arg("-")
            .arg("--symmetric")
            .arg(&input)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Encrypts symmetrically from a pipe: partial lengths.
    pub fn from_pipe(&self, bytes: &[u8], args: &[&str]) -> Vec<u8> {
        let mut all = vec!["--symmetric"];
        all.splice(0..0, args.iter().copied());
        self.pipe(bytes, &all)
    }

    /// Runs gpg with `bytes` on its standard input.
    pub fn pipe(&self, bytes: &[u8], args: &[&str]) -> Vec<u8> {
        let mut child = self
            .command()
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let bytes = bytes.to_vec();
        let writer = std::thread::spawn(move || drop(stdin.write_all(&bytes)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf")
            .arg("--homedir")
            .arg(self.home.path())
            .args(["--kill", "all"])
            .status();
    }
}

/// A reader that gives a few bytes at a time, as a slow connection does.
pub struct Trickle(pub Cursor<Vec<u8>>, pub usize);

impl Read for Trickle {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let most = self.1.min(buf.len());
        self.0.read(&mut buf[..most])
    }
}
