//! Bodies on their way from the owner's thread to their reader.
//!
//! A pump on the owner's thread reads the socket and puts batches of about 256 KiB into a channel of 3; a full channel stops the
//! pump, and the pump the socket. Memory for one body: the batch being filled, 3 in the channel, 1 being read, each at most
//! 256 KiB and one chunk of awc's (32 KiB): 1.4 MiB.

mod channel;
mod pump;
mod range;
mod reader;
mod speed;

pub(super) use crate::session::stream::pump::{BodyPump, ResumePoint};
pub(super) use crate::session::stream::range::WholeBody;
pub use crate::session::stream::reader::{ArchiveBody, BodyHead, BodyReader, BodyStream};
