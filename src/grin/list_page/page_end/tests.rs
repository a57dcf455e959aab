//! Cases of the rule.

use crate::grin::list_page::page_end::*;
use LinkMeaning as M;

const LIST: &str = "https://books.google.com/libraries/TESTLIB/_all_books";

/// A page of the list with this query and these rows, and links: `text|query` of the same list.
fn end(query: &str, rows: u64, links: &[&str]) -> PageEnd {
    let page = Url::parse(&format!("{LIST}{query}")).unwrap();
    let links: Vec<_> = links
        .iter()
        .map(|link| {
            let (text, query) = link.split_once('|').unwrap();
            PageLink {
                href: query.to_owned(),
                target: LinkTarget::Own(page.join(query).unwrap()),
                marked: query.contains("first=") || query.contains("ctoken="),
                meaning: M::of_text(text),
            }
        })
        .collect();
    page_end(&PageFacts {
        page: &page,
        rows,
        links: &links,
        unaddressed: None,
        left_out: false,
        trouble: false,
        total: 0,
        library_total: 0,
        other_service: false,
    })
}

/// In short: the next page's query, or what else it is.
fn shown(end: &PageEnd) -> String {
    match end {
        PageEnd::Next(url, _) => url.query().unwrap_or_default().to_owned(),
        PageEnd::Last => "last".to_owned(),
        PageEnd::Doubt(EndDoubt::FullPage) => "full".to_owned(),
        PageEnd::Doubt(EndDoubt::NextWithoutAddress(_)) => "said".to_owned(),
        PageEnd::Doubt(EndDoubt::Trouble) => "trouble".to_owned(),
        PageEnd::Doubt(EndDoubt::CountsMore(total)) => format!("of {total}"),
        PageEnd::Doubt(EndDoubt::CountsLibrary(total)) => format!("library of {total}"),
        PageEnd::Doubt(EndDoubt::OtherService) => "other service".to_owned(),
        PageEnd::Doubt(EndDoubt::LinksLeftOut) => "left out".to_owned(),
        PageEnd::Doubt(EndDoubt::OpenLinks(links)) => format!("open {}", links.len()),
        PageEnd::Refused(refusal, _) => refusal.as_str().to_owned(),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn is_the_list_complete() {
    let cases: &[(&str, u64, &[&str], &str)] = &[
        // Nothing leads on, and the page is not full.
        ("?result_count=5", 2, &[], "last"),
        ("", 2, &[], "last"),
        ("?result_count=-1", 2_000, &[], "last"),
        ("?result_count=5&first=6", 0, &["<|?result_count=5&first=1"], "last"),
        // A full page without any pager.
        ("?result_count=2", 2, &[], "full"),
        ("?result_count=2", 3, &[], "full"),
        // A full page whose pager is understood: it only leads back.
        (
            "?result_count=2&first=3",
            2,
            &["< Previous|?result_count=2&first=1"],
            "last",
        ),
        (
            "?result_count=2&first=5",
            2,
            &["1|?first=1", "2|?first=3", "3|?first=5"],
            "last",
        ),
        ("?result_count=2&ctoken=b", 1, &["Previous|?ctoken=a"], "last"),
        // The position says it, whatever the text.
        (
            "?result_count=2",
            2,
            &["|?result_count=2&first=3"],
            "result_count=2&first=3",
        ),
        ("?result_count=2", 2, &[">>|?first=3"], "first=3"),
        ("?result_count=2", 2, &["More|?first=3"], "first=3"),
        ("?result_count=2", 2, &["Weiter|?first=2"], "first=2"),
        (
            "?result_count=2",
            2,
            &["1|?first=1", "2|?first=3", "3|?first=5"],
            "first=3",
        ),
        (
            "?result_count=2&first=3",
            2,
            &["1|?first=1", "2|?first=3", "3|?first=5"],
            "first=5",
        ),
        ("?result_count=2&first=0", 2, &["2|?first=2", "3|?first=4"], "first=2"),
        // The words say it.
        (
            "?result_count=2",
            2,
            &["Last >>|?first=99", "Next >|?first=3"],
            "first=3",
        ),
        ("?result_count=2", 2, &["Next 2 of 6|?ctoken=x"], "ctoken=x"),
        ("?result_count=2&ctoken=a", 2, &["Next set|?ctoken=b"], "ctoken=b"),
        ("?result_count=4", 2, &["Next|?first=5"], "first=5"),
        // "Next" that skips rows, and a nearer link.
        ("?result_count=2", 2, &["Next|?first=5", "2|?first=3"], "first=3"),
        // A way on that is not understood.
        ("?result_count=2", 2, &["Last >>|?first=99"], "open 1"),
        ("?result_count=9", 2, &["|?ctoken=x"], "open 1"),
        (
            "?result_count=9",
            2,
            &[">>|?ctoken=x", "More|?ctoken=y", ">>|?ctoken=x"],
            "open 2",
        ),
        ("?ctoken=a", 2, &["2|?first=3"], "open 1"),
        // A mark that is opaque leads on, whatever position stands beside it, unless it says "previous".
        ("?result_count=9", 2, &["More|?first=1&ctoken=x"], "open 1"),
        ("?result_count=9", 2, &[">>|?first=0&ctoken=x"], "open 1"),
        ("?result_count=9&first=3", 2, &["More|?first=1&ctoken=x"], "open 1"),
        (
            "?result_count=9&first=3&ctoken=a",
            2,
            &["< Previous|?first=1&ctoken=x", "3|?first=3&ctoken=a"],
            "last",
        ),
        ("?result_count=9&first=3", 2, &["Previous|?first=9&ctoken=x"], "open 1"),
        ("?result_count=9", 2, &["More|?First=9", "1|?FIRST=1"], "open 1"),
        // Nothing leads back from the first page.
        ("?result_count=9", 2, &["< older|?ctoken=x"], "open 1"),
        ("?result_count=9&first=1", 2, &["Newer|?ctoken=x"], "open 1"),
        ("?result_count=9", 2, &["Previous|?first=1"], "last"),
        // The page itself.
        ("?first=1", 2, &["Next|?first=1"], "loop"),
        ("?first=1", 2, &["1|?first=1"], "last"),
        ("?result_count=9&first=41", 9, &["Last >>|?first=49"], "last"),
        // Parameters that are not known.
        (
            "?result_count=4",
            4,
            &["Next|?result_count=4&start=5"],
            "result_count=4&start=5",
        ),
        ("?result_count=4", 4, &["Next|?start=9", ">|?first=5"], "first=5"),
    ];
    for (query, rows, links, expected) in cases {
        assert_eq!(shown(&end(query, *rows, links)), *expected, "{query} {rows} {links:?}");
    }
}

#[test]
fn links_that_must_not_be_asked_leave_the_end_in_doubt() {
    let page = Url::parse(&format!("{LIST}?result_count=9")).unwrap();
    let end = |left_out: bool, places: &[(&str, M)]| {
        let mirror = |(query, meaning): &(&str, M)| PageLink {
            href: "http://x".to_owned(),
            target: LinkTarget::Mirror(page.join(query).unwrap()),
            marked: true,
            meaning: *meaning,
        };
        let links: Vec<_> = places.iter().map(mirror).collect();
        shown(&page_end(&PageFacts {
            page: &page,
            rows: 2,
            links: &links,
            unaddressed: None,
            left_out,
            trouble: false,
            total: 0,
            library_total: 0,
            other_service: false,
        }))
    };
    assert_eq!(end(false, &[("?first=1", M::Unknown)]), "last");
    assert_eq!(end(false, &[("?first=3", M::Unknown)]), "open 1");
    assert_eq!(end(false, &[("?ctoken=x", M::Unknown)]), "open 1");
    assert_eq!(end(false, &[("?first=3", M::NextInWords)]), "foreign_next");
    assert_eq!(end(true, &[]), "left out");
    assert_eq!(end(true, &[("?first=3", M::Unknown)]), "left out");
}

#[test]
fn a_number_of_books_that_is_larger_than_what_was_seen_leaves_the_end_in_doubt() {
    for (query, rows, (total, library_total), expected) in [
        ("?result_count=10", 2, (2, 0), "last"),
        ("?result_count=10", 2, (3, 0), "of 3"),
        ("?result_count=10", 2, (3, 9), "of 3"),
        ("?result_count=10", 2, (2, 9), "library of 9"),
        ("?result_count=2", 2, (0, 9), "library of 9"),
        ("?result_count=10", 2, (0, 2), "last"),
        // The rows of earlier pages count.
        ("?result_count=10&first=11", 2, (12, 0), "last"),
        ("?result_count=10&first=11", 2, (14, 0), "of 14"),
        ("?result_count=10&first=11", 2, (0, 12), "last"),
        // By a mark it is not known how many there were; the pass knows.
        ("?ctoken=x", 2, (12, 0), "of 12"),
        ("?ctoken=x", 2, (2, 0), "last"),
    ] {
        let page = Url::parse(&format!("{LIST}{query}")).unwrap();
        let end = page_end(&PageFacts {
            page: &page,
            rows,
            links: &[],
            unaddressed: None,
            left_out: false,
            trouble: false,
            total,
            library_total,
            other_service: false,
        });
        assert_eq!(shown(&end), expected, "{query} {total} {library_total}");
    }
}

#[test]
fn what_is_odd_about_the_next_page_is_said() {
    for (links, words) in [
        (&["Next|?start=5"][..], "neither first= nor ctoken="),
        (&["Next|?first=5", "2|?first=3"], "skips rows"),
    ] {
        let PageEnd::Next(_, Some(warning)) = end("?result_count=2", 2, links) else {
            panic!("{links:?}");
        };
        assert!(warning.contains(words), "{warning}");
    }
}
