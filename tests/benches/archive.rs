//! CPU seconds of one pass over a 94 MB archive, beside shell commands on the same file in the same run.
//!
//! Measured is CPU time of this process and of the programs it waited for, so that other work on the machine disturbs
//! little: criterion's "thrpt" is bytes of the encrypted archive for each CPU-second.

#![allow(clippy::unwrap_used, reason = "a measurement may fail where it stands")]

#[path = "../it/support/archives.rs"]
mod archive_support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use archive_support::{Files, Gpg, PASSPHRASE, barcode, noise, text};
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use grind::archive::{PassOptions, process, process_plain};
use grind::grin::Secret;
use rustix::time::{ClockId, clock_gettime};

/// CPU time of this process and of its children that were waited for.
struct CpuTime(WallTime);

fn duration(seconds: i64, nanos: i64) -> Duration {
    Duration::new(u64::try_from(seconds).unwrap_or(0), u32::try_from(nanos).unwrap_or(0))
}

fn children() -> Duration {
    // `getrusage` is not in rustix; the kernel tells the same in clock ticks of 10 ms.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let field = |index: usize| {
        after_name
            .split(' ')
            .nth(index)
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap_or(0)
    };
    Duration::from_millis((field(13) + field(14)) * 10)
}

fn cpu_now() -> Duration {
    let own = clock_gettime(ClockId::ProcessCPUTime);
    duration(own.tv_sec, own.tv_nsec) + children()
}

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        cpu_now()
    }

    fn end(&self, start: Duration) -> Duration {
        cpu_now().saturating_sub(start)
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        self.0.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self.0.formatter()
    }
}

/// A folder in memory if there is one.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    tempfile::tempdir_in(base).expect("a temporary folder")
}

/// 450 pages of about 205 KB with text, hOCR, METS and checksum list: what a volume of 94 MB looks like.
fn volume() -> Vec<u8> {
    let mut files = Files::default();
    for page in 1..=450u32 {
        let size = 180_000 + usize::try_from(page % 50).unwrap_or(0) * 1_000;
        files.add(&format!("{page:08}.jp2"), &noise(page.into(), size));
        files.add(&format!("{page:08}.html"), text(page).repeat(200).as_bytes());
        files.add(&format!("{page:08}.txt"), text(page).repeat(40).as_bytes());
    }
    files.add("TESTLIB_TL0000000001.xml", files.mets(true).as_bytes());
    files.add("checksum.md5", files.checksums().as_bytes());
    files.tar_gz()
}

const SHELL: &str = r#"set -e
rm -rf out sum.fifo && mkdir out && mkfifo sum.fifo
sha256sum < sum.fifo > sum &
gpg --batch --quiet --pinentry-mode loopback --passphrase "$PASSPHRASE" -d a.gpg | tee sum.fifo a.tar.gz | tar -xz -C out
wait
cd out && md5sum -c --quiet checksum.md5"#;

fn shell(gpg: &Gpg, folder: &Path) {
    let status = Command::new("bash")
        .args(["-c", SHELL])
        .current_dir(folder)
        .env("GNUPGHOME", gpg.path())
        .env("PASSPHRASE", PASSPHRASE)
        .status();
    assert!(status.expect("bash runs").success());
}

fn own(message: &[u8], out: &PathBuf, options: &PassOptions) {
    let sink = std::fs::File::create(out).expect("the file can be made");
    process(message, sink, std::io::sink(), &barcode(), options).expect("the volume is good");
}

fn passes(criterion: &mut Criterion<CpuTime>) {
    let (gpg, folder) = (Gpg::new(), folder());
    let archive = volume();
    let stored = gpg.from_file(&archive, &["-z", "0"]);
    let piped = gpg.from_pipe(&archive, &[]);
    let cheap = gpg.from_file(&archive, &["-z", "0", "--s2k-count", "65536"]);
    std::fs::write(folder.path().join("a.gpg"), &stored).expect("the archive can be written");
    let out = folder.path().join("own.tar.gz");
    let everything = PassOptions::with_passphrase(Secret::new(PASSPHRASE));
    let no_md5 = PassOptions {
        verify_checksums: false,
        ..everything.clone()
    };

    let mut group = criterion.benchmark_group("archive");
    group
        .throughput(Throughput::BytesDecimal(stored.len() as u64))
        .sample_size(10);
    group.bench_function("everything", |b| b.iter(|| own(&stored, &out, &everything)));
    group.bench_function("everything, cheap key", |b| b.iter(|| own(&cheap, &out, &everything)));
    group.bench_function("everything, from a pipe and compressed by gpg", |b| {
        b.iter(|| own(&piped, &out, &everything));
    });
    group.bench_function("without MD5", |b| b.iter(|| own(&cheap, &out, &no_md5)));
    group.bench_function("decrypted archive", |b| {
        b.iter(|| {
            process_plain(
                &archive[..],
                std::io::sink(),
                std::io::sink(),
                Some(&barcode()),
                &everything,
            )
        });
    });
    group.bench_function("shell: gpg, tee, sha256sum, tar, md5sum", |b| {
        b.iter(|| shell(&gpg, folder.path()));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime(WallTime)).measurement_time(Duration::from_secs(8)).warm_up_time(Duration::from_secs(1));
    targets = passes
}
criterion_main!(benches);
