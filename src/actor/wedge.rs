//! For tests of the watchdog: an actor that never ends a message.

use std::sync::OnceLock;

use crate::actor::ActorName;

static WEDGED: OnceLock<ActorName> = OnceLock::new();

/// From now on this actor ends no message any more, in the whole process.
pub(crate) fn wedge(actor: ActorName) {
    WEDGED.set(actor).ok();
}

/// Never comes back for the actor that is wedged.
pub(super) async fn stand_still_if_wedged(actor: ActorName) {
    if WEDGED.get() == Some(&actor) {
        std::future::pending::<()>().await;
    }
}
