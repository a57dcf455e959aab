//! What a database on a server is, and whether a catalog can be made in it.

use crate::catalog::tests::servers::ledger;
use crate::catalog::tests::shelf::TestSchema;
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
