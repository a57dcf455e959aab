//! The supervisor's state, shared by its run and its messages.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::actor::{ActorName, AskContext};
use crate::grin::Barcode;
use crate::pipeline::progress::RunProgress;
use crate::pipeline::supervisor::{RunReport, WorkOptions};
use crate::pipeline::task_services::TaskServices;
use crate::pipeline::tasks::SaidTroubles;

/// The supervisor's state.
pub(in crate::pipeline) struct SupervisorState<S> {
    pub services: Rc<S>,
    pub progress: Arc<RunProgress>,
    pub options: Rc<RefCell<WorkOptions>>,
    /// Something changed: look again whether there is work.
    pub wake: watch::Sender<()>,
    /// How often somebody said that what is waited for may have been mended.
    pub mended: Rc<Cell<u64>>,
    /// Cancelled: nothing more is begun.
    pub intake: CancellationToken,
    /// Cancelled: cut what runs.
    pub cut: CancellationToken,
    /// Tasks that may still bring new books.
    pub sources: Rc<Cell<usize>>,
    /// GRIN's lists are being read for the first time.
    pub collecting: Cell<bool>,
    /// Named books that GRIN was asked for before anything else.
    pub looked_up: RefCell<BTreeSet<Barcode>>,
    pub report: Rc<RefCell<RunReport>>,
    /// What the log has said of tasks and lists that are not done.
    pub said: RefCell<SaidTroubles>,
    pub done: CancellationToken,
}

impl<S: TaskServices> SupervisorState<S> {
    pub fn new(services: S, progress: Arc<RunProgress>, options: WorkOptions) -> Self {
        progress.pause(options.pause_reason());
        Self {
            services: Rc::new(services),
            progress,
            options: Rc::new(RefCell::new(options)),
            wake: watch::Sender::new(()),
            mended: Rc::default(),
            intake: CancellationToken::new(),
            cut: CancellationToken::new(),
            sources: Rc::default(),
            collecting: Cell::new(false),
            looked_up: RefCell::default(),
            report: Rc::default(),
            said: RefCell::default(),
            done: CancellationToken::new(),
        }
    }

    /// Reading a list ends with the intake: what it recorded stays, and the next pass resumes there.
    pub fn reading_cx(&self) -> AskContext {
        AskContext::of(ActorName::Supervisor, self.intake.child_token())
    }

    /// Asks made for this run end when the drain cuts them.
    pub fn cx(&self) -> AskContext {
        AskContext::of(ActorName::Supervisor, self.cut.child_token())
    }

    /// Notes for the report what was not done.
    pub fn incomplete(&self, what: String) {
        self.report.borrow_mut().add_incomplete(what);
    }

    /// Somebody says that what is waited for may have been mended: it is tried at once.
    pub fn may_be_mended(&self) {
        self.mended.update(|told| told + 1);
        self.wake.send_replace(());
    }

    /// One task will bring nothing more.
    pub fn source_dry(&self) {
        self.sources.set(self.sources.get().saturating_sub(1));
        self.wake.send_replace(());
    }
}
