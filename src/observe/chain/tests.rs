use super::*;
use jiff::tz::TimeZone;

use crate::actor::{ActorRegistry, HandledWait};
use crate::observe::{ShutdownPhase, SignedOut};
use crate::session::SessionCounters;
use crate::vocabulary::{WaitCause, WaitReason, in_zone};

/// What is waited for, how many wait, and how long the longest has.
type Handled = (Option<&'static str>, u32, f64);

fn edge(from: &'static str, to: ActorName, queued: u32, handled: &[Handled]) -> WaitEdge {
    let waits = handled.iter().map(|(what, messages, longest_seconds)| HandledWait {
        what: what.map(Into::into),
        messages: *messages,
        longest_seconds: *longest_seconds,
    });
    let handled: Vec<_> = waits.collect();
    WaitEdge {
        from: from.into(),
        to,
        waiting: queued + handled.iter().map(|wait| wait.messages).sum::<u32>(),
        for_room: 0,
        queued,
        longest_seconds: handled.iter().map(|wait| wait.longest_seconds).fold(1.0, f64::max),
        handled,
    }
}

/// A daemon at one moment.
struct Moment {
    hub: HubSnapshot,
    session: SessionSnapshot,
    daemon: DaemonSnapshot,
    stalled: Vec<ActorStall>,
}

impl Moment {
    fn with(waits: Vec<WaitEdge>) -> Self {
        let mut hub = ActorRegistry::new().snapshot();
        hub.waits = waits;
        let mut session = SessionCounters::default().snapshot();
        session.permits.get_mut("bulk").unwrap().held = 4;
        Self {
            hub,
            session,
            daemon: DaemonSnapshot::starting("0", "0", Timestamp::UNIX_EPOCH),
            stalled: Vec::new(),
        }
    }

    fn stalled(mut self, actor: ActorName) -> Self {
        self.stalled.push(ActorStall {
            actor,
            messages: vec!["head".into()],
            seconds: 75.0,
            ends_daemon: false,
        });
        self
    }

    fn gate(mut self, status: Option<u16>) -> Self {
        self.session.gate_closed_until = Some(Timestamp::UNIX_EPOCH);
        self.session.gate_closed_by = status;
        self
    }

    fn session(mut self, change: impl FnOnce(&mut SessionSnapshot)) -> Self {
        change(&mut self.session);
        self
    }

    fn waits_for(mut self, cause: WaitCause) -> Self {
        let wait = WaitReason::new(cause, "as the test says", Timestamp::UNIX_EPOCH);
        self.daemon.waiting.push(wait);
        self
    }

    fn chains(&self) -> BlockingChains {
        let inputs = ChainInputs {
            hub: &self.hub,
            session: &self.session,
            daemon: &self.daemon,
            stalled: &self.stalled,
        };
        inputs.chains()
    }
}

fn nodes(chain: &BlockingChain) -> String {
    let nodes: Vec<_> = chain.links.iter().map(|link| &*link.node).collect();
    nodes.join(" < ")
}

const SUPERVISOR: &str = "supervisor";
use ActorName::{Catalog, Checker, Collector, Downloader, SessionOwner, StateStore, Supervisor};

/// Four downloads of twelve wait for permits that other requests hold.
fn bulk(then: Handled) -> Vec<WaitEdge> {
    vec![
        edge("daemon", Supervisor, 0, &[(None, 1, 900.0)]),
        edge(SUPERVISOR, Downloader, 8, &[(Some("session_owner"), 4, 30.0)]),
        edge("downloader", SessionOwner, 0, &[then]),
    ]
}

/// What it is about, the daemon, the nodes of its heaviest chain, and how much work that holds back.
type ChainCase = (&'static str, Moment, &'static str, u64);

fn hold(cases: Vec<ChainCase>) {
    for (name, moment, expected, held_back) in cases {
        let found = moment.chains().heaviest;
        let told = found.as_ref().map(nodes).unwrap_or_default();
        assert_eq!(told, expected, "{name}");
        assert_eq!(found.map_or(0, |chain| chain.held_back), held_back, "{name}");
    }
}

/// One chain through the session owner, to `end`.
fn through_owner(name: &'static str, moment: Moment, end: &str, held_back: u64) {
    let found = moment.chains().heaviest.unwrap();
    let expected = format!("supervisor < downloader < session_owner < {end}");
    assert_eq!((nodes(&found), found.held_back), (expected, held_back), "{name}");
}

#[test]
fn a_request_waits_for_its_permit_its_turn_its_token_or_a_host() {
    let permit = || Moment::with(bulk((Some("permit(bulk)"), 4, 30.0)));
    let pacer = || Moment::with(bulk((Some("pacer"), 4, 30.0)));
    let other = |what| Moment::with(bulk((what, 4, 2.0)));
    through_owner("GRIN serves the others", permit(), "permit(bulk) < GRIN", 12);
    let gate = permit().gate(Some(429));
    through_owner("the others stand before the gate", gate, "permit(bulk) < gate", 12);
    through_owner("the pace", pacer(), "pacer", 12);
    through_owner("the gate", pacer().gate(Some(503)), "pacer < gate", 12);
    let turns = pacer().session(|session| session.turns_missing = true);
    through_owner("the shared rate", turns, "pacer < turns of the shared rate", 12);
    through_owner("the token", other(Some("token")), "token < token service", 12);
    through_owner("another host", other(Some("redirect host")), "redirect host", 12);
    through_owner("the rest of an answer", other(None), "GRIN", 12);
}

#[test]
fn a_worker_waits_for_bodies_the_storage_the_catalog_or_itself() {
    let bodies = || Moment::with(vec![edge(SUPERVISOR, Downloader, 8, &[(Some("transfer"), 4, 30.0)])]);
    let limited = |waiting| bodies().session(|session| (session.bandwidth, session.bandwidth_waiting) = waiting);
    let storage = vec![
        edge(
            SUPERVISOR,
            Downloader,
            8,
            &[(Some("storage"), 3, 9.0), (Some("transfer"), 1, 60.0)],
        ),
        edge(SUPERVISOR, Catalog, 2, &[(None, 1, 0.1)]),
    ];
    let commit = vec![
        edge(SUPERVISOR, Collector, 0, &[(Some("catalog"), 1, 0.2)]),
        edge(SUPERVISOR, Checker, 0, &[(Some("session_owner"), 2, 0.1)]),
        edge(SUPERVISOR, Catalog, 0, &[(None, 4, 0.4)]),
        edge("collector", Catalog, 0, &[(None, 1, 0.2)]),
        edge("checker", SessionOwner, 0, &[(Some("GRIN"), 2, 0.1)]),
    ];
    let itself = vec![edge(SUPERVISOR, Collector, 1, &[(None, 1, 4.0)])];
    hold(vec![
        ("bodies", bodies(), "supervisor < downloader < transfer < GRIN", 12),
        (
            "bodies that we slow down",
            limited((Some(1 << 20), 3)),
            "supervisor < downloader < transfer < bandwidth",
            12,
        ),
        (
            "bodies that come slower than they may",
            limited((Some(1 << 20), 0)),
            "supervisor < downloader < transfer < GRIN",
            12,
        ),
        (
            "bodies that waited when the limit was lifted",
            limited((None, 1)),
            "supervisor < downloader < transfer < GRIN",
            12,
        ),
        (
            "the storage holds back more than the catalog",
            Moment::with(storage),
            "supervisor < downloader < storage",
            11,
        ),
        (
            "several wait for the commit",
            Moment::with(commit),
            "supervisor < catalog < commit",
            5,
        ),
        (
            "it works",
            Moment::with(itself),
            "supervisor < collector < processor",
            2,
        ),
    ]);
}

#[test]
fn queues_intake_and_nobody() {
    let stuck = vec![
        edge(SUPERVISOR, Checker, 0, &[(Some("session_owner"), 2, 3.0)]),
        edge("checker", SessionOwner, 2, &[]),
    ];
    let for_another = vec![
        edge(SUPERVISOR, Downloader, 1, &[]),
        edge("test", Downloader, 0, &[(Some("storage"), 4, 4.0)]),
    ];
    let state = vec![
        edge("daemon", StateStore, 0, &[(Some("session_owner"), 1, 1.0)]),
        edge("state_store", SessionOwner, 0, &[(Some("permit(state)"), 1, 1.0)]),
    ];
    let disk = Moment::with(bulk((Some("permit(bulk)"), 4, 30.0))).waits_for(WaitCause::Disk);
    hold(vec![
        ("nobody waits", Moment::with(vec![]), "", 0),
        (
            "nothing is begun",
            Moment::with(stuck),
            "supervisor < checker < session_owner",
            2,
        ),
        (
            "who waits for a turn waits for what is handled for another",
            Moment::with(for_another),
            "test < downloader < storage",
            5,
        ),
        (
            "the state store",
            Moment::with(state),
            "daemon < state_store < session_owner < permit(state) < state store",
            1,
        ),
        ("no room", disk, "supervisor < disk reserve", 12),
    ]);
}

#[test]
fn an_operator_holds_back_what_is_not_begun_and_nobody_holds_it_back_in_a_drain() {
    let moving = "supervisor < downloader < transfer < GRIN";
    let paused = |edges: Vec<WaitEdge>, ready| {
        let mut moment = Moment::with(edges).waits_for(WaitCause::Operator);
        moment.daemon.barcodes.insert("available".to_owned(), ready);
        moment
    };
    let bodies = || vec![edge(SUPERVISOR, Downloader, 8, &[(Some("transfer"), 4, 30.0)])];
    let draining = |mut moment: Moment| {
        moment.daemon.shutdown = Some(ShutdownPhase::WorkersDraining);
        moment
    };
    let full = Moment::with(bodies()).waits_for(WaitCause::Disk);
    hold(vec![
        ("nothing moves", paused(vec![], 0), "supervisor < the operator", 0),
        (
            "nothing is begun",
            paused(vec![], 500),
            "supervisor < the operator",
            500,
        ),
        ("the last ones move", paused(bodies(), 0), moving, 12),
        ("more moves than is held back", paused(bodies(), 11), moving, 12),
        (
            "more is held back than moves",
            paused(bodies(), 500),
            "supervisor < the operator",
            500,
        ),
        ("a drain, moving", draining(paused(bodies(), 500)), moving, 12),
        ("a drain, at its end", draining(paused(vec![], 500)), "", 0),
        ("a drain of a full disk", draining(full), moving, 12),
    ]);
    let unit = |moment: Moment| moment.chains().heaviest.unwrap().held_words();
    assert_eq!(unit(paused(bodies(), 500)), "500 books");
    assert_eq!(unit(paused(bodies(), 1)), "12 messages");
    let chains = paused(bodies(), 1).chains();
    assert_eq!(nodes(&chains.by_actor[&Supervisor]), moving);
}

#[test]
fn a_chain_ends_at_an_actor_that_stands_still() {
    let owner = |queued, handled: &[Handled]| {
        let mut waits = bulk((None, 0, 0.0));
        waits[2] = edge("downloader", SessionOwner, queued, handled);
        Moment::with(waits).stalled(SessionOwner)
    };
    let pool = vec![edge(
        SUPERVISOR,
        Downloader,
        0,
        &[(None, 1, 75.0), (Some("transfer"), 3, 9.0)],
    )];
    hold(vec![
        (
            "it ends nothing",
            owner(0, &[(None, 4, 75.0)]),
            "supervisor < downloader < session_owner",
            12,
        ),
        (
            "it begins nothing",
            owner(4, &[]),
            "supervisor < downloader < session_owner",
            12,
        ),
        (
            "the others of its pool get on",
            Moment::with(pool).stalled(Downloader),
            "supervisor < downloader < transfer < GRIN",
            3,
        ),
    ]);
    let end = owner(0, &[(None, 4, 75.0)]).chains().heaviest.unwrap().links.pop();
    let told = end.unwrap().to_string();
    assert!(
        told.ends_with("; the actor session_owner has stood still for 1m 15s with head"),
        "{told}"
    );
}

#[test]
fn each_actor_has_its_own_chain() {
    let chains = Moment::with(bulk((Some("permit(bulk)"), 4, 30.0))).gate(None).chains();
    let told: Vec<_> = chains.by_actor.values().map(nodes).collect();
    assert_eq!(
        told,
        [
            "supervisor < downloader < session_owner < permit(bulk) < gate",
            "downloader < session_owner < permit(bulk) < gate",
            "session_owner < permit(bulk) < gate",
        ]
    );
}

#[test]
fn links_say_how_many_wait_how_long_and_until_when() {
    let chains = Moment::with(bulk((Some("permit(bulk)"), 4, 30.0)))
        .gate(Some(429))
        .chains();
    let links = chains.heaviest.unwrap().links;
    let told: Vec<_> = links.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "",
            "12 wait, the longest for 30.0s",
            "4 wait, the longest for 30.0s",
            "4 wait, the longest for 30.0s; 4 held",
            &format!(
                "until {}; GRIN answered 429",
                in_zone(Timestamp::UNIX_EPOCH, TimeZone::system())
            ),
        ]
    );
    let narrowed = Moment::with(bulk((Some("permit(bulk)"), 4, 30.0))).session(|session| {
        (session.bulk_places, session.bulk_most) = (1, 4);
    });
    let last = narrowed.chains().heaviest.unwrap().links.pop().unwrap();
    assert_eq!(
        last.to_string(),
        "1 at once instead of 4: GRIN answered 429 or 503, or not in time; one more after each 30 s without that, sooner as archives come whole"
    );
}

#[test]
fn who_is_signed_out_waits_for_a_sign_in_whatever_is_under_way() {
    let mut moment = Moment::with(bulk((Some("permit(bulk)"), 4, 30.0)));
    moment.daemon.signed_out = Some(SignedOut {
        since: moment.daemon.taken_at,
        why: "revoked".into(),
        advice: "sign in".into(),
    });
    let chain = moment.chains().heaviest.unwrap();
    assert_eq!(chain.nodes(), "supervisor ← a sign-in to GRIN");
    assert_eq!(chain.links[1].to_string(), "revoked");
}

/// What a message declares is what the chain goes on with: the words of the code and those of the chain are the same.
#[test]
fn permits_of_every_class_are_known() {
    for class in crate::session::PermitClass::ALL {
        let moment = Moment::with(vec![edge("test", SessionOwner, 0, &[(Some(class.permit()), 1, 1.0)])]);
        let links = moment.chains().heaviest.unwrap().links;
        assert_eq!(links.len(), 4, "{class:?}: {links:?}");
        assert!(links[2].to_string().ends_with("held"), "{class:?}");
    }
}
