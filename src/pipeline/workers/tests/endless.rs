//! COLLECT: what a list says, or does, for ever.

use super::collect::{collect, known, page};
use super::*;
use crate::grin::ListKind;
use crate::pipeline::workers::tests::grin_stub::StubAnswer;

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

/// It is never silent, and never too slow.
#[test]
fn a_list_that_never_ends_is_read_for_half_an_hour_and_asked_for_once() {
    // What a text begins with is looked at before any row of it is taken.
    let line = format!("TL0001\t{}\n", "Lichens ".repeat(400));
    let row = "<tr><td>TL0001</td><td>Lichens</td><td>NEW</td></tr>\n";
    let (begins, _) = page(&["TL0001"], None)
        .split_once("</tbody>")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    for (list, begins, drop, forms) in [
        (ListKind::InProcess, "Barcode\tTitle\n", line.as_str(), 1),
        // No other form of it ends, either.
        (ListKind::AllBooks, begins.as_str(), row, 2),
    ] {
        paused(async || {
            let fixture = WorkerFixture::new();
            fixture
                .grin
                .answer(StubAnswer::Drips(begins.to_owned(), drop.to_owned()));
            if forms == 2 {
                let text = "Barcode\tTitle\n".to_owned();
                fixture.grin.answer(StubAnswer::Drips(text, line.clone()));
            }
            let began = tokio::time::Instant::now();
            let seen = collect(&fixture, list).await.unwrap();
            let why = seen.incomplete.unwrap_or_default();
            assert!(why.contains("does not come to its end"), "{list}: {why:?}");
            let took = began.elapsed().as_secs() / 60;
            assert!((30 * forms..33 * forms).contains(&took), "{list}: {took} minutes");
            assert_eq!(known(&fixture), (1, 0));
        });
    }
}
