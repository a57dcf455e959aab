//! Objects that are not wanted any more when they are whole.

use std::cell::Cell;

use grind::storage::StorageError;

use crate::storage_s3::server::{Server, bytes, key, meta};
use crate::storage_s3::{RAW, begun, object, read};

/// Each way in which a store puts a long object under its name: it copies it, or gets it a second time.
#[test]
fn what_is_not_wanted_any_more_when_it_is_whole_does_not_appear() {
    const MIB: usize = 1 << 20;
    for status in [200, 501] {
        let server = Server::start();
        if status != 200 {
            server.copy_status(status);
        }
        let storage = server.storage();
        begun(&storage, 10).publish().unwrap();
        let mut upload = begun(&storage, 20 * MIB);
        upload.set_meta(&meta(Some("cd34"))).unwrap();
        let (asked, wanted) = (Cell::new(0), Cell::new(false));
        let may = || {
            asked.set(asked.get() + 1);
            wanted.get()
        };
        let given_up = upload.publish_if(&may).unwrap_err();
        assert!(matches!(given_up, StorageError::Broken), "{status}: {given_up}");
        assert!(asked.get() > 0, "{status}");
        assert_eq!(read(&storage, RAW), bytes(10), "{status}: the older one stays");
        assert_eq!(
            (server.files(), server.open_notes()),
            (vec![object(RAW)], 0),
            "{status}"
        );
        wanted.set(true);
        begun(&storage, 20 * MIB).publish_if(&may).unwrap();
        let stat = storage.stat(&key(RAW)).unwrap().unwrap();
        assert_eq!(stat.bytes, 20 << 20, "{status}");
    }
}
