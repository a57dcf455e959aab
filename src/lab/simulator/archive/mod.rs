//! Archives of invented volumes, and how they are served.

pub(crate) mod body;
pub(crate) mod cache;
pub(crate) mod files;
pub(crate) mod gzip;
pub(crate) mod http;
pub(crate) mod mets;
pub(crate) mod openpgp;
pub(crate) mod pages;
pub(crate) mod record;
pub(crate) mod volume;
