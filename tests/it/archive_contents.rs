//! What is in the tar: checksum lists, METS, page texts, and what no honest archive holds.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::io::Write;

use crate::support::archives::*;
use grind::archive::{ArchiveError, ArchiveLimit, ArchiveLimits, PassOptions, RecordKind, inspect};

#[test]
fn the_list_may_stand_anywhere_and_in_any_form() {
    let bare = Files::bare(3, 2_000).with("TL0000000001.xml", Files::default().mets(false).as_bytes());
    let list = bare.checksums();
    let forms = [
        list.clone(),
        list.replace('\n', "\r\n"),
        format!(
            "\u{feff}{}",
            list.replace("  ", " *./some/folder/").replace('\n', "   \n")
        ),
        list.to_uppercase()
            .replace(".JP2", ".jp2")
            .replace(".TXT", ".txt")
            .replace(".HTML", ".html")
            .replace(".XML", ".xml"),
    ];
    for form in forms {
        for at in [0, 4, bare.0.len()] {
            let mut files = bare.clone();
            files
                .0
                .insert(at, ("checksum.md5".to_owned(), form.clone().into_bytes()));
            let passed = pass_plain(&files.tar_gz());
            assert!(passed.volume().acceptance.verified, "{at} {form:.60}");
            assert_eq!(passed.codes(), [""; 0], "{form:.60}");
        }
    }
}

#[test]
fn without_a_list_the_mets_serves_and_without_both_it_is_said() {
    let bare = Files::bare(3, 2_000);
    for at in [0, bare.0.len()] {
        let mut files = bare.clone();
        files.0.insert(
            at,
            ("TESTLIB_TL0000000001.xml".to_owned(), bare.mets(true).into_bytes()),
        );
        let passed = pass_plain(&files.tar_gz());
        assert!(passed.volume().acceptance.verified && passed.codes().is_empty());
        let broken = pass_plain(&files.replace("00000002.txt", b"another text").tar_gz());
        assert!(matches!(broken.error(), ArchiveError::Refused { failed, .. } if failed == &["00000002.txt"]));
    }
    let neither = pass_plain(
        &bare
            .clone()
            .with("TESTLIB_TL0000000001.xml", bare.mets(false).as_bytes())
            .tar_gz(),
    );
    assert_eq!(neither.codes(), ["pages_unverified"]);
    assert!(!neither.volume().acceptance.verified);
}

#[test]
fn a_digest_that_is_not_compared_is_said_and_proves_nothing() {
    let bare = Files::bare(3, 100);
    let md5 = bare.mets(true);
    let sha = md5.replace("\"MD5\"", "\"SHA-256\"");
    let second = md5_hex(&bare.0.iter().find(|(name, _)| name == "00000002.jp2").unwrap().1);
    let one_sha = md5.replace(
        &format!("\"{second}\" CHECKSUMTYPE=\"MD5\""),
        &format!("\"{second}{second}\" CHECKSUMTYPE=\"SHA-256\""),
    );
    let cases: [(&str, &str, bool, bool, &[&str]); 4] = [
        ("MD5 alone", &md5, false, true, &[]),
        (
            "another alone",
            &sha,
            false,
            false,
            &["digest_not_compared", "pages_unverified"],
        ),
        ("another beside the list's", &sha, true, true, &["digest_not_compared"]),
        (
            "another of one page",
            &one_sha,
            false,
            false,
            &["digest_not_compared", "member_not_listed"],
        ),
    ];
    for (what, mets, has_list, verified, codes) in cases {
        let files = bare.clone().with("TL0000000001.xml", mets.as_bytes());
        let passed = pass_plain(&match has_list {
            true => files.with("checksum.md5", bare.checksums().as_bytes()).tar_gz(),
            false => files.tar_gz(),
        });
        assert_eq!(
            (passed.volume().acceptance.verified, &passed.codes()[..]),
            (verified, codes),
            "{what}"
        );
    }
    let counted = pass_plain(&bare.with("TL0000000001.xml", sha.as_bytes()).tar_gz());
    assert!(
        counted.volume().findings[0].text.ends_with("SHA-256 (9)"),
        "{counted:?}",
        counted = counted.volume()
    );
}

#[test]
fn listed_and_absent_fails_present_and_unlisted_is_said() {
    let absent = pass_plain(&Files::volume(3, 100).without("00000002.jp2").tar_gz());
    assert!(matches!(absent.error(), ArchiveError::Refused { failed, .. } if failed == &["00000002.jp2"]));
    assert!(absent.codes().contains(&"checksum_missing_member"));
    let more = Files::volume(3, 100)
        .with("00000004.jp2", b"new")
        .with("readme", b"not a page");
    let unlisted = pass_plain(&more.tar_gz());
    assert!(unlisted.codes().contains(&"member_not_listed"));
    assert!(!unlisted.volume().acceptance.verified);
    assert_eq!(unlisted.volume().acceptance.pages, 4);
}

#[test]
fn a_page_that_differs_from_its_digest_in_list_or_mets_is_refused() {
    let bare = Files::bare(2, 100);
    let other = bare.clone().replace("00000001.txt", b"another text");
    let cases = [
        ("the METS alone contradicts", &other, &bare, Some("the METS names")),
        ("the list alone contradicts", &bare, &other, Some("listed")),
        ("both contradict", &other, &other, Some("listed")),
        ("nothing contradicts", &bare, &bare, None),
    ];
    for (what, mets, list, words) in cases {
        let files = bare.clone().with("TL0000000001.xml", mets.mets(true).as_bytes());
        let passed = pass_plain(&files.with("checksum.md5", list.checksums().as_bytes()).tar_gz());
        match words {
            None => assert!(passed.volume().acceptance.verified, "{what}"),
            Some(words) => {
                let error = passed.error();
                assert!(
                    matches!(error, ArchiveError::Refused { failed, .. } if failed == &["00000001.txt"]),
                    "{what}"
                );
                let mut texts = error.findings().iter().map(|finding| &finding.text);
                assert!(
                    texts.any(|text| text.contains("its MD5") && text.contains(words)),
                    "{what}"
                );
            }
        }
    }
}

#[test]
fn two_lists_count_together_and_their_contradictions_are_said() {
    let bare = Files::bare(2, 100).with("TL0000000001.xml", Files::default().mets(false).as_bytes());
    let (list, other) = (
        bare.checksums(),
        bare.clone().replace("00000001.txt", b"another").checksums(),
    );
    let twice = |one: &str, two: (&str, &str)| {
        let files = bare.clone().with("checksum.md5", one.as_bytes());
        pass_plain(&files.with(two.0, two.1.as_bytes()).tar_gz())
    };
    for (one, two) in [(&list, &other), (&other, &list)] {
        let passed = twice(one, ("CHECKSUM.MD5", two));
        assert!(matches!(passed.error(), ArchiveError::Refused { failed, .. } if failed == &["00000001.txt"]));
        assert!(passed.codes().contains(&"checksum_list_malformed"));
    }
    // A list of the same name is a newer one.
    assert!(matches!(
        twice(&list, ("checksum.md5", &other)).error(),
        ArchiveError::Refused { .. }
    ));
    assert!(twice(&other, ("checksum.md5", &list)).volume().acceptance.verified);
    let same = twice(&list, ("checksum.md5", &list));
    assert!(same.volume().acceptance.verified);
    assert_eq!(same.codes(), ["member_repeated"]);
    // Names in a list of another folder mean other files.
    let elsewhere = twice(&list, ("copy/checksum.md5", &other));
    assert!(elsewhere.volume().acceptance.verified);
    assert!(elsewhere.codes().contains(&"checksum_list_malformed"));
}

#[test]
fn empty_page_images_are_no_pages() {
    let listed = |bare: Files| {
        let bare = bare.with("TL0000000001.xml", Files::default().mets(false).as_bytes());
        let list = bare.checksums();
        pass_plain(&bare.with("checksum.md5", list.as_bytes()).tar_gz())
    };
    let all = listed(
        Files::bare(2, 100)
            .replace("00000001.jp2", b"")
            .replace("00000002.jp2", b""),
    );
    assert_eq!(all.error().reason().as_str(), "no_pages");
    let one = listed(Files::bare(2, 100).replace("00000002.jp2", b""));
    assert_eq!(
        (one.volume().acceptance.verified, one.codes()),
        (false, vec!["empty_page_image"])
    );
    // Nor are blank texts where there is no image.
    let texts = |text: &[u8]| listed(Files::default().with("00000001.txt", text).with("00000002.txt", b" "));
    assert_eq!(texts(b"\n").error().reason().as_str(), "no_pages");
    assert!(texts(b"words").volume().acceptance.verified);
    let blank = listed(Files::bare(2, 100).replace("00000002.txt", b""));
    assert!(blank.volume().acceptance.verified && blank.codes().is_empty());
}

#[test]
fn a_mets_that_names_fewer_pages_than_the_list_is_said() {
    let bare = Files::bare(3, 100);
    let fewer = Files::bare(2, 100);
    let files = bare.clone().with("TL0000000001.xml", fewer.mets(true).as_bytes());
    let passed = pass_plain(&files.with("checksum.md5", bare.checksums().as_bytes()).tar_gz());
    assert!(passed.volume().acceptance.verified);
    assert_eq!(passed.codes(), ["mets_lacks_pages"]);
}

#[test]
fn checks_that_are_switched_off_are_not_made() {
    let files = Files::volume(2, 100).replace("00000001.txt", b"another text");
    let options = PassOptions {
        verify_checksums: false,
        extract_text: false,
        extract_marc: false,
        ..PassOptions::default()
    };
    let passed = pass_plain_with(&files.tar_gz(), &options);
    let volume = passed.volume();
    assert_eq!(
        (
            volume.acceptance.verified,
            volume.acceptance.pages,
            volume.acceptance.text_pages,
            &volume.marc
        ),
        (false, 2, 2, &None)
    );
    assert_eq!(passed.text, b"");
}

#[test]
fn the_mets_is_found_by_name_then_by_root() {
    let bare = Files::bare(1, 10);
    let mets = bare.mets(true);
    let with_title = |title: &str| mets.replace("On tides &amp; moons", title);
    let title = |files: &Files| {
        let passed = look_into(&files.tar_gz());
        let marc = passed.volume().marc.clone();
        (
            passed.volume().record,
            marc.and_then(|marc| marc.marc_title),
            passed.codes().join(" "),
        )
    };
    let some = |title: &str| Some(title.to_owned());
    let by_root = bare.clone().with("strange.xml", mets.as_bytes());
    assert_eq!(
        title(&by_root),
        (RecordKind::Found, some("On tides & moons"), "mets_misnamed".to_owned())
    );
    let foreign_first = bare
        .clone()
        .with("a.xml", b"<other/>")
        .with("TL0000000001.xml", mets.as_bytes());
    assert_eq!(
        title(&foreign_first),
        (RecordKind::Found, some("On tides & moons"), String::new())
    );
    let named_later = bare
        .clone()
        .with("a.xml", with_title("Wrong").as_bytes())
        .with("LIB_TL0000000001.xml", with_title("Right").as_bytes());
    assert_eq!(title(&named_later).1, some("Right"));
    let named_first = bare
        .clone()
        .with("LIB_TL0000000001.xml", with_title("Right").as_bytes())
        .with("a.xml", with_title("Wrong").as_bytes());
    assert_eq!(title(&named_first).1, some("Right"));
    let kinds = [
        ("<a/>", RecordKind::NoMets),
        ("<mets/>", RecordKind::NoMarc),
        ("<mets>", RecordKind::Malformed),
        ("<!DOCTYPE mets><mets/>", RecordKind::Refused),
    ];
    for (document, kind) in kinds {
        assert_eq!(
            title(&bare.clone().with("TL0000000001.xml", document.as_bytes())).0,
            kind,
            "{document}"
        );
    }
}

#[test]
fn one_line_a_page_in_page_order_with_gaps() {
    let files = Files::default()
        .with("00000004.jp2", b"x")
        .with("00000003.txt", b"three")
        .with("00000001.txt", b"one")
        .with("00000002.jp2", b"x")
        .with("00000003.jp2", b"x")
        .with("00000001.jp2", b"x")
        .with("00000006.txt", b"beyond the last image");
    // Nothing is there that could name it, so it may be a page.
    let unnamed = look_into(&files.tar_gz());
    assert_eq!(unnamed.lines(), ["one", "", "three", "", "", "beyond the last image"]);
    let files = files.with("TL0000000001.xml", b"<mets/>");
    let passed = look_into(&files.tar_gz());
    assert_eq!(passed.lines(), ["one", "", "three", ""]);
    assert_eq!(
        (passed.volume().acceptance.pages, passed.volume().acceptance.text_pages),
        (4, 2)
    );
    let codes = passed.codes();
    assert!(
        codes.contains(&"image_without_text") && codes.contains(&"text_without_image"),
        "{codes:?}"
    );
    let gap = look_into(
        &Files::default()
            .with("00000001.tif", b"")
            .with("00000003.tif", b"")
            .with("00000003.txt", b"x")
            .tar_gz(),
    );
    assert_eq!(gap.lines(), ["", "", "x"]);
    assert!(gap.codes().contains(&"page_gap"));
}

#[test]
fn texts_alone_and_images_alone_are_pages_too() {
    let text = look_into(&Files::default().with("00000002.txt", b"two").tar_gz());
    assert_eq!(text.lines(), ["", "two"]);
    let images = look_into(
        &Files::default()
            .with("00000001.jp2", b"x")
            .with("00000002.jp2", b"x")
            .tar_gz(),
    );
    assert_eq!(images.lines(), ["", ""]);
    assert!(images.codes().contains(&"no_text"));
    let nothing = look_into(&Files::default().with("readme", b"").tar_gz());
    assert_eq!(nothing.lines(), [""; 0]);
    assert!(nothing.codes().contains(&"no_pages"));
}

#[test]
fn text_is_kept_as_it_is_but_for_bytes_that_are_no_utf_8() {
    let raw: [(&str, &[u8], &str); 4] = [
        ("00000001.txt", b"a\r\nb\nc\r", "a\r\nb\nc\r"),
        (
            "00000002.txt",
            b"caf\xe9 \xff\xfe end",
            "caf\u{fffd} \u{fffd}\u{fffd} end",
        ),
        ("00000003.txt", b"\x0c\x00\"\\\t", "\x0c\0\"\\\t"),
        (
            "00000004.txt",
            "\u{1f4d6}\u{2028}\u{feff}".as_bytes(),
            "\u{1f4d6}\u{2028}\u{feff}",
        ),
    ];
    let mut files = Files::default();
    for (name, bytes, _) in raw {
        files.add(name, bytes);
    }
    let passed = look_into(&files.tar_gz());
    assert_eq!(passed.lines(), raw.map(|(_, _, text)| text.to_owned()));
    let findings = &passed.volume().findings;
    let text = |code: &str| {
        findings
            .iter()
            .find(|finding| finding.code.as_str() == code)
            .map(|finding| finding.text.clone())
    };
    assert_eq!(
        text("bad_utf8").unwrap(),
        "3 runs of bytes that are not UTF-8, on pages: 2"
    );
    assert_eq!(text("control_chars").unwrap(), "2 control characters, on pages: 3");
}

#[test]
fn misnamed_and_doubled_pages_shift_nothing() {
    let files = Files::default()
        .with("00000001.jp2", b"x")
        .with("00000001.txt", b"one")
        .with("00000002.jp2", b"x")
        .with("00000002.txt", b"two")
        .with("copy/00000001.txt", b"one again")
        .with("00999999.txt", b"misnamed")
        .with("99999999.jp2", b"misnamed")
        .with("\u{661}\u{662}.txt", b"digits, but not ASCII")
        .with("39015000000003.txt", b"too many digits");
    let passed = look_into(&files.tar_gz());
    assert_eq!(passed.lines(), ["one", "two"]);
    let codes = passed.codes();
    for code in ["duplicate_page", "page_number_implausible", "folder_in_archive"] {
        assert!(codes.contains(&code), "{code}: {codes:?}");
    }
}

#[test]
fn the_same_texts_give_the_same_bytes_also_from_the_spool() {
    let mut in_order = Files::default();
    for page in 1..=120 {
        in_order.add(&format!("{page:08}.txt"), hex(&noise(page, 20_000)).as_bytes());
    }
    let mut reversed = in_order.clone();
    reversed.0.reverse();
    let (one, other) = (look_into(&in_order.tar_gz()), look_into(&reversed.tar_gz()));
    assert_eq!(one.text, other.text);
    assert_eq!(one.text[4..8], [0; 4], "no time in the gzip header");
    assert_eq!(one.text[3], 0, "no name in the gzip header");
    assert_eq!(one.lines().len(), 120);
    let plain = pass_plain_with(
        &reversed.tar_gz(),
        &PassOptions {
            compress_text: false,
            require_volume: false,
            ..PassOptions::default()
        },
    );
    assert_eq!(plain.text, gunzip(&one.text));
}

#[test]
fn of_several_mets_the_readable_one_for_this_book_counts() {
    let bare = Files::bare(1, 10);
    let titled = |title: &str, object: &str| {
        bare.mets(true)
            .replace("On tides &amp; moons", title)
            .replace("OBJID=\"TESTLIB:TL0000000001\"", object)
    };
    let (ours, another, nameless) = (
        titled("Right", "OBJID=\"TESTLIB:TL0000000001\""),
        titled("Wrong", "OBJID=\"TESTLIB:TL0000000009\""),
        titled("Wrong", ""),
    );
    let cases: [(&str, [(&str, &str); 2]); 7] = [
        (
            "another book's under the right name",
            [("TL0000000001.xml", &another), ("b.xml", &ours)],
        ),
        ("another book's first", [("a.xml", &another), ("b.xml", &ours)]),
        ("another book's last", [("a.xml", &ours), ("b.xml", &another)]),
        ("a nameless one", [("a.xml", &nameless), ("b.xml", &ours)]),
        (
            "a broken one with the right name",
            [("TL0000000001.xml", &ours[..200]), ("b.xml", &ours)],
        ),
        (
            "one without a record",
            [("TL0000000001.xml", "<mets/>"), ("b.xml", &ours)],
        ),
        (
            "litter",
            [("._TL0000000001.xml", &another), ("TL0000000001.xml", &ours)],
        ),
    ];
    for (what, files) in cases {
        let archive = files.iter().fold(bare.clone(), |archive, (name, mets)| {
            archive.with(name, mets.as_bytes())
        });
        let passed = pass_plain(&archive.tar_gz());
        let title = passed
            .volume()
            .marc
            .as_ref()
            .and_then(|marc| marc.marc_title.as_deref());
        assert_eq!(title, Some("Right"), "{what}");
    }
}

#[test]
fn a_byte_order_mark_is_a_signature_and_all_else_is_kept() {
    let files = Files::default()
        .with("00000001.txt", "\u{feff}one\r\n".as_bytes())
        .with("00000002.txt", b"\xff\xfet\0w\0o\0\r\0\n\0")
        .with("00000003.html", b"<html></html>");
    let passed = look_into(&files.tar_gz());
    assert_eq!(passed.lines(), ["one\r\n", "two\r\n", ""]);
    let codes = passed.codes();
    assert!(
        codes.contains(&"byte_order_mark") && codes.contains(&"text_in_utf16"),
        "{codes:?}"
    );
}

#[test]
fn long_pax_records_are_passed_over() {
    let value = "x".repeat(3 << 20);
    let records = [("SCHILY.xattr.user.note", value.as_str()), ("path", "00000001.txt")];
    for global in [false, true] {
        let mut builder = tar::Builder::new(Vec::new());
        builder
            .append_pax_extensions(records.map(|(key, value)| (key, value.as_bytes())))
            .unwrap();
        let mut tar = builder.into_inner().unwrap();
        tar.truncate(tar.len() - 1_024);
        let name: &[u8] = if global { b"00000001.txt" } else { b"short" };
        if global {
            tar[156] = b'g';
            let sum: u32 = tar[..148]
                .iter()
                .chain(&tar[156..512])
                .map(|byte| u32::from(*byte))
                .sum::<u32>()
                + 256;
            tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        let file = with_data(raw_entry(tar::EntryType::Regular, name, 3), b"one");
        let whole = [tar, file, vec![0; 1_024]].concat();
        assert_eq!(look_into(&gz(&whole)).lines(), ["one"], "global: {global}");
    }
}

fn raw_entry(kind: tar::EntryType, name: &[u8], size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn hostile(tar: &[u8], expected: ArchiveLimit) {
    let passed = look_into(&gz(tar));
    match passed.error() {
        ArchiveError::Hostile { limit, .. } => assert_eq!(*limit, expected),
        other => panic!("{expected}: {other}"),
    }
}

#[test]
fn what_no_honest_archive_holds_is_refused() {
    use tar::EntryType as Type;
    for name in [
        "/etc/passwd",
        "../00000001.txt",
        "a/../../b",
        "a\\..\\b",
        "C:/x",
        "a/..",
    ] {
        hostile(&raw_entry(Type::Regular, name.as_bytes(), 0), ArchiveLimit::UnsafeName);
    }
    hostile(&raw_entry(Type::Symlink, b"00000001.txt", 0), ArchiveLimit::Link);
    hostile(&raw_entry(Type::Link, b"00000001.txt", 0), ArchiveLimit::Link);
    for (kind, size) in [(Type::Char, 0), (Type::Block, 0), (Type::Fifo, 512)] {
        hostile(&raw_entry(kind, b"dev", size), ArchiveLimit::SpecialFile);
    }
    hostile(
        &raw_entry(Type::Regular, b"00000001.jp2", 1 << 60),
        ArchiveLimit::MemberSize,
    );
    hostile(
        &raw_entry(Type::Regular, b"00000001.txt", 1 << 30),
        ArchiveLimit::PageText,
    );
    hostile(
        &raw_entry(Type::Regular, b"checksum.md5", 1 << 30),
        ArchiveLimit::ChecksumList,
    );
    hostile(
        &raw_entry(Type::GNULongName, b"././@LongLink", 1 << 40),
        ArchiveLimit::HeaderSize,
    );
    hostile(&raw_entry(Type::XHeader, b"pax", 1 << 30), ArchiveLimit::HeaderSize);
}

#[test]
fn what_is_odd_and_harms_nothing_is_a_finding() {
    use tar::EntryType as Type;
    let volume = Files::volume(2, 300);
    for (what, entry, found, verified) in [
        ("a pipe", raw_entry(Type::Fifo, b"queue", 0), true, true),
        (
            "a pipe that is named as a page",
            raw_entry(Type::Fifo, b"00000003.jp2", 0),
            true,
            false,
        ),
        ("an empty folder", raw_entry(Type::Directory, b"extra/", 0), false, true),
        ("the folder itself", raw_entry(Type::Directory, b"./", 0), false, true),
        (
            "a folder with a size",
            raw_entry(Type::Directory, b"extra/", 4_096),
            false,
            true,
        ),
        (
            "a pax header for all",
            with_data(raw_entry(Type::XGlobalHeader, b"pax", 13), b"13 comment=x\n"),
            false,
            true,
        ),
    ] {
        let passed = pass_plain(&gz(&[entry, volume.tar()].concat()));
        assert_eq!(passed.volume().acceptance.verified, verified, "{what}");
        assert_eq!(passed.codes(), vec!["odd_entry"; usize::from(found)], "{what}");
    }
    let continued = look_into(&gz(&raw_entry(Type::new(b'M'), b"00000001.jp2", 0)));
    assert!(
        matches!(continued.error(), ArchiveError::UnreadTar { what, .. } if what.contains("another archive")),
        "{}",
        continued.error()
    );
}

fn with_data(mut entry: Vec<u8>, data: &[u8]) -> Vec<u8> {
    entry.extend_from_slice(data);
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

#[test]
fn extended_headers_cannot_smuggle_names_or_sizes() {
    use tar::EntryType as Type;
    let long = |name: &[u8]| with_data(raw_entry(Type::GNULongName, b"././@LongLink", name.len() as u64), name);
    let pax = |record: &str| {
        let length = (1..100_000)
            .find(|length| format!("{length} {record}\n").len() == *length)
            .unwrap();
        let record = format!("{length} {record}\n");
        with_data(raw_entry(Type::XHeader, b"pax", record.len() as u64), record.as_bytes())
    };
    let file = raw_entry(Type::Regular, b"innocent", 0);
    hostile(
        &[long(b"../../evil\0"), file.clone()].concat(),
        ArchiveLimit::UnsafeName,
    );
    hostile(&[long(&[b'a'; 600]), file.clone()].concat(), ArchiveLimit::NameLength);
    hostile(
        &[pax("path=/etc/passwd"), file.clone()].concat(),
        ArchiveLimit::UnsafeName,
    );
    hostile(
        &[pax("size=1152921504606846976"), file.clone()].concat(),
        ArchiveLimit::MemberSize,
    );
    for sparse in [
        [pax("GNU.sparse.major=1"), raw_entry(Type::Regular, b"00000001.jp2", 0)].concat(),
        raw_entry(Type::GNUSparse, b"00000001.jp2", 512),
    ] {
        let (looked, archive) = (look_into(&gz(&sparse)), gz(&sparse));
        let error = looked.error();
        assert!(matches!(error, ArchiveError::UnreadTar { .. }), "{error}");
        assert!(error.to_string().contains("sparse file"), "{error}");
        let seen = error.seen().expect("it is kept in quarantine");
        assert_eq!(seen.bytes, archive.len() as u64);
    }
    for bad in ["size=-1", "size=x"] {
        assert!(matches!(
            look_into(&gz(&[pax(bad), file.clone()].concat())).error(),
            ArchiveError::Damaged { .. }
        ));
    }
    // Honest ones are followed.
    let named = [
        pax("path=00000001.txt"),
        with_data(raw_entry(Type::Regular, b"short", 3), b"one"),
        vec![0; 1_024],
    ]
    .concat();
    assert_eq!(look_into(&gz(&named)).lines(), ["one"]);
    let named = [
        long(b"./00000001.txt\0"),
        with_data(raw_entry(Type::Regular, b"short", 3), b"one"),
        vec![0; 1_024],
    ]
    .concat();
    assert_eq!(look_into(&gz(&named)).lines(), ["one"]);
}

#[test]
fn a_long_name_that_the_header_cuts_at_a_slash_is_a_files() {
    use tar::EntryType as Type;
    let name = format!("{}/{}", "n".repeat(99), "x.log");
    let tar = [
        with_data(
            raw_entry(Type::GNULongName, b"././@LongLink", name.len() as u64),
            name.as_bytes(),
        ),
        with_data(raw_entry(Type::Regular, &name.as_bytes()[..100], 3), b"log"),
        with_data(raw_entry(Type::Regular, b"00000001.txt", 3), b"one"),
        vec![0; 1_024],
    ];
    assert_eq!(look_into(&gz(&tar.concat())).lines(), ["one"]);
}

#[test]
fn the_label_of_a_volume_is_passed_over() {
    let mut label = tar::Header::new_gnu();
    label.set_entry_type(tar::EntryType::new(b'V'));
    label.as_old_mut().name[..3].copy_from_slice(b"vol");
    label.as_old_mut().size = [0; 12];
    label.set_cksum();
    let file = with_data(raw_entry(tar::EntryType::Regular, b"00000001.txt", 3), b"one");
    let tar = [label.as_bytes().to_vec(), file, vec![0; 1_024]].concat();
    assert_eq!(look_into(&gz(&tar)).lines(), ["one"]);
}

#[test]
fn an_entry_of_an_unknown_kind_is_a_file() {
    for (kind, expected) in [
        (b'8', &["one"][..]),
        (b'z', &["one"]),
        (b'Q', &["one"]),
        (b'D', &[]),
        (b'X', &[]),
    ] {
        let odd = with_data(raw_entry(tar::EntryType::new(kind), b"00000001.txt", 3), b"one");
        let passed = look_into(&gz(&[odd, vec![0; 1_024]].concat()));
        assert_eq!(passed.lines(), expected, "{}", char::from(kind));
        assert!(passed.codes().contains(&"odd_entry"), "{}", char::from(kind));
    }
}

#[test]
fn a_hundred_thousand_entries_are_refused() {
    let entry = raw_entry(tar::EntryType::Regular, b"a", 0);
    hostile(&entry.repeat(100_000), ArchiveLimit::Entries);
}

#[test]
fn a_bomb_is_refused_by_its_ratio_and_a_real_one_by_its_size() {
    let entry = raw_entry(tar::EntryType::Regular, b"00000001.jp2", 3 << 30);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&entry).unwrap();
    for _ in 0..200 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let passed = pass_plain(&bomb);
    assert!(
        matches!(
            passed.error(),
            ArchiveError::Hostile {
                limit: ArchiveLimit::ExpansionRatio,
                ..
            }
        ),
        "{}",
        passed.error()
    );
    let small = ArchiveLimits {
        total_bytes: 10_000,
        ..ArchiveLimits::default()
    };
    let passed = pass_plain_with(
        &Files::volume(3, 5_000).tar_gz(),
        &PassOptions {
            limits: small,
            ..PassOptions::default()
        },
    );
    assert!(
        matches!(
            passed.error(),
            ArchiveError::Hostile {
                limit: ArchiveLimit::TotalSize,
                ..
            }
        ),
        "{}",
        passed.error()
    );
}

#[test]
fn a_broken_or_cut_tar_is_damage() {
    let tar = Files::volume(2, 3_000).tar();
    for end in [100, 512, 700, 3_000, 4_000] {
        assert!(
            matches!(pass_plain(&gz(&tar[..end])).error(), ArchiveError::Damaged { .. }),
            "{end}"
        );
    }
    let mut flipped = tar.clone();
    flipped[3] ^= 1;
    assert!(matches!(
        pass_plain(&gz(&flipped)).error(),
        ArchiveError::Damaged { .. }
    ));
    let unterminated = pass_plain(&gz(&tar[..tar.len() - 1_024]));
    assert!(
        unterminated.codes().contains(&"tar_unterminated"),
        "{:?}",
        unterminated.codes()
    );
    let mut tail = tar.clone();
    tail.extend_from_slice(&[7; 512]);
    assert_eq!(pass_plain(&gz(&tail)).codes(), ["trailing_data"]);
    let behind_gzip = [gz(&tar), b"garbage".to_vec()].concat();
    assert_eq!(pass_plain(&behind_gzip).codes(), ["trailing_data"]);
}

/// The page texts of a folder or an archive, one string a page.
fn lines_of(path: &std::path::Path) -> Vec<String> {
    let options = PassOptions {
        compress_text: false,
        ..PassOptions::default()
    };
    let mut lines = Vec::new();
    inspect(path, &mut lines, None, &options).unwrap();
    let strings = serde_json::Deserializer::from_slice(&lines).into_iter::<String>();
    strings.collect::<Result<_, _>>().unwrap()
}

#[test]
fn what_gnu_tar_and_two_gzip_members_make_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::volume(4, 900);
    for (name, bytes) in &files.0 {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    for format in ["gnu", "pax", "ustar", "v7", "oldgnu"] {
        let tar = std::process::Command::new("tar")
            .args(["--format", format, "-C"])
            .arg(folder.path())
            .args(["-cf", "-", "."])
            .output()
            .unwrap();
        let (front, back) = tar.stdout.split_at(tar.stdout.len() / 3);
        let passed = pass_plain(&[gz(front), gz(back)].concat());
        assert!(passed.volume().acceptance.verified, "{format}");
        assert_eq!(
            (passed.volume().acceptance.pages, passed.codes()),
            (4, Vec::new()),
            "{format}"
        );
    }
    let lines = lines_of(folder.path());
    assert_eq!(lines, (1..=4).map(text).collect::<Vec<_>>());
    let inspection = inspect(
        folder.path(),
        std::io::sink(),
        Some(&barcode()),
        &PassOptions::default(),
    )
    .unwrap();
    assert_eq!((inspection.record, inspection.pages), (RecordKind::Found, 4));
    let tar_gz = folder.path().join("all.tar.gz");
    std::fs::write(&tar_gz, files.tar_gz()).unwrap();
    assert_eq!(lines_of(&tar_gz), lines);
    assert_eq!(
        inspect(&tar_gz, std::io::sink(), None, &PassOptions::default())
            .unwrap()
            .marc,
        inspection.marc
    );
    let xml = folder.path().join("TESTLIB_TL0000000001.xml");
    assert_eq!(
        inspect(&xml, std::io::sink(), None, &PassOptions::default())
            .unwrap()
            .marc,
        inspection.marc
    );
}
