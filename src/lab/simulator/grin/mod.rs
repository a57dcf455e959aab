//! GRIN as a server: lists, searches, conversion requests, sign-in, and the books behind them.

pub(crate) mod auth;
pub(crate) mod barcodes;
pub(crate) mod catalogue;
pub(crate) mod dates;
pub(crate) mod life;
pub(crate) mod lists;
pub(crate) mod lists_html;
pub(crate) mod lists_text;
pub(crate) mod oauth;
pub(crate) mod pager;
pub(crate) mod process;
pub(crate) mod query;
pub(crate) mod refused;
pub(crate) mod shelf;
pub(crate) mod titles;
pub(crate) mod truth;
