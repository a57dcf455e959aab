//! Tells the catalog what this program's settings ask of all members.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use crate::catalog::NotedSetting;
use crate::pipeline::supervisor::SupervisorState;
use crate::pipeline::task_services::TaskServices;
use crate::pipeline::tasks::sleep_till;

/// How often each is tried; a daemon notes the hook again when it looks for books that are due, and looks at all books for the second
/// copy once a day.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(2);

/// Notes whether each book that is stored from now on is due. Before anything is stored, or a book would be forgotten.
pub(in crate::pipeline) async fn note_settings<S: TaskServices>(state: &Rc<SupervisorState<S>>) {
    for setting in NotedSetting::ALL {
        for tries in 1..=TRIES {
            let Err(error) = state.services.note_setting(setting, &state.cx()).await else {
                break;
            };
            warn!(%error, tries, setting = setting.as_str(), "the catalog could not note whether this is set");
            if tries == TRIES || !sleep_till(state, Some(Instant::now() + PAUSE)).await {
                break;
            }
        }
    }
}
