//! A closer look at the objects of one book.

use crate::catalog::RecordedBook;
use crate::grin::Barcode;
use crate::pipeline::fixity::judge::ManifestRead;
use crate::pipeline::fixity::listing::finding::{ListingFault, ListingFinding, ListingPart, finding};
use crate::pipeline::fixity::listing::standing::{ListedStanding, SeenBook, SeenSize, judge};
use crate::pipeline::fixity::listing::{ABSENT, ListingStop, StoreListing};
use crate::storage::{BookObjectKind, ObjectKey};

impl StoreListing<'_> {
    /// Looks once more in a storage that is proven now; what it is of which that cannot be told.
    pub(super) fn look_again(
        &self,
        seen: &mut SeenBook,
        path: &ObjectKey,
        barcode: &Barcode,
    ) -> Result<Option<ListingFinding>, ListingStop> {
        self.proven()?;
        seen.found = match self.size(path)? {
            SeenSize::Absent => None,
            SeenSize::Bytes(bytes) => Some(bytes),
            SeenSize::Unread(why) => {
                return Ok(Some(ListingFinding {
                    part: ListingPart::Archive,
                    ..finding(ListingFault::CouldNotCheck, path.as_str(), &why)
                }));
            }
        };
        match self.size(&self.checker.layout.manifest(barcode))? {
            SeenSize::Absent => Ok(None),
            SeenSize::Bytes(0) => {
                seen.has_empty_manifest = true;
                Ok(None)
            }
            SeenSize::Bytes(_) => {
                seen.kinds.add(BookObjectKind::Manifest);
                Ok(None)
            }
            SeenSize::Unread(why) => Ok(Some(self.of_manifest(barcode, ListingFault::CouldNotCheck, &why))),
        }
    }

    /// What is not as it is recorded.
    pub(super) fn findings(
        &self,
        book: &RecordedBook,
        seen: SeenBook,
        barcode: &Barcode,
    ) -> Result<Vec<ListingFinding>, ListingStop> {
        let archive = |outcome, detail: &str| ListingFinding {
            part: ListingPart::Archive,
            ..finding(outcome, &book.path, detail)
        };
        Ok(match judge(seen, book.has_manifest, self.usual) {
            ListedStanding::Agreed => Vec::new(),
            ListedStanding::NoArchive => vec![archive(ListingFault::Missing, ABSENT)],
            ListedStanding::OtherSize => {
                let of = |bytes: Option<u64>| bytes.unwrap_or_default();
                let (found, recorded) = (of(seen.found), of(seen.recorded));
                let words = format!("it has {found} bytes, and {recorded} are recorded");
                vec![archive(ListingFault::Damaged, &words)]
            }
            ListedStanding::NoManifest => match seen.has_empty_manifest {
                true => vec![self.of_manifest(barcode, ListingFault::Damaged, "it is empty")],
                false => vec![self.of_manifest(barcode, ListingFault::Missing, ABSENT)],
            },
            ListedStanding::Unsure => self.wrong_companions(barcode)?,
        })
    }

    fn of_manifest(&self, barcode: &Barcode, outcome: ListingFault, detail: &str) -> ListingFinding {
        ListingFinding {
            part: ListingPart::Manifest,
            ..finding(outcome, self.checker.layout.manifest(barcode).as_str(), detail)
        }
    }

    /// The objects that its manifest names beside the archive, and that are not there or of another size.
    fn wrong_companions(&self, barcode: &Barcode) -> Result<Vec<ListingFinding>, ListingStop> {
        let manifest = match self.checker.manifest(&self.checker.layout.manifest(barcode))? {
            ManifestRead::Found(manifest) if manifest.barcode == *barcode => manifest,
            ManifestRead::Found(other) => {
                let why = format!("it is the manifest of {}", other.barcode);
                return Ok(vec![self.of_manifest(barcode, ListingFault::Damaged, &why)]);
            }
            ManifestRead::Other(why) => return Ok(vec![self.of_manifest(barcode, ListingFault::Damaged, &why)]),
            ManifestRead::Failed(why) => return Ok(vec![self.of_manifest(barcode, ListingFault::CouldNotCheck, &why)]),
            ManifestRead::Absent => return Ok(vec![self.of_manifest(barcode, ListingFault::Missing, ABSENT)]),
        };
        let mut wrong = Vec::new();
        for companion in &manifest.companions {
            let found = match ObjectKey::parse(&companion.key) {
                Ok(key) => self.size(&key)?,
                Err(_) => SeenSize::Absent,
            };
            let of = |outcome, detail: &str| ListingFinding {
                part: ListingPart::Companion,
                ..finding(outcome, &companion.key, detail)
            };
            let named = companion.bytes;
            match found {
                SeenSize::Bytes(found) if found == named => {}
                SeenSize::Absent => wrong.push(of(ListingFault::Missing, ABSENT)),
                SeenSize::Unread(why) => wrong.push(of(ListingFault::CouldNotCheck, &why)),
                SeenSize::Bytes(found) => {
                    let words = format!("it has {found} bytes, and its manifest names {named}");
                    wrong.push(of(ListingFault::Damaged, &words));
                }
            }
        }
        Ok(wrong)
    }

    pub(super) fn size(&self, key: &ObjectKey) -> Result<SeenSize, ListingStop> {
        Ok(match self.checker.storage.stat(key) {
            Ok(Some(found)) => SeenSize::Bytes(found.bytes),
            Ok(None) => SeenSize::Absent,
            // Where the storage itself is there, it is this one object's trouble.
            Err(error) => {
                self.proven()?;
                SeenSize::Unread(error.to_string())
            }
        })
    }
}
