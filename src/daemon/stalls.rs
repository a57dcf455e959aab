//! Which actors come no step further, for no reason that they have told.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::actor::{ActorName, HubSnapshot, InstanceSnapshot};
use crate::daemon::threads;

/// Actors that have come no step further for longer than `limit`, or than the waits of their thread may last, although a message is in hand or
/// queued, and that have not declared what they wait for. Declared waits have bounds of their own: time-outs, deadlines, delays. The
/// supervisor's one message lasts as long as its run.
pub(crate) fn stalled(hub: &HubSnapshot, limit: Duration) -> BTreeSet<ActorName> {
    let stalled = hub.actors.iter().filter(|actor| {
        let limit = limit.max(threads::longest_wait(actor.name)).as_secs_f64();
        let stands_still = |instance: &InstanceSnapshot| {
            let is_in_hand = instance.in_flight > 0 && actor.name != ActorName::Supervisor;
            instance.exit.is_none()
                && instance.protected.is_none()
                && instance.idle_seconds > limit
                && (is_in_hand || instance.oldest_age_seconds > limit)
        };
        actor.instances.iter().any(stands_still)
    });
    stalled.map(|actor| actor.name).collect()
}

/// Those of them without which nothing goes on. The state store only mirrors the status.
pub(crate) fn critical(stalled: BTreeSet<ActorName>) -> Vec<ActorName> {
    let critical = stalled.into_iter().filter(|actor| *actor != ActorName::StateStore);
    critical.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::actor::{ActorRegistry, HistogramSnapshot};

    struct Standing {
        in_flight: u64,
        queued: f64,
        idle: f64,
        waits: bool,
        ended: bool,
    }

    const WELL: Standing = Standing {
        in_flight: 0,
        queued: 0.0,
        idle: 0.0,
        waits: false,
        ended: false,
    };

    fn hub(name: ActorName, standing: &Standing) -> HubSnapshot {
        let Standing {
            in_flight,
            queued,
            idle,
            waits,
            ended,
        } = standing;
        let mut hub = ActorRegistry::new().snapshot();
        let instance = json!({
            "instance": 1, "state": "running", "state_seconds": 100.0, "generation": 1, "depth": 1, "capacity": 8, "in_flight": in_flight,
            "oldest_age_seconds": queued, "idle_seconds": idle, "first_fault": null, "exit": ended.then_some("drained"),
            "protected": waits.then(|| json!({ "what": "GRIN", "seconds": idle })),
        });
        let histogram = serde_json::to_value(HistogramSnapshot::default()).unwrap();
        let actor = json!({
            "name": name, "states": {}, "depth": 1, "capacity": 8, "peak": 8, "waiting_for_room": 0, "oldest_age_seconds": queued,
            "wait": histogram, "busy_seconds": 1.5, "restarts": {}, "restart_backoff_seconds": 0.0, "exits": {},
            "last_progress_timestamp_seconds": null, "protected": null, "send_blocked_seconds": {}, "gave_up": false,
            "messages": [], "instances": [instance],
        });
        hub.actors.push(serde_json::from_value(actor).unwrap());
        hub
    }

    #[test]
    fn an_actor_is_stalled_that_comes_no_step_further_and_has_not_said_why() {
        use ActorName::{Catalog, Checker, StateStore, Supervisor};
        let queue = |queued, idle| Standing { queued, idle, ..WELL };
        let in_hand = |idle| Standing {
            in_flight: 1,
            idle,
            ..WELL
        };
        let cases = [
            ("all well", Checker, WELL, false),
            ("a queue that moves", Checker, queue(300.0, 1.0), false),
            ("nothing to do", Checker, queue(0.0, 9_000.0), false),
            (
                "it waits for GRIN",
                Checker,
                Standing {
                    waits: true,
                    ..queue(300.0, 300.0)
                },
                false,
            ),
            (
                "it has ended",
                Checker,
                Standing {
                    ended: true,
                    ..queue(300.0, 300.0)
                },
                false,
            ),
            ("a minute is not too long", Checker, queue(60.0, 60.0), false),
            ("it begins nothing", Checker, queue(60.1, 60.1), true),
            ("it ends nothing", Checker, in_hand(60.1), true),
            ("its run lasts", Supervisor, in_hand(9_000.0), false),
            ("nor does it hear", Supervisor, queue(61.0, 61.0), true),
            ("a statement may take long", Catalog, in_hand(299.0), false),
            ("not so long", Catalog, in_hand(301.0), true),
            ("the status is not mirrored", StateStore, in_hand(61.0), true),
        ];
        for (case, name, standing, expected) in cases {
            let stalled = stalled(&hub(name, &standing), Duration::from_secs(60));
            assert_eq!(stalled.contains(&name), expected, "{case}");
            let is_critical = expected && name != StateStore;
            assert_eq!(critical(stalled).contains(&name), is_critical, "{case}");
        }
    }
}
