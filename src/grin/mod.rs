//! Room `grin`: the protocol as pure functions and types.

mod barcode;
mod secret;

pub use barcode::{BadBarcode, Barcode};
pub use secret::Secret;
