//! What the kernel says of this process.

use std::fs;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::observe::family::MetricFamilies;
use crate::observe::names::MetricName;

/// Memory, CPU time and file descriptors of this process; what the system does not tell stays `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ProcessFigures {
    /// Memory in RAM, in bytes.
    pub resident_bytes: Option<u64>,
    /// Most memory in RAM so far, in bytes.
    pub peak_resident_bytes: Option<u64>,
    /// CPU time of all threads, user and system.
    pub cpu_seconds: Option<f64>,
    /// Open file descriptors.
    pub open_fds: Option<u64>,
    /// How many the process may open.
    pub max_fds: Option<u64>,
    /// When the process began, in seconds since 1970.
    pub start_seconds: Option<f64>,
}

impl ProcessFigures {
    /// Asks the kernel.
    pub fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            resident_bytes: status_bytes(&status, "VmRSS:"),
            peak_resident_bytes: status_bytes(&status, "VmHWM:"),
            cpu_seconds: Some(cpu_seconds()),
            open_fds: fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64),
            max_fds: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
            start_seconds: start_seconds(),
        }
    }

    /// The same as metrics of the names every process has.
    pub fn families(&self) -> MetricFamilies {
        let mut families = MetricFamilies::new();
        let whole = [
            (MetricName::ProcessResident, self.resident_bytes),
            (MetricName::ProcessPeak, self.peak_resident_bytes),
            (MetricName::ProcessOpenFds, self.open_fds),
            (MetricName::ProcessMaxFds, self.max_fds),
        ];
        for (metric, value) in whole {
            value.inspect(|value| families.count(metric, &[], *value));
        }
        for (metric, value) in [
            (MetricName::ProcessCpu, self.cpu_seconds),
            (MetricName::ProcessStart, self.start_seconds),
        ] {
            value.inspect(|value| families.number(metric, &[], *value));
        }
        families
    }
}

/// CPU time of all threads of this process, user and system.
pub fn cpu_seconds() -> f64 {
    seconds_of(rustix::time::ClockId::ProcessCPUTime)
}

/// A line of `/proc/self/status` in kB, as bytes.
fn status_bytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[expect(clippy::cast_precision_loss, reason = "seconds need no 53 bits")]
fn seconds_of(clock: rustix::time::ClockId) -> f64 {
    let time = rustix::time::clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Now less the time since the start, which `stat` tells in clock ticks after boot (proc(5), field 22); it never changes, so it is
/// read once. The boot time in `/proc/stat` is not needed: the unit's `ProcSubset=pid` hides it.
fn start_seconds() -> Option<f64> {
    static START: OnceLock<Option<f64>> = OnceLock::new();
    *START.get_or_init(|| {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let now = seconds_of(rustix::time::ClockId::Realtime);
        let booted = now - seconds_of(rustix::time::ClockId::Boottime);
        started(&stat, booted, rustix::param::clock_ticks_per_second())
    })
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 need no 53 bits")]
fn started(stat: &str, booted: f64, ticks_per_second: u64) -> Option<f64> {
    // The program's name stands in brackets and may hold anything, brackets and spaces included: count from the last one.
    let after_name = stat.rsplit_once(')')?.1;
    let ticks: u64 = after_name.split_ascii_whitespace().nth(19)?.parse().ok()?;
    Some(booted + ticks as f64 / ticks_per_second as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_files() {
        let figures = ProcessFigures::read();
        let resident = figures.resident_bytes.unwrap();
        assert!(
            resident > 100_000 && figures.peak_resident_bytes.unwrap() >= resident,
            "{figures:?}"
        );
        assert!(
            (3..figures.max_fds.unwrap()).contains(&figures.open_fds.unwrap()),
            "{figures:?}"
        );
        assert!(figures.cpu_seconds.unwrap() >= 0.0);
        let now = jiff::Timestamp::now().as_second();
        #[expect(clippy::cast_precision_loss, reason = "a comparison to the minute")]
        let age = now as f64 - figures.start_seconds.unwrap();
        assert!((-60.0..86_400.0).contains(&age), "{age}");
        assert_eq!(figures.families().series(), 6);
    }

    #[test]
    fn a_program_name_with_brackets_does_not_shift_the_fields() {
        let stat = format!("7 (a ) b) S {} 250 1 2", "0 ".repeat(18).trim());
        assert_eq!(started(&stat, 1_000.0, 100), Some(1_002.5));
        assert_eq!(started("7 a", 1_000.0, 100), None);
    }

    #[test]
    fn only_a_size_in_kilobytes_is_taken() {
        assert_eq!(status_bytes("VmRSS:\t  12 kB\n", "VmRSS:"), Some(12_288));
        assert_eq!(status_bytes("VmRSS:\t  12 MB\n", "VmRSS:"), None);
        assert_eq!(status_bytes("", "VmRSS:"), None);
    }
}
