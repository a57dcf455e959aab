use super::*;
use crate::actor::{AskContext, HandleMessage, Message, RestartBudget, SpawnOptions, Worker, spawn};

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

/// Its handler does not end; the sender is told that it began.
struct StandStill(std::sync::mpsc::Sender<()>);

impl Message for StandStill {
    type Reply = ();
    const KIND: &'static str = "stand_still";
}

impl HandleMessage<StandStill> for Panics {
    async fn handle(&mut self, StandStill(begun): StandStill, cx: &AskContext) {
        let without_end = async {
            begun.send(()).ok();
            std::future::pending().await
        };
        cx.waiting_for("GRIN", without_end).await
    }
}

/// The files of a folder, and what stands in the only one.
fn only_file(folder: &Path) -> (String, String) {
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let name = files[0].file_name().into_string().unwrap();
    (name, fs::read_to_string(files[0].path()).unwrap())
}

/// Nothing has ended there yet, and what is told of a message was told at its end alone.
#[actix_rt::test]
async fn who_stands_still_with_the_first_message_is_written_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let hub = ActorRegistry::new();
    let options = SpawnOptions {
        capacity: 1,
        budget: RestartBudget::default(),
    };
    let arbiter = actix_rt::Arbiter::new();
    let checker = spawn::serial(&hub, &arbiter.handle(), options, || Panics);
    let (begin, begun) = std::sync::mpsc::channel();
    let cx = AskContext::root("test");
    let mut asked = std::pin::pin!(checker.ask(StandStill(begin), &cx));
    // The first poll sends it.
    assert!(futures::poll!(asked.as_mut()).is_pending());
    begun.recv_timeout(Duration::from_secs(10)).unwrap();
    let stall = ActorStall {
        actor: ActorName::Checker,
        messages: vec!["stand_still".into()],
        seconds: 75.0,
        ends_daemon: false,
    };
    let mut recorder = BlackBoxRecorder::new(hub.clone(), folder.path().to_owned());
    recorder.look(&hub.snapshot(), &[stall]);
    drop(recorder);
    let (name, text) = only_file(folder.path());
    assert!(name.ends_with("Z-checker-stall.txt"), "{name}");
    let in_hand = text.lines().nth(2).unwrap();
    assert!(in_hand.starts_with("stand_still        outside "), "{text}");
    assert!(in_hand.contains(" GRIN for "), "{text}");
    arbiter.stop();
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
    recorder.look(&hub.snapshot(), &[]);
    drop(recorder);
    let (name, text) = only_file(&first);
    assert!(name.ends_with("Z-checker-panic.txt"), "{name}");
    assert!(text.lines().nth(2).unwrap().ends_with(" panicked"), "{text}");
    let second = folder.path().join("second");
    let mut recorder = BlackBoxRecorder::new(hub.clone(), second.clone());
    recorder.look(&hub.snapshot(), &[]);
    recorder.record(&ActorName::ALL, "SIGUSR1");
    drop(recorder);
    assert!(
        only_file(&second).0.ends_with("Z-checker-SIGUSR1.txt"),
        "the panic is written already"
    );
}
