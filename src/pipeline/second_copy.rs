//! Stored books are copied to a second place (`[storage.copy]`) in the background. What is copied is digested on its way out of the storage, and
//! nothing of a book is published there that is not what its manifest says.

mod place;
mod plan;
mod restore;
mod transfer;
mod turn;

pub(crate) use place::SecondPlace;
pub(crate) use plan::SecondCopyPlan;
pub(in crate::pipeline) use restore::{RestoreEnd, StagedRestore};
pub(crate) use turn::{CopyNext, CopyStep, CopyTurn};
