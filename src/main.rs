//! The `grind` program: reads the command line, does what it says, and tells the shell how it ended.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use grind::cli;

/// How glibc's allocator is set, unless the environment says otherwise; it reads this before `main`, and only from there.
const ALLOCATOR: [(&str, &str); 3] = [
    // It keeps an arena for each thread and gives little of it back: with two arenas the peak of a run is 41 to 51 MB instead
    // of 63 to 70 MB, at the same speed (measured).
    ("MALLOC_ARENA_MAX", "2"),
    // A block of 1 MiB and more is a mapping of its own. Left alone, the allocator begins at 128 KiB and raises that, up to
    // 32 MiB, with each such block that is freed: then large blocks lie among small ones, which keep their memory for good.
    ("MALLOC_MMAP_THRESHOLD_", "1048576"),
    // Fixing the one fixes the other at 128 KiB, and memory that is needed at once again would go back and forth.
    ("MALLOC_TRIM_THRESHOLD_", "1048576"),
];

fn main() -> ExitCode {
    let exit = match cli::parse() {
        Ok(command_line) => {
            begin_with_set_allocator();
            cli::conclude(cli::run(&command_line))
        }
        Err(answered) => answered,
    };
    exit.into()
}

/// Begins the program anew in the same process, unless that was done already; if it cannot be, it goes on with more memory.
fn begin_with_set_allocator() {
    let missing = || {
        ALLOCATOR
            .into_iter()
            .filter(|(name, _)| std::env::var_os(name).is_none())
    };
    if missing().next().is_none() {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        // Comes back only if it fails.
        drop(
            Command::new(program)
                .args(std::env::args_os().skip(1))
                .envs(missing())
                .exec(),
        );
    }
}
