//! The stored files of a run that is taken over: found, put through the pass of a download, and copied if wished.

use std::io;
use std::time::Duration;

use crate::archive::PassOptions;
use crate::catalog::{AdoptedArchive, ArchiveUnfit, BeginAdoption, StoredBook, StoredFiles, check_beginning};
use crate::cli::import::place::{ArchivePlace, main_archive};
use crate::cli::import::source::{FileSource, FileStat};
use crate::grin::{Barcode, FileName, Validator};
use crate::pipeline::{
    ArchiveTaken, PublicationWindow, PublishError, PublishRecipe, ReplaceDecision, UnbrokenMembership, VolumePublished,
    examine, stage_taken_over,
};
use crate::storage::{ObjectKey, Storage, StorageLayout};

/// The archives of a run.
pub struct RunFiles {
    source: FileSource,
    /// Where in it archives lie.
    places: Vec<ArchivePlace>,
    look: StoredCheck,
    /// Under which archives are published; `None`: nothing is.
    membership: Option<UnbrokenMembership>,
}

/// How closely archives are looked at.
pub enum StoredCheck {
    /// Size and first bytes. A cut-off file is not noticed.
    Quick,
    /// As a download is.
    Whole(Box<StoredPass>),
}

/// The pass, and where what comes of it goes.
pub struct StoredPass {
    /// Our storage.
    pub storage: Storage,
    /// Under which names.
    pub layout: StorageLayout,
    /// What is checked and extracted.
    pub options: PassOptions,
    /// What is kept.
    pub taken: ArchiveTaken,
}

/// What is known of a book's archive besides its bytes.
#[derive(Clone, Copy)]
struct KnownArchive<'a> {
    /// Of its encrypted form.
    etag: Option<&'a str>,
    /// Where the catalog says that an archive of the book is.
    recorded: Option<&'a str>,
}

/// More folders with archives than this are no storage of that program.
const MOST_PLACES: usize = 256;

/// Shorter than the claim that an import makes for each archive.
const WINDOW: Duration = Duration::from_secs(3 * 3_600);

impl RunFiles {
    /// Looks through the source for places with archives.
    ///
    /// # Errors
    /// The source cannot be listed, or archives lie in too many folders.
    pub fn open(source: FileSource, look: StoredCheck) -> io::Result<Self> {
        let mut places = Vec::new();
        for key in source.keys()? {
            let key = key?;
            let Some((place, _)) = ArchivePlace::of(&key) else {
                continue;
            };
            if is_beside_another(&source, &key)? {
                tracing::warn!(
                    file = key,
                    "this file lies beside a book's archive and is not looked at"
                );
                continue;
            }
            if !places.contains(&place) {
                places.push(place);
            }
            if places.len() > MOST_PLACES {
                return Err(io::Error::other("archives lie in more folders than a run makes"));
            }
        }
        Ok(Self {
            source,
            places,
            look,
            membership: None,
        })
    }

    /// What is published from now on is so under this membership.
    pub fn publish_under(&mut self, membership: UnbrokenMembership) {
        self.membership = Some(membership);
    }

    /// Our storage, where something is stored in it.
    pub fn storage(&self) -> Option<&Storage> {
        match &self.look {
            StoredCheck::Whole(pass) if pass.taken != ArchiveTaken::Nothing => Some(&pass.storage),
            StoredCheck::Whole(_) | StoredCheck::Quick => None,
        }
    }

    fn window(&self) -> PublicationWindow {
        let window = PublicationWindow::of(WINDOW);
        match &self.membership {
            Some(membership) => window.within(membership.clone()),
            None => window,
        }
    }

    /// The copies of a book, the best first: the one that is proven, then the one with the most pages, then the largest; where
    /// archives are not looked into, the largest.
    fn by_worth(
        &self,
        barcode: &Barcode,
        copies: Vec<(String, FileStat)>,
    ) -> Result<Vec<(String, FileStat)>, ArchiveUnfit> {
        if copies.len() < 2 {
            return Ok(copies);
        }
        let mut judged = Vec::new();
        for (key, stat) in copies {
            judged.push((self.worth(&key, &stat, barcode)?, key, stat));
        }
        judged.sort_by_key(|(worth, ..)| std::cmp::Reverse(*worth));
        let keys: Vec<_> = judged.iter().map(|(_, key, _)| key.as_str()).collect();
        tracing::warn!(%barcode, archives = keys.join(", "), "a book has several archives; the first of these is taken if it is whole");
        Ok(judged.into_iter().map(|(_, key, stat)| (key, stat)).collect())
    }

    /// A damaged copy is worth least. One that cannot be read may be the best, so nothing is said of its worth.
    fn worth(&self, key: &str, stat: &FileStat, barcode: &Barcode) -> Result<(bool, u64, u64), ArchiveUnfit> {
        let StoredCheck::Whole(pass) = &self.look else {
            return Ok((false, 0, stat.bytes));
        };
        let archive = self.source.open(key).map_err(ArchiveUnfit::Unreadable)?;
        match examine(archive, &recipe(pass, barcode, None)).map_err(unfit) {
            Ok(book) => Ok((
                book.verified == Some(true),
                book.page_count.unwrap_or_default(),
                stat.bytes,
            )),
            Err(ArchiveUnfit::Damaged(_)) => Ok((false, 0, stat.bytes)),
            Err(other) => Err(other),
        }
    }

    fn look_at(
        &self,
        key: &str,
        barcode: &Barcode,
        known: KnownArchive<'_>,
        begin: &mut BeginAdoption<'_>,
    ) -> Result<AdoptedArchive, ArchiveUnfit> {
        let archive = self.source.open(key).map_err(ArchiveUnfit::Unreadable)?;
        let StoredCheck::Whole(pass) = &self.look else {
            check_beginning(archive)?;
            return Ok(AdoptedArchive {
                storage_path: key.to_owned(),
                ..AdoptedArchive::default()
            });
        };
        let recipe = PublishRecipe {
            recorded: known.recorded.and_then(|path| ObjectKey::parse(path).ok()),
            ..recipe(pass, barcode, known.etag)
        };
        let found = match pass.taken {
            ArchiveTaken::Nothing => adopted(examine(archive, &recipe).map_err(unfit)?),
            taken => self.take_over(archive, &recipe, taken, begin)?,
        };
        Ok(match pass.taken {
            ArchiveTaken::Copied => found,
            ArchiveTaken::InPlace | ArchiveTaken::Nothing => AdoptedArchive {
                storage_path: key.to_owned(),
                ..found
            },
        })
    }

    /// Stages the archive and publishes it, unless what is stored already is better: that stays, and is what the book is. Nothing of a
    /// refused archive is kept aside: it stays in the other program's storage.
    fn take_over<R: io::Read>(
        &self,
        archive: R,
        recipe: &PublishRecipe,
        taken: ArchiveTaken,
        begin: &mut BeginAdoption<'_>,
    ) -> Result<AdoptedArchive, ArchiveUnfit> {
        let staged = stage_taken_over(archive, recipe, taken).map_err(unfit)?;
        if let ReplaceDecision::KeepStored(reason) = staged.decision() {
            let stays = staged.what_stays();
            let stays = stays.ok_or_else(|| ArchiveUnfit::Worse(reason.to_string()))?;
            tracing::warn!(barcode = %recipe.barcode, %reason, "what is stored already stays, and is recorded");
            return Ok(AdoptedArchive {
                bytes: stays.archive_bytes,
                encrypted_etag: stays.encrypted_etag.clone(),
                stays: true,
                ..adopted(stays)
            });
        }
        begin(&staged.archive())?;
        match staged.publish(&self.window()).map_err(unfit)? {
            VolumePublished::Stored(book) => Ok(adopted(*book)),
            VolumePublished::KeptAside { reason, .. } => Err(ArchiveUnfit::Worse(reason.to_string())),
        }
    }
}

fn is_beside_another(source: &FileSource, key: &str) -> io::Result<bool> {
    match main_archive(key) {
        Some(main) => Ok(source.stat(&main)?.is_some()),
        None => Ok(false),
    }
}

fn recipe(pass: &StoredPass, barcode: &Barcode, etag: Option<&str>) -> PublishRecipe {
    PublishRecipe {
        barcode: barcode.clone(),
        file_name: FileName::of(barcode),
        validator: etag.and_then(|etag| Validator::parse(etag).ok()),
        storage: pass.storage.clone(),
        layout: pass.layout.clone(),
        recorded: None,
        options: pass.options.clone(),
    }
}

fn adopted(book: StoredBook) -> AdoptedArchive {
    AdoptedArchive {
        storage_path: book.storage_path,
        sha256: Some(book.sha256),
        page_count: book.page_count,
        text_pages: book.text_pages,
        verified: book.verified,
        worst_finding: book.worst_finding,
        marc: book.marc,
        ..AdoptedArchive::default()
    }
}

fn unfit(error: PublishError) -> ArchiveUnfit {
    match error {
        PublishError::Archive(error) => ArchiveUnfit::Damaged(error.to_string()),
        PublishError::Source(error) => ArchiveUnfit::Unreadable(error),
        PublishError::ClaimEnded(_) => ArchiveUnfit::NotFree,
        ours => ArchiveUnfit::Ours(io::Error::other(ours)),
    }
}

impl StoredFiles for RunFiles {
    fn names(&mut self) -> io::Result<Box<dyn Iterator<Item = io::Result<String>> + '_>> {
        let name_of = |key: String| {
            let Some((_, name)) = ArchivePlace::of(&key) else {
                return Ok(None);
            };
            Ok((!is_beside_another(&self.source, &key)?).then(|| name.to_owned()))
        };
        let names = self.source.keys()?.map(move |key| key.and_then(name_of));
        Ok(Box::new(names.filter_map(io::Result::transpose)))
    }

    fn adopt(
        &mut self,
        barcode: &Barcode,
        etag: Option<&str>,
        recorded: Option<&str>,
        begin: &mut BeginAdoption<'_>,
    ) -> Result<Option<AdoptedArchive>, ArchiveUnfit> {
        let mut copies = Vec::new();
        for place in &self.places {
            let key = place.key(barcode);
            let there = self.source.stat(&key).map_err(ArchiveUnfit::Unreadable)?;
            copies.extend(there.map(|stat| (key, stat)));
        }
        // Of several copies the database's validator belongs to one, and which is not known.
        let etag = etag.filter(|_| copies.len() == 1);
        let mut unfit = None;
        for (key, stat) in self.by_worth(barcode, copies)? {
            let known = KnownArchive {
                etag: stat.encrypted_etag.as_deref().or(etag),
                recorded,
            };
            match self.look_at(&key, barcode, known, begin) {
                Ok(archive) if archive.stays => return Ok(Some(archive)),
                Ok(archive) => {
                    return Ok(Some(AdoptedArchive {
                        bytes: stat.bytes,
                        encrypted_etag: stat.encrypted_etag,
                        ..archive
                    }));
                }
                // A copy that cannot be read is reported; a lesser one does not take its place.
                Err(why @ (ArchiveUnfit::Ours(_) | ArchiveUnfit::NotFree | ArchiveUnfit::Unreadable(_))) => {
                    return Err(why);
                }
                Err(why) => unfit = Some(why),
            }
        }
        unfit.map_or(Ok(None), Err)
    }
}

#[cfg(test)]
mod tests;
