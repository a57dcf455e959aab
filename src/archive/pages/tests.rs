//! Which numbers make pages.

use super::*;

/// Pages, and the files that they are told by.
struct TestPages {
    pages: VolumePages,
    files: Vec<FileSeen>,
}

impl TestPages {
    fn new() -> Self {
        Self {
            pages: VolumePages::new(),
            files: Vec::new(),
        }
    }

    /// Adds a file of this role, what it holds under its number.
    fn add(&mut self, role: MemberRole, hold: impl FnOnce(&mut VolumePages, usize)) {
        hold(&mut self.pages, self.files.len());
        self.add_named(&format!("{role:?}"), role);
    }

    fn add_named(&mut self, name: &str, role: MemberRole) {
        self.files.push(FileSeen::new(name, role));
    }

    fn judge(&mut self, named: &BTreeSet<u32>) -> (PageCount, Vec<&'static str>) {
        let mut findings = FindingList::default();
        let duplicates = self.pages.place(&self.files, "");
        note_duplicates(&duplicates, &self.files, &BTreeMap::new(), &mut findings);
        let count = self.pages.judge(named, &mut findings);
        let codes = findings.finish().iter().map(|finding| finding.code.as_str()).collect();
        (count, codes)
    }
}

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
            codes: &["hocr_without_image"],
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
        let mut volume = TestPages::new();
        for page in case.images {
            volume.add(MemberRole::Image(page), |pages, file| {
                pages.image(file, ImageContent::Image)
            });
        }
        for page in case.coordinates {
            volume.add(MemberRole::Coordinates(page), |pages, file| pages.coordinates(file, 1));
        }
        for page in case.texts {
            volume.add(MemberRole::Text(page), |pages, file| pages.text(file, b"text").unwrap());
        }
        let (count, codes) = volume.judge(&case.named.into_iter().collect());
        assert_eq!(
            (count.first_page, count.pages, count.text_pages),
            case.expected,
            "{}",
            case.what
        );
        assert_eq!(codes, case.codes, "{}", case.what);
        let mut lines = Vec::new();
        volume.pages.write_lines(&mut lines, false).unwrap();
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
        let (mut kept, mut not_kept) = (TestPages::new(), TestPages::new());
        kept.add(MemberRole::Text(1), |pages, file| pages.text(file, bytes).unwrap());
        not_kept.add(MemberRole::Text(1), |pages, file| pages.text_not_kept(file, bytes));
        for mut volume in [kept, not_kept] {
            let (count, codes) = volume.judge(&BTreeSet::new());
            assert_eq!(
                (count.text_pages, count.nonblank_texts),
                (1, u64::from(!is_blank)),
                "{bytes:x?}"
            );
            let is_said = codes.contains(&"no_text");
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
        (&[(1, Empty), (1, Image)], 1, &["duplicate_page"]),
        (&[(1, NotAnImage), (1, Image)], 1, &["duplicate_page"]),
        (&[(1, Image), (1, NotAnImage)], 1, &["duplicate_page"]),
    ];
    for (images, good, expected) in cases {
        let mut volume = TestPages::new();
        for (page, content) in images {
            volume.add(MemberRole::Image(*page), |pages, file| pages.image(file, *content));
        }
        let (count, codes) = volume.judge(&BTreeSet::new());
        let all = images.iter().map(|(page, _)| page).collect::<BTreeSet<_>>().len() as u64;
        assert_eq!((count.images, count.empty_images), (good, all - good), "{images:?}");
        let codes: Vec<_> = codes.into_iter().filter(|code| *code != "no_text").collect();
        assert_eq!(codes, expected, "{images:?}");
    }
}

#[test]
fn a_text_beside_the_pages_comes_before_one_in_another_folder() {
    for main in ["", "copy/"] {
        let mut volume = TestPages::new();
        for (name, text) in [("copy/1.txt", "copy/"), ("1.txt", "")] {
            volume.pages.text(volume.files.len(), text.as_bytes()).unwrap();
            volume.add_named(name, MemberRole::Text(1));
        }
        let mut findings = FindingList::default();
        volume.pages.place(&volume.files, main);
        volume.pages.judge(&BTreeSet::new(), &mut findings);
        let mut lines = Vec::new();
        volume.pages.write_lines(&mut lines, false).unwrap();
        assert_eq!(String::from_utf8(lines).unwrap(), format!("{main:?}\n"));
    }
}
