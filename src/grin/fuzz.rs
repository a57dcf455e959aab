//! Mutated answers, for as long as `GRIND_FUZZ_SECONDS` says (2 by default): no panic, no invented volume.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use url::Url;

use crate::grin::*;

const PAGE: &[u8] = b"<html><body><table><tr><td>menu<td><table><thead><tr class=\"heading\"><td></td><td><span class=\"hd3\">\
    Barcode</span></td><td><span class=hd3>Title</span><td>Filename</tr></thead><tbody><tr><td><input type=checkbox \
    name=barcodes value=\"TL0001\"></td><td>TL0001</td><td>On <i>Tides</i> &amp; \xd0\xa2</td><td><a href=\"x\">TL0001.tar.gz.gpg</a>\
    </td></tr><tr><td colspan=4>none</tr></tbody></table></table><a href=\"?first=3&amp;ctoken=x\">Next &gt;</a></body></html>";
const TSV: &[u8] = b"\xef\xbb\xbfBarcode\tState\tScanned Date\tOCR'd Date\r\nTL0001\tNEW\t2011/02/03 04:05\t\r\nTL0002\t\t2011-02-03\t\xff\n";
const PROCESS: &[u8] = b"Barcode\tStatus\nTL0001\tSuccess\nTL0002\tAlready being converted\n<pre>TL0001\tx</pre>";
const PIECES: &[&[u8]] = &[
    b"<table>",
    b"</table>",
    b"<tr>",
    b"</tr>",
    b"<td>",
    b"<tr class=heading>",
    b"<td colspan=99999999999>",
    b"<!--",
    b"-->",
    b"<script>",
    b"</script>",
    b"<plaintext>",
    b"<svg>",
    b"<select>",
    b"<a href='?first=1'>",
    b"</html>",
    b"&#x",
    b"&amp;",
    b"\t",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xf0\x9f",
    b"'",
    b"\"",
    b">",
    b"Barcode",
    b"<base href=//x>",
];

/// Runs `check` on changed copies of `seed` until the time is over.
fn mutate(seed: &[u8], mut check: impl FnMut(&[u8], &mut StdRng)) {
    let seconds = std::env::var("GRIND_FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2.0);
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut rng = StdRng::seed_from_u64(7);
    let mut rounds = 0;
    while Instant::now() < end || rounds < 100 {
        let mut bytes = seed.to_vec();
        for _ in 0..rng.random_range(1..12) {
            change(&mut bytes, &mut rng);
        }
        check(&bytes, &mut rng);
        rounds += 1;
    }
}

fn change(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    let at = rng.random_range(0..=bytes.len());
    let to = rng.random_range(at..=bytes.len().min(at + 40));
    match rng.random_range(0..5) {
        0 => drop(bytes.splice(at..at, PIECES[rng.random_range(0..PIECES.len())].iter().copied())),
        1 => drop(bytes.drain(at..to)),
        2 => {
            let copy = bytes[at..to].to_vec();
            let there = rng.random_range(0..=bytes.len());
            drop(bytes.splice(there..there, copy));
        }
        3 if at < bytes.len() => bytes[at] = rng.random(),
        _ => bytes.truncate(bytes.len() - (bytes.len() - at) / 4),
    }
}

/// Every other page longer than what the tokenizer gets at once: many copies of a part of it, somewhere.
fn lengthened(bytes: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let mut long = bytes.to_vec();
    if rng.random() && !bytes.is_empty() {
        let [from, there] = [0; 2].map(|_| rng.random_range(0..bytes.len()));
        let part = &bytes[from..rng.random_range(from + 1..=bytes.len())];
        let times = rng.random_range(1..=50_000 / part.len());
        drop(long.splice(there..there, part.repeat(times)));
    }
    long
}

#[test]
fn list_pages() {
    let library = LibraryDirectory::parse("TESTLIB").unwrap();
    let url = Url::parse("https://books.google.com/libraries/TESTLIB/_all_books").unwrap();
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut parser = ListPageParser::new(&library, &url);
        let mut rows: Vec<_> = pieces
            .flat_map(|piece| parser.push(piece).unwrap_or_default())
            .collect();
        let (rest, page) = parser.finish();
        rows.extend(rest);
        (rows, page)
    };
    mutate(PAGE, |bytes, rng| {
        let bytes = &lengthened(bytes, rng);
        let whole = list_page::parse_list_page(bytes, &library, &url);
        let size = rng.random_range(1..90);
        let pieces = read(&mut bytes.chunks(size));
        assert_eq!(whole, pieces, "in pieces of {size}: {}", bytes.escape_ascii());
        let (rows, page) = whole;
        assert_eq!(page.complete, page.refusal.is_none() && page.doubt.is_none());
        assert!(page.refusal.is_none() || page.doubt.is_none());
        assert!(rows.len() as u64 == page.rows && (page.next.is_none() || page.complete));
        assert!(
            page.next
                .is_none_or(|next| next.origin() == url.origin() && next.path() == url.path())
        );
    });
}

#[test]
fn search_tables_and_text_lists() {
    let library = LibraryDirectory::parse("TESTLIB").unwrap();
    mutate(TSV, |bytes, _| {
        let tsv = parse_tsv(bytes, &AskedBooks::default());
        assert!(tsv.refusal.is_none() || tsv.books.is_empty());
        for kind in ListKind::ALL {
            let list = parse_text_list(bytes, kind, &library);
            let is_read = matches!(list.refusal, None | Some(AnswerRefusal::Truncated));
            assert!(is_read || list.rows.is_empty());
        }
    });
}

#[test]
fn replies_to_requests_for_conversion() {
    let asked = ["TL0001", "TL0002"].map(|name| Barcode::parse(name).unwrap());
    mutate(PROCESS, |bytes, _| {
        let reply = parse_process_reply(200, bytes, &asked);
        let answered: Vec<_> = reply
            .outcomes
            .iter()
            .map(|processed| processed.barcode.clone())
            .collect();
        assert_eq!(answered, asked, "one outcome for each volume asked for, whatever comes");
        parse_process_reply(200, bytes, &[]);
    });
}
