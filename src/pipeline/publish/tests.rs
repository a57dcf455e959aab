use super::*;
use ReplaceDecision as D;

fn standing(pages: u64, verified: bool, sha256: &str) -> VolumeStanding {
    VolumeStanding {
        pages,
        verified,
        sha256: sha256.into(),
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
