//! Leases in a SQLite file, for several processes of one machine.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::LocalBoxFuture;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};
use tokio::time::Instant;

use crate::dapr::leases::record::LeaseRecord;
use crate::dapr::leases::{GrantedLease, LeaseAnswers, LeaseError, LeaseGrant, LeaseHolder, LeaseKeeper, LeaseTerms};

/// How long a transaction of another process is waited for.
const BUSY: Duration = Duration::from_secs(5);

/// The table. Rows are never deleted: with them the fences would go.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS leases (
    name TEXT PRIMARY KEY, owner TEXT NOT NULL, fence INTEGER NOT NULL, until INTEGER NOT NULL
) STRICT, WITHOUT ROWID";

/// Leases in a file of their own, which all processes open.
#[derive(Clone)]
pub struct SqliteLeases {
    terms: LeaseTerms,
    conn: Arc<Mutex<Connection>>,
}

impl SqliteLeases {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// [`LeaseError::Store`]: it cannot be opened, or is no SQLite file.
    pub fn open(path: &Path, terms: LeaseTerms) -> Result<Self, LeaseError> {
        let conn = Connection::open(path)?;
        conn.busy_timeout(BUSY)?;
        conn.pragma_update(None, "journal_mode", "wal")?;
        conn.pragma_update(None, "synchronous", "full")?;
        conn.execute_batch(SCHEMA)?;
        Ok(Self {
            terms,
            conn: Arc::new(Mutex::new(conn)),
        })
    }

    /// Does the work of one message in one transaction, begun as a writer so that nobody writes between reading and writing.
    async fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &LeaseTerms) -> Result<T, LeaseError> + Send + 'static,
    ) -> Result<T, LeaseError> {
        let (conn, terms) = (Arc::clone(&self.conn), self.terms.clone());
        let done = tokio::task::spawn_blocking(move || {
            let mut conn = conn.lock().unwrap_or_else(PoisonError::into_inner);
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&tx, &terms)?;
            tx.commit()?;
            Ok(result)
        });
        done.await
            .unwrap_or_else(|_| Err(LeaseError::Store("the thread that asks SQLite ended".to_owned())))
    }
}

impl From<rusqlite::Error> for LeaseError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.to_string())
    }
}

fn read(tx: &Transaction<'_>, name: &str) -> Result<Option<LeaseRecord>, LeaseError> {
    let record = tx
        .prepare_cached("SELECT owner, fence, until FROM leases WHERE name = ?1")?
        .query_row([name], |row| {
            Ok(LeaseRecord {
                owner: row.get(0)?,
                fence: row.get(1)?,
                until: row.get(2)?,
            })
        })
        .optional()?;
    Ok(record)
}

fn write(tx: &Transaction<'_>, name: &str, record: &LeaseRecord) -> Result<(), LeaseError> {
    tx.prepare_cached(
        "INSERT INTO leases (name, owner, fence, until) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT DO UPDATE SET owner = ?2, fence = ?3, until = ?4",
    )?
    .execute((name, &record.owner, record.fence, record.until))?;
    Ok(())
}

fn take(tx: &Transaction<'_>, terms: &LeaseTerms, name: &str, ttl: Duration) -> Result<LeaseGrant, LeaseError> {
    let asked = Instant::now();
    let before = read(tx, name)?;
    if let Some(held) = before.as_ref().and_then(|record| record.in_the_way(terms)) {
        return Ok(held);
    }
    let fence = before.map_or(0, |record| record.fence) + 1;
    let lease = terms.lease(name, fence, (terms.until(ttl), asked, ttl));
    write(tx, name, &LeaseRecord::of(&lease))?;
    Ok(LeaseGrant::Mine(lease))
}

fn prolong(
    tx: &Transaction<'_>,
    terms: &LeaseTerms,
    lease: &GrantedLease,
    ttl: Duration,
) -> Result<Option<GrantedLease>, LeaseError> {
    let asked = Instant::now();
    let record = read(tx, &lease.name)?;
    if !record.is_some_and(|record| record.is(lease, terms)) {
        return Ok(None);
    }
    let longer = terms.lease(&lease.name, lease.fence, (terms.until(ttl), asked, ttl));
    write(tx, &lease.name, &LeaseRecord::of(&longer))?;
    Ok(Some(longer))
}

impl LeaseKeeper for SqliteLeases {
    fn terms(&self) -> &LeaseTerms {
        &self.terms
    }

    fn acquire<'a>(&'a self, names: &'a [String], ttl: Duration) -> LeaseAnswers<'a, LeaseGrant> {
        let asked = names.to_vec();
        Box::pin(async move {
            let done = self.transact(move |tx, terms| {
                let all = asked.iter().map(|name| take(tx, terms, name, ttl));
                all.collect::<Result<Vec<_>, _>>()
            });
            match done.await {
                Ok(all) => all.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error); names.len()],
            }
        })
    }

    fn renew<'a>(&'a self, leases: &'a [GrantedLease], ttl: Duration) -> LeaseAnswers<'a, GrantedLease> {
        let asked = leases.to_vec();
        Box::pin(async move {
            let done = self.transact(move |tx, terms| {
                let all = asked.iter().map(|lease| prolong(tx, terms, lease, ttl));
                all.collect::<Result<Vec<_>, _>>()
            });
            let lost = |lease: &GrantedLease| LeaseError::Lost {
                name: lease.name.clone(),
            };
            match done.await {
                Ok(all) => all
                    .into_iter()
                    .zip(leases)
                    .map(|(longer, lease)| longer.ok_or_else(|| lost(lease)))
                    .collect(),
                Err(error) => vec![Err(error); leases.len()],
            }
        })
    }

    fn release<'a>(&'a self, leases: &'a [GrantedLease]) -> LocalBoxFuture<'a, Result<(), LeaseError>> {
        let given = leases.to_vec();
        Box::pin(self.transact(move |tx, _| {
            for lease in &given {
                tx.prepare_cached("UPDATE leases SET owner = '' WHERE name = ?1 AND owner = ?2 AND fence = ?3")?
                    .execute((&lease.name, &lease.owner, lease.fence))?;
            }
            Ok(())
        }))
    }

    fn look<'a>(&'a self, names: &'a [String]) -> LocalBoxFuture<'a, Result<Vec<Option<LeaseHolder>>, LeaseError>> {
        let asked = names.to_vec();
        Box::pin(self.transact(move |tx, terms| {
            let holding = |name: &String| Ok(read(tx, name)?.and_then(|record| record.holding(terms)));
            asked.iter().map(holding).collect()
        }))
    }
}
