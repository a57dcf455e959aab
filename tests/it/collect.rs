//! COLLECT with the real program: lists in every shape that pages are known to have, lists that break off, and what follows.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use crate::support::{Home, states};
use grind::grin::ListKind;
use grind::lab::simulator::{FaultKind, ListConfig, PagingForm, SimulatedState, SimulatorConfig, SimulatorRequest};

/// Five pages of ten books.
fn library(lists: ListConfig) -> SimulatorConfig {
    SimulatorConfig {
        books: 50,
        pages: 1,
        image_bytes: 200,
        s2k_count: 1_024,
        lists,
        ..SimulatorConfig::default()
    }
}

const PAGES_OF_TEN: &str = "[grin]\npage_size = 10\n[retry]\nattempts = 3\nbase = \"1ms\"\n";

/// Reads the list of all books and that of books in process.
const COLLECT: &[&str] = &["collect", "--queue", "previous"];

fn complete_passes(home: &Home) -> Vec<(String, bool, u64)> {
    let catalog = rusqlite::Connection::open(home.folder.path().join("catalog.db")).unwrap();
    let mut select = catalog
        .prepare("SELECT list, complete, rows FROM list_passes ORDER BY id")
        .unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

/// All books are known, none vanished, and one pass over all of them is complete.
fn all_is_known(home: &Home) {
    assert_eq!(states(home).len(), 50);
    let whole = complete_passes(home)
        .into_iter()
        .filter(|pass| pass.0 == "all_books" && pass.1);
    assert_eq!(whole.map(|pass| pass.2).collect::<Vec<_>>(), [50]);
    assert_eq!(vanished(home), 0);
}

fn vanished(home: &Home) -> u32 {
    let catalog = rusqlite::Connection::open(home.folder.path().join("catalog.db")).unwrap();
    let count = "SELECT count(*) FROM books WHERE vanished_at IS NOT NULL";
    catalog.query_row(count, [], |row| row.get(0)).unwrap()
}

#[test]
fn lists_of_every_shape_are_complete() {
    for paging in [PagingForm::First, PagingForm::Ctoken] {
        for odd in [false, true] {
            let lists = ListConfig {
                paging,
                layout_table: odd,
                unclosed_cells: odd,
                empty_last_page: odd,
                extra_column: odd,
                title_markup: odd,
                busy_pager: odd,
                ..ListConfig::default()
            };
            let home = Home::new(library(lists), PAGES_OF_TEN);
            let ended = home.grind(COLLECT);
            assert!(ended.status.success(), "{paging:?} {odd}: {}", ended.err);
            all_is_known(&home);
        }
    }
}

#[test]
fn a_list_whose_pages_break_off_for_good_is_read_as_text() {
    let home = Home::new(library(ListConfig::default()), PAGES_OF_TEN);
    for _ in 0..1_000 {
        home.simulator.inject_page(ListKind::AllBooks, 21, FaultKind::Status500);
    }
    let ended = home.grind(COLLECT);
    assert!(ended.status.success(), "{}", ended.err);
    all_is_known(&home);
}

/// The first two pages are recorded; the third fails as often as it is asked for.
fn broken_off(lists: ListConfig) -> Home {
    let home = Home::new(library(lists), PAGES_OF_TEN);
    for _ in 0..1_000 {
        home.simulator
            .inject_page(ListKind::AllBooks, 21, FaultKind::SignInPage);
    }
    let ended = home.grind(COLLECT);
    assert!(!ended.status.success(), "{}", ended.err);
    assert!(ended.err.contains("list incomplete"), "{}", ended.err);
    assert_eq!(states(&home).len(), 20);
    home.simulator.forget_injected();
    home
}

#[test]
fn a_pass_that_broke_off_is_resumed_where_it_broke() {
    let home = broken_off(ListConfig::default());
    let before = home.simulator.stats().count(SimulatorRequest::ListPage);
    let ended = home.grind(COLLECT);
    assert!(ended.status.success(), "{}", ended.err);
    // Three pages of this list; the other one is read as text.
    assert_eq!(
        home.simulator.stats().count(SimulatorRequest::ListPage) - before,
        3,
        "{}",
        ended.err
    );
    all_is_known(&home);
}

#[test]
fn a_pass_whose_mark_has_run_out_is_read_from_its_first_page() {
    let home = broken_off(ListConfig {
        paging: PagingForm::Ctoken,
        ..ListConfig::default()
    });
    let catalog = rusqlite::Connection::open(home.folder.path().join("catalog.db")).unwrap();
    let changed = catalog.execute(
        "UPDATE list_passes SET next_url = next_url || 'x' WHERE next_url LIKE '%ctoken=%'",
        [],
    );
    assert_eq!(changed.unwrap(), 1, "the link was kept");
    let ended = home.grind(COLLECT);
    assert!(ended.status.success(), "{}", ended.err);
    assert!(ended.err.contains("reading from the first page"), "{}", ended.err);
    assert_eq!(states(&home).len(), 50);
}

#[test]
fn a_resumed_pass_that_leads_nowhere_is_not_resumed_again() {
    let home = broken_off(ListConfig::default());
    for _ in 0..1_000 {
        home.simulator.inject_page(ListKind::AllBooks, 21, FaultKind::CutList);
    }
    assert!(!home.grind(COLLECT).status.success());
    home.simulator.forget_injected();
    let before = home.simulator.stats().count(SimulatorRequest::ListPage);
    assert!(home.grind(COLLECT).status.success());
    assert_eq!(
        home.simulator.stats().count(SimulatorRequest::ListPage) - before,
        5,
        "from the first page"
    );
    all_is_known(&home);
}

#[test]
fn a_row_that_cannot_be_taken_is_no_book_that_vanished() {
    for (fault, complete) in [(FaultKind::LongCell, true), (FaultKind::NoBarcode, false)] {
        let home = Home::new(library(ListConfig::default()), PAGES_OF_TEN);
        assert!(home.grind(COLLECT).status.success());
        home.simulator.inject_page(ListKind::AllBooks, 21, fault);
        let ended = home.grind(COLLECT);
        assert!(ended.status.success(), "{fault:?}: complete: {}", ended.err);
        let twentieth = home.simulator.barcode(20).unwrap();
        assert_eq!(
            ended.err.contains(twentieth.as_str()),
            complete,
            "{fault:?}: {}",
            ended.err
        );
        let passes = complete_passes(&home);
        let second = passes.iter().filter(|pass| pass.0 == "all_books").nth(1).unwrap();
        assert_eq!(second.1, complete, "{fault:?}");
        assert_eq!(vanished(&home), 0, "{fault:?}");
    }
}

/// The doubt of a pass's first part is not forgotten when it is resumed.
#[test]
fn a_pass_that_is_resumed_keeps_its_doubt() {
    let home = Home::new(library(ListConfig::default()), PAGES_OF_TEN);
    assert!(home.grind(COLLECT).status.success());
    home.simulator.inject_page(ListKind::AllBooks, 1, FaultKind::NoBarcode);
    for _ in 0..1_000 {
        home.simulator
            .inject_page(ListKind::AllBooks, 21, FaultKind::SignInPage);
    }
    assert!(!home.grind(COLLECT).status.success());
    home.simulator.forget_injected();
    let ended = home.grind(COLLECT);
    assert!(ended.status.success(), "{}", ended.err);
    let passes = complete_passes(&home);
    let second = passes.iter().filter(|pass| pass.0 == "all_books").nth(1).unwrap();
    // 49 books of the pages, and the one that only the text form names.
    assert_eq!((second.1, second.2), (false, 50), "{}", ended.err);
    assert_eq!(vanished(&home), 0);
}

#[test]
fn what_leaves_the_pool_before_it_is_fetched_is_asked_for_again_by_default() {
    let home = Home::new(library(ListConfig::default()), "");
    let ended = home.grind(&["collect"]);
    assert!(ended.status.success(), "{}", ended.err);
    let lost = home.simulator.barcode(7).unwrap();
    home.simulator.set_state(&lost, SimulatedState::PreviouslyDownloaded);
    // Whether the list or a 404 tells it first, the second run comes after both.
    for _ in 0..2 {
        let ended = home.grind(&["run", "--once"]);
        assert!(ended.status.success(), "{}", ended.err);
    }
    assert_eq!(home.simulator.stats().count(SimulatorRequest::Process), 1);
    assert_eq!(home.simulator.state(&lost), Some(SimulatedState::InProcess));
    assert_eq!(home.whole_books().len(), 49);
    let state = &states(&home)[lost.as_str()].0;
    assert!(["requested", "in_process"].contains(&state.as_str()), "{state}");
}

#[test]
fn with_v_each_request_to_grin_has_a_line() {
    let home = Home::new(library(ListConfig::default()), "");
    let lines = |arguments: &[&str]| {
        let ended = home.grind(arguments);
        assert!(ended.status.success(), "{}", ended.err);
        let of_request = |line: &&str| line.contains("request method=");
        ended
            .err
            .lines()
            .filter(of_request)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(lines(&["collect", "--queue", "failed"]), [""; 0]);
    let said = lines(&["collect", "--queue", "converted", "-v"]);
    let page = said.iter().find(|line| line.contains("/TESTLIB/_converted")).unwrap();
    for part in [
        "DEBUG",
        "method=GET address=http://127.0.0.1:",
        " status=200 bytes=",
        " milliseconds=",
    ] {
        assert!(page.contains(part), "{page}");
    }
    assert!(!page.contains("bytes=0 "), "{page}");
}

#[test]
fn a_page_that_is_read_twice_counts_once() {
    let config = SimulatorConfig {
        books: 5_000,
        ..library(ListConfig::default())
    };
    let home = Home::new(config, "");
    home.simulator
        .inject(SimulatorRequest::ListPage, None, FaultKind::CutList);
    let said = home.grind(&["collect"]);
    assert!(said.status.success(), "{}", said.err);
    let mut lines = said.err.lines();
    let line = lines.find(|line| line.contains("list complete") && line.contains("_all_books"));
    assert!(line.is_some_and(|line| line.contains("rows=5000")), "{}", said.err);
}

#[test]
fn a_list_read_as_far_as_a_limit_is_not_told_to_be_complete() {
    let home = Home::new(library(ListConfig::default()), PAGES_OF_TEN);
    let said = home.grind(&["collect", "--limit", "20"]);
    assert!(said.status.success(), "{}", said.err);
    let all = said.err.lines().filter(|line| line.contains("_all_books"));
    let all: Vec<_> = all.filter(|line| line.contains("list ")).collect();
    assert_eq!(all.len(), 1, "{}", said.err);
    assert!(
        all[0].contains("as far as the limit") && all[0].contains("rows=20"),
        "{}",
        all[0]
    );
    assert!(
        !complete_passes(&home)
            .iter()
            .any(|pass| pass.0 == "all_books" && pass.1)
    );
}
