//! Who holds claims and leases: this process, told apart from every other.

use std::sync::OnceLock;

/// Who holds leases: machine, process and when it began, so that two daemons on one catalog tell each other apart, and one
/// that was killed is known to be dead even if its number is given out again.
pub fn owner() -> String {
    static OWNER: OnceLock<String> = OnceLock::new();
    OWNER
        .get_or_init(|| owner_of(std::process::id()).unwrap_or_else(|| format!("{}:{}:0", host(), std::process::id())))
        .clone()
}

/// The owner was a process of this machine, and lives no more.
pub fn is_dead(owner: &str) -> bool {
    let Some(rest) = owner.strip_prefix(&format!("{}:", host())) else {
        return false;
    };
    let Some(process) = rest.split(':').next().and_then(|number| number.parse().ok()) else {
        return false;
    };
    owner_of(process).as_deref() != Some(owner)
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// `host:pid:start`; the start is field 22 of `/proc/PID/stat`, in clock ticks since boot.
fn owner_of(process: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let start = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?;
    Some(format!("{}:{process}:{start}", host()))
}
