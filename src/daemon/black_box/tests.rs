use serde_json::json;

use super::*;
use crate::actor::{AskContext, HandleMessage, Message, RestartBudget, SpawnOptions, Worker, spawn};

/// An instance with a message that waits for so long, that came a step further so long ago.
fn hub(queued: f64, idle: f64, waits: bool, ended: bool) -> HubSnapshot {
    let mut hub = ActorRegistry::new().snapshot();
    let instance = json!({
        "instance": 1, "state": "running", "state_seconds": 100.0, "generation": 1, "depth": 1, "capacity": 8, "in_flight": 1,
        "oldest_age_seconds": queued, "idle_seconds": idle, "first_fault": null, "exit": ended.then_some("drained"),
        "protected": waits.then(|| json!({ "what": "GRIN", "seconds": idle })),
    });
    let histogram = serde_json::to_value(crate::actor::HistogramSnapshot::default()).unwrap();
    let actor = json!({
        "name": "checker", "states": {}, "depth": 1, "capacity": 8, "peak": 8, "waiting_for_room": 0, "oldest_age_seconds": queued,
        "wait": histogram, "busy_seconds": 1.5, "restarts": {}, "restart_backoff_seconds": 0.0, "exits": {},
        "last_progress_timestamp_seconds": null, "protected": null, "send_blocked_seconds": {}, "gave_up": false,
        "messages": [], "instances": [instance],
    });
    hub.actors.push(serde_json::from_value(actor).unwrap());
    hub
}

#[test]
fn an_actor_is_stalled_that_begins_nothing_and_has_not_said_why() {
    let cases = [
        ("all well", hub(0.0, 0.0, false, false), false),
        ("a queue that moves", hub(300.0, 1.0, false, false), false),
        ("nothing to do", hub(0.0, 9_000.0, false, false), false),
        ("it waits for GRIN", hub(300.0, 300.0, true, false), false),
        ("it has ended", hub(300.0, 300.0, false, true), false),
        ("a minute is not too long", hub(60.0, 60.0, false, false), false),
        ("it stands still", hub(60.1, 60.1, false, false), true),
    ];
    for (name, hub, expected) in cases {
        assert_eq!(stalled(&hub).contains(&ActorName::Checker), expected, "{name}");
    }
}

#[test]
fn the_oldest_files_are_removed_and_no_other() {
    let ours: Vec<_> = (0..MOST_FILES + 2)
        .map(|n| format!("blackbox-20261129T1402{n:02}Z-catalog-panic.txt"))
        .collect();
    let mut names: Vec<_> = ours.iter().rev().map(String::as_str).collect();
    names.extend(["pager-0123.json", "blackbox-notes.md"]);
    assert_eq!(superfluous(names), [&*ours[0], &*ours[1]]);
    assert!(superfluous(vec![&ours[0]]).is_empty());
}

struct Panics;

impl Worker for Panics {
    const NAME: ActorName = ActorName::Checker;
}

struct Ask;

impl Message for Ask {
    type Reply = ();
    const KIND: &'static str = "ask";
}

impl HandleMessage<Ask> for Panics {
    async fn handle(&mut self, _: Ask, _: &AskContext) {
        panic!("as the test wants");
    }
}

/// The files of a folder, and what stands in the only one.
fn only_file(folder: &Path) -> (String, String) {
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let name = files[0].file_name().into_string().unwrap();
    (name, fs::read_to_string(files[0].path()).unwrap())
}

#[actix_rt::test]
async fn a_panic_is_written_once_and_what_is_asked_for_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let hub = ActorRegistry::new();
    let options = SpawnOptions {
        capacity: 1,
        budget: RestartBudget::default(),
    };
    let checker = spawn::serial(&hub, &actix_rt::Arbiter::current(), options, || Panics);
    checker.ask(Ask, &AskContext::root("test")).await.unwrap_err();
    let first = folder.path().join("first");
    let mut recorder = BlackBoxRecorder::new(hub.clone(), first.clone());
    recorder.look();
    drop(recorder);
    let (name, text) = only_file(&first);
    assert!(name.ends_with("Z-checker-panic.txt"), "{name}");
    assert!(text.lines().nth(2).unwrap().ends_with(" panicked"), "{text}");
    let second = folder.path().join("second");
    let mut recorder = BlackBoxRecorder::new(hub, second.clone());
    recorder.look();
    recorder.record(&ActorName::ALL, "SIGUSR1");
    drop(recorder);
    assert!(
        only_file(&second).0.ends_with("Z-checker-SIGUSR1.txt"),
        "the panic is written already"
    );
}
