//! `grind` brings a library's Google Books scans home from GRIN: one session, a pipeline of actors, every volume verified.

pub mod archive;
pub mod bench;
pub mod catalog;
pub mod cli;
pub mod daemon;
pub mod grin;
pub mod mailbox;
pub mod observe;
pub mod session;
pub mod settings;
pub mod simulator;
pub mod state_store;
pub mod storage;
pub mod supervisor;
pub mod workers;
