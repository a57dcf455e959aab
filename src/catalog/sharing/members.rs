//! Joining, staying and leaving. What an expired member held becomes free in the transaction that removes it.

use std::time::Duration;

use jiff::Timestamp;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::engine::{SqlConnection, SqlRow};
use crate::catalog::lifecycle::claim::{EXPIRED, LeaseSpan, release};
use crate::catalog::lifecycle::due_bound::follow_clock;
use crate::catalog::lifecycle::history::ChangeCause;
use crate::catalog::sharing::tasks::{SharedTask, tasks_of};
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};

/// The program that copies a catalog, and keeps all others from joining meanwhile.
pub(crate) const COPIER: &str = "catalog-copy";

/// What a copy notes in the settings of its target until it is complete: where it comes from.
pub(crate) const BEGUN_FROM: &str = "copy_begun_from";

/// How a program introduces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberCard {
    /// Its name, one at a time.
    pub instance: String,
    /// The name of this process alone; it stands in its claims.
    pub owner: String,
    /// The machine it runs on.
    pub host: String,
    /// `daemon`, or the step that is done by hand.
    pub program: String,
    /// Its version.
    pub version: String,
}

#[cfg(test)]
impl MemberCard {
    /// Of a member of tests.
    pub fn of_tests() -> Self {
        let [instance, owner, host, program, version] = ["test", "test:0", "host", "daemon", "0"].map(str::to_owned);
        Self {
            instance,
            owner,
            host,
            program,
            version,
        }
    }
}

/// A member as the catalog knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// How it introduced itself.
    pub card: MemberCard,
    /// When it joined, by the database's clock.
    pub joined_at: String,
    /// When it was last heard of.
    pub seen_at: String,
    /// How often it renewed its lease: a number that grows tells that it is alive.
    pub renewals: u64,
    /// How long its lease still holds.
    pub left: Duration,
}

impl MemberRow {
    /// Whether its lease holds.
    pub fn is_live(&self) -> bool {
        !self.left.is_zero()
    }

    fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        let left: i64 = row.get("left_ms")?;
        Ok(Self {
            card: MemberCard {
                instance: row.get("instance")?,
                owner: row.get("owner")?,
                host: row.get("host")?,
                program: row.get("program")?,
                version: row.get("version")?,
            },
            joined_at: row.get("joined_at")?,
            seen_at: row.get("seen_at")?,
            renewals: row.get("renewals")?,
            left: Duration::from_millis(u64::try_from(left).unwrap_or(0)),
        })
    }
}

/// Becomes a member, unless one of this name lives.
#[derive(Debug, Clone)]
pub struct JoinMembers {
    /// Who joins.
    pub member: MemberCard,
    /// How long it is a member without renewing.
    pub lease: Duration,
}

/// Whether a program has become a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinAnswer {
    /// It has.
    Joined {
        /// Claims of members that were gone.
        freed_claims: u64,
        /// The time by the catalog's clock.
        now: Timestamp,
    },
    /// Another has its name, and a lease that holds.
    Taken {
        /// That one.
        by: MemberRow,
    },
}

/// Stays a member, and removes those whose lease ran out.
#[derive(Debug, Clone)]
pub struct RenewMember {
    /// Who renews.
    pub member: MemberCard,
    /// How long it is a member from now on.
    pub lease: Duration,
}

/// What a renewing member is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRound {
    /// All members.
    pub members: Vec<MemberRow>,
    /// The tasks that it holds.
    pub tasks: Vec<SharedTask>,
    /// Whether it was a member without a gap.
    pub standing: MemberStanding,
    /// Claims of members that were gone.
    pub freed_claims: u64,
    /// The time by the catalog's clock.
    pub now: Timestamp,
}

/// What became of a member since it last renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberStanding {
    /// It was one all the time.
    Kept,
    /// It had been removed; what it held is no longer its own.
    Rejoined,
    /// Another has taken its name.
    Replaced {
        /// That one.
        by: MemberRow,
    },
}

/// Ends a membership and all that it held; comes back with the number of claims.
#[derive(Debug, Clone)]
pub struct LeaveMembers {
    /// Who leaves.
    pub owner: String,
}

/// Asks who is a member; those whose lease ran out are still there until another member removes them.
#[derive(Debug, Clone, Copy)]
pub struct ListMembers;

impl CatalogOperation for JoinMembers {
    type Output = JoinAnswer;
    const KIND: &'static str = "join";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<JoinAnswer, CatalogError> {
        if let Some(by) = holder_of_name(tx, &self.member)? {
            return Ok(JoinAnswer::Taken { by });
        }
        note(tx, &self.member)?;
        let freed_claims = remove_expired(tx, &self.member)?;
        if insert(tx, &self.member, self.lease)? || renew(tx, &self.member, self.lease)? {
            return Ok(JoinAnswer::Joined {
                freed_claims,
                now: tx.now,
            });
        }
        let by = named(tx, &self.member.instance)?;
        Ok(JoinAnswer::Taken { by })
    }
}

impl CatalogOperation for RenewMember {
    type Output = MemberRound;
    const KIND: &'static str = "renew_member";
    const IS_BRIEF: bool = true;

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<MemberRound, CatalogError> {
        note(tx, &self.member)?;
        let mut freed_claims = remove_expired(tx, &self.member)?;
        let standing = if renew(tx, &self.member, self.lease)? {
            MemberStanding::Kept
        } else if insert(tx, &self.member, self.lease)? {
            // Whoever removed it may have left claims that were being written at that moment.
            freed_claims += free(tx, &self.member.owner, ChangeCause::Recovered)?;
            MemberStanding::Rejoined
        } else {
            let by = named(tx, &self.member.instance)?;
            MemberStanding::Replaced { by }
        };
        Ok(MemberRound {
            members: all(tx)?,
            tasks: tasks_of(tx, &self.member.owner)?,
            standing,
            freed_claims,
            now: tx.now,
        })
    }
}

impl CatalogOperation for LeaveMembers {
    type Output = u64;
    const KIND: &'static str = "leave";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<u64, CatalogError> {
        let sql = "DELETE FROM members WHERE owner = :owner";
        tx.conn.execute(sql, &arguments! { owner: self.owner })?;
        free(tx, &self.owner, ChangeCause::Released)
    }
}

impl CatalogOperation for ListMembers {
    type Output = Vec<MemberRow>;
    const KIND: &'static str = "members";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Vec<MemberRow>, CatalogError> {
        all(tx)
    }
}

/// Another live member of this name.
fn holder_of_name(tx: &CatalogTransaction<'_>, member: &MemberCard) -> Result<Option<MemberRow>, CatalogError> {
    let is_holder =
        |row: &MemberRow| row.is_live() && row.card.instance == member.instance && row.card.owner != member.owner;
    Ok(all(tx)?.into_iter().find(is_holder))
}

/// Notes that a member has the catalog open: before it is a member, nothing of it stands in the catalog. A copy leaves no trace.
fn note(tx: &CatalogTransaction<'_>, member: &MemberCard) -> Result<(), CatalogError> {
    if member.program == COPIER {
        return Ok(());
    }
    tx.note_session()?;
    follow_clock(tx)
}

/// Adds a member; `false` if its name is taken.
fn insert(tx: &CatalogTransaction<'_>, member: &MemberCard, lease: Duration) -> Result<bool, CatalogError> {
    if member.program != COPIER {
        check_copying(tx)?;
    }
    let span = LeaseSpan::from_now(tx, lease);
    let added = tx.conn.execute(
        "INSERT INTO members (instance, owner, host, version, program, joined_at, seen_at, lease_from, lease_to, lease_until) \
         VALUES (:instance, :owner, :host, :version, :program, :now, :now, :from, :to, :until) ON CONFLICT DO NOTHING",
        &arguments! {
            instance: member.instance, owner: member.owner, host: member.host, version: member.version,
            program: member.program, now: tx.stamp, from: span.from, to: span.to, until: span.until,
        },
    )?;
    Ok(added > 0)
}

/// Refuses a catalog that is a copy of another, and not complete.
pub(crate) fn check_complete(conn: &SqlConnection) -> Result<(), CatalogError> {
    let sql = "SELECT value FROM settings WHERE key = :key";
    let begun = conn.first(sql, &arguments! { key: BEGUN_FROM }, |row| row.at(0))?;
    begun.map_or(Ok(()), |from| Err(CatalogError::HalfCopied { from }))
}

/// Refuses a catalog that is being copied.
pub(super) fn check_copying(tx: &CatalogTransaction<'_>) -> Result<(), CatalogError> {
    check_complete(tx.conn)?;
    let copier = all(tx)?
        .into_iter()
        .find(|row| row.is_live() && row.card.program == COPIER);
    match copier {
        Some(row) => Err(CatalogError::BeingCopied {
            instance: row.card.instance,
            since: row.joined_at,
        }),
        None => Ok(()),
    }
}

/// Whether some program is a member.
pub(super) fn has_live_members(tx: &CatalogTransaction<'_>) -> Result<bool, CatalogError> {
    Ok(all(tx)?.iter().any(MemberRow::is_live))
}

/// Renews a member's lease, also one that ran out; `false` if it is none.
fn renew(tx: &CatalogTransaction<'_>, member: &MemberCard, lease: Duration) -> Result<bool, CatalogError> {
    let span = LeaseSpan::from_now(tx, lease);
    let renewed = tx.conn.execute(
        "UPDATE members SET seen_at = :now, renewals = renewals + 1, lease_from = :from, lease_to = :to, \
         lease_until = :until WHERE instance = :instance AND owner = :owner",
        &arguments! {
            now: tx.stamp, from: span.from, to: span.to, until: span.until,
            instance: member.instance, owner: member.owner,
        },
    )?;
    Ok(renewed > 0)
}

/// Removes all other members whose lease ran out, and frees what they held; comes back with the number of claims. One that another
/// program has to do with at this moment is left for the next time, and so are all where the member's own lease ran out, too, or is
/// its first: then the catalog may have answered nobody before, and the others renew in a moment. For the one of its name, and for a copier,
/// which keeps everybody out, it makes no exception.
fn remove_expired(tx: &mut CatalogTransaction<'_>, member: &MemberCard) -> Result<u64, CatalogError> {
    let sql = format!(
        "DELETE FROM members WHERE instance IN (SELECT instance FROM members WHERE owner <> :owner AND {EXPIRED} \
         AND (instance = :instance OR program = :copier \
         OR EXISTS (SELECT 1 FROM members AS own WHERE owner = :owner AND renewals > 0 AND NOT {EXPIRED})) \
         ORDER BY instance /*pg FOR UPDATE SKIP LOCKED*/) RETURNING instance, owner"
    );
    let given = arguments! {
        owner: member.owner, instance: member.instance, copier: COPIER,
        now: tx.stamp, lease_now: tx.clock.lease_now,
    };
    let read = |row: &SqlRow<'_>| Ok((row.get::<String>("instance")?, row.get::<String>("owner")?));
    let mut freed = 0;
    for (instance, owner) in tx.conn.all(&sql, &given, read)? {
        let cause = if instance == member.instance {
            ChangeCause::Recovered
        } else {
            ChangeCause::LeaseExpired
        };
        freed += free(tx, &owner, cause)?;
    }
    Ok(freed)
}

/// Ends claims and tasks of an owner; comes back with the number of claims.
fn free(tx: &mut CatalogTransaction<'_>, owner: &str, cause: ChangeCause) -> Result<u64, CatalogError> {
    let sql = "DELETE FROM task_leases WHERE owner = :owner";
    tx.conn.execute(sql, &arguments! { owner: owner })?;
    // A row that is locked is being written by that owner; its claim has a lease of its own.
    let sql = "SELECT id FROM books WHERE claimed_by IS NOT NULL AND claimed_by = :owner /*pg FOR UPDATE SKIP LOCKED*/";
    let claimed: Vec<i64> = tx.conn.all(sql, &arguments! { owner: owner }, |row| row.at(0))?;
    for id in &claimed {
        release(tx, *id, cause)?;
    }
    Ok(claimed.len() as u64)
}

/// The columns of a member, and how long its lease still holds.
fn columns() -> String {
    format!(
        "instance, owner, host, version, program, joined_at, seen_at, renewals, \
         CASE WHEN {EXPIRED} THEN 0 ELSE lease_to - :lease_now END AS left_ms"
    )
}

fn all(tx: &CatalogTransaction<'_>) -> Result<Vec<MemberRow>, CatalogError> {
    let sql = format!("SELECT {} FROM members ORDER BY instance", columns());
    let given = arguments! { now: tx.stamp, lease_now: tx.clock.lease_now };
    tx.conn.all(&sql, &given, MemberRow::read)
}

/// The member of this name, which was there a moment ago.
fn named(tx: &CatalogTransaction<'_>, instance: &str) -> Result<MemberRow, CatalogError> {
    let sql = format!("SELECT {} FROM members WHERE instance = :instance", columns());
    let given = arguments! { now: tx.stamp, lease_now: tx.clock.lease_now, instance: instance };
    // Gone since: it is asked again.
    let found = tx.conn.first(&sql, &given, MemberRow::read)?;
    found.ok_or(CatalogError::Busy)
}

/// The member with this owner.
pub(super) fn member_of(tx: &CatalogTransaction<'_>, owner: &str) -> Result<Option<MemberRow>, CatalogError> {
    let sql = format!("SELECT {} FROM members WHERE owner = :owner", columns());
    let given = arguments! { now: tx.stamp, lease_now: tx.clock.lease_now, owner: owner };
    tx.conn.first(&sql, &given, MemberRow::read)
}

/// Keeps a member whose lease ran out from renewing it before what follows is recorded: it would be told that it has what is taken from it
/// meanwhile. `false`: it renews or is removed at this moment.
pub(super) fn lock_expired(tx: &CatalogTransaction<'_>, owner: &str) -> Result<bool, CatalogError> {
    let sql = format!("SELECT 1 FROM members WHERE owner = :owner AND {EXPIRED} /*pg FOR UPDATE SKIP LOCKED*/");
    let given = arguments! { now: tx.stamp, lease_now: tx.clock.lease_now, owner: owner };
    Ok(tx.conn.first(&sql, &given, |_| Ok(()))?.is_some())
}
