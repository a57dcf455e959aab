use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::actor::ActorSnapshot;
use crate::observe::{BlockingChain, BlockingChains, ChainLink, HeldWork};
use crate::vocabulary::{WaitCause, WaitReason};

/// A daemon with all actors, a download, a chain and some lines of its log.
fn data() -> TopData {
    let mut data = TopData::of(crate::cli::frame::tests::seen());
    let actors = &mut data.status.hub.actors;
    let others = ActorName::ALL.into_iter().filter(|name| *name != ActorName::Downloader);
    let like = |name| ActorSnapshot {
        name,
        ..actors[0].clone()
    };
    let others: Vec<_> = others.map(like).collect();
    actors.extend(others);
    let link = |node: &str| ChainLink {
        node: node.into(),
        waiting: 2,
        longest_seconds: 3.0,
        ..ChainLink::default()
    };
    data.status.chains = BlockingChains {
        heaviest: Some(BlockingChain {
            held_back: 7,
            unit: HeldWork::Message,
            links: ["supervisor", "downloader", "transfer", "GRIN"].map(link).to_vec(),
        }),
        ..BlockingChains::default()
    };
    data.log = (0..50).map(|number| format!("line {number} of the log")).collect();
    data
}

/// The lines of the screen, without what is empty at their ends.
fn shown(columns: u16, lines: u16, data: &TopData, state: &TopState) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
    terminal.draw(|frame| draw(frame, data, state)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..columns).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..lines).map(|y| row(y).trim_end().to_owned()).collect()
}

fn has(screen: &[String], part: &str) -> bool {
    screen.iter().any(|line| line.contains(part))
}

#[test]
fn a_screen_of_80_by_24_has_everything() {
    let screen = shown(80, 24, &data(), &TopState::default());
    for part in [
        "how it is       waits: Starting",
        "state           starting since",
        "ACTOR▼",
        "downloader        3 / 8     0.2s      2.5  200.0ms     2.0s    50%",
        "Held back by    supervisor ← downloader ← transfer ← GRIN (7 messages)",
        "Pool            1 session, 4 connections open of 5 opened",
        "ABC1",
        "1.0 MiB of 2.0 MiB",
        "line 49 of the log",
        "q quit   ↑↓ mark   Enter actor   s sort by   r reverse   p pause",
    ] {
        assert!(has(&screen, part), "{part:?} in\n{}", screen.join("\n"));
    }
}

#[test]
fn cause_and_next_step_are_told_to_their_end_on_80_by_24() {
    let mut data = data();
    let why = "no room in /var/lib/grind/library: 1.2 GiB are free, and disk_reserve keeps 249.5 GiB";
    let now = jiff::Timestamp::UNIX_EPOCH;
    let wait = WaitReason {
        until: Some(now),
        needs_person: true,
        ..WaitReason::new(WaitCause::Disk, why, now)
    };
    data.status.daemon.waiting.push(wait);
    let screen = shown(80, 24, &data, &TopState::default());
    let told = screen.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    for part in [
        "Waiting for disk space; next attempt at 19",
        "keeps 249.5 GiB. Make room there",
        "work goes on by itself.",
    ] {
        assert!(told.contains(part), "{part:?} in\n{}", screen.join("\n"));
    }
    assert!(
        has(&screen, "session_owner") && has(&screen, "Log"),
        "{}",
        screen.join("\n")
    );
}

#[test]
fn every_size_is_drawn_and_a_wide_one_has_the_links_of_the_chain() {
    for (columns, lines) in [(1, 1), (10, 3), (40, 10), (80, 24), (132, 50), (400, 100)] {
        shown(columns, lines, &data(), &TopState::default());
        let state = TopState {
            view: TopView::Actor(ActorName::Downloader),
            unconfirmed: Some(ControlRequest::Resume),
            ..TopState::default()
        };
        shown(columns, lines, &data(), &state);
    }
    let screen = shown(200, 50, &data(), &TopState::default());
    for part in [
        "← transfer",
        "2 wait, the longest for 3.0s",
        "bulk      4 held, 40 free",
    ] {
        assert!(has(&screen, part), "{part:?} in\n{}", screen.join("\n"));
    }
}

#[test]
fn the_mark_the_order_and_questions_are_shown() {
    let state = TopState {
        sort: SortColumn::Busy,
        is_reversed: true,
        unconfirmed: Some(ControlRequest::Pause { until: None }),
        ..TopState::default()
    };
    let screen = shown(80, 24, &data(), &state);
    assert!(has(&screen, "BUSY▲"), "{}", screen.join("\n"));
    assert!(has(&screen, "Begin no more books"), "{}", screen.join("\n"));
    assert!(screen[23].starts_with("y yes"), "{}", screen[23]);
    let said = TopState {
        said: Some("paused: the operator".into()),
        ..TopState::default()
    };
    assert!(has(&shown(80, 24, &data(), &said), "paused: the operator"));
}

#[test]
fn a_daemon_that_does_not_answer_is_named_and_what_was_known_stays() {
    let mut data = data();
    data.take(Err("no daemon answers at /run/\u{1b}[2J".into()));
    let screen = shown(80, 24, &data, &TopState::default());
    assert!(
        screen[0].starts_with("no answer       no daemon answers at /run/"),
        "{}",
        screen[0]
    );
    assert!(has(&screen, "downloader        3 / 8"), "{}", screen.join("\n"));
}

#[test]
fn an_actor_is_shown_with_its_messages_and_scrolls_no_further_than_its_end() {
    let state = |scrolled| TopState {
        view: TopView::Actor(ActorName::Downloader),
        scrolled,
        ..TopState::default()
    };
    let top = shown(80, 24, &data(), &state(0));
    assert!(top[0].starts_with("downloader"), "{}", top.join("\n"));
    assert!(has(&top, "3 of 8 places taken"), "{}", top.join("\n"));
    assert!(has(&top, "q quit   Esc back"), "{}", top.join("\n"));
    let small = shown(80, 6, &data(), &state(u16::MAX));
    assert!(!small[4].is_empty(), "{}", small.join("\n"));
    let most = most_scrolled(6, &data(), &state(0));
    assert_eq!(shown(80, 6, &data(), &state(most)), small, "the end is reached");
    assert_ne!(shown(80, 6, &data(), &state(most - 1)), small, "and not passed");
    assert_eq!(most_scrolled(6, &data(), &TopState::default()), 0);
    assert_eq!(most_scrolled(u16::MAX, &data(), &state(0)), 0);
}
