//! What was done to the disk in which order, noted in tests only, since a skipped fsync shows nowhere else.

#[cfg(not(test))]
pub(super) fn note(_step: &'static str) {}

#[cfg(test)]
pub(super) use noted::{note, take};

#[cfg(test)]
mod noted {
    use std::cell::RefCell;

    thread_local! {
        static STEPS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    }

    pub(in crate::storage::local) fn note(step: &'static str) {
        STEPS.with_borrow_mut(|steps| steps.push(step));
    }

    /// The steps of this thread since the last call.
    pub(in crate::storage::local) fn take() -> Vec<&'static str> {
        STEPS.with_borrow_mut(std::mem::take)
    }
}
