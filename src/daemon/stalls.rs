//! Which actors come no step further, for no reason that they have told.

use std::time::Duration;

use crate::actor::{ActorName, ActorSnapshot, HubSnapshot, InstanceSnapshot};
use crate::daemon::threads;
use crate::observe::ActorStall;

/// For how long an actor may come no step further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StallLimits {
    /// From then on it is told everywhere.
    pub told: Duration,
    /// From then on the daemon is not said to live, and systemd ends it. An actor may yet go on; a thread that stands still never does.
    pub ends: Duration,
}

/// Actors that have come no step further for longer than `told`, or than the waits of their thread may last, although a message is in hand or
/// queued, and that have not declared what they wait for. Declared waits have bounds of their own: time-outs, deadlines, delays. The
/// supervisor's one message lasts as long as its run. The daemon ends for none without which it goes on: the state store only mirrors the
/// status.
pub(crate) fn stalled(hub: &HubSnapshot, limits: StallLimits) -> Vec<ActorStall> {
    let stalls = hub.actors.iter().filter_map(|actor| {
        let longest_wait = threads::longest_wait(actor.name);
        let stand_still = actor.instances.iter().filter_map(|instance| standing(actor, instance));
        let stall = stand_still.max_by(|one, other| one.seconds.total_cmp(&other.seconds))?;
        let lasts = |limit: Duration| stall.seconds > limit.max(longest_wait).as_secs_f64();
        lasts(limits.told).then(|| ActorStall {
            ends_daemon: lasts(limits.ends) && actor.name != ActorName::StateStore,
            ..stall.clone()
        })
    });
    stalls.collect()
}

/// How long an instance has come no step further, if there is something to do and it has not said what it waits for.
fn standing(actor: &ActorSnapshot, instance: &InstanceSnapshot) -> Option<ActorStall> {
    let is_in_hand = instance.in_flight > 0 && actor.name != ActorName::Supervisor;
    let is_at_work = instance.exit.is_none() && instance.protected.is_none();
    let waited = if is_in_hand {
        instance.idle_seconds
    } else {
        instance.oldest_age_seconds
    };
    let in_hand = actor
        .messages
        .iter()
        .filter(|message| is_in_hand && message.in_flight > 0);
    is_at_work.then(|| ActorStall {
        actor: actor.name,
        messages: in_hand.map(|message| message.kind.to_string()).collect(),
        seconds: instance.idle_seconds.min(waited),
        ends_daemon: false,
    })
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
            "messages": [{
                "kind": "check", "sent": 1, "handled": {}, "rejected": {}, "abandoned": {}, "timeouts": [], "in_flight": in_flight,
                "handle": histogram,
            }], "instances": [instance],
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
            ("all well", Checker, WELL, None),
            ("a queue that moves", Checker, queue(300.0, 1.0), None),
            ("nothing to do", Checker, queue(0.0, 9_000.0), None),
            (
                "it waits for GRIN",
                Checker,
                Standing {
                    waits: true,
                    ..queue(300.0, 300.0)
                },
                None,
            ),
            (
                "it has ended",
                Checker,
                Standing {
                    ended: true,
                    ..queue(300.0, 300.0)
                },
                None,
            ),
            ("a minute is not too long", Checker, queue(60.0, 60.0), None),
            ("it begins nothing", Checker, queue(60.1, 60.1), Some(false)),
            ("it ends nothing", Checker, in_hand(60.1), Some(false)),
            ("its run lasts", Supervisor, in_hand(9_000.0), None),
            ("nor does it hear", Supervisor, queue(61.0, 61.0), Some(false)),
            ("a statement may take long", Catalog, in_hand(299.0), None),
            ("not so long", Catalog, in_hand(301.0), Some(true)),
            ("nor for ever", Checker, in_hand(301.0), Some(true)),
            ("nothing is begun for ever", Checker, queue(301.0, 900.0), Some(true)),
            (
                "one was sent just now after a long rest",
                Checker,
                queue(1.0, 900.0),
                None,
            ),
            ("the status is not mirrored", StateStore, in_hand(9_000.0), Some(false)),
        ];
        for (case, name, standing, expected) in cases {
            let limits = StallLimits {
                told: Duration::from_secs(60),
                ends: Duration::from_secs(300),
            };
            let stalled = stalled(&hub(name, &standing), limits);
            assert_eq!(!stalled.is_empty(), expected.is_some(), "{case}");
            let ends = stalled.first().map(|stall| stall.ends_daemon);
            assert_eq!(ends, expected, "{case}");
        }
    }

    #[test]
    fn a_stall_is_told_with_what_is_in_hand_and_since_when() {
        let limits = StallLimits {
            told: Duration::from_secs(60),
            ends: Duration::from_secs(300),
        };
        let told = |standing| stalled(&hub(ActorName::Checker, &standing), limits)[0].to_string();
        let in_hand = Standing {
            in_flight: 1,
            idle: 61.0,
            ..WELL
        };
        assert_eq!(told(in_hand), "the actor checker has stood still for 1m 1s with check");
        let queued = Standing {
            queued: 61.0,
            idle: 900.0,
            ..WELL
        };
        assert_eq!(told(queued), "the actor checker has begun no message for 1m 1s");
    }
}
