//! journald's own protocol: one datagram a message, in which each field is a field of the journal (`journalctl BARCODE=…`).
//!
//! The message is the whole line, as on standard error: `journalctl` shows nothing else unless asked to.

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use serde_json::Value;

use crate::log::render::{LogRecord, priority};

/// Where journald listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// A connection to journald.
#[derive(Debug)]
pub struct JournalSocket(UnixDatagram);

impl JournalSocket {
    /// To the journald of this machine, if there is one.
    pub fn open() -> Option<Self> {
        Self::to(Path::new(SOCKET)).ok()
    }

    pub(super) fn to(path: &Path) -> std::io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        Ok(Self(socket))
    }

    /// `false` when journald did not take it, as when it is too long for a datagram.
    pub fn send(&self, record: &LogRecord<'_>) -> bool {
        self.0.send(&datagram(record)).is_ok()
    }
}

fn datagram(record: &LogRecord<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut taken = Vec::new();
    let own = [
        ("MESSAGE", record.words()),
        ("PRIORITY", priority(record.level).to_string()),
        ("SYSLOG_IDENTIFIER", env!("CARGO_PKG_NAME").to_owned()),
        ("TARGET", record.target.to_owned()),
    ];
    let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
    let actor = record.actor.map(|actor| ("ACTOR".to_owned(), actor.to_owned()));
    let fields = record
        .fields
        .iter()
        .filter_map(|(name, value)| Some((journal_name(name)?, plain(value))));
    // The first of a name counts: what the message says of itself, then what the spans round it say.
    for (name, value) in own.chain(fields).chain(actor) {
        if !taken.contains(&name) {
            push(&mut bytes, &name, &value);
            taken.push(name);
        }
    }
    bytes
}

/// A field's name in the journal: capitals, digits and underscores, not at its beginning. journald refuses others.
fn journal_name(name: &str) -> Option<String> {
    let name: String = name
        .chars()
        .map(|c| if c == '.' { '_' } else { c.to_ascii_uppercase() })
        .collect();
    let fits = name
        .bytes()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    (fits && name.len() <= 64 && name.starts_with(|first: char| first.is_ascii_uppercase())).then_some(name)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `NAME=value`, or the value's length before it where it has more than one line.
fn push(bytes: &mut Vec<u8>, name: &str, value: &str) {
    bytes.extend_from_slice(name.as_bytes());
    if value.contains('\n') {
        bytes.push(b'\n');
        bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        bytes.push(b'=');
    }
    bytes.extend_from_slice(value.as_bytes());
    bytes.push(b'\n');
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::Timestamp;
    use tracing::Level;

    use super::*;

    #[test]
    fn each_field_is_one_of_the_journal_and_the_message_is_the_whole_line() {
        let record = LogRecord {
            at: Timestamp::UNIX_EPOCH,
            level: Level::WARN,
            target: "grind::session",
            actor: Some("downloader"),
            fields: vec![
                ("message", "cut".into()),
                ("barcode", "ABC1".into()),
                ("error_kind", "body_cut".into()),
                ("end.rows", 7.into()),
                ("detail", "two\nlines".into()),
                ("barcode", "of a span".into()),
                ("_PID", 1.into()),
            ],
            left_out: 0,
        };
        let mut expected = b"MESSAGE=cut barcode=ABC1 error_kind=body_cut end.rows=7 detail=two\\nlines barcode=\"of a span\" _PID=1\n\
            PRIORITY=4\nSYSLOG_IDENTIFIER=grind\nTARGET=grind::session\nBARCODE=ABC1\nERROR_KIND=body_cut\nEND_ROWS=7\nDETAIL\n"
            .to_vec();
        expected.extend_from_slice(&9_u64.to_le_bytes());
        expected.extend_from_slice(b"two\nlines\nACTOR=downloader\n");
        assert_eq!(
            String::from_utf8_lossy(&datagram(&record)),
            String::from_utf8_lossy(&expected)
        );
    }

    /// What a journald at this socket was sent.
    pub fn received(socket: &UnixDatagram) -> String {
        let mut bytes = vec![0; 10_000];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }
}
