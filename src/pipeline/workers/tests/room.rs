//! Room on the disk for what is fetched.

use super::*;
use crate::pipeline::PublishError;
use crate::pipeline::workers::DownloadError;
use crate::pipeline::workers::tests::download::{DownloadFixture, damaged, volume};
use crate::pipeline::workers::tests::grin_stub::StubAnswer;
use crate::storage::StorageError;

#[test]
fn a_book_that_the_disk_cannot_hold_is_refused_before_its_first_byte() {
    paused(async || {
        let fixture = DownloadFixture::new();
        let ask = fixture.ask().await;
        fixture.base.grin.answer(StubAnswer::Longer(volume(), u64::MAX / 4));
        let result = fixture.download(ask).await;
        let Err(DownloadError::Publish(PublishError::Storage(full @ StorageError::Full { .. }))) = &result else {
            panic!("{result:?}");
        };
        assert!(full.to_string().contains("this book takes"), "{full}");
        assert!(fixture.files().is_empty(), "{:?}", fixture.files());
    });
}

#[test]
fn a_book_gives_back_the_room_that_it_had() {
    paused(async || {
        for bytes in [volume(), damaged()] {
            let fixture = DownloadFixture::new();
            let ask = fixture.ask().await;
            // It ends early, and is damaged in the second fetch as well.
            let room = fixture.storage.room().unwrap().unwrap() / 10 * 6;
            for _ in 0..if bytes == volume() { 1 } else { 2 } {
                fixture.base.grin.answer(StubAnswer::Longer(bytes.clone(), room / 3));
            }
            drop(fixture.download(ask).await);
            fixture.storage.with_room_for(room).unwrap();
        }
    });
}
