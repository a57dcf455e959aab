//! What a figure was measured on: machine, programs, command line, date.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

/// The machine and what ran on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineFacts {
    /// The processor's name.
    pub cpu: String,
    /// Cores this process may use.
    pub cores: usize,
    /// Instruction sets that decide about the speed of ciphers and digests.
    pub instructions: Vec<String>,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// The kernel.
    pub kernel: String,
    /// Work waiting for a core when the run began (one minute's mean): above 0, something else ran too.
    pub load: f64,
}

impl MachineFacts {
    /// Asks the kernel.
    pub fn read() -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let name = rustix::system::uname();
        Self {
            cpu: field(&cpu, "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            instructions: instructions(&field(&cpu, "flags").unwrap_or_default()),
            memory_bytes: kibibytes(&memory, "MemTotal"),
            kernel: format!(
                "{} {}",
                name.sysname().to_string_lossy(),
                name.release().to_string_lossy()
            ),
            load: fs::read_to_string("/proc/loadavg")
                .ok()
                .and_then(|text| text.split(' ').next()?.parse().ok())
                .unwrap_or(f64::NAN),
        }
    }
}

/// Versions of this program and of those named, as they tell them themselves; one that is missing is left out.
pub fn versions(programs: &[&str]) -> BTreeMap<String, String> {
    let own = format!(
        "{} ({}), {}",
        env!("CARGO_PKG_VERSION"),
        env!("GRIND_COMMIT"),
        if cfg!(debug_assertions) {
            "development build: not for figures"
        } else {
            "release build"
        }
    );
    let others = programs
        .iter()
        .filter_map(|program| Some(((*program).to_owned(), version(program)?)));
    let ours = [("grind", own), ("rustc", env!("GRIND_RUSTC").to_owned())];
    let ours = ours.map(|(program, version)| (program.to_owned(), version));
    ours.into_iter().chain(others).collect()
}

/// Whether a program can be started.
pub fn is_there(program: &str) -> bool {
    version(program).is_some()
}

fn version(program: &str) -> Option<String> {
    let told = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&told.stdout);
    let first = text.lines().next().unwrap_or_default().trim().to_owned();
    told.status.success().then_some(first)
}

fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

fn kibibytes(text: &str, name: &str) -> u64 {
    field(text, name)
        .and_then(|value| value.split(' ').next()?.parse::<u64>().ok())
        .unwrap_or(0)
        * 1_024
}

fn instructions(flags: &str) -> Vec<String> {
    let telling = ["aes", "vaes", "sha_ni", "pclmulqdq", "avx2", "avx512f"];
    let has = |wanted: &&str| flags.split(' ').any(|flag| flag == *wanted);
    telling.into_iter().filter(has).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_tells_what_it_is() {
        let machine = MachineFacts::read();
        assert!(machine.cores > 0 && machine.memory_bytes > 0 && !machine.kernel.is_empty());
    }

    #[test]
    fn fields_are_read_by_their_name() {
        let text = "processor\t: 0\nmodel name\t: A: B\nMemTotal:      12 kB\nflags : fpu aes sha_ni\n";
        assert_eq!(field(text, "model name").unwrap(), "A: B");
        assert_eq!(kibibytes(text, "MemTotal"), 12_288);
        assert_eq!(kibibytes(text, "Nothing"), 0);
        assert_eq!(instructions(&field(text, "flags").unwrap()), ["aes", "sha_ni"]);
    }

    #[test]
    fn a_missing_program_is_left_out() {
        let versions = versions(&["no-such-program-anywhere"]);
        assert_eq!(versions.keys().collect::<Vec<_>>(), ["grind", "rustc"]);
        assert!(!is_there("no-such-program-anywhere"));
    }
}
