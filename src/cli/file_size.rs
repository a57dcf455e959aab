//! A limit on the size of files ends no program: what is written fails, and says so.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGXFSZ;

/// Hears the signal that ends a program which writes beyond the limit of its files' size. With any handler the write fails instead, and the
/// programs that this one starts have the limit's own effect again.
pub(super) fn outlive_limit() {
    let heard = Arc::new(AtomicBool::new(false));
    // Without a handler the signal ends the program as it would any other.
    drop(signal_hook::flag::register(SIGXFSZ, heard));
}
