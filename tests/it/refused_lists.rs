//! Lists that GRIN does not hand out, in one form or in any, with the real program.

use std::time::Duration;

use crate::support::service::Service;
use crate::support::{Finished, Home, finish, states};
use grind::lab::simulator::{RefusedList, SimulatorConfig, SimulatorRequest};
use rustix::process::Signal;

/// What is said of a list that cannot be had and that nothing depends on.
const SAID: &str = "GRIN does not have this list for this account";

fn refusing(refused: &[&str]) -> SimulatorConfig {
    SimulatorConfig {
        books: 4,
        pages: 1,
        image_bytes: 200,
        refused_lists: refused.iter().map(|text| RefusedList::parse(text).unwrap()).collect(),
        ..SimulatorConfig::default()
    }
}

fn once(refused: &[&str]) -> (Home, Finished) {
    let home = Home::new(refusing(refused), "[retry]\nattempts = 2\nbase = \"1ms\"\n");
    let run = home.grind(&["run", "--once"]);
    (home, run)
}

#[test]
fn a_list_that_is_refused_in_one_form_is_read_in_the_other() {
    for refused in [
        "all_books:html=404",
        "all_books:html=403",
        "all_books:html=500",
        "converted:html=404",
        "failed:html=403",
        "in_process:all=404",
        "in_process:all=403",
        "in_process:all=500",
        // The books are only compared in this form, and in the other one where this cannot be had.
        "all_books:text=404",
        "all_books:text=500",
    ] {
        let (home, run) = once(&[refused]);
        assert_eq!(run.status.code(), Some(0), "{refused}: {}", run.err);
        assert_eq!(home.whole_books().len(), 4, "{refused}");
        assert!(!run.err.contains(SAID), "{refused}: {}", run.err);
    }
}

#[test]
fn a_list_that_is_refused_in_every_form_is_said_once_where_nothing_depends_on_it() {
    for refused in [
        &["in_process=404"][..],
        &["in_process=403"],
        &["failed=404"],
        &["failed:html=403", "failed:all=404"],
    ] {
        let (home, run) = once(refused);
        assert_eq!(run.status.code(), Some(0), "{refused:?}: {}", run.err);
        assert_eq!(home.whole_books().len(), 4, "{refused:?}");
        assert_eq!(run.err.matches(SAID).count(), 1, "{refused:?}: {}", run.err);
    }
}

#[test]
fn a_list_that_trouble_keeps_away_is_incomplete_whatever_depends_on_it() {
    for refused in [
        &["in_process=500"][..],
        &["failed=500"],
        &["failed:html=404", "failed:all=500"],
    ] {
        let (home, run) = once(refused);
        assert_eq!(run.status.code(), Some(1), "{refused:?}: {}", run.err);
        assert_eq!(home.whole_books().len(), 4, "{refused:?}");
        assert!(!run.err.contains(SAID), "{refused:?}: {}", run.err);
        assert!(run.err.contains("could not be read now"), "{refused:?}: {}", run.err);
    }
}

#[test]
fn a_run_fails_where_a_list_that_it_depends_on_is_refused_in_every_form() {
    for refused in ["all_books=404", "all_books=403", "converted=404", "converted=500"] {
        let (_home, run) = once(&[refused]);
        assert_eq!(run.status.code(), Some(1), "{refused}: {}", run.err);
        assert!(!run.err.contains(SAID), "{refused}: {}", run.err);
        let name = refused.split('=').next().unwrap();
        assert!(run.err.contains(&format!("_{name}: ")), "{refused}: {}", run.err);
    }
    // A list that a person names is wanted, whatever else depends on it.
    let home = Home::new(refusing(&["in_process=404"]), "");
    let collect = home.grind(&["collect", "--queue", "previous"]);
    assert_eq!(collect.status.code(), Some(1), "{}", collect.err);
    assert_eq!(states(&home).len(), 4, "the other list is read");
}

/// What a list is not complete for is said when it is met first, and in no round after it.
#[test]
fn a_daemon_says_once_why_a_list_is_incomplete() {
    let retries = "[retry]\nattempts = 1\nbase = \"1ms\"\ncap = \"100ms\"\n";
    let home = Home::new(refusing(&["failed=500"]), retries);
    let mut service = Service::of(home);
    // One in each round.
    let simulator = &service.home.simulator;
    assert!(simulator.wait_for(SimulatorRequest::TextList, 8, Duration::from_mins(1)));
    service.signal(Signal::TERM);
    let ended = service.finish();
    let said = ended.err.lines().filter(|line| line.contains("list incomplete"));
    assert_eq!(said.count(), 1, "{}", ended.err);
}

/// Round after round the list is asked for again, since the right to it may come; it is said once.
#[test]
fn a_first_pass_that_cannot_be_compared_with_any_text_form_fails_unless_there_is_none() {
    for (status, code) in [(404, 0), (403, 0), (500, 1)] {
        let refused = ["text", "all"].map(|form| format!("all_books:{form}={status}"));
        let (home, run) = once(&refused.each_ref().map(String::as_str));
        assert_eq!(run.status.code(), Some(code), "{status}: {}", run.err);
        assert_eq!(
            home.whole_books().len(),
            4,
            "{status}: what the pages name is fetched all the same"
        );
        let is_said = run.err.contains("could not be compared with its text form");
        assert_eq!(is_said, code == 1, "{status}: {}", run.err);
    }
}

#[test]
fn a_daemon_says_once_what_it_asks_for_in_every_round() {
    let home = Home::new(refusing(&["in_process=404"]), "[schedule]\nrefresh_every = \"1s\"\n");
    let mut service = Service::of(home);
    let simulator = &service.home.simulator;
    // Four times in the first round, three of them to count rows; once in each of the next two.
    assert!(simulator.wait_for(SimulatorRequest::TextList, 6, Duration::from_mins(1)));
    service.signal(Signal::TERM);
    let ended = service.finish();
    assert!(ended.status.success(), "{}", ended.err);
    // Nor is it said of the list that the signal interrupts.
    let said = ended.err.lines().filter(|line| line.contains("_in_process"));
    assert_eq!(said.count(), 1, "{}", ended.err);
}

/// Each step meets a port at which nobody listens any more.
#[test]
fn a_grin_that_is_away_has_a_code_of_its_own() {
    let home = Home::new(refusing(&[]), "");
    assert_eq!(home.grind(&["collect"]).status.code(), Some(0));
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let away = format!("http://{}/libraries/", listener.local_addr().unwrap());
    drop(listener);
    let known = home.simulator.barcode(0).unwrap();
    for step in [
        &["collect", "--queue", "converted"][..],
        &["sync"],
        &["sync", "--barcodes", known.as_str()],
        &["sync", "--barcodes", "TL0404NOWHERE"],
        &["run", "--once"],
    ] {
        let mut command = home.command(step);
        let ended = finish(command.env("GRIND__GRIN__BASE_URL", &away).spawn().unwrap());
        assert_eq!(ended.status.code(), Some(69), "{step:?}: {} {}", ended.out, ended.err);
        assert!(ended.err.contains("Run it again later"), "{step:?}: {}", ended.err);
    }
}
