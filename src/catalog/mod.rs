//! What we know of every book, in one SQLite file or a database on a PostgreSQL server; one writer a program, many readers.

mod address;
mod copy;
mod engine;
mod error;
mod fixity;
mod import;
mod lifecycle;
mod notes;
mod observations;
mod passwords;
mod planning;
mod queries;
mod rights;
mod second_copy;
mod sharing;
mod writer;

pub use crate::clock::SystemClock;
pub use crate::vocabulary::BookState;
pub use crate::vocabulary::Queue;
pub use address::CatalogAddress;
pub(crate) use copy::{CatalogCopy, CatalogCopyError, CompleteCopy, CopiedRows, CopyProgress};
pub use error::CatalogError;
pub(crate) use fixity::mend::MendRecord;
pub(crate) use fixity::premis::{PremisCounts, PremisSelection};
pub(crate) use fixity::record::{FixityEvidence, RecordCheck};
pub(crate) use fixity::removal::{BeginRemoval, EndRemoval, RemovalAnswer};
pub(crate) use fixity::restoring::{BeginRestore, FetchBeside};
#[cfg(test)]
pub(crate) use fixity::select::ToCheckCounts;
pub(crate) use fixity::select::{
    AskPlace, AskWhetherStored, BookToCheck, CheckCursor, CheckPurpose, CheckSelection, CountToCheck, ListToCheck,
    RecordedPlace,
};
pub(crate) use fixity::unsound::{AskFixity, EndWait, FetchAgain, FixityStanding, ListKept};
pub(crate) use import::check_beginning;
pub use import::{
    AdoptedArchive, ArchiveUnfit, BeginAdoption, ImportError, ImportPlan, ImportReport, ImportTarget, StoredFiles,
};
pub(crate) use lifecycle::claim::ClaimToken;
pub use lifecycle::claim::{BegunPublication, ClaimBooks, ClaimedBook, StoredArchive};
pub(crate) use lifecycle::hooks::{ClaimHook, DueHook, HookQueue, HookSettlement, SettleHook};
pub(crate) use lifecycle::leases::RenewClaims;
pub(crate) use lifecycle::named::{BookWish, ChangeBooks, ChangedBooks};
pub use lifecycle::policy::CatalogPolicy;
pub(crate) use lifecycle::publication::{BeginPublication, RecordDoubtfulPublication};
pub(crate) use lifecycle::restore::{AskRecorded, ListRecorded, RecordFound, RecordedBook};
pub use lifecycle::settle::{ClaimSettlement, SettleClaim, StoredBook};
pub(crate) use lifecycle::settle::{RecordDownloading, StoredFinding};
pub use lifecycle::wish::EnsureKnown;
pub(crate) use lifecycle::wish::{AskUnknown, ResetFailed};
pub(crate) use notes::{
    AskLastCopy, AskStorageMark, ClaimBackups, KeepStorageMark, KeptCopy, KeptStorageMark, MarkedPlace, NoteCopy,
};
pub use observations::begin_pass::BeginPass;
pub(crate) use observations::begin_pass::{ListPass, NOT_COMPARED};
pub(crate) use observations::enrich::{EnrichBatch, RENEW_FACTS_AFTER, RecordEnrichment, ToEnrich};
pub use observations::listing::ListPart;
#[cfg(test)]
pub(crate) use observations::listing::ListPartCounts;
pub use observations::passes::FinishPass;
#[cfg(test)]
pub(crate) use observations::passes::PassEnd;
pub(crate) use observations::passes::{CountMissing, PassId};
#[cfg(test)]
pub(crate) use planning::convert::{ConversionPlan, ConversionsRecorded};
pub(crate) use planning::convert::{PlanConversions, RecordConversions};
pub use planning::select::BookSelection;
pub(crate) use planning::select::PutOffBook;
pub use queries::ask::CountBooks;
pub(crate) use queries::ask::{AskRemaining, ListPutOff, ListReady, StateCounts};
pub(crate) use queries::explain::{BookEvent, BookStory, WholeStory};
pub(crate) use queries::export::ExportError;
pub use queries::export_filter::ExportFilter;
pub(crate) use queries::failures::FailedBooks;
#[cfg(test)]
pub(crate) use queries::failures::{FailedBook, FailureCount};
pub(crate) use queries::forecast::{DownloadLoad, ForecastInputs, LibraryForecast, forecast};
pub(crate) use queries::pace::{AskPace, DayReport, LibraryPace};
pub use queries::reader::CatalogReader;
#[cfg(test)]
pub(crate) use queries::verification::VerificationCounts;
pub(crate) use queries::wanted_books::WantedBooks;
pub(crate) use rights::{RightsImport, RightsImportError, RightsReport};
pub(crate) use second_copy::{
    AskSecondCopies, CopySettlement, DueCopy, ForgetCopies, ListDueCopies, NoteUncopied, SecondCopyStanding, SettleCopy,
};
pub(crate) use sharing::library::{CheckLibrary, KeepLibrary};
pub use sharing::members::LeaveMembers;
pub(crate) use sharing::members::{
    JoinAnswer, JoinMembers, MemberCard, MemberRound, MemberRow, MemberStanding, RenewMember,
};
pub(crate) use sharing::noted::{NoteSetting, NotedSetting};
pub(crate) use sharing::pause::{AskPause, BeginPause, EndPause, OperatorPause};
pub(crate) use sharing::rate::CloseRequests;
pub use sharing::rate::TakeRateSlice;
pub(crate) use sharing::tasks::{AcquireTask, ReleaseTask, SharedTask, TaskAnswer};
#[cfg(test)]
pub(crate) use sharing::{members::ListMembers, rate::RateSlice};
pub(crate) use writer::backup::check_backup;
pub(crate) use writer::connection::try_writing;
pub(crate) use writer::counters::CatalogFigures;
pub use writer::handle::Catalog;
pub(crate) use writer::handle::CatalogThread;
pub use writer::ledger::CatalogLedger;
pub(crate) use writer::ledger::{CatalogOperation, CatalogTransaction};
#[cfg(test)]
pub(crate) use writer::schema::VERSION as SCHEMA_VERSION;

#[cfg(test)]
mod tests;
