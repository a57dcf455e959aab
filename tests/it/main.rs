//! Integration tests, in one binary: the real program against the simulator, real gpg, S3 in process, real signals.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

mod actor_map;
mod actors;
mod archive_cases;
mod archive_contents;
mod archive_damage;
mod archive_fuzz;
mod archive_gpg;
mod archive_links;
mod archive_odd_forms;
mod archive_proof;
mod archive_secret_key;
mod archive_sources;
mod auth;
mod backups;
mod bench;
mod by_root;
mod catalog_crash;
mod catalog_import;
mod catalog_race;
mod catalog_server;
mod collect;
mod daemon;
mod dependencies;
mod first_contact;
mod full_run;
mod hooks;
mod import;
mod import_facts;
mod keep_encrypted;
mod limits;
mod mount;
mod own_places;
mod packages;
mod parse_cases;
mod pipeline;
mod publication_kill;
mod recorded_answers;
mod refused_books;
mod refused_lists;
mod rights;
mod settings_files;
mod shared_faults;
mod sharing;
mod simulator_http;
mod state_store;
mod steps;
mod storage_commands;
mod storage_get;
mod storage_kill;
mod storage_layout;
mod storage_publish;
mod storage_s3;
mod stores;
mod structure;
mod top;
#[cfg(feature = "traces")]
mod traces;
mod verify;
mod verify_many;
mod verify_quick;
mod watchdog;
mod wiring;
