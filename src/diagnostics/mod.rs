//! What GRIN answers and is not recognised here: counted, and one answer of each shape kept for a person to report.
//!
//! A thread of its own writes each answer that is kept; who reports waits for no disk, and only the first of a shape is copied at all. A
//! full disk or a folder that cannot be written costs a warning.

mod answer;
mod archive_answer;
mod folder;
mod keep;
mod list_answer;
mod sample;
mod secrets;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{info, warn};

pub use crate::diagnostics::answer::{UnrecognisedAnswer, UnrecognisedKind};
pub(crate) use crate::diagnostics::archive_answer::{of_archive_error, of_findings};
pub(crate) use crate::diagnostics::folder::kept_answers;
use crate::diagnostics::keep::{KeepDecision, MOST_KEPT};
pub(crate) use crate::diagnostics::list_answer::{ListReview, ReportedSource, of_process_words};
pub(crate) use crate::diagnostics::sample::AnswerSample;
pub(crate) use crate::diagnostics::secrets::without_secrets;

/// What a shape is of, and the shape.
type AnswerShape = (UnrecognisedKind, String);

const KINDS: usize = UnrecognisedKind::ALL.len();

/// Where answers are reported that were not recognised. Clones are the same; the default counts and keeps nothing.
#[derive(Debug, Clone, Default)]
pub struct DiagnosticsFolder(Arc<DiagnosticsState>);

#[derive(Debug, Default)]
struct DiagnosticsState {
    folder: Option<PathBuf>,
    counts: [AtomicU64; KINDS],
    /// Shapes that this program has kept or is about to, so that a flood of one costs no thread each; at most [`MOST_KEPT`] a kind.
    met: Mutex<BTreeSet<AnswerShape>>,
    /// One writes at a time, so that the bounds of the folder hold.
    folder_lock: Mutex<()>,
    writing: Mutex<usize>,
    written: Condvar,
    /// The last one could not be written, which was said.
    is_failing: AtomicBool,
}

impl DiagnosticsFolder {
    /// Keeps answers in this folder, which is made with the first one.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self(Arc::new(DiagnosticsState {
            folder: Some(folder),
            ..DiagnosticsState::default()
        }))
    }

    /// Counts what was not recognised, and has it kept if nothing of its shape is.
    pub fn report(&self, answer: UnrecognisedAnswer) {
        self.report_with(answer, |answer| answer);
    }

    /// The same of an answer that is completed if it is to be kept.
    pub(crate) fn report_with(
        &self,
        answer: UnrecognisedAnswer,
        complete: impl FnOnce(UnrecognisedAnswer) -> UnrecognisedAnswer,
    ) {
        self.0.counts[answer.kind as usize].fetch_add(1, Ordering::Relaxed);
        let Some(folder) = self.0.folder.clone() else { return };
        if !self.is_new(&answer) {
            return;
        }
        let answer = complete(answer);
        let shape = (answer.kind, answer.shape.clone());
        let state = Arc::clone(&self.0);
        *locked(&self.0.writing) += 1;
        let writer = std::thread::Builder::new().name("diagnostics".to_owned());
        let of_thread = shape.clone();
        let begun = writer.spawn(move || {
            let one_at_a_time = locked(&state.folder_lock);
            let kept = folder::keep(&folder, answer);
            drop(one_at_a_time);
            state.one_written(&of_thread, kept);
        });
        if let Err(error) = begun {
            self.0.one_written(&shape, Err(error));
        }
    }

    fn is_new(&self, answer: &UnrecognisedAnswer) -> bool {
        let mut met = locked(&self.0.met);
        let of_kind = met.iter().filter(|(kind, _)| *kind == answer.kind).count();
        of_kind < MOST_KEPT && met.insert((answer.kind, answer.shape.clone()))
    }

    /// Where answers are kept, if they are.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.0.folder.as_deref()
    }

    /// How often each kind was met since the start.
    pub fn counts(&self) -> [(&'static str, u64); KINDS] {
        UnrecognisedKind::ALL.map(|kind| (kind.as_str(), self.0.counts[kind as usize].load(Ordering::Relaxed)))
    }

    /// Waits for what is being written, at the end of a program; no longer than `most`.
    pub(crate) fn finish(&self, most: Duration) {
        let writing = locked(&self.0.writing);
        drop(self.0.written.wait_timeout_while(writing, most, |writing| *writing > 0));
    }
}

impl DiagnosticsState {
    /// One was written, or could not be: then the next of its shape is tried again. The first of several that cannot be written is told.
    fn one_written(&self, shape: &AnswerShape, kept: io::Result<KeepDecision>) {
        match kept {
            Ok(KeepDecision::Keep) => {
                self.is_failing.store(false, Ordering::Relaxed);
                // Its shape may be a title in a misread column, which no log should hold.
                let kind = shape.0.as_str();
                info!(
                    kind,
                    "GRIN's answer is not recognised; it is kept for `grind support-bundle`"
                );
            }
            Ok(KeepDecision::Known | KeepDecision::Full) => {}
            Err(error) => {
                locked(&self.met).remove(shape);
                if !self.is_failing.swap(true, Ordering::Relaxed) {
                    let folder = self.folder.as_deref().unwrap_or(Path::new("")).display();
                    warn!(%folder, %error, "what is not recognised cannot be kept");
                }
            }
        }
        *locked(&self.writing) -= 1;
        self.written.notify_all();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    fn word(shape: &str) -> UnrecognisedAnswer {
        UnrecognisedAnswer::new(UnrecognisedKind::Word, shape)
    }

    fn count(diagnostics: &DiagnosticsFolder) -> u64 {
        let counts = diagnostics.counts();
        counts.iter().find(|(kind, _)| *kind == "word").unwrap().1
    }

    #[test]
    fn each_shape_is_kept_once_the_oldest_stay_and_all_are_counted() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("diagnostics");
        let first = DiagnosticsFolder::in_folder(folder.clone());
        for _ in 0..3 {
            first.report(word("ON_HOLD"));
        }
        first.finish(SOON);
        let second = DiagnosticsFolder::in_folder(folder.clone());
        for number in 0..u32::from(b'z' - b'a') {
            second.report(word(&format!("NEW_{}", char::from_u32(97 + number).unwrap())));
        }
        second.report(word("ON_HOLD"));
        second.finish(SOON);
        let kept = kept_answers(&folder).unwrap();
        assert_eq!((count(&first), count(&second), kept.len()), (3, 26, MOST_KEPT));
        assert!(kept.iter().any(|answer| answer.shape == "ON_HOLD"));
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for file in fs::read_dir(&folder).unwrap() {
            assert_eq!(mode(&file.unwrap().path()), 0o600);
        }
    }

    #[test]
    fn an_answer_is_completed_only_if_it_is_the_first_of_its_shape() {
        let home = tempfile::tempdir().unwrap();
        let diagnostics = DiagnosticsFolder::in_folder(home.path().join("diagnostics"));
        let mut completed = 0;
        for shape in ["ON_HOLD", "ON_HOLD", "HELD"] {
            diagnostics.report_with(word(shape), |answer| {
                completed += 1;
                answer
            });
        }
        diagnostics.finish(SOON);
        assert_eq!((completed, count(&diagnostics)), (2, 3));
    }

    #[test]
    fn what_cannot_be_kept_is_counted_and_tried_again() {
        let home = tempfile::tempdir().unwrap();
        let in_the_way = home.path().join("diagnostics");
        fs::write(&in_the_way, "a file").unwrap();
        let diagnostics = DiagnosticsFolder::in_folder(in_the_way.clone());
        diagnostics.report(word("ON_HOLD"));
        diagnostics.finish(SOON);
        assert_eq!(count(&diagnostics), 1);
        assert_eq!(fs::read(&in_the_way).unwrap(), b"a file");
        fs::remove_file(&in_the_way).unwrap();
        diagnostics.report(word("ON_HOLD"));
        diagnostics.finish(SOON);
        assert_eq!(kept_answers(&in_the_way).unwrap().len(), 1);
    }
}
