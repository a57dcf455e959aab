//! The protocol as pure functions and types.

mod addresses;
mod barcode;
pub mod barcode_file;
mod blocks;
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
    BadBase, GrinAddresses, ListForm, ListQuery, ProcessForm, ProcessRequest, SEARCH_ADDRESS_LIMIT, batches,
};
pub use barcode::{BadBarcode, Barcode};
pub use blocks::{BLOCKS, BlockSet, block_of};
pub use date::GrinDate;
pub use enrichment::{BookEnrichment, FieldValue, TypedValue};
pub use etag::{EtagDecision, compare_validators, decide_etag};
pub use file_name::{ARCHIVE_SUFFIX, BadFileName, FileName};
pub use library::{BadLibrary, LibraryDirectory};
pub use list_kind::ListKind;
pub use list_page::{EndDoubt, ListPage, ListPageParser, ListRefusal, LoopGuard, PageMark};
pub use oauth_files::{
    ClientSecretFile, CredentialsFile, GOOGLE_TOKEN_URIS, ServiceAccountKey, TokenUriPolicy, TokenUriRefused,
};
pub use outcome::ProcessOutcome;
pub use process_reply::{ProcessReply, ProcessResult, parse_process_reply};
pub use redirect::{RedirectHop, RedirectPolicy, RedirectRefused};
pub use refusal::AnswerRefusal;
pub use row::{ListDates, ListFailure, ListRow, RejectedRow, RejectionReason};
pub use secret::{Secret, SecretBytes};
pub use secret_file::{SecretFileError, read_passphrase, read_secret_bytes, read_secret_text, write_secret_file};
pub use state::GrinState;
pub use text_list::{TextList, TextListParser, parse_text_list};
pub use tsv::{TsvReader, parse_tsv};
pub use validator::{BadValidator, Validator};
