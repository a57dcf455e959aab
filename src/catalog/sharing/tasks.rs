//! Tasks that one member at a time does, for as long as it is a member or until it releases them.

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlRow;
use crate::catalog::engine::value::arguments;
use crate::catalog::sharing::members::{MemberRow, lock_expired, member_of};
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};

/// What is done by one member at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SharedTask {
    /// Seeing to it that GRIN's lists are read at their intervals, and that books get their facts.
    Lists,
    /// Reading lists, for one pass, whoever wants it: a daemon that has [`Self::Lists`], or a step by hand.
    Reading,
    /// Planning conversions, and requesting them.
    Plan,
    /// Asking for facts, for one pass.
    Facts,
    /// Making a backup of the catalog.
    Backup,
    /// Making the export of the catalog.
    Export,
    /// Reading stored books again.
    Fixity,
    /// Copying stored books to the second place.
    SecondCopy,
}

impl SharedTask {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Lists,
        Self::Reading,
        Self::Plan,
        Self::Facts,
        Self::Backup,
        Self::Export,
        Self::Fixity,
        Self::SecondCopy,
    ];

    /// Its name in the catalog.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lists => "lists",
            Self::Reading => "reading",
            Self::Plan => "plan",
            Self::Facts => "facts",
            Self::Backup => "backup",
            Self::Export => "export",
            Self::Fixity => "fixity",
            Self::SecondCopy => "second_copy",
        }
    }
}

/// Takes a task, unless a live member has it.
#[derive(Debug, Clone)]
pub struct AcquireTask {
    /// The task.
    pub task: SharedTask,
    /// Who wants it.
    pub owner: String,
}

/// Who has a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskAnswer {
    /// Whoever asked.
    Held {
        /// Another each time the task changes hands; what is written for it shows it.
        fence: i64,
    },
    /// Another member.
    HeldBy(MemberRow),
    /// Whoever asked is no member at present, and gets nothing before it renewed its membership.
    NoMember,
}

/// Gives a task back; `false` if it was another's.
#[derive(Debug, Clone)]
pub struct ReleaseTask {
    /// The task.
    pub task: SharedTask,
    /// Who had it.
    pub owner: String,
}

impl CatalogOperation for AcquireTask {
    type Output = TaskAnswer;
    const KIND: &'static str = "acquire_task";
    const IS_BRIEF: bool = true;

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<TaskAnswer, CatalogError> {
        // Locked, so that it is not removed before this is recorded.
        let sql = "SELECT 1 FROM members WHERE owner = :owner /*pg FOR KEY SHARE*/";
        let member = tx.conn.first(sql, &arguments! { owner: self.owner }, |_| Ok(()))?;
        if member.is_none() {
            return Ok(TaskAnswer::NoMember);
        }
        let Some(holder) = self.holder(tx)? else {
            return self.take(tx);
        };
        if holder.owner == self.owner {
            return Ok(TaskAnswer::Held { fence: holder.fence });
        }
        match member_of(tx, &holder.owner)? {
            Some(member) if member.is_live() => Ok(TaskAnswer::HeldBy(member)),
            // It is renewed or removed at this moment: who has the task is asked once more.
            Some(_) if !lock_expired(tx, &holder.owner)? => Err(CatalogError::Busy),
            _ => self.take_over(tx, &holder),
        }
    }
}

/// What a task's row says.
struct TaskHolder {
    owner: String,
    fence: i64,
}

impl TaskHolder {
    fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        Ok(Self {
            owner: row.get("owner")?,
            fence: row.get("fence")?,
        })
    }
}

impl AcquireTask {
    fn holder(&self, tx: &CatalogTransaction<'_>) -> Result<Option<TaskHolder>, CatalogError> {
        let sql = "SELECT owner, fence FROM task_leases WHERE task = :task";
        let task = self.task.as_str();
        tx.conn.first(sql, &arguments! { task: task }, TaskHolder::read)
    }

    fn take(&self, tx: &CatalogTransaction<'_>) -> Result<TaskAnswer, CatalogError> {
        let fence: i64 = tx.conn.one(tx.conn.next_fence(), &[], |row| row.at(0))?;
        let taken = tx.conn.execute(
            "INSERT INTO task_leases (task, owner, acquired_at, fence) VALUES (:task, :owner, :now, :fence) \
             ON CONFLICT DO NOTHING",
            &arguments! { task: self.task.as_str(), owner: self.owner, now: tx.stamp, fence: fence },
        )?;
        Self::taken(taken, fence)
    }

    /// Takes it from a holder whose membership is over.
    fn take_over(&self, tx: &CatalogTransaction<'_>, from: &TaskHolder) -> Result<TaskAnswer, CatalogError> {
        let fence: i64 = tx.conn.one(tx.conn.next_fence(), &[], |row| row.at(0))?;
        let taken = tx.conn.execute(
            "UPDATE task_leases SET owner = :owner, acquired_at = :now, fence = :fence \
             WHERE task = :task AND owner = :before",
            &arguments! {
                task: self.task.as_str(), owner: self.owner, now: tx.stamp, fence: fence, before: from.owner,
            },
        )?;
        Self::taken(taken, fence)
    }

    /// Another member was faster: it is asked again who that is.
    fn taken(rows: u64, fence: i64) -> Result<TaskAnswer, CatalogError> {
        match rows {
            0 => Err(CatalogError::Busy),
            _ => Ok(TaskAnswer::Held { fence }),
        }
    }
}

impl CatalogOperation for ReleaseTask {
    type Output = bool;
    const KIND: &'static str = "release_task";
    const IS_BRIEF: bool = true;

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<bool, CatalogError> {
        let sql = "DELETE FROM task_leases WHERE task = :task AND owner = :owner";
        let task = self.task.as_str();
        let released = tx.conn.execute(sql, &arguments! { task: task, owner: self.owner })?;
        Ok(released > 0)
    }
}

/// Refuses what is done for a task that has changed hands since it was taken under this fence.
pub(crate) fn check_fence(tx: &CatalogTransaction<'_>, task: SharedTask, fence: i64) -> Result<(), CatalogError> {
    // Locked, so that it is not taken over before what follows is recorded.
    let sql = "SELECT 1 FROM task_leases WHERE task = :task AND fence = :fence /*pg FOR SHARE*/";
    let task = task.as_str();
    let held = tx
        .conn
        .first(sql, &arguments! { task: task, fence: fence }, |_| Ok(()))?;
    held.ok_or(CatalogError::TaskLost(task))
}

/// The tasks that an owner holds.
pub(super) fn tasks_of(tx: &CatalogTransaction<'_>, owner: &str) -> Result<Vec<SharedTask>, CatalogError> {
    let sql = "SELECT task FROM task_leases WHERE owner = :owner ORDER BY task";
    let names: Vec<String> = tx.conn.all(sql, &arguments! { owner: owner }, |row| row.at(0))?;
    let held = SharedTask::ALL.into_iter();
    Ok(held
        .filter(|task| names.iter().any(|name| name == task.as_str()))
        .collect())
}
