//! Answers of `_process` in the forms that have been met.

use crate::grin::process_reply::*;
use ProcessOutcome as O;

fn asked(names: &[&str]) -> Vec<Barcode> {
    names.iter().map(|name| Barcode::parse(name).unwrap()).collect()
}

fn outcomes(reply: &ProcessReply) -> Vec<(&str, O, &str)> {
    reply
        .outcomes
        .iter()
        .map(|p| (p.barcode.as_str(), p.outcome, p.words.as_str()))
        .collect()
}

#[test]
fn rows_in_any_order_with_known_and_unknown_words() {
    let body =
        b"Barcode\tStatus\r\nTL0003\tBusy with other things\r\nTL0001\tSuccess\r\nTL0002\tAlready being converted\r\n";
    let reply = parse_process_reply(200, body, &asked(&["TL0001", "TL0002", "TL0003", "TL0004"]));
    let expected = [
        ("TL0001", O::Requested, "Success"),
        ("TL0002", O::InProcess, "Already being converted"),
        ("TL0003", O::Unknown, "Busy with other things"),
        ("TL0004", O::NoAnswer, ""),
    ];
    assert_eq!(outcomes(&reply), expected);
    assert_eq!((reply.refusal, reply.warnings.len()), (None, 0));
}

#[test]
fn an_answer_for_another_volume_is_not_ours() {
    let reply = parse_process_reply(200, b"Barcode\tStatus\nTL0009\tSuccess\n", &asked(&["TL0001"]));
    assert_eq!(outcomes(&reply), [("TL0001", O::NoAnswer, "")]);
    assert_eq!(reply.warnings, ["TL0009 is answered but was not asked for"]);
}

#[test]
fn cells_are_parted_by_tabs_or_blanks_and_there_may_be_more_of_them() {
    for body in [
        "Barcode  Status\nTL0001  Already being converted\n",
        "Barcode    Status\nTL0001      Already being converted  \n",
        "Barcode\tStatus\tDetail\nTL0001\tAlready being converted\tsince Monday\n",
        "Barcode\tTitle\tStatus\nTL0001\tSuccess  story\tAlready being converted\n",
        "Barcode\tStatus\nTL0001\tAlready being converted\tsince Monday\n",
        "Barcode\nTL0001\tAlready being converted\n",
    ] {
        let reply = parse_process_reply(200, body.as_bytes(), &asked(&["TL0001"]));
        assert_eq!(
            outcomes(&reply),
            [("TL0001", O::InProcess, "Already being converted")],
            "{body}"
        );
        assert_eq!((reply.refusal, reply.warnings), (None, Vec::new()), "{body}");
    }
}

#[test]
fn odd_barcodes_are_compared_as_they_are() {
    let body = b"Barcode\tStatus\n$B988123\tSuccess\n+Z204417703\tOther error\nB988123\tSuccess\n";
    let reply = parse_process_reply(200, body, &asked(&["+Z204417703", "$B988123"]));
    let expected = [
        ("+Z204417703", O::RetryLater, "Other error"),
        ("$B988123", O::Requested, "Success"),
    ];
    assert_eq!(outcomes(&reply), expected);
    assert_eq!(reply.warnings, ["B988123 is answered but was not asked for"]);
}

#[test]
fn case_of_letters_may_differ() {
    let reply = parse_process_reply(200, b"Barcode\tStatus\nTL00A1\tSuccess\n", &asked(&["tl00a1"]));
    assert_eq!(outcomes(&reply), [("tl00a1", O::Requested, "Success")]);
}

#[test]
fn statuses_speak_for_all() {
    for (status, outcome) in [(429, O::QueueFull), (403, O::Forbidden), (503, O::UnavailableService)] {
        let reply = parse_process_reply(
            status,
            b"Barcode\tStatus\nTL0001\tSuccess\n",
            &asked(&["TL0001", "TL0002"]),
        );
        assert_eq!(outcomes(&reply), [("TL0001", outcome, ""), ("TL0002", outcome, "")]);
    }
}

#[test]
fn the_page_form() {
    let page = "<html><body><div id=\"Main\"><table><tr><td>menu</td><td><div><PRE class=x>Barcode\tStatus\n\
        TL0001\t<b>Already available</b> for download\nTL0002\tA &amp; B</PRE></div></td></tr></table></div></body></html>";
    let reply = parse_process_reply(200, page.as_bytes(), &asked(&["TL0001", "TL0002"]));
    let expected = [
        ("TL0001", O::AlreadyAvailable, "Already available for download"),
        ("TL0002", O::Unknown, "A & B"),
    ];
    assert_eq!(outcomes(&reply), expected);
    let reply = parse_process_reply(200, b"<div id=Main><pre>Success", &asked(&["TL0001"]));
    assert_eq!(outcomes(&reply), [("TL0001", O::Requested, "Success")]);
}

#[test]
fn no_answer_is_no_refusal_of_the_volume() {
    let cases: [(&[u8], Option<AnswerRefusal>, O); 6] = [
        (b"", Some(AnswerRefusal::Empty), O::NoAnswer),
        (b"Barcode\tStatus\n", None, O::NoAnswer),
        (b"<html>hello</html>", Some(AnswerRefusal::Html), O::NoAnswer),
        (
            b"<html>Your request is unavailable</html>",
            Some(AnswerRefusal::Unavailable),
            O::UnavailableService,
        ),
        (
            b"<form action='https://accounts.google.com/ServiceLogin'>",
            Some(AnswerRefusal::SignIn),
            O::NoAnswer,
        ),
        (b"{\"a\":\n1}", Some(AnswerRefusal::NotAList), O::NoAnswer),
    ];
    for (body, refusal, outcome) in cases {
        let reply = parse_process_reply(200, body, &asked(&["TL0001"]));
        assert_eq!(
            (reply.refusal, reply.outcomes[0].outcome),
            (refusal, outcome),
            "{}",
            String::from_utf8_lossy(body)
        );
    }
}

#[test]
fn odd_answers() {
    let reply = parse_process_reply(200, b"TL0001\tSuccess\n", &asked(&["TL0001"]));
    assert_eq!((reply.outcomes[0].outcome, reply.warnings.len()), (O::Requested, 1));
    let reply = parse_process_reply(200, b"Barcode\tStatus\nTL0001\tSuccess\nTL0001\tOther error\n", &[]);
    assert_eq!(
        (outcomes(&reply), reply.warnings.len()),
        (vec![("TL0001", O::Requested, "Success")], 1)
    );
    let reply = parse_process_reply(
        200,
        b"Barcode\tStatus\n../x\tSuccess\nTL0001\n\xff\t\x00\n",
        &asked(&["TL0001"]),
    );
    assert_eq!(outcomes(&reply), [("TL0001", O::Unknown, "")]);
    let reply = parse_process_reply(200, b"<pre", &asked(&["TL0001"]));
    assert_eq!(reply.outcomes[0].outcome, O::NoAnswer);
}
