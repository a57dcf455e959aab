//! How fast it serves, so that nobody measures it in place of a client.
//!
//! `cargo test --release --test simulator_http figures -- --ignored --nocapture --test-threads 1`

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use grind::lab::simulator::{RunningSimulator, SimulatorConfig};

use super::support::start;

const ROUNDS: usize = 5;

/// Sends a raw request and reads until the server closes; gives the bytes that came.
fn drain(running: &RunningSimulator, request: &str) -> u64 {
    let mut stream = TcpStream::connect(("127.0.0.1", running.port())).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut buffer = vec![0; 1 << 20];
    let mut total = 0;
    loop {
        let read = stream.read(&mut buffer).unwrap();
        if read == 0 {
            return total;
        }
        total += read as u64;
    }
}

fn request(method: &str, path: &str, close: bool) -> String {
    let connection = if close { "close" } else { "keep-alive" };
    format!("{method} /libraries/TESTLIB/{path} HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\n\r\n")
}

/// Prints median and range of `ROUNDS` rates per second of CPU.
fn report(what: &str, mut rates: Vec<f64>) {
    rates.sort_by(f64::total_cmp);
    let (low, high) = (rates[0], rates[rates.len() - 1]);
    println!("{what}: {:.0} (of {ROUNDS}: {low:.0} to {high:.0})", rates[ROUNDS / 2]);
}

fn rates(mut amount: impl FnMut() -> f64) -> Vec<f64> {
    let round = |_| {
        let began = cpu_seconds();
        let done = amount();
        done / (cpu_seconds() - began)
    };
    (0..ROUNDS).map(round).collect()
}

/// CPU time of this process, simulator and asking client together: steady also on a busy machine.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap()).as_secs_f64()
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

#[test]
#[ignore = "prints figures"]
fn list_rows_in_a_second() {
    let running = start(SimulatorConfig {
        books: 1_000_000,
        ..SimulatorConfig::default()
    });
    for (what, path) in [
        (
            "HTML rows/CPU-s, pages of 10,000",
            "_all_books?result_count=10000&first=400001",
        ),
        ("text rows/CPU-s, 1,000,000 rows", "_all_books?format=text&mode=all"),
    ] {
        let mut before = running.stats().list_rows;
        let all = rates(|| {
            drain(&running, &request("GET", path, true));
            let now = running.stats().list_rows;
            let rows = now - before;
            before = now;
            f64::from(u32::try_from(rows).unwrap())
        });
        report(what, all);
    }
    println!("resident with 1,000,000 books: {} MiB", resident_mib());
}

#[test]
#[ignore = "prints figures"]
fn heads_in_a_second() {
    const HEADS: u32 = 20_000;
    const CLIENTS: u32 = 4;
    for pages in [1, 40, 450] {
        let running = start(SimulatorConfig {
            books: 1_000,
            pages,
            ..SimulatorConfig::default()
        });
        let names: Vec<String> = running
            .barcodes()
            .map(|code| running.file_name(&code).unwrap())
            .collect();
        let all = rates(|| {
            std::thread::scope(|scope| {
                for _ in 0..CLIENTS {
                    scope.spawn(|| ask_heads(&running, &names, HEADS / CLIENTS));
                }
            });
            f64::from(HEADS)
        });
        report(&format!("HEADs/CPU-s, {pages} pages"), all);
    }
}

/// Asks one HEAD after the other on one connection.
fn ask_heads(running: &RunningSimulator, names: &[String], count: u32) {
    let mut stream = TcpStream::connect(("127.0.0.1", running.port())).unwrap();
    let mut buffer = [0; 4_096];
    for (_, name) in (0..count).zip(names.iter().cycle()) {
        stream.write_all(request("HEAD", name, false).as_bytes()).unwrap();
        let mut read = 0;
        while !buffer[..read].ends_with(b"\r\n\r\n") {
            let more = stream.read(&mut buffer[read..]).unwrap();
            assert!(more > 0, "the server closed the connection");
            read += more;
        }
    }
}

#[test]
#[ignore = "prints figures"]
fn archive_bytes_in_a_second() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    for cache_dir in [None, Some(folder.path().to_path_buf())] {
        let kept = if cache_dir.is_some() { "tmpfs" } else { "memory" };
        let config = SimulatorConfig {
            pages: 450,
            image_bytes: 110_000,
            cache_dir,
            ..SimulatorConfig::default()
        };
        let running = start(config);
        let sizes: Vec<u64> = running
            .barcodes()
            .take(ROUNDS)
            .map(|barcode| running.truth(&barcode).unwrap().encrypted_bytes)
            .collect();
        let mut made = 0;
        let making = rates(|| {
            made += 1;
            running.prepare(made).unwrap();
            megabytes(sizes[made as usize - 1])
        });
        report(&format!("MB/CPU-s made, kept in {kept}"), making);
        let name = running.file_name(&running.barcode(0).unwrap()).unwrap();
        let serving = rates(|| megabytes((0..4).map(|_| drain(&running, &request("GET", &name, true))).sum()));
        report(&format!("MB/CPU-s served from {kept}"), serving);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
