//! `grind parse` on small archives made here.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use serde_json::{Value, json};

use crate::archive::hex;
use crate::cli::parse::tests::parse;
use crate::grin::Barcode;
use crate::lab::simulator::{RunningSimulator, Simulator, SimulatorConfig};
use crate::settings::DEMO_PASSPHRASE;

const METS: &str = r#"<mets:mets xmlns:mets="http://www.loc.gov/METS/" xmlns:s="http://www.loc.gov/MARC21/slim">
<mets:dmdSec ID="D"><mets:mdWrap MDTYPE="MARC"><mets:xmlData><s:record><s:leader>01234cam a2200301 a 4500</s:leader>
<s:controlfield tag="001">99001</s:controlfield>
<s:controlfield tag="008">870101s1887    enk                 eng d</s:controlfield>
<s:datafield tag="020" ind1=" " ind2=" "><s:subfield code="a">1</s:subfield></s:datafield>
<s:datafield tag="020" ind1=" " ind2=" "><s:subfield code="a">2</s:subfield></s:datafield>
</s:record></mets:xmlData></mets:mdWrap></mets:dmdSec></mets:mets>"#;

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let mut files = vec![
        ("00000001.jp2", b"one".to_vec()),
        ("00000001.txt", b"first\n".to_vec()),
        ("00000002.jp2", b"two".to_vec()),
        ("00000003.jp2", b"three".to_vec()),
        ("00000003.txt", b"third".to_vec()),
        ("TESTLIB_TL0001.xml", METS.as_bytes().to_vec()),
    ];
    let list: String = files
        .iter()
        .map(|(name, bytes)| format!("{}  {name}\n", hex(&Md5::digest(bytes))))
        .collect();
    files.push(("checksum.md5", list.into_bytes()));
    files
}

fn tar_gz(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, &bytes[..]).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn has_code(json: &Value, code: &str) -> bool {
    json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .any(|finding| finding["code"] == code)
}

#[test]
fn a_mets_by_itself_and_in_an_archive_gives_the_same_record() {
    let archive = tar_gz(&files());
    for input in [METS.as_bytes(), &archive] {
        let (json, code) = parse(&["mets", "FILE"], input);
        let marc = json!({"marc_control_number": "99001", "marc_date_type": "s", "marc_date_1": "1887",
            "marc_language": "eng", "marc_isbn": ["1", "2"]});
        assert_eq!(
            (&json["marc"], &json["record"], code),
            (&marc, &json!("found"), 0),
            "{json}"
        );
        assert_eq!((&json["warnings"], &json["refusal"]), (&json!([]), &Value::Null));
    }
}

#[test]
fn a_mets_that_is_none_says_so() {
    let cases: [(&[u8], &str, Value, u8); 3] = [
        (
            b"<mets xmlns=\"http://www.loc.gov/METS/\"><dmdSec>",
            "malformed",
            json!("malformed"),
            1,
        ),
        (
            b"<!DOCTYPE mets [<!ENTITY a \"b\">]><mets/>",
            "refused",
            json!("refused"),
            1,
        ),
        (b"<mets xmlns=\"http://www.loc.gov/METS/\"/>", "no_marc", Value::Null, 0),
    ];
    for (input, record, refusal, expected) in cases {
        let (json, code) = parse(&["mets", "FILE"], input);
        assert_eq!(
            (&json["record"], &json["refusal"], code),
            (&json!(record), &refusal, expected),
            "{json}"
        );
        assert_eq!(json["marc"], json!({}));
    }
}

#[test]
fn page_texts_have_a_line_for_every_page() {
    let (json, code) = parse(&["ocr", "FILE"], &tar_gz(&files()));
    assert_eq!(
        (&json["pages"], &json["text"], code),
        (&json!(3), &json!(["first\n", "", "third"]), 0)
    );
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files() {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let (of_folder, _) = parse(&["ocr", folder.path().to_str().unwrap()], b"");
    assert_eq!(of_folder, json);
    // Where neither a METS nor a list could name it, a text behind the last image is kept as it is where one names it.
    let mut unnamed = files();
    unnamed.truncate(5);
    unnamed.push(("00000004.txt", b"last".to_vec()));
    let (json, _) = parse(&["ocr", "FILE"], &tar_gz(&unnamed));
    assert_eq!(json["text"], json!(["first\n", "", "third", "last"]));
    let (json, code) = parse(&["ocr", "FILE"], b"<html>no");
    assert_eq!((&json["refusal"], code), (&json!("not_an_archive"), 1));
}

#[test]
fn checksum_lists() {
    let digest = "d41d8cd98f00b204e9800998ecf8427e";
    let list = format!("{digest}  ./00000001.jp2\nnonsense\n");
    let (json, code) = parse(&["checksums", "FILE"], list.as_bytes());
    assert_eq!((&json["digests"], code), (&json!({"00000001.jp2": digest}), 0));
    assert_eq!(json["warnings"].as_array().unwrap().len(), 1);
    for (input, refusal) in [(&b""[..], "empty"), (b"<html>", "not_a_list")] {
        let (json, code) = parse(&["checksums", "FILE"], input);
        assert_eq!((&json["refusal"], code), (&json!(refusal), 1));
    }
}

#[test]
fn an_archive_is_compared_file_by_file() {
    let mut files = files();
    let (json, code) = parse(&["archive", "FILE"], &tar_gz(&files));
    assert_eq!(
        (&json["verified"], &json["pages"], &json["text_pages"], code),
        (&json!(true), &json!(3), &json!(2), 0)
    );
    assert_eq!((&json["record"], &json["refusal"]), (&json!("found"), &Value::Null));
    assert_eq!(json["sha256"].as_str().map(str::len), Some(64));
    files[0].1.push(0);
    let (json, code) = parse(&["archive", "FILE"], &tar_gz(&files));
    assert_eq!(
        (&json["verified"], &json["refusal"], code),
        (&json!(false), &json!("checksum_mismatch"), 1)
    );
    assert!(has_code(&json, "checksum_mismatch"), "{json}");
    assert_eq!(json["sha256"].as_str().map(str::len), Some(64));
}

#[test]
fn the_name_of_a_file_does_not_say_which_book_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("TL7700000001.tar.gz");
    std::fs::write(&file, tar_gz(&files())).unwrap();
    let file = file.to_str().unwrap();
    let (json, code) = parse(&["archive", file], b"");
    assert_eq!(
        (&json["refusal"], &json["verified"], code),
        (&Value::Null, &json!(true), 0),
        "{json}"
    );
    let (json, code) = parse(&["archive", file, "--barcode", "TL7700000001"], b"");
    assert_eq!((&json["refusal"], code), (&json!("another_book"), 1), "{json}");
}

#[test]
fn a_cut_archive_and_a_page_in_place_of_one_are_told_apart() {
    let whole = tar_gz(&files());
    for (input, refusal) in [
        (&whole[..whole.len() - 20], "damaged"),
        (b"<html>sign in", "not_an_archive"),
        (b"<form><input type=\"password\"></form>", "sign_in"),
        (b"<html>Your request is unavailable", "unavailable"),
    ] {
        let (json, code) = parse(&["archive", "FILE"], input);
        assert_eq!(
            (&json["refusal"], &json["verified"], code),
            (&json!(refusal), &json!(false), 1),
            "{json}"
        );
        assert_eq!(json["warnings"].as_array().unwrap().len(), 1);
    }
}

fn download(simulator: &RunningSimulator, barcode: &Barcode) -> Vec<u8> {
    let mut server = TcpStream::connect(("127.0.0.1", simulator.port())).unwrap();
    let name = simulator.file_name(barcode).unwrap();
    let request = format!("GET /libraries/TESTLIB/{name} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    server.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).unwrap();
    let head = answer.windows(4).position(|part| part == b"\r\n\r\n").unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer[..head])
    );
    answer.split_off(head + 4)
}

#[test]
fn an_encrypted_archive_needs_its_passphrase() {
    let simulator = Simulator::start(SimulatorConfig {
        books: 1,
        pages: 2,
        ..SimulatorConfig::default()
    })
    .unwrap();
    let barcode: Barcode = simulator.barcodes().next().unwrap();
    let truth = simulator.truth(&barcode).unwrap();
    let archive = download(&simulator, &barcode);
    let folder = tempfile::tempdir().unwrap();
    let passphrase = folder.path().join("passphrase");
    let open = |content: &str, mode| {
        std::fs::write(&passphrase, content).unwrap();
        std::fs::set_permissions(&passphrase, std::fs::Permissions::from_mode(mode)).unwrap();
        parse(
            &["archive", "FILE", "--passphrase-file", passphrase.to_str().unwrap()],
            &archive,
        )
    };
    let (json, code) = open(&format!("{DEMO_PASSPHRASE}\n"), 0o600);
    assert_eq!(
        (&json["sha256"], &json["verified"], code),
        (&json!(truth.sha256), &json!(true), 0),
        "{json}"
    );
    assert!(!has_code(&json, "mets_misnamed"));
    assert_eq!(open("another", 0o600).0["refusal"], "wrong_passphrase");
    assert_eq!(parse(&["archive", "FILE"], &archive).0["refusal"], "no_passphrase");
}
