//! What is written of checks.

use quick_xml::events::Event;

use super::document::{allowed, notes, premis_outcome};
use super::*;

fn check() -> CheckRow {
    CheckRow {
        id: 7,
        barcode: "$B123456".to_owned(),
        checked_at: "2026-11-29T12:00:00Z".to_owned(),
        level: "digest".to_owned(),
        outcome: "damaged".to_owned(),
        sha256: Some("ab".repeat(32)),
        bytes: 10,
        findings: Some(r#"[{"key":"raw/x","outcome":"damaged","reason":"r","detail":"a<b\u0007"}]"#.to_owned()),
        agent: None,
    }
}

#[test]
fn outcomes_have_the_words_of_premis() {
    for (ours, word) in [
        ("ok", "success"),
        ("damaged", "fail"),
        ("missing", "fail"),
        ("could_not_check", "warning"),
    ] {
        assert_eq!(premis_outcome(ours), word, "{ours}");
    }
}

#[test]
fn each_finding_is_a_note_and_what_is_no_list_is_told_as_it_is() {
    assert_eq!(
        notes(&check()),
        [
            "damaged; 10 bytes read".to_owned(),
            format!("SHA-256 of the archive as it was read: {}", "ab".repeat(32)),
            "raw/x: damaged: a<b\u{7}".to_owned(),
        ]
    );
    let other = CheckRow {
        sha256: None,
        findings: Some("broken".to_owned()),
        ..check()
    };
    assert_eq!(notes(&other), ["damaged; 10 bytes read", "broken"]);
}

#[test]
fn no_character_is_written_that_xml_does_not_have() {
    for (text, written) in [
        ("plain ä\t\n", "plain ä\t\n"),
        ("\u{1b}[2J\0", "\u{fffd}[2J\u{fffd}"),
        ("\u{ffff}\u{10000}", "\u{fffd}\u{10000}"),
    ] {
        assert_eq!(allowed(text), written, "{text:?}");
    }
}

/// Names of elements and their parents, in the order in which they stand.
fn elements(text: &str) -> Vec<String> {
    let (mut reader, mut open, mut found) = (quick_xml::Reader::from_str(text), Vec::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                open.push(String::from_utf8_lossy(start.name().as_ref()).into_owned());
                found.push(open.join("/"));
            }
            Event::End(_) => drop(open.pop()),
            Event::Eof => return found,
            _ => {}
        }
    }
}

/// A document of one book, one check and its maker.
fn document() -> String {
    let library = LibraryDirectory::parse("T").unwrap();
    let mut text = Vec::new();
    let mut document = PremisDocument::new(&mut text, &library, BTreeSet::new());
    let archive = CheckedArchive {
        barcode: "$B123456".to_owned(),
        path: Some("raw/x".to_owned()),
        sha256: Some("ab".repeat(32)),
        bytes: Some(10),
    };
    let agent = AgentVersion {
        program: "grind".to_owned(),
        version: "1".to_owned(),
    };
    assert!(document.object(&archive).unwrap().is_continue());
    let checked = CheckRow {
        agent: Some(agent),
        ..check()
    };
    assert!(document.event(&checked).unwrap().is_continue());
    document.end().unwrap();
    drop(document);
    String::from_utf8(text).unwrap()
}

#[test]
fn what_the_schema_requires_stands_in_its_order() {
    let text = document();
    let elements = elements(&text);
    let within = |parent: &str| {
        let parent = format!("premis/{parent}/");
        let names = elements.iter().filter_map(|name| name.strip_prefix(&parent));
        names
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        within("object"),
        [
            "objectIdentifier",
            "objectIdentifier",
            "objectCharacteristics",
            "storage"
        ]
    );
    assert_eq!(within("object/objectCharacteristics"), ["fixity", "size", "format"]);
    assert_eq!(
        within("event"),
        [
            "eventIdentifier",
            "eventType",
            "eventDateTime",
            "eventDetailInformation",
            "eventOutcomeInformation",
            "linkingAgentIdentifier",
            "linkingObjectIdentifier",
        ]
    );
    let link = [
        "linkingObjectIdentifierType",
        "linkingObjectIdentifierValue",
        "linkingObjectRole",
    ];
    assert_eq!(within("event/linkingObjectIdentifier"), link);
    assert_eq!(
        within("agent"),
        ["agentIdentifier", "agentName", "agentType", "agentVersion"]
    );
    assert!(
        text.contains("grin:T/$B123456") && text.contains("a&lt;b\u{fffd}"),
        "{text}"
    );
}
