//! The conformance suite of `object_store` itself against each server: what we build upon is what the server does.

use std::collections::BTreeSet;

use futures::TryStreamExt as _;
use object_store::integration as suite;
use object_store::memory::InMemory;
use object_store::multipart::MultipartStore;
use object_store::{ObjectStore, ObjectStoreExt};

use super::{StoreKind, TestStore, block_on, stores};

const BUCKET: &str = "conformance";

/// What is done otherwise than the suite demands, and why that does us no harm; in the order of the suite's report.
const OTHERWISE: [(StoreKind, &str, &str); 11] = [
    (StoreKind::InProcess, COPY_ONCE, NOT_IN_S3),
    (StoreKind::InProcess, COPY_NOTHING, NOT_IN_S3),
    (
        StoreKind::InProcess,
        "get_opts",
        "the ETag of what was read is compared once more",
    ),
    (
        StoreKind::InProcess,
        "put_get_delete_list",
        "no object has the name of a folder of objects",
    ),
    (StoreKind::InProcess, "put_opts", "no object is written on a condition"),
    (StoreKind::Moto, COPY_ONCE, NOT_IN_S3),
    (StoreKind::Moto, COPY_NOTHING, NOT_IN_S3),
    (StoreKind::Seaweed, COPY_ONCE, NOT_IN_S3),
    (StoreKind::Seaweed, COPY_NOTHING, NOT_IN_S3),
    (StoreKind::Seaweed, "put_get_delete_list", FROM_A_NAME_ON),
    (StoreKind::Azurite, "put_get_delete_list", FROM_A_NAME_ON),
];
const COPY_ONCE: &str = "copy_if_not_exists";
const COPY_NOTHING: &str = "copy_rename_nonexistent_object";
const NOT_IN_S3: &str = "S3 copies on no condition unless it is configured how, and no object is copied so";
const FROM_A_NAME_ON: &str = "no listing begins at a name";

/// Something that is asked for objects, and for parts of them.
trait WholeStore: ObjectStore + MultipartStore {}

impl<T: ObjectStore + MultipartStore> WholeStore for T {}

macro_rules! each {
    ($store:expr, $failed:expr; $($name:ident: $call:expr;)+) => {
        $({
            clear($store).await;
            let run = async { $call };
            let caught = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(run)).await;
            if caught.is_err() {
                $failed.insert(stringify!($name));
            }
        })+
    };
}

/// What a part that failed left.
async fn clear(store: &impl ObjectStore) {
    let left: Vec<_> = store.list(None).try_collect().await.unwrap_or_default();
    for object in left {
        store.delete(&object.location).await.unwrap();
    }
}

/// The parts of the suite that failed.
async fn failures<S: WholeStore>(store: &S) -> BTreeSet<&'static str> {
    let mut failed = BTreeSet::new();
    each! { store, failed;
        put_get_delete_list: suite::put_get_delete_list(store).await;
        get_opts: suite::get_opts(store).await;
        put_opts: suite::put_opts(store, true).await;
        put_get_attributes: suite::put_get_attributes(store).await;
        list_uses_directories_correctly: suite::list_uses_directories_correctly(store).await;
        list_with_delimiter: suite::list_with_delimiter(store).await;
        rename_and_copy: suite::rename_and_copy(store).await;
        copy_if_not_exists: suite::copy_if_not_exists(store).await;
        copy_rename_nonexistent_object: suite::copy_rename_nonexistent_object(store).await;
        stream_get: suite::stream_get(store).await;
        multipart: suite::multipart(store, store).await;
        multipart_put_part_out_of_order: suite::multipart_put_part_out_of_order(store, store).await;
        multipart_out_of_order: suite::multipart_out_of_order(store).await;
    }
    failed
}

fn failures_of(store: &TestStore) -> BTreeSet<&'static str> {
    block_on(async {
        store.make(BUCKET).await;
        match store.kind {
            StoreKind::Memory => failures(&InMemory::new()).await,
            StoreKind::Azurite => failures(&store.azure(BUCKET)).await,
            _ => failures(&store.s3(BUCKET)).await,
        }
    })
}

/// A disk is not reached by way of `object_store`.
#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn each_server_does_what_object_store_expects() {
    let (mut found, mut ran) = (Vec::new(), Vec::new());
    for store in stores(|kind| kind != StoreKind::Disk) {
        let failed = failures_of(&store);
        found.extend(failed.into_iter().map(|part| (store.kind, part)));
        ran.push(store.kind);
    }
    let known = OTHERWISE.iter().filter(|(kind, ..)| ran.contains(kind));
    let known: Vec<_> = known.map(|(kind, part, _)| (*kind, *part)).collect();
    assert_eq!(found, known);
}
