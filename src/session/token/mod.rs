//! The access token: got once for all, ahead of its end, and again when GRIN refuses it.

mod assertion;
mod decision;
mod exchange;
mod keeper;
mod source;

pub(super) use crate::session::token::exchange::PostForm;
pub(super) use crate::session::token::keeper::{BearerToken, TokenKeeper};
