//! The access token: got once for all, ahead of its end, and again when GRIN refuses it.

mod assertion;
mod decision;
mod exchange;
mod keeper;
mod source;

pub(crate) use crate::session::token::assertion::service_account_can_sign;
pub(super) use crate::session::token::exchange::PostForm;
pub(super) use crate::session::token::keeper::{BearerToken, RefusedRequest, TokenKeeper};
pub(super) use crate::session::token::source::unusable_files;
