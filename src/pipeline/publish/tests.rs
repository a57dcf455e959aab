mod amounts;

use super::*;
use ReplaceDecision as D;

fn standing(pages: u64, verified: bool, sha256: &str) -> VolumeStanding {
    VolumeStanding {
        pages,
        text_pages: pages,
        worded_texts: None,
        text_characters: None,
        images: Some(pages),
        page_numbers: None,
        image_numbers: None,
        further_images: None,
        image_bytes: None,
        hocr_bytes: None,
        hocr_pages: None,
        hocr_numbers: None,
        alto_numbers: None,
        has_record: false,
        record_parts: None,
        verified,
        names_another: false,
        sha256: sha256.into(),
    }
}

#[test]
fn what_may_be_another_books_does_not_replace_what_is_this_ones() {
    let kept = D::KeepStored(KeepReason::AnotherBook);
    for (stored, new, expected) in [
        ((false, true), (true, true), kept),
        ((false, false), (true, true), kept),
        ((true, true), (true, true), D::Publish),
        ((true, true), (false, true), D::Publish),
        ((false, true), (true, false), D::KeepStored(KeepReason::WeakerProof)),
    ] {
        let standing = |(names_another, verified), sha256| VolumeStanding {
            names_another,
            ..standing(9, verified, sha256)
        };
        let decision = may_replace(Some(&standing(stored, "old")), &standing(new, "new"));
        assert_eq!(decision, expected, "{stored:?} {new:?}");
    }
}

#[test]
fn what_may_replace_what() {
    let stored = standing(5, true, "old");
    let unproven = standing(5, false, "old");
    let cases = [
        ("nothing is stored", None, standing(5, true, "new"), D::Publish),
        (
            "nothing is stored, unproven",
            None,
            standing(1, false, "new"),
            D::Publish,
        ),
        (
            "no volume, nothing stored",
            None,
            standing(0, false, "new"),
            D::KeepStored(KeepReason::NoPages),
        ),
        (
            "no volume",
            Some(&stored),
            standing(0, true, "new"),
            D::KeepStored(KeepReason::NoPages),
        ),
        ("the same bytes", Some(&stored), standing(5, false, "old"), D::SameBytes),
        ("as good", Some(&stored), standing(5, true, "new"), D::Publish),
        ("more pages", Some(&stored), standing(6, true, "new"), D::Publish),
        (
            "fewer pages",
            Some(&stored),
            standing(4, true, "new"),
            D::KeepStored(KeepReason::FewerPages),
        ),
        (
            "more pages, unproven",
            Some(&stored),
            standing(9, false, "new"),
            D::KeepStored(KeepReason::WeakerProof),
        ),
        (
            "as good, both unproven",
            Some(&unproven),
            standing(5, false, "new"),
            D::Publish,
        ),
        ("better proven", Some(&unproven), standing(5, true, "new"), D::Publish),
        (
            "better proven, fewer pages",
            Some(&unproven),
            standing(4, true, "new"),
            D::KeepStored(KeepReason::FewerPages),
        ),
    ];
    for (what, stored, new, expected) in cases {
        assert_eq!(may_replace(stored, &new), expected, "{what}");
    }
}

/// A stored archive that is verified stays, also where nothing new can be: then the key is named that says so.
#[test]
fn what_is_refused_for_want_of_checksums_names_the_key() {
    for (reason, verify_checksums, is_named) in [
        (KeepReason::WeakerProof, false, true),
        (KeepReason::WeakerProof, true, false),
        (KeepReason::FewerPages, false, false),
        (KeepReason::LessText, false, false),
    ] {
        let remark = reason.remark(verify_checksums);
        assert_eq!(
            remark.contains("archive.verify_checksums"),
            is_named,
            "{reason:?} {verify_checksums}"
        );
    }
    let decision = may_replace(Some(&standing(5, true, "old")), &standing(9, false, "new"));
    assert_eq!(decision, D::KeepStored(KeepReason::WeakerProof));
}

#[test]
fn an_image_of_which_nothing_tells_the_page_is_not_lost() {
    let kept = D::KeepStored(KeepReason::FurtherImagesLost);
    for (stored, new, expected) in [
        ((4, Some(1)), (4, Some(1)), D::Publish),
        ((4, Some(1)), (4, Some(0)), kept),
        ((4, Some(8)), (5, Some(6)), kept),
        // It has its number now.
        ((4, Some(1)), (5, Some(0)), D::Publish),
        // Not known of what an earlier version stored.
        ((4, None), (4, Some(0)), D::Publish),
    ] {
        let standing = |(images, further_images), sha256| VolumeStanding {
            images: Some(images),
            further_images,
            ..standing(4, false, sha256)
        };
        let decision = may_replace(Some(&standing(stored, "old")), &standing(new, "new"));
        assert_eq!(decision, expected, "{stored:?} {new:?}");
    }
}

#[test]
fn a_record_keeps_what_it_is_known_by() {
    const FULL: RecordParts = RecordParts {
        has_leader: true,
        has_control_number: true,
        has_title: true,
        fields: 20,
    };
    let with = |change: fn(&mut RecordParts)| {
        let mut parts = FULL;
        change(&mut parts);
        Some(parts)
    };
    let kept = D::KeepStored(KeepReason::RecordReduced);
    for (stored, new, expected) in [
        (with(|_| ()), with(|_| ()), D::Publish),
        (with(|_| ()), with(|parts| parts.has_leader = false), kept),
        (with(|_| ()), with(|parts| parts.has_control_number = false), kept),
        (with(|_| ()), with(|parts| parts.has_title = false), kept),
        (with(|_| ()), with(|parts| parts.fields = 9), kept),
        (with(|_| ()), with(|parts| parts.fields = 10), D::Publish),
        (with(|parts| parts.has_title = false), with(|_| ()), D::Publish),
        (
            with(|parts| parts.has_title = false),
            with(|parts| parts.has_title = false),
            D::Publish,
        ),
        // Stored by an earlier version.
        (None, with(|parts| *parts = RecordParts::default()), D::Publish),
    ] {
        let standing = |record_parts, sha256| VolumeStanding {
            has_record: true,
            record_parts,
            ..standing(9, true, sha256)
        };
        let decision = may_replace(Some(&standing(stored, "old")), &standing(new, "new"));
        assert_eq!(decision, expected, "{stored:?} {new:?}");
    }
}

#[test]
fn a_gap_counts_for_no_image() {
    let kept = D::KeepStored(KeepReason::FewerImages);
    for (stored, new, expected) in [
        ((6, Some(6)), (50, Some(3)), kept),
        ((6, Some(6)), (6, Some(0)), kept),
        ((6, Some(6)), (6, Some(6)), D::Publish),
        ((6, Some(6)), (7, Some(6)), D::Publish),
        ((6, Some(0)), (6, Some(0)), D::Publish),
        ((50, Some(3)), (50, Some(3)), D::Publish),
        ((6, None), (50, Some(3)), kept),
        ((6, None), (6, Some(0)), kept),
        ((6, None), (6, Some(6)), D::Publish),
        ((6, None), (9, Some(7)), D::Publish),
    ] {
        let standing = |(pages, images), sha256| VolumeStanding {
            images,
            ..standing(pages, true, sha256)
        };
        let decision = may_replace(Some(&standing(stored, "old")), &standing(new, "new"));
        assert_eq!(decision, expected, "{stored:?} {new:?}");
    }
}

/// A change of what is alike otherwise.
type StandingChange = fn(&mut VolumeStanding);

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn nothing_that_is_stored_is_lost() {
    let numbers = |numbers: &[u32]| -> Option<PageNumbers> { Some(numbers.iter().copied().collect()) };
    let whole = |sha256| VolumeStanding {
        page_numbers: numbers(&[1, 2, 3, 4, 5]),
        image_numbers: numbers(&[1, 2, 3, 4, 5]),
        hocr_pages: Some(5),
        hocr_numbers: numbers(&[1, 2, 3, 4, 5]),
        alto_numbers: numbers(&[1, 2, 3]),
        has_record: true,
        ..standing(5, true, sha256)
    };
    let kept = D::KeepStored;
    let same: StandingChange = |_| {};
    let cases: [(&str, StandingChange, StandingChange, D); 17] = [
        ("as good", same, same, D::Publish),
        (
            "another page",
            same,
            |new| new.shift_page(true),
            kept(KeepReason::PagesLost),
        ),
        (
            "another page's image",
            same,
            |new| new.shift_page(false),
            kept(KeepReason::FewerImages),
        ),
        (
            "pages of an earlier version",
            VolumeStanding::forget,
            |new| new.shift_page(true),
            D::Publish,
        ),
        (
            "no record",
            same,
            |new| new.has_record = false,
            kept(KeepReason::RecordLost),
        ),
        (
            "no record, better proven",
            |stored| stored.verified = false,
            |new| new.has_record = false,
            kept(KeepReason::RecordLost),
        ),
        ("a record at last", |stored| stored.has_record = false, same, D::Publish),
        (
            "no hOCR",
            same,
            |new| new.hocr_pages = Some(0),
            kept(KeepReason::FewerHocr),
        ),
        (
            "hOCR of a page less",
            same,
            |new| new.hocr_pages = Some(4),
            kept(KeepReason::FewerHocr),
        ),
        (
            "hOCR of another page",
            same,
            |new| new.hocr_numbers = Some([1, 2, 3, 4, 6].into_iter().collect()),
            kept(KeepReason::FewerHocr),
        ),
        (
            "hOCR of a page more",
            same,
            |new| (new.hocr_pages, new.hocr_numbers) = (Some(6), Some((1..=6).collect())),
            D::Publish,
        ),
        ("more hOCR", |stored| stored.hocr_pages = Some(4), same, D::Publish),
        (
            "no ALTO",
            same,
            |new| new.alto_numbers = Some(PageNumbers::default()),
            kept(KeepReason::FewerAlto),
        ),
        (
            "ALTO of another page",
            same,
            |new| new.alto_numbers = Some([1, 2, 4, 5].into_iter().collect()),
            kept(KeepReason::FewerAlto),
        ),
        (
            "ALTO of a page more",
            same,
            |new| new.alto_numbers = Some((1..=4).collect()),
            D::Publish,
        ),
        (
            "ALTO of an earlier version",
            VolumeStanding::forget,
            |new| new.alto_numbers = Some(PageNumbers::default()),
            D::Publish,
        ),
        (
            "hOCR of an earlier version",
            VolumeStanding::forget,
            |new| new.hocr_pages = Some(0),
            D::Publish,
        ),
    ];
    for (what, of_stored, of_new, expected) in cases {
        let (mut stored, mut new) = (whole("old"), whole("new"));
        of_stored(&mut stored);
        of_new(&mut new);
        assert_eq!(may_replace(Some(&stored), &new), expected, "{what}");
    }
}

impl VolumeStanding {
    /// Page 6 in place of page 5, or its image alone.
    fn shift_page(&mut self, whole: bool) {
        self.image_numbers = Some([1, 2, 3, 4, 6].into_iter().collect());
        self.pages = 6;
        self.page_numbers = if whole {
            self.image_numbers.clone()
        } else {
            Some((1..=6).collect())
        };
    }

    /// As if an earlier version had stored it.
    fn forget(&mut self) {
        (self.page_numbers, self.image_numbers) = (None, None);
        (self.hocr_pages, self.hocr_numbers, self.alto_numbers) = (None, None, None);
    }
}
