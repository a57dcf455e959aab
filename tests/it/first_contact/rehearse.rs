//! `grind rehearse`: few requests, nothing stored, and what is not recognised is said.

use grind::diagnostics::{UnrecognisedAnswer, UnrecognisedKind};
use grind::lab::simulator::{
    FaultKind, ListConfig, PagerForm, ReplayedAnswers, SimulatorConfig, SimulatorRequest, StateMix,
};

use super::{away, end_sign_in, library, requests, signed_in};
use crate::support::Home;

fn small() -> SimulatorConfig {
    library(150)
}

#[test]
fn a_known_grin_is_recognised_with_few_requests_and_nothing_is_kept() {
    let home = signed_in(small());
    let ended = home.grind(&["rehearse"]);
    assert_eq!(ended.status.code(), Some(0), "{} {}", ended.out, ended.err);
    for words in [
        "recognised: _all_books as pages, 100 rows",
        "recognised: _failed as text with columns",
        "The daemon would read on at http",
        "_barcode_search for 5 books, 5 in the answer",
        "it has an ETag",
        "the passphrase or key opens it",
        "a part alone can be had",
        "nothing asked for conversion",
    ] {
        assert!(ended.out.contains(words), "{words}: {}", ended.out);
    }
    assert!(requests(&home.simulator) <= 30, "{}", requests(&home.simulator));
    assert_eq!(home.simulator.stats().count(SimulatorRequest::Process), 0);
    assert!(!home.root().exists() && !home.folder.path().join("catalog.db").exists());
}

#[test]
fn redirects_and_repeats_do_not_lead_beyond_the_bound() {
    let faults = grind::lab::simulator::FaultPlan::default().with(FaultKind::TokenRefused, 0.7);
    let home = signed_in(SimulatorConfig { faults, ..small() });
    let ended = home.grind(&["rehearse"]);
    assert!(ended.status.code().is_some(), "{}", ended.err);
    let tokens = home.simulator.stats().count(SimulatorRequest::Token);
    assert!(
        requests(&home.simulator) - tokens <= 30,
        "{} {}",
        requests(&home.simulator),
        ended.out
    );
}

#[test]
fn a_page_and_an_archive_that_are_not_recognised_are_said_with_what_would_follow() {
    let home = Home::new(small(), "");
    home.simulator
        .inject(SimulatorRequest::ListPage, None, FaultKind::NoHeading);
    home.simulator.inject(SimulatorRequest::Get, None, FaultKind::Html);
    let ended = home.grind(&["rehearse"]);
    assert_eq!(ended.status.code(), Some(1), "{} {}", ended.out, ended.err);
    assert!(ended.out.matches("NOT RECOGNISED").count() >= 2, "{}", ended.out);
    assert!(
        ended.out.contains("The daemon would record nothing of it"),
        "{}",
        ended.out
    );
    assert!(ended.out.contains("The daemon would not store it"), "{}", ended.out);
    assert!(!ended.out.contains("report the lines"), "{}", ended.out);
    assert!(ended.out.contains("`grind support-bundle`"), "{}", ended.out);
    let folder = home.folder.path().join("diagnostics").display().to_string();
    assert!(ended.out.contains(&folder), "{folder}: {}", ended.out);
}

#[test]
fn a_pager_that_is_not_understood_is_said() {
    let lists = ListConfig {
        pager: PagerForm::Script,
        ..ListConfig::default()
    };
    let home = Home::new(SimulatorConfig { lists, ..small() }, "");
    let ended = home.grind(&["rehearse"]);
    assert_eq!(ended.status.code(), Some(1), "{} {}", ended.out, ended.err);
    assert!(
        ended.out.contains("it is not sure that the list ends here"),
        "{}",
        ended.out
    );
}

#[test]
fn a_grin_without_parts_is_said_to_have_none() {
    let home = Home::new(
        SimulatorConfig {
            books: 2,
            image_bytes: 2_000_000,
            ranges: false,
            ..small()
        },
        "",
    );
    let ended = home.grind(&["rehearse"]);
    assert!(
        ended.out.contains("GRIN sends the whole archive in place of a part"),
        "{}",
        ended.out
    );
    assert_eq!(ended.status.code(), Some(1), "{} {}", ended.out, ended.err);
}

#[test]
fn without_an_archive_the_rest_is_rehearsed() {
    let home = Home::new(
        SimulatorConfig {
            mix: StateMix::NEW,
            ..small()
        },
        "",
    );
    let ended = home.grind(&["rehearse"]);
    assert!(
        ended.out.contains("left out: an archive: GRIN has none ready"),
        "{}",
        ended.out
    );
    assert_eq!(ended.status.code(), Some(0), "{} {}", ended.out, ended.err);
}

#[test]
fn a_sign_in_that_has_ended_and_a_grin_that_is_away_have_their_codes() {
    let home = signed_in(small());
    end_sign_in(&home);
    let ended = home.grind(&["rehearse"]);
    assert_eq!(ended.status.code(), Some(77), "{}", ended.err);
    let ended = Home::new(small(), &away()).grind(&["rehearse"]);
    assert_eq!(ended.status.code(), Some(69), "{}", ended.err);
}

/// A GRIN that answers its directory with this page and status, and the rest as always.
fn with_summary(status: u16, page: &str) -> Home {
    let url = "https://books.example/libraries/TESTLIB/?format=text&result_count=1";
    let answer = UnrecognisedAnswer::new(UnrecognisedKind::Answer, "")
        .asked_at(&url.parse().unwrap())
        .answered("text/html", page.as_bytes());
    let answer = UnrecognisedAnswer {
        status: Some(status),
        ..answer
    };
    signed_in(SimulatorConfig {
        replay: ReplayedAnswers::of(vec![answer]),
        ..small()
    })
}

#[test]
fn behind_a_summary_that_is_not_recognised_the_rest_is_rehearsed_and_it_is_kept() {
    for (status, page) in [(200, "<html>Welcome</html>"), (410, "<html>Gone</html>")] {
        let home = with_summary(status, page);
        let ended = home.grind(&["rehearse"]);
        assert_eq!(ended.status.code(), Some(1), "{} {}", ended.out, ended.err);
        for words in [
            "NOT RECOGNISED: the summary of the directory",
            "recognised: _all_books as pages, 100 rows",
            "the passphrase or key opens it",
        ] {
            assert!(ended.out.contains(words), "{words}: {}", ended.out);
        }
        assert!(!ended.out.contains("network"), "{}", ended.out);
        let kept = std::fs::read_dir(home.folder.path().join("diagnostics")).unwrap();
        assert_eq!(kept.count(), 1, "{status}");
        let ended = home.grind(&["check-config", "--connect"]);
        assert!(ended.out.contains("warning: auth: "), "{}", ended.out);
        assert!(ended.out.contains("ok: grin._converted: "), "{}", ended.out);
        assert_eq!(ended.status.code(), Some(0), "{}", ended.out);
    }
}
