//! Is this the storage that the catalog knows?
//!
//! At its first use a storage gets a marker with an id that the catalog keeps, too. From then on nothing is stored where that marker is
//! missing (a volume that is not mounted), and while the catalog knows stored books, nothing where it is another's. A storage in which books of the catalog are found
//! is the right one even if the catalog keeps no id yet: an earlier version wrote none.
//!
//! Marker and catalog also keep the layout of its objects, and nothing is read or stored under another one.

use crate::actor::AskContext;
use crate::catalog::{
    AskStorageMark, Catalog, CatalogError, CatalogLedger, ForgetCopies, KeepStorageMark, KeptStorageMark, MarkedPlace,
};
use crate::pipeline::policy::BookFault;
use crate::storage::{MARKER_NAME, ObjectKey, PlaceMarker, Storage, StorageError, same_layout};

/// What decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MountFacts<'a> {
    /// The id that the catalog keeps.
    kept: Option<&'a str>,
    /// The id in the storage's marker.
    found: Option<&'a str>,
    /// The id of the catalog's other storage.
    of_other: Option<&'a str>,
    /// The id that it gets at its first use; `None`: any.
    own: Option<&'a str>,
    /// The catalog knows stored books.
    has_stored: bool,
    /// One of them is in the storage.
    holds_books: bool,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MountVerdict {
    /// It is the one.
    Right,
    /// It is used for the first time: it gets a marker.
    Mark,
    /// The catalog keeps the id of its marker.
    Adopt,
    /// It has no marker: nothing is stored.
    Missing,
    /// It has another marker: nothing is stored.
    Another,
    /// It is the catalog's other storage, under another address, or was made from it with its marker.
    Same,
}

fn judge(facts: MountFacts<'_>) -> MountVerdict {
    use MountVerdict as V;
    let nothing_to_lose = !facts.has_stored || (facts.kept.is_none() && facts.holds_books);
    match (facts.kept, facts.found) {
        (_, Some(found)) if facts.of_other == Some(found) => V::Same,
        (Some(kept), Some(found)) if kept == found => V::Right,
        // A second copy is never another library's, however little was copied.
        (_, Some(found)) if facts.own.is_some_and(|own| own != found) => V::Another,
        // Also before the first book: a conversion takes days, and the empty folder of a volume that is away since takes anything.
        (Some(_), None) => V::Missing,
        (_, Some(_)) if nothing_to_lose => V::Adopt,
        (_, None) if nothing_to_lose => V::Mark,
        (_, Some(_)) => V::Another,
        (_, None) => V::Missing,
    }
}

/// A marker that another program has just written is there at the second look.
const LOOKS: usize = 3;

/// A storage after a look at it.
enum MountLook {
    /// It is the one, and books may be stored in it.
    Right,
    /// The catalog is to keep the id of its marker.
    Keep(KeepStorageMark),
}

/// Looks at the storage, and marks it where nothing can be lost by that; blocking. Where another program marks it between the look and the
/// mark, its marker is judged like any other.
fn look(storage: &Storage, place: MarkedPlace, kept: &KeptStorageMark) -> Result<MountLook, StorageError> {
    for _ in 0..LOOKS {
        let (verdict, found) = judged(storage, place, kept)?;
        refused(verdict, storage, kept)?;
        if verdict == MountVerdict::Right {
            storage.expect_marker(&found.unwrap_or_default());
            return Ok(MountLook::Right);
        }
        if let Some(keep) = taken_in(storage, place, kept, found)? {
            return Ok(MountLook::Keep(keep));
        }
    }
    Err(marked_by_another(storage))
}

/// Refuses a storage that the daemon would refuse, and marks none; blocking. One in memory has nothing that could be missing.
pub(crate) fn check_place(storage: &Storage, place: MarkedPlace, kept: &KeptStorageMark) -> Result<(), StorageError> {
    if !storage.is_lasting() {
        return Ok(());
    }
    let (verdict, _) = judged(storage, place, kept)?;
    refused(verdict, storage, kept)
}

/// What follows from the marker of a storage; with its id.
fn judged(
    storage: &Storage,
    place: MarkedPlace,
    kept: &KeptStorageMark,
) -> Result<(MountVerdict, Option<String>), StorageError> {
    check_layout(storage.layout(), kept)?;
    let found = storage.read_marker()?;
    let own = own_id(place, kept);
    let verdict = judge(MountFacts {
        kept: kept.id.as_deref(),
        found: found.as_deref(),
        own: own.as_deref(),
        of_other: kept.of_other.as_deref(),
        has_stored: kept.stored > 0,
        holds_books: kept.id.is_none() && holds_any(storage, &kept.samples)?,
    });
    Ok((verdict, found))
}

/// Why nothing is stored after this verdict.
fn refused(verdict: MountVerdict, storage: &Storage, kept: &KeptStorageMark) -> Result<(), StorageError> {
    match verdict {
        MountVerdict::Right | MountVerdict::Mark | MountVerdict::Adopt => Ok(()),
        MountVerdict::Same => Err(same(storage)),
        MountVerdict::Missing | MountVerdict::Another => {
            Err(not_ours(kept.id.as_deref(), kept.stored, &storage.read_markers()?))
        }
    }
}

/// Refuses the configured layout where books of the catalog are stored under another one. Of a storage that the catalog does not know yet,
/// and of one in which nothing is stored, only the marker tells.
pub(crate) fn check_layout(configured: &str, kept: &KeptStorageMark) -> Result<(), StorageError> {
    match kept.id.is_some() && kept.stored > 0 {
        true => same_layout("the storage that the catalog knows", kept.layout.as_deref(), configured),
        false => Ok(()),
    }
}

/// Which of the places is not the catalog's, why, and what to do where it alone is not: a place of its own was most likely just set.
fn not_ours(kept: Option<&str>, stored: u64, markers: &[PlaceMarker]) -> StorageError {
    let is_wrong = |marker: &&PlaceMarker| kept.is_none() || marker.id.as_deref() != kept;
    let wrong: Vec<_> = markers.iter().filter(is_wrong).collect();
    let places: Vec<_> = wrong.iter().map(|marker| marker.place.as_str()).collect();
    let what = match wrong.first().and_then(|marker| marker.id.as_deref()) {
        None => format!("its marker is missing ({MARKER_NAME})"),
        Some("") => format!("its marker cannot be read ({MARKER_NAME})"),
        Some(_) => format!("its marker is another's ({MARKER_NAME})"),
    };
    let alone = match wrong.len() < markers.len() {
        true => {
            "; the other places of the storage are the right ones. If this place was set just now (storage.raw_url, full_url or meta_url), move the \
             objects there that belong in it, then run `grind storage adopt`"
        }
        false => "",
    };
    StorageError::NotOurs {
        place: places.join(" and "),
        detail: format!("{what}; stored books that the catalog knows: {stored}{alone}"),
    }
}

fn same(storage: &Storage) -> StorageError {
    storage.not_ours(
        "it has the marker of the catalog's other storage: a book and its second copy must not be in one place. If the marker \
         was only copied there, remove it",
    )
}

/// The second copy's marker names the storage that it is a copy of, so that it is known again by a catalog that was begun anew.
fn own_id(place: MarkedPlace, kept: &KeptStorageMark) -> Option<String> {
    match place {
        MarkedPlace::Main => None,
        MarkedPlace::SecondCopy => kept.of_other.as_ref().map(|id| format!("{id}-copy")),
    }
}

fn marked_by_another(storage: &Storage) -> StorageError {
    storage.not_ours("another program gave it a marker at this moment")
}

/// Gives the storage a marker unless it has one; what the catalog is to keep of it, or `None` where another program marked it just now.
fn taken_in(
    storage: &Storage,
    place: MarkedPlace,
    kept: &KeptStorageMark,
    found: Option<String>,
) -> Result<Option<KeepStorageMark>, StorageError> {
    let id = match found.as_deref() {
        Some("") => Some(written_anew(storage, place, kept)?),
        Some(id) => Some(id.to_owned()),
        None => created(storage, new_id(place, kept))?,
    };
    Ok(id.map(|id| KeepStorageMark {
        place,
        id,
        layout: storage.layout().to_owned(),
        instead_of: kept.id.clone(),
    }))
}

fn new_id(place: MarkedPlace, kept: &KeptStorageMark) -> String {
    let known = kept.id.clone().or_else(|| own_id(place, kept));
    known.unwrap_or_else(|| format!("{:032x}", rand::random::<u128>()))
}

fn created(storage: &Storage, id: String) -> Result<Option<String>, StorageError> {
    Ok(storage.create_marker(&id)?.then_some(id))
}

/// Instead of one that cannot be read, or of several that differ. What another program has only begun is completed as it would do it.
fn written_anew(storage: &Storage, place: MarkedPlace, kept: &KeptStorageMark) -> Result<String, StorageError> {
    let begun = match kept.id {
        None => begun_id(&storage.read_markers()?).filter(|id| kept.of_other.as_ref() != Some(id)),
        Some(_) => None,
    };
    if let Some(begun) = begun
        && let Some(id) = created(storage, begun)?
    {
        return Ok(id);
    }
    let id = new_id(place, kept);
    storage.write_marker(&id)?;
    Ok(id)
}

/// The id of a marker that some of the places have and the others do not: another program, or one that was killed, has begun to mark them.
fn begun_id(markers: &[PlaceMarker]) -> Option<String> {
    let mut ids = markers.iter().filter_map(|marker| marker.id.as_deref());
    let first = ids.next().filter(|id| !id.is_empty())?;
    ids.all(|id| id == first).then(|| first.to_owned())
}

fn holds_any(storage: &Storage, paths: &[String]) -> Result<bool, StorageError> {
    for key in paths.iter().filter_map(|path| ObjectKey::parse(path).ok()) {
        if storage.stat(&key)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the catalog keeps is what counts: another program may have marked the storage at the same moment.
fn settle(storage: &Storage, marked: &str, kept: &str) -> Result<(), StorageError> {
    if marked == kept {
        storage.expect_marker(kept);
        return Ok(());
    }
    storage.write_marker(kept)
}

/// Looks whether the storage is the one that the catalog knows; marks it at its first use.
pub(super) async fn confirm(catalog: &Catalog, storage: &Storage, cx: &AskContext) -> Result<(), BookFault> {
    confirm_place(catalog, storage, MarkedPlace::Main, cx).await
}

/// The same of any storage of the catalog's.
pub(super) async fn confirm_place(
    catalog: &Catalog,
    storage: &Storage,
    place: MarkedPlace,
    cx: &AskContext,
) -> Result<(), BookFault> {
    if !storage.is_lasting() {
        return in_memory(storage).map_err(|error| BookFault::from(&error));
    }
    let of_catalog = |error: CatalogError| BookFault::from(&error);
    let kept = catalog.ask(AskStorageMark(place), cx).await.map_err(of_catalog)?;
    let looked = blocking(storage, move |storage| look(storage, place, &kept)).await?;
    let MountLook::Keep(keep) = looked else { return Ok(()) };
    let marked = keep.id.clone();
    let kept = catalog.ask(keep, cx).await.map_err(of_catalog)?;
    tracing::info!(id = kept, "the storage has a marker now, by which it is known again");
    blocking(storage, move |storage| settle(storage, &marked, &kept)).await
}

async fn blocking<T: Send + 'static>(
    storage: &Storage,
    look: impl FnOnce(&Storage) -> Result<T, StorageError> + Send + 'static,
) -> Result<T, BookFault> {
    let storage = storage.clone();
    let looked = actix_rt::task::spawn_blocking(move || look(&storage)).await;
    looked
        .unwrap_or(Err(StorageError::Closed))
        .map_err(|error| BookFault::from(&error))
}

/// It is empty whenever the program starts, so there is nothing that could be missing.
fn in_memory(storage: &Storage) -> Result<(), StorageError> {
    if storage.read_marker()?.is_none() {
        storage.write_marker("in memory")?;
    }
    Ok(())
}

/// Why a command cannot use the storage.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The catalog could not be asked.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The storage is not the one, or cannot be looked at.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Refuses another layout than that of the books that the catalog knows, before anything is begun.
pub(crate) async fn confirm_layout(catalog: &Catalog, storage: &Storage) -> Result<(), MountError> {
    let kept = catalog
        .ask(AskStorageMark(MarkedPlace::Main), &AskContext::root("daemon"))
        .await?;
    Ok(check_layout(storage.layout(), &kept)?)
}

/// The same as [`confirm`] for a command that works on the catalog by itself.
pub fn confirm_by_hand(ledger: &mut CatalogLedger, storage: &Storage) -> Result<(), MountError> {
    confirm_place_by_hand(ledger, storage, MarkedPlace::Main)
}

/// The same of any storage of the catalog's.
pub fn confirm_place_by_hand(
    ledger: &mut CatalogLedger,
    storage: &Storage,
    place: MarkedPlace,
) -> Result<(), MountError> {
    let kept = ledger.execute(AskStorageMark(place))?;
    if let MountLook::Keep(keep) = look(storage, place, &kept)? {
        let marked = keep.id.clone();
        settle(storage, &marked, &ledger.execute(keep)?)?;
    }
    Ok(())
}

/// Makes this storage the catalog's, whatever it was before; comes back with the id of its marker. To another place of the second copy all
/// books are copied.
pub fn adopt_storage(ledger: &mut CatalogLedger, storage: &Storage, place: MarkedPlace) -> Result<String, MountError> {
    let kept = ledger.execute(AskStorageMark(place))?;
    check_layout(storage.layout(), &kept)?;
    let found = storage.read_marker()?;
    let is_other = found.is_some() && found == kept.of_other;
    if is_other && place == MarkedPlace::SecondCopy {
        return Err(same(storage).into());
    }
    let keep = taken_in(storage, place, &kept, found)?.ok_or_else(|| marked_by_another(storage))?;
    let marked = keep.id.clone();
    let id = ledger.execute(keep)?;
    settle(storage, &marked, &id)?;
    // A second copy that takes the place of the first is none any more.
    if is_other || place == MarkedPlace::SecondCopy {
        ledger.execute(ForgetCopies { with_mark: is_other })?;
    }
    Ok(id)
}

#[cfg(test)]
mod tests;
