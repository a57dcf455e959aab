//! Bodies on their way from the owner's thread to their reader.
//!
//! A pump on the owner's thread reads the socket and puts batches of about 256 KiB into a channel of 3; a full channel stops the
//! pump, and the pump the socket. Memory for one body: the batch being filled, 3 in the channel, 1 being read, each at most
//! 256 KiB and one chunk of awc's (32 KiB): 1.4 MiB.

mod arrival;
mod attempts;
mod channel;
mod content_range;
mod decode;
mod pump;
mod range;
mod reader;
mod resume;
mod speed;

pub use crate::session::stream::arrival::BodyArrival;
#[cfg(test)]
pub(super) use crate::session::stream::channel::{ChunkReceiver, channel};
pub(super) use crate::session::stream::decode::{ContentCoding, decode_all};
pub(super) use crate::session::stream::pump::BodyPump;
pub(super) use crate::session::stream::range::status_read;
#[cfg(test)]
pub(crate) use crate::session::stream::reader::BodyReader;
pub use crate::session::stream::reader::{ArchiveBody, BodyHead, BodyStream};
pub(super) use crate::session::stream::resume::ResumePoint;
