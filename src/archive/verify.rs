//! The files' digests against those listed, wherever the list stood.

use std::collections::BTreeSet;

use crate::archive::digest::{ChecksumList, LaneDigests, base_name};
use crate::archive::findings::{FindingCode, FindingList};
use crate::archive::names::MemberRole;
use crate::archive::scan::FileSeen;

/// Names of failed members that are kept.
const FAILED: usize = 100;

/// What the comparison came to.
#[derive(Debug, Default)]
pub(super) struct DigestComparison {
    /// Every page file has a listed digest and agrees with it.
    pub(super) verified: bool,
    /// Members that do not agree, or are listed and absent.
    pub(super) failed: Vec<String>,
}

/// Compares every file. The checksum list counts before the METS.
pub(super) fn compare(
    files: &[FileSeen],
    digests: LaneDigests,
    list: Option<&ChecksumList>,
    mets: Option<&ChecksumList>,
    findings: &mut FindingList,
) -> DigestComparison {
    let list = list.filter(|list| !list.is_empty());
    let mets = mets.filter(|mets| !mets.is_empty());
    let Some(leading) = list.or(mets) else {
        let text = "neither a checksum list nor digests in the METS: the files could not be compared";
        findings.note(FindingCode::PagesUnverified, None, text);
        return DigestComparison::default();
    };
    let mut compared = DigestComparison {
        verified: true,
        failed: Vec::new(),
    };
    for (id, digest) in digests.finish() {
        let file = &files[id];
        let expected = list.and_then(|list| list.get(&file.name));
        let by_mets = mets.and_then(|mets| mets.get(&file.name));
        if let (Some(one), Some(other)) = (expected, by_mets)
            && one != other
        {
            findings.note(
                FindingCode::MetsDigestDiffers,
                Some(&file.name),
                "the METS lists another digest than the checksum list",
            );
        }
        match expected.or(by_mets) {
            Some(expected) if *expected == digest => {}
            Some(_) => {
                findings.note(
                    FindingCode::ChecksumMismatch,
                    Some(&file.name),
                    "its MD5 is not the one listed",
                );
                compared.fail(&file.name);
            }
            None if is_page(file.role) => {
                findings.note(
                    FindingCode::MemberNotListed,
                    Some(&file.name),
                    "no digest is listed for it",
                );
                compared.verified = false;
            }
            None => {}
        }
    }
    compared.look_for_missing(files, leading, findings);
    compared
}

fn is_page(role: MemberRole) -> bool {
    matches!(
        role,
        MemberRole::Image(_) | MemberRole::Text(_) | MemberRole::Coordinates(_)
    )
}

impl DigestComparison {
    fn fail(&mut self, name: &str) {
        self.verified = false;
        if self.failed.len() < FAILED {
            self.failed.push(name.to_owned());
        }
    }

    fn look_for_missing(&mut self, files: &[FileSeen], list: &ChecksumList, findings: &mut FindingList) {
        let present: BTreeSet<&str> = files
            .iter()
            .flat_map(|file| [file.name.as_str(), base_name(&file.name)])
            .collect();
        for name in list.names() {
            if !present.contains(name) && !present.contains(base_name(name)) {
                findings.note(
                    FindingCode::ChecksumMissingMember,
                    Some(name),
                    "it is listed and not in the archive",
                );
                self.fail(name);
            }
        }
    }
}
