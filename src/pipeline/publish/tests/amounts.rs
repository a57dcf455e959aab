//! How much of a stored archive a new one may lack.

use super::*;

#[test]
fn far_less_text_does_not_replace_what_is_stored_however_proven() {
    let kept = D::KeepStored(KeepReason::LessText);
    for (stored, new, expected) in [
        ((5, true), (0, true), kept),
        ((5, true), (2, true), kept),
        ((5, true), (3, true), D::Publish),
        ((5, true), (9, true), D::Publish),
        ((1, true), (0, true), kept),
        ((2, true), (1, true), D::Publish),
        ((0, true), (0, true), D::Publish),
        ((5, false), (0, false), kept),
        ((5, false), (0, true), kept),
        ((5, false), (3, true), D::Publish),
        ((5, true), (0, false), D::KeepStored(KeepReason::WeakerProof)),
    ] {
        let standing = |(text_pages, verified), sha256| VolumeStanding {
            text_pages,
            ..standing(9, verified, sha256)
        };
        let decision = may_replace(Some(&standing(stored, "old")), &standing(new, "new"));
        assert_eq!(decision, expected, "{stored:?} {new:?}");
    }
}

#[test]
fn a_character_for_each_page_is_no_text() {
    let kept = D::KeepStored(KeepReason::LessText);
    let known = |worded, characters| (Some(worded), Some(characters));
    for (stored, new, expected) in [
        // A full stop for each of 300 pages.
        (known(290, 400_000), known(0, 300), kept),
        // A few letters for each page; one page has it all; words, but few of them.
        (known(290, 400_000), known(0, 2_100), kept),
        (known(290, 400_000), known(1, 400_000), kept),
        (known(290, 400_000), known(290, 199_999), kept),
        // Honest recognition, done again.
        (known(290, 400_000), known(290, 200_000), D::Publish),
        (known(290, 400_000), known(145, 400_000), D::Publish),
        (known(290, 400_000), known(280, 380_000), D::Publish),
        (known(100, 90_000), known(290, 400_000), D::Publish),
        (known(0, 0), known(0, 0), D::Publish),
        // Stored by an earlier version.
        ((None, None), known(0, 300), D::Publish),
        ((None, Some(400_000)), known(290, 300), kept),
    ] {
        let standing = |(worded_texts, text_characters), sha256| VolumeStanding {
            worded_texts,
            text_characters,
            ..standing(300, true, sha256)
        };
        let decision = may_replace(Some(&standing(stored, "old")), &standing(new, "new"));
        assert_eq!(decision, expected, "{stored:?} {new:?}");
    }
}

#[test]
fn stand_ins_do_not_replace_images_and_hocr() {
    let kept = D::KeepStored(KeepReason::FarSmaller);
    let known = |images, hocr| (Some(images), Some(hocr));
    let whole = || known(300_000_000, 9_000_000);
    for (stored, new, expected) in [
        (whole(), whole(), D::Publish),
        // Pictures of a few hundred bytes; hOCR without a word.
        (whole(), known(150_000, 9_000_000), kept),
        (whole(), known(300_000_000, 60_000), kept),
        // In black and white now; of words and not of characters.
        (whole(), known(15_000_000, 450_000), D::Publish),
        (known(150_000, 60_000), whole(), D::Publish),
        // That there is none at all is another reason, or none.
        (whole(), known(300_000_000, 0), D::Publish),
        (known(0, 0), known(0, 0), D::Publish),
        ((None, None), known(1, 1), D::Publish),
    ] {
        let standing = |(image_bytes, hocr_bytes), sha256| VolumeStanding {
            image_bytes,
            hocr_bytes,
            ..standing(300, true, sha256)
        };
        let decision = may_replace(Some(&standing(stored, "old")), &standing(new, "new"));
        assert_eq!(decision, expected, "{stored:?} {new:?}");
    }
}
