//! The story of one book, read from the catalog beside everything else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::catalog::{BookStory, CatalogReader};
use crate::grin::Barcode;
use crate::observe::StoryError;

/// Stories that are read at once.
const MOST_AT_ONCE: usize = 2;
/// How long one may take; a catalog that is locked answers later, and nobody listens then.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads stories on threads of their own, each on a connection of its own that can change nothing: neither the daemon's writer nor the
/// thread that serves the page waits for them.
#[derive(Debug, Clone)]
pub(super) struct StoryReader {
    url: Arc<str>,
    at_work: Arc<AtomicUsize>,
}

/// Counts one story as long as it is there.
struct StoryPlace(Arc<AtomicUsize>);

impl StoryPlace {
    fn take(at_work: &Arc<AtomicUsize>) -> Option<Self> {
        let more = |now| (now < MOST_AT_ONCE).then_some(now + 1);
        let taken = at_work.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        taken.is_ok().then(|| Self(Arc::clone(at_work)))
    }
}

impl Drop for StoryPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl StoryReader {
    /// Of the catalog at this address.
    pub(super) fn of(catalog: &str) -> Self {
        Self {
            url: catalog.into(),
            at_work: Arc::default(),
        }
    }

    /// The story of a book; `None`: the catalog does not know it.
    pub(super) async fn story(self, barcode: Barcode) -> Result<Option<BookStory>, StoryError> {
        let place = StoryPlace::take(&self.at_work).ok_or(StoryError::Busy)?;
        let (told, telling) = oneshot::channel();
        let tell = move || {
            let story = CatalogReader::open(&self.url).and_then(|reader| reader.explain(&barcode));
            drop(place);
            // Whoever asked may have gone.
            drop(told.send(story));
        };
        let thread = std::thread::Builder::new().name("book story".into()).spawn(tell);
        thread.map_err(|error| StoryError::Catalog(error.to_string()))?;
        let seconds = PATIENCE.as_secs();
        let story = tokio::time::timeout(PATIENCE, telling).await;
        let story = story.map_err(|_| StoryError::Silent { seconds })?;
        let story = story.map_err(|_| StoryError::Catalog("its reader ended".into()))?;
        story.map_err(|error| StoryError::Catalog(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_stories_are_read_at_once() {
        let at_work = Arc::default();
        let places: Vec<_> = (0..MOST_AT_ONCE).map(|_| StoryPlace::take(&at_work)).collect();
        assert!(places.iter().all(Option::is_some) && StoryPlace::take(&at_work).is_none());
        drop(places);
        assert!(StoryPlace::take(&at_work).is_some());
    }

    #[actix_rt::test]
    async fn a_catalog_that_is_not_there_is_said_and_none_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.db");
        let reader = StoryReader::of(&format!("sqlite://{}", path.display()));
        let told = reader.story(Barcode::parse("HVD1").unwrap()).await;
        assert!(matches!(told, Err(StoryError::Catalog(_))), "{told:?}");
        assert!(!path.exists());
    }
}
