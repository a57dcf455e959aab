//! METS in the forms that occur, and in those that must be refused.

use crate::archive::mets::*;

const NAMESPACES: &str = r#"xmlns:mets="http://www.loc.gov/METS/" xmlns:slim="http://www.loc.gov/MARC21/slim" xmlns:xlink="http://www.w3.org/1999/xlink""#;

fn read(document: impl AsRef<[u8]>) -> Option<MetsSummary> {
    MetsSummary::read(document.as_ref(), &ArchiveLimits::default()).unwrap()
}

fn record(document: impl AsRef<[u8]>) -> RecordKind {
    read(document).map_or(RecordKind::NoMets, |mets| mets.record)
}

fn marc(document: impl AsRef<[u8]>) -> MarcFields {
    read(document).unwrap().marc.unwrap()
}

fn mets(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<mets:mets {NAMESPACES}><mets:dmdSec ID=\"D\"><mets:mdWrap \
         MDTYPE=\"MARC\"><mets:xmlData>{inside}</mets:xmlData></mets:mdWrap></mets:dmdSec></mets:mets>"
    )
}

fn field(tag: &str, code: &str, value: &str) -> String {
    format!(
        r#"<slim:datafield tag="{tag}" ind1=" " ind2="0"><slim:subfield code="{code}">{value}</slim:subfield></slim:datafield>"#
    )
}

#[test]
fn all_seventeen_fields_come_out_repeating_ones_as_lists() {
    let fields = [
        ("010", "a", "   87012345 "),
        ("020", "a", "0123456789 (v. 1, cloth)"),
        ("020", "a", "9780123456786"),
        ("035", "a", "(OCoLC)12345, again"),
        ("035", "a", "(MH)990000000001"),
        ("035", "a", "(OCoLC)ocm00067890"),
        ("050", "a", "QC301"),
        ("050", "a", "QC302"),
        ("100", "a", "Darwin, George,"),
        ("110", "a", "Royal Society"),
        ("111", "a", "Congress"),
        ("245", "a", "On tides &amp; moons :"),
        ("245", "b", "&#x61; study &lt;of&gt; sorts /"),
        ("500", "a", "First note."),
        ("500", "a", "Second, with a comma."),
        ("650", "a", "Tides."),
        ("650", "a", "Moon, The"),
        ("655", "a", "Treatises."),
    ];
    let data: String = fields
        .iter()
        .map(|(tag, code, value)| field(tag, code, value))
        .collect();
    let record = format!(
        "<slim:record><slim:leader>01234cam a2200301 a 4500</slim:leader><slim:controlfield tag=\"001\"> 99 \
         </slim:controlfield><slim:controlfield tag=\"008\">870101m18991999enk                 eng \
         d</slim:controlfield>{data}</slim:record>"
    );
    let some = |text: &str| Some(text.to_owned());
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let expected = MarcFields {
        marc_control_number: some("99"),
        marc_date_type: some("m"),
        marc_date_1: some("1899"),
        marc_date_2: some("1999"),
        marc_language: some("eng"),
        marc_lccn: some("87012345"),
        marc_lc_call_number: list(&["QC301", "QC302"]),
        marc_isbn: list(&["0123456789 (v. 1, cloth)", "9780123456786"]),
        marc_oclc_numbers: list(&["(OCoLC)12345, again", "(OCoLC)ocm00067890"]),
        marc_title: some("On tides & moons :"),
        marc_title_remainder: some("a study <of> sorts /"),
        marc_author_personal: some("Darwin, George,"),
        marc_author_corporate: some("Royal Society"),
        marc_author_meeting: some("Congress"),
        marc_subjects: list(&["Tides", "Moon, The"]),
        marc_genres: list(&["Treatises"]),
        marc_general_note: list(&["First note.", "Second, with a comma."]),
    };
    assert_eq!(marc(mets(&record)), expected);
    // The record kept reads back as the same record.
    let xml = read(mets(&record)).unwrap().marc_xml.unwrap();
    let inside = xml.split_once("?>\n").unwrap().1.to_owned();
    assert_eq!(marc(mets(&inside)), expected);
}

#[test]
fn prefixes_default_namespaces_and_wrappers_make_no_difference() {
    let title = r#"<subfield code="a">T</subfield>"#;
    let marc_ns = "http://www.loc.gov/MARC21/slim";
    let documents = [
        mets(
            &field("245", "a", "T")
                .replace("<slim:datafield", "<slim:record><slim:datafield")
                .replace("</slim:datafield>", "</slim:datafield></slim:record>"),
        ),
        mets(&format!(
            r#"<record xmlns="{marc_ns}"><datafield tag="245">{title}</datafield></record>"#
        )),
        mets(&format!(
            r#"<collection xmlns="{marc_ns}"><record><datafield tag="245">{title}</datafield></record></collection>"#
        )),
        mets(&format!(
            r#"<marc:collection xmlns:marc="{marc_ns}"><marc:record><marc:datafield tag="245">{}</marc:datafield></marc:record></marc:collection>"#,
            title.replace("subfield", "marc:subfield")
        )),
        format!(
            r#"<mets xmlns="http://www.loc.gov/METS/"><dmdSec><mdWrap MDTYPE="marc"><xmlData><record xmlns="{marc_ns}"><datafield tag="245">{title}</datafield></record></xmlData></mdWrap></dmdSec></mets>"#
        ),
        format!(
            r#"<METS:mets xmlns:METS="http://www.loc.gov/METS/"><METS:dmdSec><METS:mdWrap MDTYPE='MARC'><METS:xmlData><record xmlns='{marc_ns}'><datafield tag='245'><subfield code='a'><![CDATA[T]]></subfield></datafield></record></METS:xmlData></METS:mdWrap></METS:dmdSec></METS:mets>"#
        ),
    ];
    for document in documents {
        assert_eq!(marc(&document).marc_title.as_deref(), Some("T"), "{document}");
    }
}

#[test]
fn encodings_are_read_as_declared() {
    let plain = mets(&format!(
        "<slim:record>{}</slim:record>",
        field("245", "a", "Caf\u{e9}")
    ));
    let latin: Vec<u8> = plain
        .replace("UTF-8", "ISO-8859-1")
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let utf16: Vec<u8> = format!("\u{feff}{}", plain.replace("UTF-8", "UTF-16"))
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for document in [
        plain.clone().into_bytes(),
        format!("\u{feff}{plain}").into_bytes(),
        latin,
        utf16,
    ] {
        assert_eq!(marc(&document).marc_title.as_deref(), Some("Caf\u{e9}"));
    }
    assert_eq!(record(plain.replace("UTF-8", "x-klingon")), RecordKind::Malformed);
}

#[test]
fn bad_utf_8_is_replaced_and_said() {
    let mut document = mets(&format!("<slim:record>{}</slim:record>", field("245", "a", "Caf?"))).into_bytes();
    let at = document.iter().position(|byte| *byte == b'?').unwrap();
    assert_eq!(at, 1, "the declaration's own question mark comes first");
    let at = document.windows(4).position(|word| word == b"Caf?").unwrap() + 3;
    document[at] = 0xe9;
    let mets = read(&document).unwrap();
    assert!(mets.replaced);
    assert_eq!(mets.marc.unwrap().marc_title.as_deref(), Some("Caf\u{fffd}"));
}

#[test]
fn what_is_missing_broken_or_refused_is_told_apart() {
    let good = mets("<slim:record><slim:leader>x</slim:leader></slim:record>");
    let deep = format!("<mets>{}{}</mets>", "<a>".repeat(100), "</a>".repeat(100));
    let entity = r#"<!DOCTYPE mets [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><mets>&b;</mets>"#;
    let cases = [
        (good.as_str(), RecordKind::Found),
        ("<html><body>not here</body></html>", RecordKind::NoMets),
        ("<record/>", RecordKind::NoMets),
        (&mets(""), RecordKind::NoMarc),
        (&good.replace("MDTYPE=\"MARC\"", "MDTYPE=\"DC\""), RecordKind::NoMarc),
        ("<mets/>", RecordKind::NoMarc),
        ("", RecordKind::Malformed),
        ("just words", RecordKind::Malformed),
        (&good[..good.len() - 4], RecordKind::Malformed),
        (&good[..good.len() / 2], RecordKind::Malformed),
        (&good.replace("</mets:dmdSec>", "</mets:dmd>"), RecordKind::Malformed),
        (
            &good.replace("<slim:leader>x", "<slim:leader>&unknown;"),
            RecordKind::Malformed,
        ),
        (
            &good.replace("<slim:leader>x", "<slim:leader>&#xG;"),
            RecordKind::Malformed,
        ),
        (&format!("{good}<mets/>"), RecordKind::Malformed),
        (entity, RecordKind::Refused),
        (
            "<!DOCTYPE mets SYSTEM \"file:///etc/passwd\"><mets/>",
            RecordKind::Refused,
        ),
        (&deep, RecordKind::Refused),
        (&good.replace('x', &"x".repeat(300 << 10)), RecordKind::Refused),
    ];
    for (document, expected) in cases {
        assert_eq!(record(document), expected, "{document:.200}");
    }
}

#[test]
fn a_record_of_a_thousand_small_pieces_is_refused_too() {
    let pieces = "<slim:datafield tag=\"500\"/>".repeat(200_000);
    assert_eq!(
        record(mets(&format!("<slim:record>{pieces}</slim:record>"))),
        RecordKind::Refused
    );
}

#[test]
fn the_first_of_several_records_counts() {
    let two = ["One", "Two"]
        .map(|title| format!("<slim:record>{}</slim:record>", field("245", "a", title)))
        .concat();
    let mets = read(mets(&two)).unwrap();
    assert!(mets.more_records);
    assert_eq!(mets.marc.unwrap().marc_title.as_deref(), Some("One"));
}

#[test]
fn digests_of_files_are_read_md5_only() {
    let md5 = "0123456789abcdef0123456789abcdef";
    let file = |name: &str, attributes: &str| {
        format!(r#"<mets:file {attributes}><mets:FLocat LOCTYPE="OTHER" xlink:href="{name}"/></mets:file>"#)
    };
    let files = [
        file("00000001.jp2", &format!(r#"CHECKSUM="{md5}" CHECKSUMTYPE="MD5""#)),
        file(
            "file://./00000002.jp2",
            &format!(r#"CHECKSUM="{}""#, md5.to_uppercase()),
        ),
        file(
            "00000003.jp2",
            &format!(r#"CHECKSUM="{md5}00000000" CHECKSUMTYPE="SHA-1""#),
        ),
        file("00000004.jp2", ""),
    ];
    let document = format!(
        "<mets:mets {NAMESPACES}><mets:fileSec><mets:fileGrp>{}</mets:fileGrp></mets:fileSec></mets:mets>",
        files.concat()
    );
    let digests = read(document).unwrap().digests.to_hex();
    assert_eq!(digests.keys().collect::<Vec<_>>(), ["00000001.jp2", "00000002.jp2"]);
    assert!(digests.values().all(|digest| digest == md5));
}

#[test]
fn a_record_may_be_announced_as_another_type_or_stand_in_binary_form() {
    let record = format!("<slim:record>{}</slim:record>", field("245", "a", "T"));
    for (kind, found) in [
        (r#"MDTYPE="OTHER" OTHERMDTYPE="MARCXML""#, true),
        (r#"MDTYPE="OTHER" OTHERMDTYPE="marc21""#, true),
        (r#"MDTYPE="OTHER" OTHERMDTYPE="MODS""#, false),
        (r#"MDTYPE="OTHER""#, false),
        (r#"MDTYPE="DC" OTHERMDTYPE="MARC""#, false),
    ] {
        let document = mets(&record).replace("MDTYPE=\"MARC\"", kind);
        assert_eq!(read(&document).unwrap().marc.is_some(), found, "{kind}");
    }
    let binary = |text: &str| {
        mets("")
            .replace("<mets:xmlData>", &format!("<mets:binData>{text}"))
            .replace("</mets:xmlData>", "</mets:binData>")
    };
    let packed = "MDAwODJuYW0gYTIyMDAwNDkgYSA0NTAwMDAxMDAxMzAwMDAwMjQ1MDAxOTAwMDEzHjk5MDAwMDg4MDAxMx4xMB9hTW9zc2VzLCBhIGxpc3QeHQ==";
    let marc = marc(binary(packed));
    assert_eq!(marc.marc_title.as_deref(), Some("Mosses, a list"));
    assert_eq!(marc.marc_control_number.as_deref(), Some("990000880013"));
    let unread = read(binary("bm9uc2Vuc2U=")).unwrap();
    assert_eq!(unread.record, RecordKind::NoMarc);
    let mut findings = FindingList::default();
    unread.note(&mut findings);
    let codes: Vec<_> = findings.finish().iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [FindingCode::NoMarc, FindingCode::MarcUnread]);
}

#[test]
fn a_record_with_leader_and_fields_is_read_however_its_section_is_announced() {
    let leader = "<slim:leader>00512nam a2200157 a 4500</slim:leader>";
    let record = format!("<slim:record>{leader}{}</slim:record>", field("245", "a", "T"));
    for (kind, found) in [
        (r#"MDTYPE="OTHER" OTHERMDTYPE="MARC 21""#, true),
        (r#"MDTYPE="OTHER" OTHERMDTYPE="Bibliographic""#, true),
        (r#"MDTYPE="OTHER""#, true),
        (r#"MDTYPE="MARC21""#, true),
        ("", true),
        (r#"MDTYPE="DC""#, false),
        (r#"MDTYPE="PREMIS""#, false),
    ] {
        let document = mets(&record).replace("MDTYPE=\"MARC\"", kind);
        assert_eq!(read(&document).unwrap().marc.is_some(), found, "{kind}");
    }
}

#[test]
fn the_bibliographic_record_counts_before_holdings() {
    let titled = |attribute: &str, title: &str| {
        let title = field("245", "a", title);
        format!("<slim:record{attribute}><slim:leader>00512nam a2200157 a 4500</slim:leader>{title}</slim:record>")
    };
    let holdings = titled(r#" type="Holdings""#, "Wrong");
    for (records, expected) in [
        (
            [holdings.clone(), titled(r#" type="Bibliographic""#, "Right")].concat(),
            "Right",
        ),
        ([holdings.clone(), titled("", "Right")].concat(), "Right"),
        (
            [titled("", "Wrong").replace("00512nam", "00512nx "), titled("", "Right")].concat(),
            "Right",
        ),
        ([titled("", "Right"), titled("", "Wrong")].concat(), "Right"),
        (holdings.replace("Wrong", "Right"), "Right"),
    ] {
        assert_eq!(marc(mets(&records)).marc_title.as_deref(), Some(expected), "{records}");
    }
}

#[test]
fn white_space_in_a_title_is_one_blank() {
    let title = field("245", "a", "  Notes\n      on\t lichens\u{a0}: ");
    let marc = marc(mets(&format!("<slim:record>{title}</slim:record>")));
    assert_eq!(marc.marc_title.as_deref(), Some("Notes on lichens\u{a0}:"));
}

/// Is it well-formed? `None` where there is no xmllint to ask.
fn is_well_formed(xml: &str) -> Option<bool> {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut lint = Command::new("xmllint");
    lint.args(["--noout", "-"]).stdin(Stdio::piped()).stderr(Stdio::null());
    let mut lint = lint.spawn().ok()?;
    lint.stdin.take().unwrap().write_all(xml.as_bytes()).unwrap();
    Some(lint.wait().unwrap().success())
}

#[test]
fn every_record_that_is_written_is_well_formed() {
    let titles = [
        "Lichens\u{1d} of the North",
        "Lichens&#x1D; of the North",
        "&#0;&#x00;Lichens&#xFFFE; of\u{ffff} the North",
        "a &lt;b&gt; &amp;amp; \"c\" 'd' ]]&gt;",
        "\u{10ffff}\u{85}\u{7f}",
        "a&#xD800;b&#57343;c&#x110000;d&#99999999999;",
        "<![CDATA[a\u{1} <b> & ]]>c",
    ];
    for title in titles {
        let attributes =
            r#"<slim:datafield tag="2&#x1f;4&#0;5&#xDFFF;" ind1="" ind2="&quot;"><slim:subfield code="a">"#;
        let record = format!("<slim:record>{attributes}{title}</slim:subfield></slim:datafield></slim:record>");
        let found = read(mets(&record)).unwrap();
        assert_eq!(found.record, RecordKind::Found, "{title:?}");
        let xml = found.marc_xml.unwrap();
        assert!(xml.contains(r#"ind1=" ""#), "{xml}");
        let Some(well_formed) = is_well_formed(&xml) else {
            println!("skipped: xmllint is not installed (libxml2-utils)");
            return;
        };
        assert!(well_formed, "{xml}");
    }
    let forbidden = read(mets(&format!(
        "<slim:record>{}</slim:record>",
        field("245", "a", "a&#1;b\u{2}c")
    )))
    .unwrap();
    assert_eq!(
        (forbidden.forbidden, forbidden.marc.unwrap().marc_title.as_deref()),
        (2, Some("abc"))
    );
}

#[test]
fn no_name_of_a_book_or_file_has_a_zero() {
    let inside = "<mets:fileSec><mets:fileGrp><mets:file CHECKSUM=\"0123456789abcdef0123456789abcdef\" CHECKSUMTYPE=\"MD5\">\
                  <mets:FLocat xlink:href=\"file:0000&#0;0001.jp2\"/></mets:file><mets:file>\
                  <mets:FLocat xlink:href=\"&#xD800;00000002.jp2\"/></mets:file></mets:fileGrp></mets:fileSec>";
    let found = read(format!(
        "<?xml version=\"1.0\"?><mets:mets {NAMESPACES} OBJID=\"TL&#0;0001\">{inside}</mets:mets>"
    ))
    .unwrap();
    assert_eq!(found.object.as_deref(), Some("TL0001"));
    assert!(found.digests.to_hex().contains_key("00000001.jp2"));
    assert!(found.named.contains("00000002.jp2"), "{:?}", found.named);
}

#[test]
fn files_without_a_place_and_pages_of_a_map_are_counted() {
    const FILE: &str = "<file ID=\"a\"><FLocat href=\"1.jp2\"/></file>";
    const UNTYPED: &str = "<div ORDER=\"1\" ORDERLABEL=\"\" LABEL=\"\"><div><fptr FILEID=\"a\"/></div></div>";
    let page = |file: &str| format!("<div TYPE=\"page\"><fptr FILEID=\"{file}\"/></div>");
    let map = |kind: &str, pages: &[&str]| {
        let pages: String = pages.iter().map(|file| page(file)).collect();
        format!("<structMap{kind}><div TYPE=\"volume\">{pages}</div></structMap>")
    };
    let physical = " TYPE=\"physical\"";
    let ordered = |kind: &str, kinds: &[&str]| {
        let pages: String = kinds
            .iter()
            .map(|kind| format!("<div ORDER=\"1\"{kind}><fptr FILEID=\"a\"/></div>"))
            .collect();
        format!("<structMap{kind}><div TYPE=\"volume\" ORDER=\"1\">{pages}</div></structMap>")
    };
    let cases = [
        (FILE.to_owned(), [0, 0]),
        (format!("{FILE}{}", map("", &["a"])), [0, 1]),
        (format!("{}{FILE}", map(physical, &["a", "a"])), [0, 2]),
        (format!("{FILE}{}", map(physical, &["a", "b"])), [1, 2]),
        (format!("{FILE}{}{}", map("", &["a"]), map(physical, &["a"])), [0, 1]),
        (format!("{FILE}{}", map(" TYPE=\"LOGICAL\"", &["a", "a", "b"])), [1, 0]),
        // Pages without a type, or with another one, by their order.
        (format!("{FILE}{}", ordered("", &["", "", " TYPE=\"leaf\""])), [0, 3]),
        (format!("{FILE}{}", ordered(" TYPE=\"logical\"", &["", ""])), [0, 0]),
        (format!("{FILE}{}{}", ordered("", &["", ""]), map("", &["a"])), [0, 2]),
        (format!("{FILE}<structMap><div ORDER=\"1\"/></structMap>"), [0, 0]),
        // Chapters, and parts of pages.
        (
            format!(
                "{FILE}<structMap><div><div ORDER=\"1\">{}</div><div ORDER=\"2\">{UNTYPED}{UNTYPED}</div></div></structMap>",
                page("a")
            ),
            [0, 3],
        ),
        (
            format!(
                "{FILE}<structMap><div><div TYPE=\"page\" ORDER=\"1\">{UNTYPED}{UNTYPED}</div><div ORDER=\"\"/></div></structMap>"
            ),
            [0, 1],
        ),
        (format!("{FILE}<file SEQ=\"00000006\"/>"), [1, 0]),
        (format!("{FILE}<file><FLocat/></file>"), [1, 0]),
        (
            format!("{FILE}<file><FContent><binData>AAAA</binData></FContent></file>"),
            [1, 0],
        ),
        (format!("<file>{FILE}</file>"), [0, 0]),
        // Another schema's.
        (
            format!("{FILE}<mdWrap MDTYPE=\"PREMIS\"><file SEQ=\"7\"/></mdWrap>"),
            [0, 0],
        ),
    ];
    for (inside, expected) in cases {
        let mets = read(format!("<mets><fileSec>{inside}</fileSec></mets>")).unwrap();
        assert_eq!([mets.unplaced_files, mets.mapped_pages], expected, "{inside}");
    }
}
