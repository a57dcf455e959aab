//! What a database on a server is, and whether a catalog can be made in it.

use std::sync::Arc;

use crate::catalog::tests::servers::ledger;
use crate::catalog::tests::shelf::{TestSchema, barcode, run_sql};
use crate::catalog::writer::group::{LedgerOpening, WriteGroup};
use crate::catalog::*;

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn programs_that_begin_at_once_make_the_schema_once() {
    let schema = TestSchema::new().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| ledger(&schema));
        }
    });
    assert_eq!(ledger(&schema).execute(CountBooks).unwrap().total, 0);
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_schema_of_another_program_or_a_later_version_is_refused() {
    let schema = TestSchema::new().unwrap();
    let open = || CatalogLedger::open_at(&schema.address, SystemClock::system(), CatalogPolicy::default());
    schema.run("CREATE TABLE books (barcode TEXT)");
    assert!(matches!(open().err().unwrap(), CatalogError::Foreign { .. }));
    schema.run("DROP TABLE books");
    open().unwrap();
    schema.run("UPDATE settings SET value = '99' WHERE key = 'schema_version'");
    assert!(matches!(open().err().unwrap(), CatalogError::Newer { found: 99, .. }));
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_reader_says_what_a_database_is() {
    let schema = TestSchema::new().unwrap();
    let read = || CatalogReader::open_at(&schema.address, SystemClock::system()).err();
    assert!(matches!(read(), Some(CatalogError::Missing { .. })));
    ledger(&schema);
    assert!(read().is_none());
    schema.run("UPDATE settings SET value = '2' WHERE key = 'schema_version'");
    assert!(
        matches!(read(), Some(CatalogError::Foreign { .. })),
        "none began so early"
    );
    let written = CatalogLedger::open_at(&schema.address, SystemClock::system(), CatalogPolicy::default());
    assert!(matches!(written.err(), Some(CatalogError::Foreign { .. })));
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_user_who_may_not_make_a_catalog_is_told_so_also_when_it_only_looks() {
    let schema = TestSchema::new().unwrap();
    let (address, guest) = schema.address_of_guest();
    let errors = [
        CatalogReader::open_at(&address, SystemClock::system()).err(),
        CatalogLedger::open_at(&address, SystemClock::system(), CatalogPolicy::default()).err(),
    ];
    schema.run(&format!("DROP ROLE {guest}"));
    for error in errors {
        assert!(matches!(error, Some(CatalogError::NotPermitted(_))), "{error:?}");
    }
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn both_engines_have_the_same_columns() {
    let schema = TestSchema::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let file = CatalogLedger::open(&path, SystemClock::system(), CatalogPolicy::default()).unwrap();
    let columns = |ledger: &CatalogLedger, sql: &str| {
        let read = |row: &crate::catalog::engine::SqlRow<'_>| Ok((row.at::<String>(0)?, row.at::<String>(1)?));
        let columns = ledger.conn().all(sql, &[], read).unwrap();
        columns.into_iter().collect::<std::collections::BTreeSet<_>>()
    };
    let in_file = columns(
        &file,
        "SELECT tables.name, columns.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns \
         WHERE tables.type IN ('table', 'view') AND tables.name NOT LIKE 'sqlite_%'",
    );
    let on_server = columns(
        &ledger(&schema),
        "SELECT table_name::text, column_name::text FROM information_schema.columns \
         WHERE table_schema = current_schema() AND table_name <> 'tally_parts'",
    );
    assert_eq!(in_file, on_server);
}

/// As if the database was dropped and made again.
fn make_anew(schema: &TestSchema) {
    schema.run(
        "DO $$ DECLARE own text := current_schema(); BEGIN EXECUTE format('DROP SCHEMA %I CASCADE', own); \
         EXECUTE format('CREATE SCHEMA %I', own); END $$",
    );
    schema.end_connections();
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn a_connection_made_anew_takes_no_other_catalog_and_makes_none() {
    let schema = TestSchema::new().unwrap();
    let mut opened = ledger(&schema);
    let id = opened.catalog_id().unwrap().to_owned();
    assert_eq!(ledger(&schema).catalog_id(), Some(&*id), "each program finds the same");
    schema.end_connections();
    opened.execute(CountBooks).unwrap();

    let mut refused_by = || match opened.execute(EnsureKnown(vec![barcode("TL0001")])) {
        Err(error @ CatalogError::Replaced { by, .. }) => (by, error.may_pass()),
        other => panic!("{other:?}"),
    };
    make_anew(&schema);
    for _ in 0..2 {
        assert_eq!(refused_by(), ("an empty database", true));
    }
    // As after a panic of the writer, when there is no ledger.
    let opening = LedgerOpening {
        address: schema.address.clone(),
        clock: SystemClock::system(),
        policy: CatalogPolicy::default(),
        file: None,
        catalog_id: Some(id.clone()),
        counters: Arc::default(),
    };
    let group = WriteGroup::new(None, opening);
    let mut asked = group.join(CountBooks);
    group.flush();
    assert!(matches!(asked.try_recv(), Ok(Err(CatalogError::Replaced { .. }))));
    let read = CatalogReader::open_at(&schema.address, SystemClock::system()).err();
    assert!(matches!(read, Some(CatalogError::Missing { .. })), "{read:?}");

    ledger(&schema);
    assert_eq!(refused_by(), ("another catalog", true));
    schema.run(&format!("UPDATE settings SET value = '{id}' WHERE key = 'catalog_id'"));
    assert_eq!(
        opened.execute(EnsureKnown(vec![barcode("TL0001")])).unwrap(),
        1,
        "it is put back"
    );
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn whether_a_catalog_can_be_written_is_tried_and_undone() {
    let schema = TestSchema::new().unwrap();
    let (address, guest) = schema.address_of_guest();
    let name = guest.trim_start_matches("guest_");
    let tried = |before: &str| {
        schema.run(&before.replace("GUEST", &guest).replace("SCHEMA_NAME", name));
        try_writing(&address).err()
    };
    // Where there is no catalog yet.
    let errors = [
        tried("GRANT USAGE ON SCHEMA SCHEMA_NAME TO GUEST"),
        tried("GRANT CREATE ON SCHEMA SCHEMA_NAME TO GUEST; ALTER ROLE GUEST SET default_transaction_read_only = on"),
        tried("ALTER ROLE GUEST SET default_transaction_read_only = off"),
    ];
    let made = ledger(&schema);
    let of_catalog = [
        tried("GRANT SELECT ON ALL TABLES IN SCHEMA SCHEMA_NAME TO GUEST"),
        tried("GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA SCHEMA_NAME TO GUEST"),
        tried("GRANT USAGE ON ALL SEQUENCES IN SCHEMA SCHEMA_NAME TO GUEST"),
        tried("ALTER ROLE GUEST SET default_transaction_read_only = on"),
    ];
    schema.run(&format!("DROP OWNED BY {guest}; DROP ROLE {guest}"));
    for (number, error) in errors.iter().chain(&of_catalog).enumerate() {
        let is_expected = match number {
            0 | 3 | 4 => matches!(error, Some(CatalogError::NotPermitted(_))),
            1 | 6 => matches!(error, Some(CatalogError::ReadOnly(_))),
            _ => error.is_none(),
        };
        assert!(is_expected, "{number}: {error:?}");
    }
    let sessions: i64 = made
        .conn()
        .one("SELECT count(*) FROM sessions", &[], |row| row.at(0))
        .unwrap();
    assert_eq!(sessions, 1, "nothing of it was written");
}

#[test]
#[ignore = "needs GRIND_TEST_POSTGRES"]
fn no_catalog_is_made_in_a_database_that_cannot_hold_every_title() {
    let url = std::env::var("GRIND_TEST_POSTGRES").unwrap();
    for (encoding, is_refused) in [("LATIN1", true), ("SQL_ASCII", false)] {
        let name = format!("grind_{}_{}", std::process::id(), encoding.to_lowercase());
        let make = format!("CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0");
        run_sql(&url, &make);
        let address = CatalogAddress::parse(&url.replace("/postgres?", &format!("/{name}?"))).unwrap();
        let tried = try_writing(&address).err();
        let opened = CatalogLedger::open_at(&address, SystemClock::system(), CatalogPolicy::default()).err();
        run_sql(&url, &format!("DROP DATABASE {name} WITH (FORCE)"));
        for error in [tried, opened] {
            assert_eq!(
                matches!(error, Some(CatalogError::Encoding(_))),
                is_refused,
                "{error:?}"
            );
            assert_eq!(error.is_some(), is_refused, "{error:?}");
        }
    }
}
