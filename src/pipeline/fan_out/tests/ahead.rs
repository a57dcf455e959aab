//! What is told of books that are claimed ahead.

use super::*;
use crate::vocabulary::BookState;

#[tokio::test(start_paused = true)]
async fn what_is_claimed_ahead_is_told_apart_from_what_is_begun() {
    let library = LibraryStub::new();
    for number in 0..60 {
        library.add(&format!("HANGS{number}"), Fate::Hangs, Duration::ZERO);
    }
    let (run, control) = Run::new(library);
    let scope = scope(false);
    let mut fan_out = FanOut::new(Rc::clone(&run.library), control, &scope);
    let looking = async {
        tokio::time::sleep(SECOND).await;
        let (seen, claimed) = (run.progress.snapshot(), run.library.claimed().len() as u64);
        run.stop.cancel();
        run.cut.cancel();
        (seen, claimed)
    };
    let ((), (seen, claimed)) = futures::join!(fan_out.run(), looking);
    let ahead = seen.ahead.get(&BookState::Available).copied().unwrap_or_default();
    assert!(ahead > 0 && seen.claimed > 0, "{seen:?}");
    assert_eq!(seen.claimed + ahead, claimed);
    assert!(run.progress.snapshot().ahead.is_empty(), "they are released");
}
