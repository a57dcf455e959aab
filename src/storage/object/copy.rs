//! Copies an object inside S3 and gives it metadata.
//!
//! An object's digest is known only at its end, but S3 fixes metadata when an upload begins, and a plain copy keeps the old ones. So a
//! second upload is begun under the final name, with all metadata, and its parts are copied by the server itself
//! (`UploadPartCopy`), whatever the object's size. `object_store` has no such request; it signs it for us.
//!
//! Stores that do not offer `UploadPartCopy` (Azure, Google, and those of S3's that answer 501, 405, or without a `CopyPartResult`) get the bytes a second time: they
//! are read from the temporary object and sent as parts of the final one, one part in memory at a time. That costs the traffic
//! twice, and no archive is fetched from GRIN again for it.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use object_store::aws::AmazonS3;
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use object_store::{MultipartId, ObjectStoreExt};
use quick_xml::events::Event;

use crate::storage::error::StorageError;
use crate::storage::key::ObjectKey;
use crate::storage::meta::ObjectMeta;
use crate::storage::object::again::{StoreAttempt, persistently};
use crate::storage::object::error::sorted_write;
use crate::storage::object::multipart::PART;
use crate::storage::object::parts::{PartStore, PartUpload};
use crate::storage::object::patience::in_time;

/// Copied in one request; S3 takes up to 5 GiB.
const PIECE: u64 = 1 << 30;
const AT_ONCE: usize = 3;
const SIGNED_FOR: Duration = Duration::from_mins(15);
/// An answer has a few hundred bytes.
const LONGEST_ANSWER: usize = 64 << 10;

/// Multipart uploads and signed requests of S3.
pub(super) struct S3Bucket {
    pub store: AmazonS3,
    pub http: HttpClient,
    pub name: String,
}

/// What is copied where.
#[derive(Debug, Clone)]
pub(super) struct CopyPlan {
    pub store: Arc<PartStore>,
    pub from: Path,
    pub to: Path,
    pub bytes: u64,
    pub meta: ObjectMeta,
}

/// Why copying failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CopyError {
    #[error(transparent)]
    Store(#[from] object_store::Error),
    /// The address of such a request carries a signature, so no error of the client is passed on.
    #[error("copying inside the store was answered with {0}")]
    Answer(String),
    /// The store does not copy parts, so the bytes have to be sent again.
    #[error("the store does not copy parts of objects (UploadPartCopy was answered with {0})")]
    NotOffered(String),
    #[error("{got} bytes arrived of {sent}")]
    Mismatch { got: u64, sent: u64 },
}

/// A copy that failed.
#[derive(Debug)]
pub(super) struct FailedCopy {
    pub why: CopyError,
    /// The upload under the final name could not be aborted.
    pub is_left: bool,
}

/// Sorts the error for the caller.
pub(super) fn failed(error: CopyError, place: &str, key: &ObjectKey) -> StorageError {
    match error {
        CopyError::Store(why) => sorted_write("publishing", place, key, why),
        CopyError::Mismatch { got, sent } => StorageError::Mismatch {
            place: format!("{key} in {place}"),
            got,
            sent,
        },
        CopyError::Answer(_) | CopyError::NotOffered(_) => {
            StorageError::store(format!("publishing {key} in {place}"), &error)
        }
    }
}

impl CopyPlan {
    /// Begins the upload under the final name.
    pub async fn begin(&self) -> Result<MultipartId, CopyError> {
        Ok(self.store.begin(&self.to, &self.meta).await?)
    }

    /// Fills the upload in this way, completes it and compares the size; aborts the upload if anything fails.
    pub async fn finish(&self, id: &MultipartId, way: CopyWay) -> Result<(), FailedCopy> {
        let parts = match way {
            CopyWay::InStore => self.copied_parts(id).await,
            CopyWay::SentAgain => self.sent_parts(id).await,
        };
        let completed = match parts {
            Ok(parts) => self
                .store
                .complete(&self.upload(id), parts)
                .await
                .map_err(CopyError::from),
            Err(why) => Err(why),
        };
        match completed {
            Ok(()) => self.compare().await.map_err(|why| FailedCopy { why, is_left: false }),
            Err(why) => {
                let is_left = !self.abort(id).await;
                Err(FailedCopy { why, is_left })
            }
        }
    }

    fn upload(&self, id: &MultipartId) -> PartUpload {
        PartUpload {
            to: self.to.clone(),
            id: id.clone(),
            bytes: self.bytes,
            meta: self.meta.clone(),
            is_unique: false,
        }
    }

    /// Whether nothing of the upload is left.
    pub async fn abort(&self, id: &MultipartId) -> bool {
        let aborted = self.store.abort(&self.to, id).await;
        if let Err(why) = &aborted {
            tracing::warn!(to = %self.to, error = %why, "upload left behind until the next sweep");
        }
        aborted.is_ok()
    }

    async fn copied_parts(&self, id: &MultipartId) -> Result<Vec<PartId>, CopyError> {
        let copied = pieces(self.bytes)
            .enumerate()
            .map(|(index, piece)| self.piece(id, index, piece));
        futures::stream::iter(copied).buffered(AT_ONCE).try_collect().await
    }

    /// Reads the temporary object and sends it again, in parts of equal size as some stores demand.
    async fn sent_parts(&self, id: &MultipartId) -> Result<Vec<PartId>, CopyError> {
        let mut chunks = self.store.objects().get(&self.from).await?.into_stream();
        let mut parts = Vec::new();
        let (mut part, mut read) = (Vec::with_capacity(PART), 0);
        while let Some(chunk) = chunks.try_next().await? {
            read += chunk.len() as u64;
            let mut rest = &chunk[..];
            while !rest.is_empty() {
                let taken = rest.len().min(PART - part.len());
                part.extend_from_slice(&rest[..taken]);
                rest = &rest[taken..];
                if part.len() == PART {
                    let full = std::mem::replace(&mut part, Vec::with_capacity(PART));
                    parts.push(self.store.send(&self.to, id, parts.len(), full).await?);
                }
            }
        }
        if !part.is_empty() {
            parts.push(self.store.send(&self.to, id, parts.len(), part).await?);
        }
        if read == self.bytes {
            return Ok(parts);
        }
        Err(CopyError::Mismatch {
            got: read,
            sent: self.bytes,
        })
    }

    async fn compare(&self) -> Result<(), CopyError> {
        let got = in_time(0, self.store.objects().head(&self.to)).await?.size;
        if got == self.bytes {
            return Ok(());
        }
        self.store.delete(&self.to).await?;
        Err(CopyError::Mismatch { got, sent: self.bytes })
    }

    /// One piece, tried again after faults of the way or of the server.
    async fn piece(&self, id: &MultipartId, index: usize, piece: Range<u64>) -> Result<PartId, CopyError> {
        let Some(bucket) = self.store.copying() else {
            return Err(CopyError::NotOffered("no request".to_owned()));
        };
        persistently(|| self.try_piece(bucket, id, index, &piece)).await
    }

    async fn try_piece(
        &self,
        bucket: &S3Bucket,
        id: &MultipartId,
        index: usize,
        piece: &Range<u64>,
    ) -> StoreAttempt<PartId, CopyError> {
        let request = match self.request(bucket, id, index, piece).await {
            Ok(request) => request,
            Err(why) => return StoreAttempt::Refused(why),
        };
        let again = |why: String| StoreAttempt::Again(CopyError::Answer(why));
        let answer = match bucket.http.execute(request).await {
            Ok(answer) => answer,
            Err(why) => return again(format!("{:?}", why.kind())),
        };
        let status = answer.status();
        let mut body = Vec::new();
        let mut stream = answer.into_body().bytes_stream();
        while let Some(chunk) = stream.next().await {
            match chunk {
                Ok(chunk) => body.extend_from_slice(&chunk),
                Err(why) => return again(format!("{:?}", why.kind())),
            }
            if body.len() > LONGEST_ANSWER {
                return StoreAttempt::Refused(CopyError::Answer("a body without end".to_owned()));
            }
        }
        judged(status, &body)
    }

    async fn request(
        &self,
        bucket: &S3Bucket,
        id: &MultipartId,
        index: usize,
        piece: &Range<u64>,
    ) -> Result<HttpRequest, CopyError> {
        // Bucket and path have nothing that would need encoding: both are checked by `Key` and at connecting.
        let mut headers = vec![("x-amz-copy-source", format!("{}/{}", bucket.name, self.from))];
        if *piece != (0..self.bytes) {
            headers.push((
                "x-amz-copy-source-range",
                format!("bytes={}-{}", piece.start, piece.end - 1),
            ));
        }
        let mut options =
            SignedUrlOptions::new().with_query([("partNumber", (index + 1).to_string()), ("uploadId", id.clone())]);
        let odd = || CopyError::Answer("no request: a name with odd characters".to_owned());
        for (name, value) in &headers {
            let value = HeaderValue::try_from(value).map_err(|_| odd())?;
            options = options.with_signed_header(HeaderName::from_static(name), value);
        }
        let url = bucket
            .store
            .signed_url_opts(Method::PUT, &self.to, SIGNED_FOR, &options)
            .await?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = Method::PUT;
        *request.uri_mut() = url.as_str().parse().map_err(|_| odd())?;
        *request.headers_mut() = options.signed_headers;
        Ok(request)
    }
}

/// How the bytes come under the final name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CopyWay {
    /// The store copies them itself.
    InStore,
    /// They are read from the temporary object and sent again.
    SentAgain,
}

/// An S3 error document.
fn is_error(body: &[u8]) -> bool {
    body.windows(b"<Error".len()).any(|window| window == b"<Error")
}

/// What an answer to the copying of a piece says.
fn judged(status: StatusCode, body: &[u8]) -> StoreAttempt<PartId, CopyError> {
    match (part_id(body), status.is_success()) {
        (Some(content_id), true) => StoreAttempt::Done(PartId { content_id }),
        // S3 answers 200 before it copies, and may put an error into the body.
        (None, true) if is_error(body) => StoreAttempt::Again(CopyError::Answer("an error after 200".to_owned())),
        // Taken for an ordinary part: the header that names the source was not read.
        (None, true) => StoreAttempt::Refused(CopyError::NotOffered("no CopyPartResult".to_owned())),
        _ if status == StatusCode::NOT_IMPLEMENTED
            || status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS =>
        {
            StoreAttempt::Refused(CopyError::NotOffered(status.to_string()))
        }
        _ => StoreAttempt::Again(CopyError::Answer(status.to_string())),
    }
}

/// Ranges of equal size, the last one smaller.
fn pieces(bytes: u64) -> impl Iterator<Item = Range<u64>> {
    (0..bytes.div_ceil(PIECE)).map(move |index| index * PIECE..((index + 1) * PIECE).min(bytes))
}

/// What completing the upload needs to know of a part, out of a `CopyPartResult`: its `ETag`, with its checksum where the store keeps one. `None` in
/// anything else.
fn part_id(body: &[u8]) -> Option<String> {
    let etag = text_of(body, b"ETag")?;
    Some(match text_of(body, b"ChecksumSHA256") {
        // As object_store writes it for parts that it sends itself.
        Some(checksum) => {
            let etag = etag.replace('"', "&quot;");
            format!("<PartMetadata><e_tag>{etag}</e_tag><checksum_sha256>{checksum}</checksum_sha256></PartMetadata>")
        }
        None => etag,
    })
}

/// The text of an element in a `CopyPartResult`, if there is any.
fn text_of(body: &[u8], element: &[u8]) -> Option<String> {
    let mut reader = quick_xml::Reader::from_reader(body);
    let (mut inside, mut in_result, mut text) = (false, false, String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => match start.local_name().as_ref() {
                b"CopyPartResult" => in_result = true,
                name => inside = in_result && name == element,
            },
            Event::Text(piece) if inside => text.push_str(&piece.decode().ok()?),
            Event::GeneralRef(entity) if inside && matches!(&*entity, b"quot" | b"#34") => text.push('"'),
            Event::End(_) if inside => return (!text.is_empty()).then_some(text),
            Event::Eof => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_every_byte_once() {
        for bytes in [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5] {
            let ends: Vec<_> = pieces(bytes).collect();
            assert_eq!(ends[0].start, 0);
            assert_eq!(ends.last().unwrap().end, bytes);
            assert!(
                ends.windows(2)
                    .all(|pair| pair[0].end == pair[1].start && pair[0].end % PIECE == 0)
            );
        }
    }

    #[test]
    fn answers_are_understood() {
        let cases = [
            (
                "<?xml version=\"1.0\"?><CopyPartResult xmlns=\"x\"><LastModified>t</LastModified><ETag>&quot;ab&quot;</ETag></CopyPartResult>",
                Some("\"ab\""),
            ),
            ("<CopyPartResult><ETag>\"ab\"</ETag></CopyPartResult>", Some("\"ab\"")),
            (
                "<CopyPartResult><ETag>&#34;ab&#34;</ETag></CopyPartResult>",
                Some("\"ab\""),
            ),
            (
                "<CopyPartResult><ETag>&quot;ab&quot;</ETag><ChecksumSHA256>c=</ChecksumSHA256></CopyPartResult>",
                Some("<PartMetadata><e_tag>&quot;ab&quot;</e_tag><checksum_sha256>c=</checksum_sha256></PartMetadata>"),
            ),
            ("<Error><Code>InternalError</Code></Error>", None),
            ("<Error><ETag>x</ETag></Error>", None),
            ("<CopyPartResult><ETag></ETag></CopyPartResult>", None),
            ("<CopyPart", None),
            ("", None),
        ];
        for (body, expected) in cases {
            assert_eq!(part_id(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }
}
