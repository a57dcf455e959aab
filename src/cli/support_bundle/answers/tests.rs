//! What of an answer is replaced, and what stays.

use super::*;
use crate::grin::{AnswerRefusal, ListKind, TextListParser};

fn said(words: &[&str], body: &str) -> String {
    let words: BTreeSet<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let answer = UnrecognisedAnswer::new(UnrecognisedKind::Word, "x").answered("text/html", body.as_bytes());
    without_books(&answer, true, &words, &BookPseudonyms::new(&[], Vec::new(), &[])).body
}

#[test]
fn a_word_that_stands_in_one_row_may_be_a_title_in_a_misread_column_and_goes() {
    let page = "<table><tr><th>Barcode</th><th>Status</th></tr>\
        <tr><td>TL000001</td><td title=\"Typee\">Typee</td></tr><tr><td>TL000002</td><td>ON HOLD</td></tr>\
        <tr><td>TL000003</td><td>ON HOLD</td></tr></table>";
    let text = "Barcode\tStatus\nTL000001\tTypee\nTL000002\tON HOLD\nTL000003\tON HOLD\n";
    for body in [page, text] {
        let answer = |kind, word: &str| {
            let answer = UnrecognisedAnswer::new(kind, word).worded(&[word.to_owned()]);
            answer.answered("text/html", body.as_bytes())
        };
        let answers = [
            answer(UnrecognisedKind::Word, "Typee"),
            answer(UnrecognisedKind::Word, "ON HOLD"),
            answer(UnrecognisedKind::Column, "Status"),
        ];
        let words = kept_words(&answers);
        assert!(words.iter().eq(["ON HOLD", "Status"]), "{words:?}");
        let names = BookPseudonyms::new(&[], Vec::new(), &[]);
        let [title, state, column] = answers.map(|answer| without_books(&answer, true, &words, &names));
        assert!(!format!("{title:?}{state:?}{column:?}").contains("Typee"), "{title:?}");
        assert!(
            title.words == [title.shape.clone()] && title.body.contains(&title.shape),
            "{title:?}"
        );
        assert_eq!(
            (state.words, state.shape.as_str()),
            (vec!["ON HOLD".to_owned()], "ON HOLD")
        );
        let process = "https://books.example/libraries/TESTLIB/_process".parse().unwrap();
        let reply = answer(UnrecognisedKind::Word, "Held for review").asked_at(&process);
        assert!(kept_words(&[reply]).contains("Held for review"));
    }
}

const PAGE: &str = "<html><table><tr><td><a href=\"/home\">Welcome reader</a></td><td><table>\
    <tr class=heading><td>Barcode</td><td>Title</td><td>Colour</td><td>Status</td></tr>\
    <tr><td><input name=\"barcodes\" value=\"TL000001\"><a href=\"TL000001.tar.gz.gpg\">TL000001</a></td>\
    <td title='Leviathan Ashore'>Leviathan <i>Ashore</i></td><td>crimson</td><td>ON HOLD</td>\
    <td><a href=\"https://books.google.com/books?id=aBcQx&amp;source=grin\">2024/01/02 10:11</a></td></tr>\
    <tr><td>see there<td>Typee</td><td>turquoise<td>NEW<td>12</td></tr></table></td></tr></table>\
    <a href=\"_all_books?first=100\">Next 100</a></html>";

#[test]
fn cells_of_books_go_and_headings_words_and_pagers_stay() {
    let said = said(&["Colour", "ON HOLD"], PAGE);
    for gone in [
        "TL000001",
        "Leviathan",
        "Ashore",
        "crimson",
        "turquoise",
        "Typee",
        "see there",
        "aBcQx",
    ] {
        assert!(!said.contains(gone), "{gone}: {said}");
    }
    for stays in [
        "Welcome reader",
        "<td>Barcode</td><td>Title</td><td>Colour</td><td>Status</td>",
        "<td>ON HOLD</td>",
        "<td>NEW<td>12</td>",
        "2024/01/02 10:11",
        ".tar.gz.gpg\">",
        "<a href=\"_all_books?first=100\">Next 100</a>",
    ] {
        assert!(said.contains(stays), "{stays}: {said}");
    }
    assert_eq!(said.len(), PAGE.len());
    let value = said.split("value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(said.matches(value).count(), 3, "{said}");
}

#[test]
fn cells_of_a_text_go_and_its_heading_and_messages_stay() {
    let said = said(
        &["On hold until further notice", "Colour"],
        "Barcode\tStatus\tColour\nABQXZ12\tOn hold until further notice\tcrimson\nABQXZ13\tSuccess\tdark crimson\nABQXZ14\nAn error occurred\n",
    );
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((lines[0], lines[4]), ("Barcode\tStatus\tColour", "An error occurred"));
    assert!(lines[1].contains("\tOn hold until further notice\t") && lines[2].contains("\tSuccess\t"));
    assert!(!said.contains("ABQXZ1") && !said.contains("crimson"), "{said}");
}

/// What the parsers of lists say of an answer.
fn refusals(body: &str) -> [Option<AnswerRefusal>; 2] {
    let library = LibraryDirectory::parse("TESTLIB").unwrap();
    let url = "https://books.example/libraries/TESTLIB/_all_books".parse().unwrap();
    let mut page = ListPageParser::served_as(&library, &url, "text/html");
    page.push(body.as_bytes()).unwrap_or_default();
    let mut text = TextListParser::new(ListKind::AllBooks, &library);
    text.push(body.as_bytes()).unwrap_or_default();
    [page.finish().1.refusal, text.finish().refusal]
}

#[test]
fn of_what_is_not_read_no_title_and_no_barcode_is_left() {
    let rows = [("39015000000001", "Moby Dick", "NEW"), ("HXSPBQ", "Typee", "CONVERTED")];
    let of = |row: &dyn Fn(&str, &str, &str) -> String| -> String {
        rows.iter()
            .map(|(barcode, title, state)| row(barcode, title, state))
            .collect()
    };
    let lines = |mark: &str| {
        let heading = ["Barcode", "Title", "Status"].join(mark);
        format!(
            "{heading}\n{}",
            of(&|one, two, three| format!("{one}{mark}{two}{mark}{three}\n"))
        )
    };
    let json = format!(
        "{{\"books\": [{}]}}",
        of(&|one, two, three| format!("{{\"barcode\": \"{one}\", \"title\": \"{two}\", \"status\": \"{three}\"}},"))
    );
    let divs =
        of(&|one, two, three| format!("<div title=\"{two}\"><b>{two}</b> {one}<!-- {two} --></div><li>{three}</li>"));
    let heads = of(&|one, two, three| format!("<tr><th scope=row>{two}</th><td>{one}</td><td>{three}</td></tr>"));
    let script = format!(
        "<p>Next 100</p><script>var all = [{}];</script>",
        of(&|_, two, _| format!("'{two}',"))
    );
    for (body, stays) in [
        (lines(","), "Barcode,Title,Status\n"),
        (lines("|"), "Barcode|Title|Status\n"),
        (lines(" "), "Barcode Title Status\n"),
        (json, "\"status\": \"NEW\""),
        (format!("<html>{divs}</html>"), "<li>CONVERTED</li></html>"),
        (
            format!("<table><tr><th>Item</th><th>Status</th></tr>{heads}</table>{divs}"),
            "<tr><th>Item</th><th>Status</th></tr>",
        ),
        (script, "<p>Next 100</p><script>"),
        (
            format!("An error occurred\n{}", lines(";")),
            "An error occurred\nBarcode;Title;Status",
        ),
    ] {
        let answer = UnrecognisedAnswer::new(UnrecognisedKind::Answer, "x").answered("text/plain", body.as_bytes());
        let names = BookPseudonyms::new(&[], Vec::new(), &[]);
        let said = without_books(&answer, false, &BTreeSet::new(), &names).body;
        assert_eq!(refusals(&said), refusals(&body), "it is met again: {said}");
        assert!(said.contains(stays), "{stays}: {said}");
        assert_eq!(said.len(), body.len(), "{said}");
        for gone in ["39015000000001", "HXSPBQ", "Moby", "Dick", "Typee"] {
            assert!(!said.contains(gone), "{gone}: {said}");
        }
    }
}

#[test]
fn rows_that_begin_with_a_heading_cell_are_rows_also_where_others_were_read() {
    let page = "<table><tr><th>Barcode<th>Title</tr><tr><th scope=row>Moby Dick</th><td>39015000000001</td></tr>\
        <tr><th scope=row>Typee</th><td>HXSPBQ</td></tr></table><a href=x>more of it</a>";
    let said = said(&[], page);
    for gone in ["Moby", "Typee", "39015000000001", "HXSPBQ"] {
        assert!(!said.contains(gone), "{gone}: {said}");
    }
    assert!(
        said.contains("<th>Barcode<th>Title") && said.contains("more of it"),
        "{said}"
    );
}

#[test]
fn what_is_said_of_an_archive_keeps_its_words_and_no_name() {
    for (text, ends) in [
        ("HW3KRF/00000001.xml is a sparse file", ".xml is a sparse file"),
        ("HXSPBQ/odd is a folder", " is a folder"),
        ("a DTD at byte 12 of HXSPBQ.xml", ".xml"),
    ] {
        let answer = UnrecognisedAnswer::new(UnrecognisedKind::Member, text).answered("", text.as_bytes());
        let names = BookPseudonyms::new(&[], Vec::new(), &[]);
        let said = without_books(&answer, false, &BTreeSet::new(), &names);
        for text in [&said.shape, &said.body] {
            let is_named = ["HW3KRF", "HW0KRF", "HXSPBQ"].iter().any(|name| text.contains(name));
            assert!(!is_named && text.ends_with(ends), "{text}");
        }
        assert!(
            !text.contains("DTD") || said.body.starts_with("a DTD at byte 12 of "),
            "{said:?}"
        );
    }
}
