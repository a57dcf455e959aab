//! Room `session`: the access token: got once for all, ahead of its end, and again when GRIN refuses it.

mod exchange;
mod keeper;
mod source;

pub(super) use exchange::PostForm;
pub(super) use keeper::{Bearer, Keeper};
