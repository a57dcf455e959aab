//! What `object_store` does not offer of Azure: blocks that carry a digest, and a list of blocks that gives the blob its metadata.
//!
//! A blob's blocks are sent under its own name and show nowhere until the list of them is committed, in one step and with all metadata. So
//! nothing needs to be copied, and an older blob stays until then. Blocks that are not committed are dropped by Azure after a week.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use md5::{Digest as _, Md5};
use object_store::azure::{AzureAuthorizer, MicrosoftAzure};
use object_store::client::{HttpClient, HttpRequest};
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{Error, Result};
use url::Url;

use crate::storage::meta::ObjectMeta;
use crate::storage::object::again::{StoreAttempt, persistently};
use crate::storage::object::patience::in_time;

const STORE: &str = "Azure";
const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
const META_PREFIX: &str = "x-ms-meta-";

/// A container, and requests to it that we make ourselves.
pub(super) struct AzureContainer {
    pub store: MicrosoftAzure,
    pub http: HttpClient,
    pub account: String,
    /// The container's address, without a slash at its end.
    pub address: Url,
}

/// One request about a blob.
struct BlobRequest {
    query: Vec<(&'static str, String)>,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
}

impl AzureContainer {
    /// Sends one block; Azure compares its digest with what arrives.
    pub async fn put_block(&self, to: &Path, block: Bytes) -> Result<PartId> {
        let content_id = format!("{:032x}", rand::random::<u128>());
        let request = BlobRequest {
            query: vec![
                ("comp", "block".to_owned()),
                ("blockid", BASE64_STANDARD.encode(&content_id)),
            ],
            headers: vec![(CONTENT_MD5, BASE64_STANDARD.encode(Md5::digest(&block)))],
            body: block,
        };
        self.send(to, &request).await?;
        Ok(PartId { content_id })
    }

    /// Makes a blob of these blocks; said again after an answer was lost, it comes to the same.
    pub async fn commit(&self, to: &Path, blocks: &[PartId], meta: &ObjectMeta) -> Result<()> {
        let header = |(name, value): (&str, &str)| {
            let name = HeaderName::try_from(format!("{META_PREFIX}{name}")).map_err(|why| generic(&why))?;
            Ok((name, value.to_owned()))
        };
        let request = BlobRequest {
            query: vec![("comp", "blocklist".to_owned())],
            headers: meta.pairs().map(header).collect::<Result<_>>()?,
            body: block_list(blocks).into(),
        };
        self.send(to, &request).await
    }

    async fn send(&self, to: &Path, request: &BlobRequest) -> Result<()> {
        persistently(|| self.try_send(to, request)).await
    }

    async fn try_send(&self, to: &Path, request: &BlobRequest) -> StoreAttempt<(), Error> {
        let signed = match self.signed(to, request).await {
            Ok(signed) => signed,
            Err(why) => return StoreAttempt::Refused(why),
        };
        // The address may carry a signature, so no error of the client is passed on as it is.
        let asked = async {
            let answered = self.http.execute(signed).await;
            answered.map_err(|why| generic(&format!("{:?}", why.kind())))
        };
        let answer = match in_time(request.body.len(), asked).await {
            Ok(answer) => answer,
            Err(why) => return StoreAttempt::Again(why),
        };
        let status = answer.status();
        if status.is_success() {
            return StoreAttempt::Done(());
        }
        let words = answer.into_body().bytes().await.unwrap_or_default();
        let error = of_answer(to, status, &String::from_utf8_lossy(&words));
        match status.is_server_error() || matches!(status.as_u16(), 408 | 429) {
            true => StoreAttempt::Again(error),
            false => StoreAttempt::Refused(error),
        }
    }

    async fn signed(&self, to: &Path, request: &BlobRequest) -> Result<HttpRequest> {
        let mut url = self.address.clone();
        url.path_segments_mut()
            .map_err(|()| generic(&"an address without a path"))?
            .extend(to.parts().map(|part| part.as_ref().to_owned()));
        url.query_pairs_mut().extend_pairs(&request.query);
        let mut signed = HttpRequest::new(request.body.clone().into());
        *signed.method_mut() = Method::PUT;
        *signed.uri_mut() = url.as_str().parse().map_err(|why| generic(&why))?;
        let headers = signed.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(request.body.len()));
        for (name, value) in &request.headers {
            headers.insert(name, HeaderValue::try_from(value).map_err(|why| generic(&why))?);
        }
        let credential = self.store.credentials().get_credential().await?;
        AzureAuthorizer::new(&credential, &self.account).try_authorize(&mut signed)?;
        Ok(signed)
    }
}

/// `Latest` also finds blocks that a commit with a lost answer has taken.
fn block_list(blocks: &[PartId]) -> String {
    let of = |block: &PartId| format!("<Latest>{}</Latest>", BASE64_STANDARD.encode(&block.content_id));
    let blocks: String = blocks.iter().map(of).collect();
    format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{blocks}</BlockList>")
}

fn generic(why: &impl ToString) -> Error {
    Error::Generic {
        store: STORE,
        source: why.to_string().into(),
    }
}

/// The kind of error that `object_store` itself would make of it.
fn of_answer(path: &Path, status: StatusCode, words: &str) -> Error {
    let (path, source) = (path.to_string(), format!("{status}: {words}").into());
    match status {
        StatusCode::NOT_FOUND => Error::NotFound { path, source },
        StatusCode::FORBIDDEN => Error::PermissionDenied { path, source },
        StatusCode::UNAUTHORIZED => Error::Unauthenticated { path, source },
        _ => Error::Generic { store: STORE, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_listed_in_their_order() {
        let blocks = ["a", "b"].map(|id| PartId { content_id: id.into() });
        assert!(
            block_list(&blocks).ends_with("<BlockList><Latest>YQ==</Latest><Latest>Yg==</Latest></BlockList>"),
            "{}",
            block_list(&blocks)
        );
    }
}
