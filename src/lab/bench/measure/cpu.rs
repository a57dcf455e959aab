//! CPU time of this process and of its children, and the peak memory of a child.

use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// What the kernel calls a tick where it tells CPU time of children: 10 ms on every Linux machine.
const TICK: Duration = Duration::from_millis(10);

/// CPU seconds of this process so far, children apart.
pub fn own() -> f64 {
    seconds(clock_gettime(ClockId::ProcessCPUTime))
}

/// CPU seconds of children that have ended and were waited for, and of theirs. In steps of 10 ms.
pub fn children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    children_of(&stat)
}

/// The most memory the process has had in RAM, in bytes; `None` once it has ended.
pub fn peak_of(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().split(' ').next()?.parse().ok()?;
    Some(kibibytes * 1_024)
}

fn children_of(stat: &str) -> f64 {
    // The second field is the program's name and may hold anything; after it fields are numbers (proc(5)): cutime and
    // cstime are the 16th and 17th.
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = |place: usize| {
        after_name
            .split(' ')
            .nth(place)
            .and_then(|text| text.parse::<u32>().ok())
            .unwrap_or(0)
    };
    (TICK * ticks(13) + TICK * ticks(14)).as_secs_f64()
}

fn seconds(time: Timespec) -> f64 {
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_behind_a_name_with_spaces_and_brackets() {
        let stat = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 11 12 250 50 15 16";
        assert!((children_of(stat) - 3.0).abs() < 1e-9);
        assert!(children_of("") < 1e-9);
    }

    #[test]
    fn time_spent_is_counted() {
        let before = own();
        let mut sum = 0_u64;
        while own() - before < 0.01 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(own() - before >= 0.01);
    }

    #[test]
    fn memory_is_told_of_the_living() {
        assert!(peak_of(std::process::id()).unwrap() > 100_000);
        assert_eq!(peak_of(u32::MAX), None);
    }
}
