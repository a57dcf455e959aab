//! Reading beside the writer, on a connection of one's own that can change nothing.

use std::path::{Path, PathBuf};

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlConnection;
use crate::catalog::queries::ask::StateCounts;
use crate::catalog::writer::connection;
use crate::clock::SystemClock;

/// Reads the catalog; blocking. Each reader sees the catalog as it was when its query began, and holds nobody up.
pub struct CatalogReader {
    conn: SqlConnection,
    path: PathBuf,
    clock: SystemClock,
}

impl CatalogReader {
    /// Opens the catalog that this address names; it must exist.
    pub fn open(url: &str) -> Result<Self, CatalogError> {
        Self::open_path(&connection::path_of(url)?, SystemClock::system())
    }

    /// Opens the catalog in this file, its age judged by this clock.
    pub fn open_path(path: &Path, clock: SystemClock) -> Result<Self, CatalogError> {
        Ok(Self {
            conn: connection::open_reader(path)?,
            path: path.into(),
            clock,
        })
    }

    /// Books by state.
    pub fn counts(&self) -> Result<StateCounts, CatalogError> {
        StateCounts::read(&self.conn).map_err(|error| error.at(&self.path))
    }

    pub(crate) fn conn(&self) -> &SqlConnection {
        &self.conn
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn clock(&self) -> &SystemClock {
        &self.clock
    }
}

impl std::fmt::Debug for CatalogReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
