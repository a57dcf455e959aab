//! COLLECT: pages that have to be compared with the list's text form, and what follows where that cannot be had.

use super::collect::{TEXT, collect, known, page};
use super::*;
use crate::grin::ListKind;
use crate::pipeline::workers::tests::grin_stub::StubAnswer;
use crate::session::BodyError;

#[test]
fn without_a_text_form_no_book_vanishes() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.grin.list(&page(&["TL0001", "TL0002", "TL0003"], None));
        fixture.grin.list(TEXT);
        collect(&fixture, ListKind::AllBooks).await.unwrap();
        for _ in 0..2 {
            fixture.grin.list(&page(&["TL0001", "TL0002"], Some("x")));
            fixture.grin.list(&page(&[], None));
            fixture.grin.fails(SessionError::NotFound);
            fixture.grin.fails(forbidden());
            let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
            assert_eq!(
                (seen.incomplete, known(&fixture)),
                (None, (3, 0)),
                "said once, and no fault"
            );
        }
    });
}

#[test]
fn fewer_rows_that_cannot_be_compared_conclude_nothing() {
    paused(async || {
        let fixture = WorkerFixture::new();
        fixture.grin.list(&page(&["TL0001", "TL0002", "TL0003"], None));
        fixture.grin.list(TEXT);
        collect(&fixture, ListKind::AllBooks).await.unwrap();
        fixture.grin.list(&page(&["TL0001", "TL0002"], None));
        for _ in 0..BACKOFF.attempts {
            fixture.grin.fails(SessionError::Reset);
        }
        let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
        assert!(seen.incomplete.is_some(), "{seen:?}");
    });
}

/// What a request meets, and how often.
type Trouble<'a> = (&'a dyn Fn(&GrinStub), u32);

/// The text form's faults that are trouble, each in every attempt, and what follows for a first pass whose page shows no way on.
#[test]
fn a_first_pass_that_trouble_kept_from_being_compared_is_not_complete() {
    let error = |grin: &GrinStub| grin.fails(SessionError::Server { status: 500 });
    let cut = |grin: &GrinStub| {
        let (text, end) = ("TL0001\n".to_owned(), Err(BodyError::Stalled));
        grin.answer(StubAnswer::List { text, end });
    };
    let page_of_error = |grin: &GrinStub| grin.list("<html><body>Server Error</body></html>");
    let denied = |grin: &GrinStub| grin.fails(SessionError::NotFound);
    let every = BACKOFF.attempts;
    // What each attempt at one text form meets, and then at the other.
    let troubles: [&[Trouble<'_>]; 6] = [
        &[(&error, every), (&error, every)],
        &[(&error, every), (&denied, 1)],
        &[(&denied, 1), (&error, every)],
        &[(&|grin| grin.fails(SessionError::Reset), every)],
        &[(&page_of_error, every), (&page_of_error, every)],
        &[(&cut, every)],
    ];
    for (case, troubles) in troubles.into_iter().enumerate() {
        paused(async || {
            let fixture = WorkerFixture::new();
            fixture.grin.list(&page(&["TL0001"], Some("x")));
            fixture.grin.list(&page(&["TL0002"], None));
            for (trouble, times) in troubles {
                (0..*times).for_each(|_| trouble(&fixture.grin));
            }
            let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
            let why = seen.incomplete.expect("not complete");
            assert!(why.contains("could not be compared"), "{case}: {why}");
            // The next pass compares, and reads only the last page again.
            let before = fixture.grin.count();
            fixture.grin.list(&page(&["TL0002"], None));
            fixture.grin.list(TEXT);
            fixture.grin.list(TEXT);
            let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
            assert_eq!((seen.incomplete, known(&fixture)), (None, (3, 0)), "{case}");
            assert!(fixture.grin.asked()[before].contains("ctoken=x"), "{case}");
        });
    }
    // What GRIN says it does not have is not missed.
    for (denied, other) in [
        (SessionError::NotFound, forbidden()),
        (forbidden(), SessionError::NotFound),
    ] {
        paused(async || {
            let fixture = WorkerFixture::new();
            fixture.grin.list(&page(&["TL0001"], None));
            fixture.grin.fails(denied);
            fixture.grin.fails(other);
            let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
            assert_eq!((seen.rows, seen.incomplete), (1, None));
        });
    }
}

/// A page in the middle may lack rows as well as the last one.
#[test]
fn a_page_that_leads_on_and_tells_of_trouble_is_compared() {
    paused(async || {
        let fixture = WorkerFixture::new();
        let first = page(&["TL0001", "TL0002", "TL0003", "TL0004", "TL0005"], Some("x"));
        let text = "TL0001\nTL0002\nTL0003\nTL0004\nTL0005\nTL0006\n";
        for trouble in ["", "<tr><td colspan=3>Error: backend timeout</td></tr></tbody>"] {
            fixture.grin.list(&first.replace("</tbody>", trouble));
            fixture.grin.list(&page(&["TL0006"], None));
            fixture.grin.list(text);
            let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
            assert_eq!((seen.rows, seen.incomplete), (6, None), "{trouble}");
        }
    });
}

#[test]
fn one_row_that_only_the_text_form_has_is_recorded() {
    paused(async || {
        let fixture = WorkerFixture::new();
        let open = page(&["TL0001", "TL0002"], Some("x")).replace("Next &gt;", "More");
        fixture.grin.list(&open);
        fixture.grin.list(TEXT);
        // GRIN has only one of the two text forms.
        fixture.grin.fails(SessionError::NotFound);
        fixture.grin.list(TEXT);
        let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
        assert_eq!((seen.new, seen.incomplete), (3, None));
    });
}

/// A server that never makes the text form is no fault for ever, and no reason to read less than all pages.
#[test]
fn a_text_form_that_never_comes_is_done_without() {
    paused(async || {
        let fixture = WorkerFixture::new();
        let error = |fixture: &WorkerFixture| {
            let times = 2 * BACKOFF.attempts;
            (0..times).for_each(|_| fixture.grin.fails(SessionError::Server { status: 501 }));
        };
        let books = ["TL0003", "TL0003", "TL0004", "TL0004"];
        for (run, (pages, faulty)) in [(2, true), (1, true), (2, true), (2, false), (2, false)]
            .into_iter()
            .enumerate()
        {
            if pages == 2 {
                fixture.grin.list(&page(&["TL0001", books[run.min(3)]], Some("x")));
            }
            fixture.grin.list(&page(&["TL0002"], None));
            error(&fixture);
            let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
            assert_eq!(seen.incomplete.is_some(), faulty, "{run}: {seen:?}");
            assert!(fixture.grin.is_used_up(), "{run}");
        }
        assert_eq!(known(&fixture), (4, 0), "books that are new are known from the pages");
    });
}

#[test]
fn pages_in_place_of_the_text_form_deny_it() {
    paused(async || {
        let fixture = WorkerFixture::new();
        let list = page(&["TL0001", "TL0002"], None);
        for _ in 0..2 {
            // The list, and either text form.
            (0..3).for_each(|_| fixture.grin.list(&list));
            let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
            assert_eq!((seen.incomplete, known(&fixture)), (None, (2, 0)));
            assert!(fixture.grin.is_used_up());
        }
    });
}

#[test]
fn a_text_form_that_names_a_part_of_the_books_is_no_fault() {
    paused(async || {
        let fixture = WorkerFixture::new();
        let codes = ["TL0001", "TL0002", "TL0003", "TL0004"];
        fixture.grin.list(&page(&codes, None));
        fixture.grin.list(TEXT);
        let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
        assert_eq!((seen.rows, seen.incomplete), (4, None));
        // A text that says itself that it is not whole proves nothing.
        fixture.grin.list(&page(&codes[..3], None));
        (0..BACKOFF.attempts).for_each(|_| fixture.grin.list(&format!("{TEXT}...\n")));
        let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
        assert!(seen.incomplete.is_some(), "{seen:?}");
        assert_eq!(known(&fixture), (4, 0));
    });
}

fn of_text(text: &str) -> StubAnswer {
    StubAnswer::List {
        text: text.to_owned(),
        end: Ok(()),
    }
}

/// What the pages of a list that breaks off are answered with after the first one.
fn broken_pages() -> Vec<(&'static str, Vec<StubAnswer>)> {
    let list = |text: String| StubAnswer::List { text, end: Ok(()) };
    let each = |answer: fn() -> StubAnswer| (0..BACKOFF.attempts).map(|_| answer()).collect::<Vec<_>>();
    vec![
        ("500", each(|| StubAnswer::Fails(server(500)))),
        ("404", vec![StubAnswer::Fails(SessionError::NotFound)]),
        (
            "another page",
            each(|| of_text("<html><body><h1>Error</h1></body></html>")),
        ),
        ("words of refusal", each(|| of_text("Your request is unavailable."))),
        ("nothing", each(|| of_text(""))),
        ("loop", vec![list(page(&["TL0001", "TL0002"], Some("y")))]),
        (
            "cut table",
            each(|| StubAnswer::List {
                text: page(&["TL0003"], None).replace("</tbody></table></body></html>", ""),
                end: Ok(()),
            }),
        ),
    ]
}

#[test]
fn pages_that_break_off_for_good_are_followed_by_the_text_form() {
    for (what, answers) in broken_pages() {
        paused(async || {
            let fixture = WorkerFixture::new();
            fixture.grin.list(&page(&["TL0001", "TL0002"], Some("x")));
            answers.into_iter().for_each(|answer| fixture.grin.answer(answer));
            fixture.grin.list(TEXT);
            let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
            assert_eq!((seen.incomplete, known(&fixture)), (None, (3, 0)), "{what}");
        });
    }
}

#[test]
fn a_first_page_that_is_refused_is_followed_by_the_text_form() {
    const REFUSED: &str = "<html><body>Your request is unavailable.</body></html>";
    for words in [REFUSED, ""] {
        paused(async || {
            let fixture = WorkerFixture::new();
            (0..BACKOFF.attempts).for_each(|_| fixture.grin.list(words));
            fixture.grin.list(TEXT);
            let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
            assert_eq!((seen.incomplete, known(&fixture)), (None, (3, 0)), "{words:?}");
            // Where the text form is refused as well, the list is not one that GRIN does not have.
            (0..BACKOFF.attempts).for_each(|_| fixture.grin.list(words));
            (0..BACKOFF.attempts).for_each(|_| fixture.grin.list(REFUSED));
            let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
            assert_eq!((seen.unavailable, known(&fixture)), (None, (3, 0)), "{words:?}");
        });
    }
}

#[test]
fn a_text_that_lacks_books_of_broken_pages_or_cannot_be_had_makes_no_list_complete() {
    paused(async || {
        let fixture = WorkerFixture::new();
        let begins = || {
            fixture.grin.list(&page(&["TL0001", "TL0002"], Some("x")));
            fixture.grin.fails(SessionError::NotFound);
        };
        begins();
        fixture.grin.list("TL0001\n");
        let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
        assert!(seen.incomplete.unwrap().contains("lacks 1 of the 2"));
        begins();
        fixture.grin.list("TL0001\nTL0002\n");
        let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
        assert!(seen.incomplete.unwrap().contains("names no other books"));
        begins();
        (0..2).for_each(|_| fixture.grin.fails(SessionError::NotFound));
        let error = collect(&fixture, ListKind::AllBooks).await.unwrap_err();
        assert_eq!(error.to_string(), SessionError::NotFound.to_string());
    });
}

#[test]
fn a_text_alone_is_compared_with_the_pages_of_an_interrupted_pass() {
    for (text, incomplete) in [("TL0001\n", true), (TEXT, false)] {
        paused(async || {
            let fixture = WorkerFixture::new();
            fixture.grin.list(&page(&["TL0001", "TL0002"], Some("x")));
            (0..BACKOFF.attempts).for_each(|_| fixture.grin.fails(SessionError::Reset));
            assert!(
                collect(&fixture, ListKind::AllBooks)
                    .await
                    .unwrap()
                    .incomplete
                    .is_some()
            );
            // Neither the page that it stopped at, nor the first one.
            (0..2).for_each(|_| fixture.grin.fails(SessionError::NotFound));
            fixture.grin.list(text);
            let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
            assert_eq!(seen.incomplete.is_some(), incomplete, "{seen:?}");
            assert!(fixture.grin.is_used_up());
        });
    }
}

#[test]
fn a_text_that_ends_inside_a_line_is_incomplete() {
    paused(async || {
        for (last, incomplete) in [("TL0004\n", false), ("TL0004", false), ("TL0", true)] {
            let fixture = WorkerFixture::new();
            fixture.grin.fails(SessionError::NotFound);
            fixture.grin.list(&format!("{TEXT}{last}"));
            let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
            assert_eq!(seen.incomplete.is_some(), incomplete, "{last:?}: {seen:?}");
        }
    });
}

/// One server cuts each answer at so many rows, and says on the page how many there are.
#[test]
fn a_text_form_that_is_cut_where_the_pages_are_proves_nothing() {
    paused(async || {
        let fixture = WorkerFixture::new();
        let codes = ["TL0001", "TL0002", "TL0003"];
        fixture.grin.list(&page(&codes, None));
        fixture.grin.list(TEXT);
        collect(&fixture, ListKind::AllBooks).await.unwrap();
        for (more, is_fault) in [
            ("<p>Showing 1 - 2 of 3 books</p>", false),
            ("<p><button>Next</button></p>", false),
            ("<p>An error occurred: deadline exceeded</p>", true),
        ] {
            let cut = page(&codes[..2], None).replace("</body>", &format!("{more}</body>"));
            fixture.grin.list(&cut);
            fixture.grin.list("TL0001\nTL0002\n");
            let seen = collect(&fixture, ListKind::AllBooks).await.unwrap();
            assert_eq!(known(&fixture), (3, 0), "{more}: nothing vanishes");
            assert_eq!(seen.incomplete.is_some(), is_fault, "{more}: {seen:?}");
        }
    });
}

#[test]
fn one_word_of_a_shape_of_its_own_is_a_list_where_the_catalog_knows_it() {
    paused(async || {
        for (code, other) in [
            ("1000123", "1000124"),
            ("tl000123", "tl000124"),
            ("E1000123", "E1000124"),
        ] {
            let fixture = WorkerFixture::new();
            fixture.grin.list(&page(&[code], None));
            fixture.grin.list(&format!("{code}\n"));
            collect(&fixture, ListKind::AllBooks).await.unwrap();
            fixture.grin.list(&format!("{code}\n"));
            let seen = collect(&fixture, ListKind::InProcess).await.unwrap();
            assert_eq!((seen.incomplete, seen.unavailable), (None, None), "{code}");
            // Not so a word that nobody knows.
            for _ in 0..2 * BACKOFF.attempts {
                fixture.grin.list(&format!("{other}\n"));
            }
            let seen = collect(&fixture, ListKind::InProcess).await.unwrap();
            assert!(
                seen.unavailable.is_some() || seen.incomplete.is_some(),
                "{other}: {seen:?}"
            );
        }
    });
}

#[test]
fn a_word_of_a_shape_of_its_own_in_a_list_is_a_book_in_that_state_where_the_catalog_knows_it() {
    paused(async || {
        let fixture = WorkerFixture::new();
        let codes = ["TL0001", "TL0002", "TL0003", "e1000123"];
        fixture.grin.list(&page(&codes, None));
        fixture.grin.list("TL0001\nTL0002\nTL0003\ne1000123\n");
        collect(&fixture, ListKind::AllBooks).await.unwrap();
        let state = |code| fixture.column::<String>(code, "state");
        assert_eq!(state("e1000123"), "known");
        // Another word there, which nobody knows, changes nothing of that.
        fixture.grin.list("TL0001\nTL0002\nTL0003\ne1000123\nunknown\n");
        collect(&fixture, ListKind::InProcess).await.unwrap();
        assert_eq!(state("TL0001"), "in_process");
        assert_eq!(state("e1000123"), "in_process");
        assert_eq!(known(&fixture), (4, 0), "a word that nobody knows is no book");
    });
}
