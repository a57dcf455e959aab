//! Links as pages write them.

use crate::grin::list_page::page_end::{PageEnd, PageFacts, page_end};
use crate::grin::list_page::pager::*;
use crate::grin::{AnswerRefusal, EndDoubt};

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
        unaddressed: pager.unaddressed(),
        left_out: pager.has_left_out(),
        trouble: false,
        total: 0,
        library_total: 0,
        other_service: false,
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
fn the_same_list_at_another_address_leaves_the_end_in_doubt() {
    for href in [
        "http://books.google.com/libraries/TESTLIB/_all_books?first=3",
        "https://www.books.google.com/libraries/TESTLIB/_all_books?first=3",
        "https://user@books.google.com/libraries/TESTLIB/_all_books?ctoken=x",
        "/libraries/TestLib/_all_books?first=3",
        "_all_books/?first=3",
        "_all_books?result_count=2;first=3",
        "_all_books?result_count=2&amp;amp;first=3",
        "_all_books?cToken=x",
    ] {
        let end = found(&[(href, "More")]);
        assert!(matches!(end, PageEnd::Doubt(EndDoubt::OpenLinks(_))), "{href}: {end:?}");
    }
    let PageEnd::Next(next, None) = found(&[("/libraries/TESTLIB/%5Fall_books?first=3", "More")]) else {
        panic!("a percent-encoding changes no address");
    };
    assert_eq!(next.query(), Some("first=3"));
}

#[test]
fn no_link_is_too_far_down_or_too_long_to_be_seen() {
    let back: Vec<String> = (0..1_100).map(|at| format!("?first=1&x={at}")).collect();
    let mut links: Vec<_> = back.iter().map(|href| (href.as_str(), "1")).collect();
    assert_eq!(found(&links), PageEnd::Doubt(EndDoubt::LinksLeftOut));
    links.push(("?ctoken=x", "Next"));
    assert!(matches!(found(&links), PageEnd::Next(..)));
    let long = format!("?ctoken={}", "A".repeat(5_000));
    assert!(matches!(found(&[(&long, "Next")]), PageEnd::Next(..)));
    assert!(matches!(
        found(&[(&long, "More")]),
        PageEnd::Doubt(EndDoubt::OpenLinks(_))
    ));
}

#[test]
fn other_links_are_none_of_ours() {
    let none = [
        ("/books?id=x", "Details"),
        ("?first=1", "Previous"),
        ("https://evil.example/?first=3", "Help"),
        ("_converted?first=3", "Converted"),
        ("_all_books?mode=all", ">"),
        ("_all_books", "All books"),
        ("/libraries/OTHER/_all_books?first=3", "Other"),
        ("?first=&amp;ctoken=", "Go"),
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
        ("go('_all_books?pos=3', '_failed?pos=3')", &["_all_books?pos=3"]),
        ("is it?", &[]),
        ("1;url=_all_books?ctoken=x", &["_all_books?ctoken=x"]),
        ("<a href=?First=3>Next</a>", &["?First=3"]),
        ("", &[]),
    ] {
        assert_eq!(
            addresses_in(value, |href| href.starts_with("_all_books")),
            found,
            "{value}"
        );
    }
}

#[test]
fn a_script_within_a_script_is_not_looked_into() {
    for depth in [2, 5_900] {
        let href = format!("{}?first=3", "javascript:".repeat(depth));
        for text in ["Next", "More"] {
            let end = found(&[(&href, text)]);
            assert_eq!(end, PageEnd::Doubt(EndDoubt::LinksLeftOut), "{depth} {text}");
        }
    }
}

#[test]
fn a_link_that_is_too_long_leaves_the_end_in_doubt() {
    let long = "A".repeat(70_000);
    for (href, text, end) in [
        (
            format!("?ctoken={long}"),
            "More",
            PageEnd::Doubt(EndDoubt::LinksLeftOut),
        ),
        (
            format!("?page={long}"),
            "Next",
            PageEnd::Doubt(EndDoubt::NextWithoutAddress("\"Next\"".to_owned())),
        ),
        (
            format!("?page={long}"),
            "More",
            PageEnd::Doubt(EndDoubt::NextWithoutAddress("\"More\"".to_owned())),
        ),
    ] {
        assert_eq!(found(&[(&href, text)]), end, "{} {text}", &href[..10]);
    }
    let mut pager = PagerWatch::new(&Url::parse(PAGE).unwrap());
    pager.relation(&format!("?page={long}"), "next");
    assert_eq!(end_of(&mut pager), PageEnd::Doubt(EndDoubt::LinksLeftOut));
}

/// A form of these fields, which are a name, a value and whether it is a button.
fn of_form(action: &str, method: &str, fields: &[(&str, &str, bool)]) -> PageEnd {
    let mut pager = PagerWatch::new(&Url::parse(PAGE).unwrap());
    pager.form_begin(action, Some(method));
    for (name, value, is_button) in fields {
        pager.field(name, value, *is_button);
    }
    pager.form_end();
    end_of(&mut pager)
}

#[test]
fn a_form_that_is_too_long_leaves_the_end_in_doubt() {
    let away = "/libraries/TESTLIB/_process";
    let long = "A".repeat(70_000);
    let (long, half, part) = (long.as_str(), &long[..40_000], &long[..2_000]);
    let place = ("ctoken", "x", false);
    let many = |field, last| {
        let mut fields = vec![field; 1_000];
        fields.push(last);
        fields
    };
    let doubt = PageEnd::Doubt(EndDoubt::LinksLeftOut);
    // As if it were not there.
    let none = PageEnd::Doubt(EndDoubt::FullPage);
    for (action, method, fields, end) in [
        ("", "get", many(("a", "b", false), place), &doubt),
        ("", "get", vec![("a", long, false), place], &doubt),
        ("", "get", vec![place, ("a", half, false), ("b", half, false)], &doubt),
        ("", "get", vec![("ctoken", long, true)], &doubt),
        // Few bytes of page that would make many of addresses.
        ("", "get", many(("first", "1", true), ("a", part, false)), &doubt),
        ("", "get", vec![("a", long, false)], &doubt),
        ("", "post", vec![("a", long, false), place], &doubt),
        ("", "post", vec![("a", long, false)], &none),
        (away, "get", vec![("a", long, false), place], &doubt),
        (away, "get", vec![("a", long, false)], &none),
        (away, "post", vec![("a", long, false), place], &none),
        (long, "get", vec![place], &doubt),
    ] {
        let told = format!("{:.20} {method} {} fields", action, fields.len());
        assert_eq!(&of_form(action, method, &fields), end, "{told}");
    }
    let end = of_form("", "get", &many(("a", "b", true), ("first", "3", false))[1..]);
    assert!(matches!(end, PageEnd::Next(..)), "{end:?}");
}
