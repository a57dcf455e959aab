use super::*;
use crate::archive::{ManifestProvenance, ProvenVolume, RecordKind, VolumeAcceptance};
use crate::pipeline::publish::KeepReason;
use ArchiveWitness as A;
use ReplaceDecision as D;

fn volume(pages: u64, verified: bool, digest: u8) -> ProvenVolume {
    ProvenVolume {
        sha256: [digest; 32],
        bytes: 1,
        encrypted_bytes: 0,
        fingerprint: [0; 16],
        marc: None,
        marc_xml: None,
        record: RecordKind::Found,
        acceptance: VolumeAcceptance {
            pages,
            text_pages: pages,
            nonblank_texts: pages,
            images: pages,
            hocr_pages: pages,
            verified,
            ..VolumeAcceptance::default()
        },
        findings: Vec::new(),
        members: Vec::new(),
        restarts: Vec::new(),
    }
}

fn standing(pages: u64, verified: bool, digest: u8) -> VolumeStanding {
    VolumeStanding::from(&volume(pages, verified, digest))
}

/// A manifest of a verified archive.
fn manifest(pages: u64, digest: u8) -> BookManifest {
    let provenance = ManifestProvenance {
        barcode: Barcode::parse("TL0001").unwrap(),
        file_name: None,
        encrypted_etag: None,
        acquired_at: jiff::Timestamp::UNIX_EPOCH,
    };
    BookManifest::of(&volume(pages, true, digest), provenance)
}

fn whole(pages: u64, digest: u8) -> ArchiveWitness {
    A::Whole(standing(pages, true, digest))
}

fn refused(counted: Option<u64>, digest: u8) -> ArchiveWitness {
    A::Refused {
        counted: counted.map(|pages| standing(pages, false, digest)),
        sha256: hex(&[digest; 32]),
    }
}

/// What is asked, what lies in the archive's place, in the place that the catalog names, the manifest, and what becomes of a new archive.
type WitnessCase = (
    &'static str,
    ArchiveWitness,
    ArchiveWitness,
    Option<BookManifest>,
    VolumeStanding,
    D,
);

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn a_new_archive_comes_up_to_all_that_tells_what_was_stored() {
    let (new, loose) = (|pages| standing(pages, true, 2), |pages| standing(pages, false, 2));
    let fewer = D::KeepStored(KeepReason::FewerPages);
    let weaker = D::KeepStored(KeepReason::WeakerProof);
    let blank = VolumeStanding {
        text_pages: 0,
        ..loose(9)
    };
    let cases: Vec<WitnessCase> = vec![
        ("nothing is there", A::Missing, A::Missing, None, new(1), D::Publish),
        (
            "nothing in it",
            A::Missing,
            A::Missing,
            None,
            new(0),
            D::KeepStored(KeepReason::NoPages),
        ),
        (
            "a volume",
            whole(9, 1),
            A::Missing,
            Some(manifest(9, 1)),
            new(9),
            D::Publish,
        ),
        (
            "a volume with more",
            whole(9, 1),
            A::Missing,
            Some(manifest(9, 1)),
            new(4),
            fewer,
        ),
        (
            "a proven volume",
            whole(9, 1),
            A::Missing,
            Some(manifest(9, 1)),
            loose(9),
            weaker,
        ),
        (
            "a volume, its manifest says more",
            whole(4, 1),
            A::Missing,
            Some(manifest(9, 3)),
            new(4),
            D::Publish,
        ),
        (
            "the same volume",
            whole(9, 2),
            A::Missing,
            Some(manifest(9, 2)),
            new(9),
            D::SameBytes,
        ),
        (
            "refused, nothing is known",
            refused(None, 1),
            A::Missing,
            None,
            new(1),
            D::Publish,
        ),
        (
            "refused, its manifest says more",
            refused(None, 1),
            A::Missing,
            Some(manifest(9, 3)),
            new(4),
            fewer,
        ),
        (
            "refused, its manifest says as much",
            refused(None, 1),
            A::Missing,
            Some(manifest(9, 3)),
            new(9),
            D::Publish,
        ),
        (
            "refused, and what comes is unproven",
            refused(None, 1),
            A::Missing,
            Some(manifest(9, 3)),
            loose(9),
            D::Publish,
        ),
        (
            "refused, and what comes has no text",
            refused(None, 1),
            A::Missing,
            Some(manifest(9, 3)),
            blank,
            D::KeepStored(KeepReason::LessText),
        ),
        (
            "refused, and what comes has no record",
            refused(None, 1),
            A::Missing,
            Some(manifest(9, 3)),
            VolumeStanding {
                has_record: false,
                ..new(9)
            },
            D::KeepStored(KeepReason::RecordLost),
        ),
        (
            "refused, and what was stored comes",
            refused(None, 1),
            A::Missing,
            Some(manifest(9, 2)),
            new(9),
            D::SameBytes,
        ),
        (
            "refused, and it comes again",
            refused(None, 2),
            A::Missing,
            Some(manifest(9, 3)),
            new(9),
            D::SameBytes,
        ),
        (
            "refused and counted",
            refused(Some(9), 1),
            A::Missing,
            None,
            new(4),
            fewer,
        ),
        (
            "refused, its manifest says less",
            refused(Some(9), 1),
            A::Missing,
            Some(manifest(4, 3)),
            new(4),
            fewer,
        ),
        (
            "gone, its manifest says more",
            A::Missing,
            A::Missing,
            Some(manifest(9, 3)),
            new(4),
            fewer,
        ),
        (
            "gone, its manifest says as much",
            A::Missing,
            A::Missing,
            Some(manifest(9, 3)),
            new(9),
            D::Publish,
        ),
        (
            "gone, and it comes again",
            A::Missing,
            A::Missing,
            Some(manifest(9, 2)),
            new(9),
            D::SameBytes,
        ),
        (
            "elsewhere",
            A::Missing,
            whole(9, 1),
            Some(manifest(9, 1)),
            new(4),
            fewer,
        ),
        (
            "elsewhere, no better",
            A::Missing,
            whole(4, 1),
            Some(manifest(9, 3)),
            new(4),
            D::Publish,
        ),
        ("elsewhere a better one", whole(4, 1), whole(9, 3), None, new(4), fewer),
        (
            "the same here and a better one elsewhere",
            whole(4, 2),
            whole(9, 3),
            None,
            new(4),
            fewer,
        ),
        ("here a better one", whole(9, 1), whole(4, 3), None, new(4), fewer),
    ];
    for (what, raw, recorded, manifest, new, expected) in cases {
        let stored = StoredWitness {
            raw,
            recorded,
            manifest,
        };
        assert_eq!(judge(&stored, &new), expected, "{what}");
    }
}

#[test]
fn bytes_that_nobody_read_as_a_volume_are_kept_when_others_replace_them() {
    let first = hex(&[1; 32]);
    for (raw, expected) in [
        (A::Missing, None),
        (whole(9, 1), None),
        (A::Believed(standing(9, true, 1)), Some(first.as_str())),
        (refused(None, 1), Some(first.as_str())),
        (refused(Some(9), 1), Some(first.as_str())),
    ] {
        let stored = StoredWitness {
            raw,
            recorded: A::Missing,
            manifest: Some(manifest(9, 1)),
        };
        assert_eq!(stored.unproven(), expected, "{stored:?}");
    }
}
