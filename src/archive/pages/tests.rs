//! Which numbers make pages.

use super::*;

struct Case {
    what: &'static str,
    images: Vec<u32>,
    coordinates: Vec<u32>,
    texts: Vec<u32>,
    named: Vec<u32>,
    /// First page, pages, pages with text.
    expected: (u64, u64, u64),
    codes: &'static [&'static str],
}

fn case(what: &'static str) -> Case {
    Case {
        what,
        images: Vec::new(),
        coordinates: Vec::new(),
        texts: Vec::new(),
        named: Vec::new(),
        expected: (0, 0, 0),
        codes: &[],
    }
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn cases() -> Vec<Case> {
    let late: Vec<u32> = (5_001..=5_010).collect();
    let long: Vec<u32> = (5_001..=8_000).collect();
    vec![
        Case {
            codes: &["no_pages"],
            ..case("nothing")
        },
        Case {
            images: vec![1, 2],
            texts: vec![1, 2],
            expected: (1, 2, 2),
            ..case("two pages")
        },
        Case {
            images: vec![1],
            coordinates: vec![1, 2],
            texts: vec![1],
            expected: (1, 2, 1),
            ..case("hOCR alone")
        },
        Case {
            coordinates: vec![1],
            expected: (1, 1, 0),
            codes: &["no_text"],
            ..case("only hOCR")
        },
        Case {
            images: vec![1],
            texts: vec![1, 2],
            expected: (1, 1, 1),
            codes: &["text_without_image"],
            ..case("an unnamed text beyond the images")
        },
        Case {
            images: vec![1],
            texts: vec![1, 2],
            named: vec![1, 2],
            expected: (1, 2, 2),
            codes: &["text_without_image"],
            ..case("a named text beyond the images")
        },
        Case {
            texts: vec![2],
            expected: (1, 2, 1),
            codes: &["page_gap"],
            ..case("the first page is missing")
        },
        Case {
            images: late.clone(),
            texts: late.clone(),
            expected: (5_001, 10, 10),
            codes: &["page_numbers_start_late"],
            ..case("from 5001 on, nothing names them")
        },
        Case {
            images: late.clone(),
            texts: late.clone(),
            named: late,
            expected: (5_001, 10, 10),
            codes: &["page_numbers_start_late"],
            ..case("from 5001 on, named")
        },
        Case {
            images: vec![501, 502, 503],
            texts: vec![501, 502, 503],
            named: vec![501, 502, 503],
            expected: (501, 3, 3),
            codes: &["page_numbers_start_late"],
            ..case("from 501 on, named")
        },
        Case {
            images: vec![1_000, 1_001, 1_002],
            texts: vec![1_000],
            named: vec![1_000, 1_001, 1_002],
            expected: (1_000, 3, 1),
            codes: &["image_without_text", "page_numbers_start_late"],
            ..case("from 1000 on, named")
        },
        Case {
            images: vec![501, 502],
            texts: vec![501, 502],
            named: vec![1, 501, 502],
            expected: (1, 502, 2),
            codes: &["page_gap"],
            ..case("from 501 on, and page 1 is named")
        },
        Case {
            images: long.clone(),
            texts: long.clone(),
            named: long,
            expected: (5_001, 3_000, 3_000),
            codes: &["page_numbers_start_late"],
            ..case("3000 pages from 5001 on, named")
        },
        Case {
            images: vec![1, 2, 99_999_999],
            texts: vec![1],
            expected: (1, 2, 1),
            codes: &["page_number_implausible", "image_without_text"],
            ..case("a misnamed file")
        },
        Case {
            images: vec![1, 4_000],
            texts: vec![1, 4_000],
            named: vec![1, 4_000],
            expected: (1, 4_000, 2),
            codes: &["page_gap"],
            ..case("far away and named")
        },
        Case {
            images: vec![1, 99_999_999],
            texts: vec![1],
            named: vec![1, 99_999_999],
            expected: (1, 1, 1),
            codes: &["page_number_implausible"],
            ..case("named and too far away for lines in between")
        },
    ]
}

#[test]
fn numbers_make_pages() {
    for case in cases() {
        let mut pages = VolumePages::new();
        assert!(case.images.iter().all(|page| pages.image(*page, ImageContent::Image)));
        assert!(case.coordinates.iter().all(|page| pages.coordinates(*page, 1)));
        case.texts.iter().for_each(|page| pages.text(*page, b"text").unwrap());
        let mut findings = FindingList::default();
        let count = pages.judge(&case.named.into_iter().collect(), &mut findings);
        assert_eq!(
            (count.first_page, count.pages, count.text_pages),
            case.expected,
            "{}",
            case.what
        );
        let codes: Vec<_> = findings.finish().iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(codes, case.codes, "{}", case.what);
        let mut lines = Vec::new();
        pages.write_lines(&mut lines, false).unwrap();
        assert_eq!(
            lines.split_inclusive(|byte| *byte == b'\n').count() as u64,
            count.pages,
            "{}",
            case.what
        );
    }
}

#[test]
fn a_text_without_anything_to_read_is_blank() {
    let cases: [(&[u8], bool); 16] = [
        (b"", true),
        (b" \t\r\n\x0c", true),
        (b"\0\0\0\0", true),
        (b"\xef\xbb\xbf", true),
        (b"\xef\xbb\xbf\n", true),
        (b"\xff\xfe", true),
        (b"\xff\xfe \0\n\0", true),
        ("\u{a0}\u{3000}\u{200b}".as_bytes(), true),
        (b"\xff\xc0\x80", true),
        (b".", false),
        (b" 7 \n", false),
        (b"\0a\0", false),
        (b"\xef\xbb\xbfa", false),
        (b"\xff\xfea\0", false),
        (b"\xff a", false),
        ("\u{e4}".as_bytes(), false),
    ];
    for (bytes, is_blank) in cases {
        let (mut kept, mut not_kept) = (VolumePages::new(), VolumePages::new());
        kept.text(1, bytes).unwrap();
        not_kept.text_not_kept(1, bytes);
        for mut pages in [kept, not_kept] {
            let mut findings = FindingList::default();
            let count = pages.judge(&BTreeSet::new(), &mut findings);
            assert_eq!(
                (count.text_pages, count.nonblank_texts),
                (1, u64::from(!is_blank)),
                "{bytes:x?}"
            );
            let is_said = findings
                .finish()
                .iter()
                .any(|finding| finding.code == FindingCode::NoText);
            assert_eq!(is_said, is_blank, "{bytes:x?}");
        }
    }
}

#[test]
fn an_image_without_bytes_or_of_other_bytes_is_none() {
    use ImageContent::{Empty, Image, NotAnImage};
    type Images = &'static [(u32, ImageContent)];
    let cases: [(Images, u64, &[&str]); 8] = [
        (&[(1, Image), (2, Image)], 2, &[]),
        (&[(1, Image), (2, Empty)], 1, &["empty_page_image"]),
        (&[(1, Empty), (2, Empty)], 0, &["empty_page_image"]),
        (&[(1, Image), (2, NotAnImage)], 1, &["not_an_image"]),
        (&[(1, Empty), (2, NotAnImage)], 0, &["empty_page_image", "not_an_image"]),
        // Of two images of one page, one is enough.
        (&[(1, Empty), (1, Image)], 1, &[]),
        (&[(1, NotAnImage), (1, Image)], 1, &[]),
        (&[(1, Image), (1, NotAnImage)], 1, &[]),
    ];
    for (images, good, expected) in cases {
        let mut pages = VolumePages::new();
        for (page, content) in images {
            pages.image(*page, *content);
        }
        let mut findings = FindingList::default();
        let count = pages.judge(&BTreeSet::new(), &mut findings);
        let all = images.iter().map(|(page, _)| page).collect::<BTreeSet<_>>().len() as u64;
        assert_eq!((count.images, count.empty_images), (good, all - good), "{images:?}");
        let codes: Vec<_> = findings.finish().iter().map(|finding| finding.code.as_str()).collect();
        let codes: Vec<_> = codes.into_iter().filter(|code| *code != "no_text").collect();
        assert_eq!(codes, expected, "{images:?}");
    }
}
