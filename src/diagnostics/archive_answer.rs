//! What of an archive was not recognised. Nothing of its bytes is kept: they are a book's, or lead to the passphrase.

use crate::archive::{ArchiveError, ArchiveFinding, DamageKind, FindingCode};
use crate::diagnostics::answer::{UnrecognisedAnswer, UnrecognisedKind};

/// Of an archive that could not be read.
pub(crate) fn of_archive_error(error: &ArchiveError) -> Option<UnrecognisedAnswer> {
    let kind = match error {
        ArchiveError::Unsupported { .. }
        | ArchiveError::Damaged {
            what: DamageKind::Packets(_),
            ..
        } => UnrecognisedKind::Packet,
        ArchiveError::UnreadTar { .. } => UnrecognisedKind::Member,
        ArchiveError::NotAnArchive { .. } | ArchiveError::OtherContent { .. } => UnrecognisedKind::Answer,
        _ => return None,
    };
    Some(UnrecognisedAnswer::new(kind, &error.to_string()))
}

/// Of one that could.
pub(crate) fn of_findings(findings: &[ArchiveFinding]) -> Vec<UnrecognisedAnswer> {
    let found = findings.iter().filter_map(|finding| {
        let kind = kind_of(finding.code)?;
        let answer = UnrecognisedAnswer::new(kind, finding.code.as_str());
        Some(answer.answered("", finding.text.as_bytes()))
    });
    found.collect()
}

fn kind_of(code: FindingCode) -> Option<UnrecognisedKind> {
    match code {
        FindingCode::MetsMalformed
        | FindingCode::MetsRefused
        | FindingCode::MetsMisnamed
        | FindingCode::MarcUnread
        | FindingCode::DigestNotCompared
        | FindingCode::UnnamedBook => Some(UnrecognisedKind::Mets),
        FindingCode::ChecksumListMalformed | FindingCode::OddEntry | FindingCode::FolderInArchive => {
            Some(UnrecognisedKind::Member)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_not_taken_for_a_form_that_is_not_known() {
        let damaged = |what| ArchiveError::Damaged {
            what,
            seen: Box::default(),
        };
        for (error, kind) in [
            (ArchiveError::WrongPassphrase, None),
            (damaged(DamageKind::Integrity), None),
            (
                damaged(DamageKind::Packets("tag 63".to_owned())),
                Some(UnrecognisedKind::Packet),
            ),
            (
                ArchiveError::Unsupported {
                    what: "AEAD in chunks".to_owned(),
                },
                Some(UnrecognisedKind::Packet),
            ),
            (
                ArchiveError::UnreadTar {
                    what: "1.jp2 is a sparse file".to_owned(),
                    seen: Box::default(),
                },
                Some(UnrecognisedKind::Member),
            ),
            (
                ArchiveError::NotAnArchive { looks_like: "zip" },
                Some(UnrecognisedKind::Answer),
            ),
        ] {
            assert_eq!(of_archive_error(&error).map(|answer| answer.kind), kind, "{error}");
        }
        let finding = |code: FindingCode| ArchiveFinding {
            code,
            level: code.level(),
            member: None,
            text: "a DTD at byte 12".to_owned(),
        };
        let found = of_findings(&[finding(FindingCode::PageGap), finding(FindingCode::MetsRefused)]);
        assert_eq!((found.len(), found[0].shape.as_str()), (1, "mets_refused"));
    }
}
