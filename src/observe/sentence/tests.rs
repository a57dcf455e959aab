use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::actor::{ActorRegistry, HistogramSnapshot};
use crate::session::SessionCounters;
use crate::vocabulary::{WaitCause, WaitReason};
use ActorName::{Catalog, Checker, Downloader, SessionOwner, Supervisor};

/// A moment at which one actor is as `change` makes it.
struct Told {
    actor: Value,
    session: SessionSnapshot,
    daemon: DaemonSnapshot,
}

impl Told {
    fn of(name: ActorName) -> Self {
        let histogram = serde_json::to_value(HistogramSnapshot::default()).unwrap();
        let actor = json!({
            "name": name.as_str(), "states": { "running": 1 }, "depth": 0, "capacity": 8, "peak": 8, "waiting_for_room": 0,
            "oldest_age_seconds": 0.0, "wait": histogram, "busy_seconds": 1.5, "restarts": {}, "restart_backoff_seconds": 0.0,
            "exits": {}, "last_progress_timestamp_seconds": null, "protected": null, "send_blocked_seconds": {},
            "gave_up": false, "messages": [], "instances": [],
        });
        let mut daemon = DaemonSnapshot::starting("0", "0", Timestamp::UNIX_EPOCH);
        daemon.taken_at = Timestamp::from_second(100).unwrap();
        Self {
            actor,
            session: SessionCounters::default().snapshot(),
            daemon,
        }
    }

    fn set(mut self, key: &str, value: Value) -> Self {
        self.actor[key] = value;
        self
    }

    fn handling(mut self, messages: &[(&str, u64, u64)]) -> Self {
        let histogram = serde_json::to_value(HistogramSnapshot::default()).unwrap();
        let messages = messages.iter().map(|(kind, in_flight, handled)| {
            json!({
                "kind": kind, "sent": 9, "handled": { "ok": handled }, "rejected": {}, "abandoned": {}, "timeouts": [],
                "in_flight": in_flight, "handle": histogram,
            })
        });
        self.actor["messages"] = messages.collect();
        self
    }

    fn instances(mut self, instances: &[(&[&str], Option<&str>, Option<&str>)]) -> Self {
        let instances = instances.iter().map(|(work, fault, exit)| {
            json!({
                "instance": 1, "state": "running", "state_seconds": 1.0, "generation": 1, "depth": 0, "capacity": 8, "in_flight": 1,
                "oldest_age_seconds": 0.0, "idle_seconds": 0.0, "protected": null, "work": work, "first_fault": fault, "exit": exit,
            })
        });
        self.actor["instances"] = instances.collect();
        self
    }

    fn sentence(self) -> String {
        let mut hub = ActorRegistry::new().snapshot();
        hub.actors.push(serde_json::from_value(self.actor).unwrap());
        let told = sentences(&hub, &self.session, &self.daemon);
        told.into_values().next().unwrap()
    }
}

fn told(cases: Vec<(&str, Told, &str)>) {
    for (name, told, expected) in cases {
        assert_eq!(told.sentence(), expected, "{name}");
    }
}

#[test]
fn an_actor_tells_what_it_does_now() {
    let idle = Told::of(Checker)
        .handling(&[("check", 0, 3)])
        .set("last_progress_timestamp_seconds", json!(88.0));
    let silent = Told::of(Checker).handling(&[("check", 2, 3), ("other", 0, 1)]);
    let pool = Told::of(Downloader).handling(&[("download", 2, 3)]).instances(&[
        (&["A: 1 of 2 MB"], None, None),
        (&[], None, None),
        (&["B: 2 of 3 MB"], None, None),
    ]);
    let rebuilt = Told::of(Downloader)
        .instances(&[(&["A: 1 of 2 MB"], None, None)])
        .set("states", json!({ "running": 1, "backoff": 1 }))
        .set("restart_backoff_seconds", json!(1.5));
    let given_up = Told::of(Downloader)
        .instances(&[(&[], Some("out of range"), Some("budget_spent"))])
        .set("gave_up", json!(true));
    let ended = Told::of(Checker)
        .handling(&[("check", 0, 3)])
        .instances(&[(&[], None, Some("drained"))]);
    let queued = Told::of(Checker).set("depth", json!(3));
    told(vec![
        ("nobody asked", Told::of(Checker), "idle; nobody has asked it yet"),
        ("all is done", idle, "idle for 12.0s"),
        ("messages are queued", queued, "messages not begun: 3"),
        ("a handler that says nothing", silent, "handles: check 2"),
        ("a pool", pool, "A: 1 of 2 MB; B: 2 of 3 MB"),
        (
            "a fault is said first",
            rebuilt,
            "is built anew after a fault, within 1.5s",
        ),
        ("given up", given_up, "could not be kept alive: out of range"),
        ("it has ended", ended, "has ended"),
    ]);
}

#[test]
fn catalog_session_and_run_tell_of_their_own_figures() {
    let mut waiting = Told::of(Supervisor).handling(&[("begin", 1, 0)]);
    let wait = WaitReason::new(WaitCause::Disk, "no room in /library", Timestamp::UNIX_EPOCH);
    waiting.daemon.waiting.push(wait);
    let mut busy = Told::of(Supervisor).handling(&[("begin", 1, 0)]);
    busy.daemon.books_in_hand = 12;
    busy.daemon.finished.insert(BookOutcome::Stored, 1_234);
    let mut asking = Told::of(SessionOwner);
    (asking.session.requests_in_flight, asking.session.connections_open) = (6, 4);
    let writing = Told::of(Catalog).handling(&[("claim", 1, 3), ("settle", 3, 1)]);
    told(vec![
        ("the catalog", writing, "writes: claim, settle 3"),
        ("the session", asking, "6 requests under way over 4 connections"),
        ("the run", busy, "12 books in hand, 1 234 stored in this run"),
        ("the run waits", waiting, "waits for disk space: no room in /library"),
    ]);
}
