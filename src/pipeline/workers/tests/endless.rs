//! COLLECT: what a list says for ever.

use super::collect::{collect, known, page};
use super::*;
use crate::grin::ListKind;

/// Words that stand on every page for ever, and are of something else, neither keep the list incomplete nor let a book vanish.
#[test]
fn words_about_something_else_are_no_fault_for_ever() {
    paused(async || {
        let books = ["TL0001", "TL0002", "TL0003"];
        for (words, faulty) in [
            ("Library total: 108,037 books", false),
            ("Conversion is temporarily unavailable", false),
            ("Total: 108,037 books", true),
            ("Internal error", true),
        ] {
            let fixture = WorkerFixture::new();
            for seen in [&books[..], &books[..2], &books[..2]] {
                let list = page(seen, None).replace("</body>", &format!("<p>{words}</p></body>"));
                assert!(list.contains(words));
                fixture.grin.list(&list);
                fixture.grin.list(&(seen.join("\n") + "\n"));
                let read = collect(&fixture, ListKind::AllBooks).await.unwrap();
                assert_eq!(read.incomplete.is_some(), faulty, "{words}: {read:?}");
            }
            assert_eq!(known(&fixture), (3, 0), "{words}");
        }
    });
}
