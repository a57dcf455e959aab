//! Measures the mailbox.
fn main() {}
