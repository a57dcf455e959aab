//! `grind` downloads a library's Google Books scans from GRIN, verifies each volume and stores it: one HTTP session, a pipeline
//! of actors.
//!
//! The modules stand in layers; one uses only what stands below it (`tests/it/structure/` holds that). `src/README.md` is the
//! map: where to change what, who decides what, and why things are as they are.
//!
//! | layer | modules |
//! |---|---|
//! | surface | [`cli`], [`daemon`], [`observe`] |
//! | lab | `lab`, only with the feature of this name |
//! | work | [`pipeline`] |
//! | services | [`session`], [`storage`], [`catalog`], [`dapr`] |
//! | base | [`vocabulary`], [`grin`], [`archive`], [`actor`], [`settings`], `log`, [`clock`], `authorities`, [`diagnostics`], `traces` |

// Surface.
pub mod cli;
pub mod daemon;
pub mod observe;

// Lab.
#[cfg(feature = "lab")]
pub mod lab;

// Work.
pub mod pipeline;

// Services: each owns one part of the outside world.
pub mod catalog;
pub mod dapr;
pub mod session;
pub mod storage;

// Base.
pub mod actor;
pub mod archive;
mod authorities;
pub mod clock;
pub mod diagnostics;
pub mod grin;
mod log;
pub mod settings;
mod traces;
pub mod vocabulary;
