//! Names unlike those around them: archives with another prefix than the library's directory, and barcodes of another shape.

use super::*;
use crate::grin::ListKind;
use crate::pipeline::workers::tests::collect::{collect, page};

/// Books of the catalog, with the names of their archives.
fn books(fixture: &WorkerFixture) -> Vec<(String, Option<String>)> {
    let conn = rusqlite::Connection::open(fixture.folder.path().join("catalog.db")).unwrap();
    let sql = "SELECT barcode, file_name FROM books ORDER BY barcode";
    let mut found = conn.prepare(sql).unwrap();
    let books = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    books.map(Result::unwrap).collect()
}

fn archives(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("{name}.tar.gz.gpg")).collect()
}

#[test]
fn an_archive_with_another_prefix_is_of_the_book_that_the_catalog_knows() {
    paused(async || {
        let fixture = WorkerFixture::new();
        let all = ["OLD_TL0004", "TL0001", "TL0002", "TL0003"];
        fixture.grin.list(&page(&all, None));
        fixture.grin.list(&format!("{}\n", all.join("\n")));
        collect(&fixture, ListKind::AllBooks).await.unwrap();
        let names = archives(&["EXU_TL0001", "EXAMPLE_TL0002", "TL0003", "OLD_TL0004"]);
        let listed: Vec<&str> = names.iter().map(String::as_str).collect();
        let text = listed.join("\n") + "\n";
        // As pages that are compared with the text, and as a text alone.
        for is_text in [false, true] {
            if is_text {
                fixture.grin.fails(SessionError::NotFound);
            } else {
                fixture.grin.list(&page(&listed, None));
            }
            fixture.grin.list(&text);
            let seen = collect(&fixture, ListKind::Converted).await.unwrap();
            assert_eq!((seen.rows, seen.new, seen.rejected), (4, 0, 0), "{is_text}");
            assert_eq!(seen.incomplete, None);
            let expected = [("OLD_TL0004", 3), ("TL0001", 0), ("TL0002", 1), ("TL0003", 2)];
            let expected = expected.map(|(book, name)| (book.to_owned(), Some(names[name].clone())));
            assert_eq!(books(&fixture), expected, "{is_text}");
        }
    });
}

#[test]
fn an_archive_with_another_prefix_makes_no_book_where_neither_is_known() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.grin.list(&page(&["TL0001"], None));
        fixture.grin.list("TL0001\n");
        collect(&fixture, ListKind::AllBooks).await.unwrap();
        let text = archives(&["EXU_TL0001", "EXU_TL0002"]).join("\n") + "\n";
        for known in [1, 2] {
            fixture.grin.fails(SessionError::NotFound);
            fixture.grin.list(&text);
            let seen = collect(&fixture, ListKind::Converted).await.unwrap();
            assert_eq!((seen.rows, seen.new, seen.rejected), (known, 0, 2 - known));
            assert_eq!(books(&fixture).len() as u64, known);
            // The list of all books names it at last.
            if known == 1 {
                fixture.grin.list(&page(&["TL0001", "TL0002"], None));
                fixture.grin.list("TL0001\nTL0002\n");
                collect(&fixture, ListKind::AllBooks).await.unwrap();
            }
        }
        assert_eq!(books(&fixture)[1].1.as_deref(), Some("EXU_TL0002.tar.gz.gpg"));
    });
}

#[test]
fn a_word_unlike_the_others_is_counted_as_rejected_only_where_the_catalog_knows_no_such_book() {
    paused(async || {
        let text = "TL0001\nTL0002\nTL0003\nE500\n";
        for (on_the_page, rejected) in [
            (&["TL0001", "TL0002", "TL0003", "E500"][..], 0),
            (&["TL0001", "TL0002", "TL0003"], 1),
        ] {
            let fixture = WorkerFixture::new();
            fixture.grin.list(&page(on_the_page, None));
            fixture.grin.list(text);
            let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
            assert_eq!(seen.rejected, rejected, "{on_the_page:?}");
            assert_eq!(books(&fixture).len(), on_the_page.len());
        }
    });
}
