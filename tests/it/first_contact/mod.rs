//! The commands by which a librarian meets GRIN for the first time, against the simulator.

mod init;
mod preflight;
mod rehearse;
