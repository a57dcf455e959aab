//! One of the two catalogs of a copy: its only member, as long as the copy lasts.

use std::time::Duration;

use crate::catalog::copy::operations::{AppendRows, CheckComplete, CountRows, ReadRows};
use crate::catalog::copy::tables::CopiedTable;
use crate::catalog::copy::{CatalogCopy, CatalogCopyError, LEASE, ROWS};
use crate::catalog::engine::rows::KeptRows;
use crate::catalog::sharing::members::{
    COPIER, JoinAnswer, JoinMembers, LeaveMembers, ListMembers, MemberCard, MemberRow, MemberStanding, RenewMember,
};
use crate::catalog::{CatalogAddress, CatalogError, CatalogLedger, CatalogOperation, CatalogPolicy};

/// Which of both catalogs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CopySide {
    Source,
    Target,
}

impl CopySide {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "from",
            Self::Target => "to",
        }
    }

    /// An error of that catalog.
    fn error(self, error: CatalogError) -> CatalogCopyError {
        match self {
            Self::Source => CatalogCopyError::Catalog(error),
            Self::Target => CatalogCopyError::Target(error),
        }
    }
}

/// One of the two catalogs.
pub(super) struct CopyEnd {
    ledger: CatalogLedger,
    side: CopySide,
    pub member: MemberCard,
    /// As people are shown its address.
    pub shown: String,
}

impl CopyEnd {
    pub fn open(address: &CatalogAddress, copy: &CatalogCopy<'_>, side: CopySide) -> Result<Self, CatalogCopyError> {
        let instance = format!("{}/{COPIER}-{}-{}", copy.host, side.as_str(), copy.process);
        let ledger = CatalogLedger::open_unnoted(address, copy.clock.clone(), CatalogPolicy::default());
        Ok(Self {
            ledger: ledger.map_err(|error| side.error(error))?,
            side,
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

    pub fn ask<O: CatalogOperation>(&mut self, operation: O) -> Result<O::Output, CatalogCopyError> {
        self.ledger.execute(operation).map_err(|error| self.side.error(error))
    }

    fn in_use(&self, by: MemberRow) -> CatalogCopyError {
        CatalogCopyError::InUse {
            catalog: self.shown.clone(),
            by: Box::new(by),
        }
    }

    /// Joins the catalog as its only member: no other can join meanwhile. `twin` has joined the other catalog.
    pub fn join(&mut self, twin: Option<&MemberCard>) -> Result<(), CatalogCopyError> {
        let member = self.member.clone();
        if let JoinAnswer::Taken { by } = self.ask(JoinMembers { member, lease: LEASE })? {
            return Err(self.in_use(by));
        }
        let mut seen: Option<MemberRow> = None;
        loop {
            let members = self.ask(ListMembers)?;
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
    pub fn is_complete(&mut self) -> Result<(), CatalogCopyError> {
        self.ask(CheckComplete)
    }

    /// Whoever was removed from the members in between does not know what others changed since.
    pub fn renew(&mut self) -> Result<(), CatalogCopyError> {
        let member = self.member.clone();
        let round = self.ask(RenewMember { member, lease: LEASE })?;
        match round.standing {
            MemberStanding::Kept => Ok(()),
            MemberStanding::Rejoined | MemberStanding::Replaced { .. } => {
                Err(CatalogCopyError::Interrupted(self.shown.clone()))
            }
        }
    }

    /// Best effort: the membership ends by itself.
    pub fn leave(&mut self) {
        let owner = self.member.owner.clone();
        if let Err(error) = self.ask(LeaveMembers { owner }) {
            tracing::debug!(%error, "the copy did not leave the catalog");
        }
    }

    pub fn rows(&mut self, table: &'static CopiedTable) -> Result<u64, CatalogCopyError> {
        self.ask(CountRows(table))
    }

    pub fn read(&mut self, table: &'static CopiedTable, after: Vec<i64>) -> Result<KeptRows, CatalogCopyError> {
        let limit = ROWS;
        self.ask(ReadRows { table, after, limit })
    }

    pub fn append(&mut self, table: &'static CopiedTable, rows: KeptRows, anew: bool) -> Result<(), CatalogCopyError> {
        self.ask(AppendRows { table, rows, anew })
    }
}
