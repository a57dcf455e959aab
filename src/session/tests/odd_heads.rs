//! Answers whose heads are odd, and may be read all the same.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::session::tests::support::*;

#[actix_rt::test]
async fn heads_that_awc_refuses_are_read() {
    let many: String = (0..200).map(|number| format!("x-{number}: y\r\n")).collect();
    let heads = [
        "etag: \"a\"\r\nx-long: a\r\n b\r\n\tc\r\n".to_owned(),
        format!("{many}etag: \"a\"\r\n"),
        "content-length: 4\r\netag: \"a\"\r\n".to_owned(),
    ];
    for head in heads {
        let sent = head.clone();
        let server = Server::start(move |_, wire| answer(wire, "200 OK", &sent, "body"));
        let fixture = Fixture::of(&server);
        let body = fixture.open(server.url("/a")).await.unwrap();
        assert_eq!(body.head.validator.as_ref().unwrap().opaque(), "a", "{head:.60}");
        assert_eq!(read(body.reader).await, (b"body".to_vec(), Ok(())), "{head:.60}");
        assert_eq!(server.seen().len(), 1);
        fixture.end();
    }
}

#[actix_rt::test]
async fn a_deflated_body_is_undone() {
    let archive = pattern(100_000);
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&archive).unwrap();
    let coded = encoder.finish().unwrap();
    let server = Server::start(move |_, wire| answer(wire, "200 OK", "content-encoding: deflate\r\n", &coded));
    let fixture = Fixture::of(&server);
    let (bytes, ended) = fixture.download(server.url("/a")).await;
    assert_eq!(ended, Ok(()));
    assert!(bytes == archive);
    assert!(fixture.get(server.url("/list")).await.unwrap().body == archive);
    fixture.end();
}
