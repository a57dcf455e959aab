//! Reading beside the writer, on a connection of one's own that can change nothing.

use std::path::Path;

use crate::catalog::CatalogAddress;
use crate::catalog::CatalogError;
use crate::catalog::CatalogPolicy;
use crate::catalog::engine::SqlConnection;
use crate::catalog::queries::ask::StateCounts;
use crate::catalog::writer::connection;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction, OpenedSession};
use crate::clock::SystemClock;

/// Reads the catalog; blocking. Each reader sees the catalog as it was when its query began, and holds nobody up.
pub struct CatalogReader {
    conn: SqlConnection,
    address: CatalogAddress,
    clock: SystemClock,
}

impl CatalogReader {
    /// Opens the catalog that this address names; it must exist.
    pub fn open(url: &str) -> Result<Self, CatalogError> {
        Self::open_at(&CatalogAddress::parse(url)?, SystemClock::system())
    }

    /// Opens the catalog in this file, its age judged by this clock.
    pub fn open_path(path: &Path, clock: SystemClock) -> Result<Self, CatalogError> {
        Self::open_at(&CatalogAddress::Sqlite(path.into()), clock)
    }

    /// Opens the catalog at this address, its age judged by this clock.
    pub fn open_at(address: &CatalogAddress, clock: SystemClock) -> Result<Self, CatalogError> {
        Ok(Self {
            conn: connection::open_reader(address)?,
            address: address.clone(),
            clock,
        })
    }

    /// Books by state.
    pub fn counts(&self) -> Result<StateCounts, CatalogError> {
        StateCounts::read(&self.conn).map_err(|error| error.at(&self.address))
    }

    /// Answers an operation that only asks, as the writer would. One that changes something fails: this connection can change nothing.
    pub fn ask<O: CatalogOperation>(&self, question: &O) -> Result<O::Output, CatalogError> {
        let answer = self.in_one_view(|tx| question.run(tx));
        answer.map_err(|error| error.at(&self.address))
    }

    /// Reads all of one moment, whatever the writer does meanwhile.
    pub(crate) fn in_one_view<T, E: From<CatalogError>>(
        &self,
        read: impl FnOnce(&mut CatalogTransaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let answer = self.conn.begin_reading().map_err(E::from).and_then(|()| {
            let session = OpenedSession::default();
            let policy = CatalogPolicy::default();
            read(&mut CatalogTransaction::of(&self.conn, &self.clock, &policy, &session))
        });
        let ended = self.conn.roll_back();
        answer.and_then(|answer| ended.map(|()| answer).map_err(E::from))
    }

    pub(crate) fn conn(&self) -> &SqlConnection {
        &self.conn
    }

    pub(crate) fn address(&self) -> &CatalogAddress {
        &self.address
    }

    pub(crate) fn clock(&self) -> &SystemClock {
        &self.clock
    }
}

impl std::fmt::Debug for CatalogReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
