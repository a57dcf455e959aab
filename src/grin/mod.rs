//! Room `grin`: the protocol as pure functions and types.

mod addresses;
mod barcode;
pub mod columns;
mod date;
mod enrichment;
mod etag;
mod file_name;
#[cfg(test)]
mod fuzz;
mod library;
mod lines;
mod list_kind;
mod list_page;
mod oauth_files;
mod outcome;
mod process_reply;
mod redirect;
mod refusal;
mod row;
mod secret;
mod secret_file;
mod state;
mod text;
mod text_list;
mod tsv;
mod validator;

pub use addresses::{
    Addresses, BadBase, ListForm, ListQuery, ProcessForm, ProcessRequest, SEARCH_ADDRESS_LIMIT, batches,
};
pub use barcode::{BadBarcode, Barcode};
pub use date::GrinDate;
pub use enrichment::{Enrichment, Typed, Value};
pub use etag::{EtagDecision, compare_validators, decide_etag};
pub use file_name::{ARCHIVE_SUFFIX, BadFileName, FileName};
pub use library::{BadLibrary, Library};
pub use list_kind::ListKind;
pub use list_page::{ListPage, ListPageParser, ListRefusal, LoopGuard, PageLimits, PageMark, parse_list_page};
pub use oauth_files::{
    ClientSecretFile, CredentialsFile, GOOGLE_TOKEN_URIS, ServiceAccountKey, TokenUriPolicy, TokenUriRefused,
};
pub use outcome::ProcessOutcome;
pub use process_reply::{ProcessReply, Processed, parse_process_reply};
pub use redirect::{DEFAULT_REDIRECT_HOSTS, Hop, RedirectPolicy, RedirectRefused};
pub use refusal::Refusal;
pub use row::{Because, ListDates, ListFailure, ListRow, Rejected};
pub use secret::Secret;
pub use secret_file::{SecretFileError, read_secret_file, write_secret_file};
pub use state::GrinState;
pub use text_list::{TextList, TextListParser, parse_text_list};
pub use tsv::{Tsv, parse_tsv};
pub use validator::{BadValidator, Validator};
