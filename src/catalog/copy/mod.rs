//! A whole catalog into another database, of the other engine or the same.
//!
//! Large tables are copied piece by piece, each in a transaction, in the order of their keys: what was interrupted goes on after the last
//! row that arrived. At the end both catalogs are read and compared.

mod one_view;
mod operations;
mod tables;

use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

pub(in crate::catalog) use crate::catalog::copy::one_view::copy_rows;
use crate::catalog::copy::operations::{
    AppendRows, BeginCopy, CheckComplete, CountRows, FinishCopy, LastFence, LastKey, ReadRows,
};
use crate::catalog::copy::tables::CopiedTable;
pub(in crate::catalog) use crate::catalog::copy::tables::TABLES;
use crate::catalog::engine::rows::{KeptRows, KeptValue};
use crate::catalog::sharing::members::{
    COPIER, JoinAnswer, JoinMembers, LeaveMembers, ListMembers, MemberCard, MemberRow, MemberStanding, RenewMember,
};
use crate::catalog::{CatalogAddress, CatalogError, CatalogLedger, CatalogPolicy};
use crate::clock::SystemClock;

/// A copy that was killed keeps the next one waiting for so long.
const LEASE: Duration = Duration::from_secs(10);
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// Rows read and written at a time.
const ROWS: usize = 500;

/// Copies a catalog.
pub(crate) struct CatalogCopy<'a> {
    pub from: &'a CatalogAddress,
    pub to: &'a CatalogAddress,
    /// The machine, and a name of this process alone.
    pub host: String,
    pub process: String,
    pub clock: SystemClock,
    /// Told after each piece.
    pub progress: &'a mut dyn FnMut(CopyProgress),
}

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CopyProgress {
    pub table: &'static str,
    /// Rows of it that are copied, or compared.
    pub rows: u64,
    /// Rows that it has.
    pub of: u64,
    pub is_comparing: bool,
}

/// What a table came to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct CopiedRows {
    pub table: &'static str,
    pub rows: u64,
    /// SHA-256 of all rows, the same in both catalogs.
    pub sha256: String,
}

/// Why a catalog was not copied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatalogCopyError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("both addresses lead to the same catalog, {0}")]
    Same(String),
    #[error("{catalog} is in use: {} ({} on {}) joined it at {}, and its lease holds for {} s", by.card.instance, by.card.program, by.card.host, by.joined_at, by.left.as_secs() + 1)]
    InUse { catalog: String, by: Box<MemberRow> },
    #[error("the copy stood still for so long that another program may have used {0} meanwhile")]
    Interrupted(String),
    #[error("{catalog} is not empty: it has {books} books and is no copy that was begun from {from}")]
    NotEmpty { catalog: String, books: u64, from: String },
    #[error("{table} is not the same in both catalogs: {from} rows in the one, {to} in the other")]
    Differs { table: &'static str, from: u64, to: u64 },
}

impl CatalogCopy<'_> {
    /// Copies what is not copied yet, and compares everything.
    pub(crate) fn run(self) -> Result<Vec<CopiedRows>, CatalogCopyError> {
        let mut source = CopyEnd::open(self.from, &self, "from")?;
        let mut target = CopyEnd::open(self.to, &self, "to")?;
        source.join(None)?;
        let outcome = source.is_complete().and_then(|()| target.join(Some(&source.member)));
        let outcome = outcome.and_then(|()| {
            let mut run = CopyRun {
                source: &mut source,
                target: &mut target,
                progress: self.progress,
                renewed: Instant::now(),
            };
            run.copy()
        });
        target.leave();
        source.leave();
        outcome
    }
}

/// One of the two catalogs.
struct CopyEnd {
    ledger: CatalogLedger,
    member: MemberCard,
    shown: String,
}

impl CopyEnd {
    fn open(address: &CatalogAddress, copy: &CatalogCopy<'_>, which: &str) -> Result<Self, CatalogError> {
        let instance = format!("{}/{COPIER}-{which}-{}", copy.host, copy.process);
        Ok(Self {
            ledger: CatalogLedger::open_unnoted(address, copy.clock.clone(), CatalogPolicy::default())?,
            member: MemberCard {
                owner: format!("{instance}:{}", copy.process),
                instance,
                host: copy.host.clone(),
                program: COPIER.into(),
                version: env!("CARGO_PKG_VERSION").into(),
            },
            shown: address.shown(),
        })
    }

    fn in_use(&self, by: MemberRow) -> CatalogCopyError {
        CatalogCopyError::InUse {
            catalog: self.shown.clone(),
            by: Box::new(by),
        }
    }

    /// Joins the catalog as its only member: no other can join meanwhile. `twin` has joined the other catalog.
    fn join(&mut self, twin: Option<&MemberCard>) -> Result<(), CatalogCopyError> {
        let member = self.member.clone();
        if let JoinAnswer::Taken { by } = self.ledger.execute(JoinMembers { member, lease: LEASE })? {
            return Err(self.in_use(by));
        }
        let mut seen: Option<MemberRow> = None;
        loop {
            let members = self.ledger.execute(ListMembers)?;
            let mut others = members
                .into_iter()
                .filter(|row| row.is_live() && row.card.owner != self.member.owner);
            let Some(other) = others.next() else { return Ok(()) };
            if twin == Some(&other.card) {
                return Err(CatalogCopyError::Same(self.shown.clone()));
            }
            let is_living = seen
                .as_ref()
                .is_some_and(|seen| seen.card == other.card && seen.renewals < other.renewals);
            // A copy may have been killed: its lease is awaited.
            if other.card.program != COPIER || is_living {
                self.leave();
                return Err(self.in_use(other));
            }
            if seen.is_none() {
                let seconds = other.left.as_secs() + 1;
                tracing::info!(seconds, "waiting for the lease of an earlier copy to end");
            }
            seen.get_or_insert(other);
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// What is copied must not be a copy itself of which a part is missing.
    fn is_complete(&mut self) -> Result<(), CatalogCopyError> {
        Ok(self.ledger.execute(CheckComplete)?)
    }

    /// Whoever was removed from the members in between does not know what others changed since.
    fn renew(&mut self) -> Result<(), CatalogCopyError> {
        let member = self.member.clone();
        let round = self.ledger.execute(RenewMember { member, lease: LEASE })?;
        match round.standing {
            MemberStanding::Kept => Ok(()),
            MemberStanding::Rejoined | MemberStanding::Replaced { .. } => {
                Err(CatalogCopyError::Interrupted(self.shown.clone()))
            }
        }
    }

    /// Best effort: the membership ends by itself.
    fn leave(&mut self) {
        let owner = self.member.owner.clone();
        if let Err(error) = self.ledger.execute(LeaveMembers { owner }) {
            tracing::debug!(%error, "the copy did not leave the catalog");
        }
    }

    fn rows(&mut self, table: &'static CopiedTable) -> Result<u64, CatalogError> {
        self.ledger.execute(CountRows(table))
    }

    fn read(&mut self, table: &'static CopiedTable, after: Vec<i64>) -> Result<KeptRows, CatalogError> {
        let limit = ROWS;
        self.ledger.execute(ReadRows { table, after, limit })
    }

    fn append(&mut self, table: &'static CopiedTable, rows: KeptRows, anew: bool) -> Result<(), CatalogError> {
        self.ledger.execute(AppendRows { table, rows, anew })
    }
}

/// The digest of a table's rows in the order of their keys.
#[derive(Default)]
struct TableDigest {
    rows: u64,
    sha256: Sha256,
}

impl TableDigest {
    fn add(&mut self, kept: &KeptRows) {
        self.rows += kept.rows.len() as u64;
        for value in kept.rows.iter().flatten() {
            match value {
                KeptValue::Null => self.sha256.update([0]),
                KeptValue::Integer(n) => {
                    self.sha256.update([1]);
                    self.sha256.update(n.to_le_bytes());
                }
                KeptValue::Text(text) => {
                    self.sha256.update([2]);
                    self.sha256.update((text.len() as u64).to_le_bytes());
                    self.sha256.update(text);
                }
            }
        }
    }
}

struct CopyRun<'a> {
    source: &'a mut CopyEnd,
    target: &'a mut CopyEnd,
    progress: &'a mut dyn FnMut(CopyProgress),
    renewed: Instant,
}

impl CopyRun<'_> {
    fn copy(&mut self) -> Result<Vec<CopiedRows>, CatalogCopyError> {
        let from = self.source.shown.clone();
        if let Some(books) = self.target.ledger.execute(BeginCopy { from: from.clone() })? {
            let catalog = self.target.shown.clone();
            return Err(CatalogCopyError::NotEmpty { catalog, books, from });
        }
        for table in &TABLES {
            self.copy_table(table)?;
        }
        let mut copied = Vec::with_capacity(TABLES.len());
        for table in &TABLES {
            copied.push(self.compare_or_copy_anew(table)?);
        }
        self.renew()?;
        let fence = self.source.ledger.execute(LastFence)?;
        self.target.ledger.execute(FinishCopy { fence })?;
        Ok(copied)
    }

    fn copy_table(&mut self, table: &'static CopiedTable) -> Result<(), CatalogCopyError> {
        let of = self.source.rows(table)?;
        let mut after = self.target.ledger.execute(LastKey(table))?;
        let mut rows = match after.is_empty() {
            true => 0,
            false => self.target.rows(table)?,
        };
        loop {
            let read = self.source.read(table, after)?;
            let (count, last) = (read.rows.len(), table.last_key(&read));
            self.target.append(table, read, table.is_small())?;
            rows += count as u64;
            self.tell(CopyProgress {
                table: table.name,
                rows,
                of,
                is_comparing: false,
            })?;
            if count < ROWS || table.is_small() {
                return Ok(());
            }
            after = last;
        }
    }

    /// A table that was copied in part by an earlier run, and changed since then, is copied anew.
    fn compare_or_copy_anew(&mut self, table: &'static CopiedTable) -> Result<CopiedRows, CatalogCopyError> {
        match self.compare(table) {
            Err(CatalogCopyError::Differs { .. }) if !table.is_append_only => {
                tracing::info!(
                    table = table.name,
                    "it changed after a part was copied, and is copied anew"
                );
                self.target.append(table, KeptRows::default(), true)?;
                self.copy_table(table)?;
                self.compare(table)
            }
            compared => compared,
        }
    }

    fn compare(&mut self, table: &'static CopiedTable) -> Result<CopiedRows, CatalogCopyError> {
        let of = self.source.rows(table)?;
        let from = self.digest(table, true, of)?;
        let to = self.digest(table, false, of)?;
        let (from_sha256, to_sha256) = (from.sha256.finalize(), to.sha256.finalize());
        if from.rows != to.rows || from_sha256 != to_sha256 {
            return Err(CatalogCopyError::Differs {
                table: table.name,
                from: from.rows,
                to: to.rows,
            });
        }
        Ok(CopiedRows {
            table: table.name,
            rows: to.rows,
            sha256: to_sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }

    fn digest(
        &mut self,
        table: &'static CopiedTable,
        of_source: bool,
        of: u64,
    ) -> Result<TableDigest, CatalogCopyError> {
        let (mut digest, mut after) = (TableDigest::default(), Vec::new());
        loop {
            let end = if of_source {
                &mut *self.source
            } else {
                &mut *self.target
            };
            let read = end.read(table, after)?;
            digest.add(&read);
            self.tell(CopyProgress {
                table: table.name,
                rows: digest.rows,
                of,
                is_comparing: true,
            })?;
            if read.rows.len() < ROWS || table.is_small() {
                return Ok(digest);
            }
            after = table.last_key(&read);
        }
    }

    /// Tells how far it is, and stays a member of both.
    fn tell(&mut self, progress: CopyProgress) -> Result<(), CatalogCopyError> {
        (self.progress)(progress);
        if self.renewed.elapsed() >= RENEW_EVERY {
            self.renew()?;
        }
        Ok(())
    }

    fn renew(&mut self) -> Result<(), CatalogCopyError> {
        self.source.renew()?;
        self.target.renew()?;
        self.renewed = Instant::now();
        Ok(())
    }
}
