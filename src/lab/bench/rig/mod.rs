//! What a bench runs against and with: servers, relays, helper processes, load.

pub(crate) mod answerer;
pub(crate) mod client_thread;
pub(crate) mod fresh;
pub(crate) mod helper;
pub(crate) mod interrupt;
pub(crate) mod load;
pub(crate) mod netem;
pub(crate) mod relay;
pub(crate) mod serve;
