//! What is waited for for hours, and mended by a person: the next book is tried at once.

use super::*;

const HOURS: Duration = Duration::from_hours(6);

/// Nobody gets a token for six hours.
fn library() -> LibraryStub {
    let library = LibraryStub::new();
    for number in 0..400 {
        library.add(&format!("GOOD{number:03}"), Fate::Good, Duration::ZERO);
    }
    library.outage(WaitCause::Token, Duration::ZERO, HOURS);
    library
}

/// Six hours of outage and a second, then this, then so long.
async fn after_hours(library: LibraryStub, mend: impl AsyncFnOnce(&Run), then: Duration) -> Run {
    let (run, control) = Run::new(library);
    let scope = scope(false);
    let mut fan_out = FanOut::new(Rc::clone(&run.library), control, &scope);
    let mending = async {
        tokio::time::sleep(HOURS + SECOND).await;
        mend(&run).await;
        tokio::time::sleep(then).await;
        run.stop.cancel();
    };
    futures::join!(fan_out.run(), mending);
    drop(fan_out);
    run
}

async fn read_again(run: &Run) {
    run.mended.update(|told| told + 1);
    run.wake.send_replace(());
}

fn asked_in_all(run: &Run) -> usize {
    run.library.books.borrow().values().map(|book| book.asked.len()).sum()
}

#[tokio::test(start_paused = true)]
async fn a_config_that_is_read_again_has_a_book_tried_at_once() {
    let run = after_hours(library(), read_again, SECOND).await;
    assert!(run.library.stored() > 0, "{}", asked_in_all(&run));
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_another_one_has_a_book_tried_within_seconds() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_owned();
    let mut library = library();
    library.secrets = vec![path.clone()];
    let mend = async |_: &Run| std::fs::write(&path, "right").unwrap();
    let run = after_hours(library, mend, SECOND * 6).await;
    assert!(run.library.stored() > 0, "{}", asked_in_all(&run));
}

#[tokio::test(start_paused = true)]
async fn a_config_that_is_read_again_each_second_makes_no_storm_and_lengthens_no_pause() {
    let library = library();
    library.outage(WaitCause::Token, HOURS, HOURS);
    let asked = Cell::new([0; 2]);
    let mend = async |run: &Run| {
        let before = asked_in_all(run);
        for _ in 0..600 {
            read_again(run).await;
            tokio::time::sleep(SECOND).await;
        }
        let amid = asked_in_all(run);
        tokio::time::sleep(HOURS / 6).await;
        asked.set([amid - before, asked_in_all(run) - amid]);
    };
    let run = after_hours(library, mend, Duration::ZERO).await;
    let [amid, after] = asked.get();
    assert_eq!(run.library.stored(), 0);
    assert!((50..=63).contains(&amid), "one each ten seconds: {amid}");
    assert!((4..=30).contains(&after), "as before: {after}");
}
