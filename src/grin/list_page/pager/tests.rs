//! Links as pages write them.

use crate::grin::AnswerRefusal;
use crate::grin::list_page::page_end::{PageEnd, PageFacts, page_end};
use crate::grin::list_page::pager::*;

const PAGE: &str = "https://books.google.com/libraries/TESTLIB/_all_books?result_count=2&first=1";

fn begin(pager: &mut PagerWatch, href: &str) {
    let tag = LinkTag {
        href: href.to_owned(),
        ..LinkTag::default()
    };
    assert_eq!(pager.begin(&tag), None);
}

fn end_of(pager: &mut PagerWatch) -> PageEnd {
    let page = pager.page().clone();
    let links = pager.finish();
    page_end(&PageFacts {
        page: &page,
        rows: 2,
        links: &links,
        unaddressed_next: pager.has_unaddressed_next(),
    })
}

fn found(links: &[(&str, &str)]) -> PageEnd {
    let mut pager = PagerWatch::new(&Url::parse(PAGE).unwrap());
    for (href, text) in links {
        begin(&mut pager, href);
        pager.text(text);
        let link = pager.end().unwrap();
        pager.take(&link);
    }
    end_of(&mut pager)
}

#[test]
fn forms_of_the_link() {
    let list = "https://books.google.com/libraries/TESTLIB/_all_books";
    for (href, query) in [
        (
            "/libraries/TESTLIB/_all_books?result_count=2&amp;first=3",
            "result_count=2&first=3",
        ),
        ("_all_books?result_count=2&first=3", "result_count=2&first=3"),
        ("?ctoken=abc%3D", "ctoken=abc%3D"),
        ("javascript:location='?first=3'", "first=3"),
        ("JavaScript:go(&quot;_all_books?ctoken=x&quot;)", "ctoken=x"),
        (
            "https://books.google.com/libraries/TESTLIB/_all_books?ctoken=x#top",
            "ctoken=x",
        ),
        ("//books.google.com/libraries/TESTLIB/_all_books?ctoken=x", "ctoken=x"),
        (
            "https://books.google.com:443/libraries/TESTLIB/_all_books?ctoken=x",
            "ctoken=x",
        ),
    ] {
        let PageEnd::Next(next, None) = found(&[(href, "Next")]) else {
            panic!("{href}");
        };
        assert_eq!(next.as_str(), format!("{list}?{query}"), "{href}");
    }
}

#[test]
fn links_that_lead_elsewhere_are_refused() {
    for href in [
        "https://evil.example/libraries/TESTLIB/_all_books?first=3",
        "//evil.example/libraries/TESTLIB/_all_books?first=3",
        "http://books.google.com/libraries/TESTLIB/_all_books?first=3",
        "https://books.google.com:8443/libraries/TESTLIB/_all_books?first=3",
        "https://books.google.com@evil.example/?first=3",
        "https://user@books.google.com/libraries/TESTLIB/_all_books?first=3",
        "/libraries/OTHER/_all_books?first=3",
        "_process?first=3",
        "javascript:location='//evil.example/?first=3'",
    ] {
        let end = found(&[(href, "Next")]);
        assert!(
            matches!(end, PageEnd::Refused(AnswerRefusal::ForeignNext, _)),
            "{href}: {end:?}"
        );
    }
}

#[test]
fn other_links_are_none_of_ours() {
    let none = [
        ("/books?id=x", "Next"),
        ("?first=1", "Previous"),
        ("https://evil.example/?first=3", "Help"),
        ("_converted?first=3", "Converted"),
        ("_all_books?mode=all", ">"),
        ("_all_books", "Next"),
    ];
    assert_eq!(found(&none), PageEnd::Last);
}

#[test]
fn a_base_on_another_server_is_ignored() {
    let mut pager = PagerWatch::new(&Url::parse(PAGE).unwrap());
    pager.base("https://evil.example/");
    begin(&mut pager, "_all_books?first=3");
    pager.text("Next");
    let link = pager.end().unwrap();
    pager.take(&link);
    let PageEnd::Next(next, _) = end_of(&mut pager) else {
        panic!();
    };
    assert_eq!(next.host_str(), Some("books.google.com"));
}

#[test]
fn addresses_in_attributes() {
    for (value, found) in [
        ("location.href='_all_books?first=3'", &["_all_books?first=3"][..]),
        ("go(&quot;?ctoken=x&amp;a=1&quot;);", &["?ctoken=x&a=1"]),
        ("/libraries/X/_all_books?first=3", &["/libraries/X/_all_books?first=3"]),
        ("first", &[]),
        ("", &[]),
    ] {
        assert_eq!(addresses_in(value).collect::<Vec<_>>(), found, "{value}");
    }
}
