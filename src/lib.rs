//! `grind` brings a library's Google Books scans home from GRIN: one session, a pipeline of actors, every volume verified.

pub mod actor;
pub mod archive;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod daemon;
pub mod dapr;
pub mod grin;
#[cfg(feature = "lab")]
pub mod lab;
pub mod log;
pub mod observe;
pub mod pipeline;
pub mod session;
pub mod settings;
pub mod storage;
pub mod vocabulary;
