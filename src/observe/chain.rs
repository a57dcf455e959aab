//! Why somebody waits: from an actor along what it waits for, down to what lets none go on.
//!
//! Pure functions over snapshots. Actors ask downwards only, so no chain comes back to where it began.

mod intake;
mod words;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::actor::{ActorName, HubSnapshot, WaitEdge};
use crate::log::{CountedNoun, DisplaySize};
pub use crate::observe::chain::intake::HeldWork;
use crate::observe::daemon::{DaemonSnapshot, DownloadPlaces};
use crate::observe::liveness::ActorStall;
use crate::session::SessionSnapshot;

/// Who waits for whom, and for what in the end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BlockingChains {
    /// The one that holds the most work back now; `None`: nobody waits.
    pub heaviest: Option<BlockingChain>,
    /// The heaviest of each actor that waits.
    pub by_actor: BTreeMap<ActorName, BlockingChain>,
}

/// One chain, from who waits to what is waited for in the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockingChain {
    /// Pieces of work that what stands at the end holds back, on this chain and on others: each counts once, where it begins, however many
    /// actors ask each other for it.
    pub held_back: u64,
    /// What they are.
    #[serde(default)]
    pub unit: HeldWork,
    /// The links; the first waits for the second, and so on.
    pub links: Vec<ChainLink>,
}

impl BlockingChain {
    /// `12 messages`, `1 book`.
    pub fn held_words(&self) -> String {
        CountedNoun(self.held_back, self.unit.noun()).to_string()
    }

    /// Its nodes on one line: `downloader ← permit(bulk) ← gate`.
    pub fn nodes(&self) -> String {
        let nodes: Vec<_> = self.links.iter().map(|link| &*link.node).collect();
        nodes.join(" ← ")
    }
}

/// An actor, or something outside of them that is waited for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChainLink {
    /// `downloader`, `permit(bulk)`, `pacer`, `gate`, `token`, `commit`, `transfer`, `storage`, `disk reserve`, `GRIN` …
    pub node: String,
    /// How many wait for it on this chain; 0 where that is not known.
    pub waiting: u64,
    /// How long the longest of them has waited.
    pub longest_seconds: f64,
    /// When the wait ends, if that is known.
    pub until: Option<Timestamp>,
    /// What is known of it.
    pub why: Option<String>,
}

/// A link, and which asks wait for it: several chains may have them in common.
#[derive(Debug, Clone)]
struct ChainStep {
    asks: String,
    link: ChainLink,
    /// Asks that are not begun, which what the others wait for holds back as well.
    unbegun: u64,
    /// Asks that wait for the next link.
    through: u64,
}

type ChainPath = Vec<ChainStep>;

/// What the chains are made of.
pub struct ChainInputs<'a> {
    /// Who waits on whom.
    pub hub: &'a HubSnapshot,
    /// Permits and the gate.
    pub session: &'a SessionSnapshot,
    /// What the intake waits for.
    pub daemon: &'a DaemonSnapshot,
    /// Actors that come no step further: a chain ends at one that has declared nothing else.
    pub stalled: &'a [ActorStall],
}

impl ChainInputs<'_> {
    /// All chains as they are now.
    pub fn chains(&self) -> BlockingChains {
        let paths = self.paths_of(&self.starts());
        let by_actor = ActorName::ALL.into_iter().filter_map(|name| {
            let own = self.of_actor(name);
            let chain = match name {
                ActorName::Supervisor => self.with_intake(own),
                _ => own,
            };
            Some((name, chain?))
        });
        BlockingChains {
            heaviest: self.with_intake(heaviest(&paths)),
            by_actor: by_actor.collect(),
        }
    }

    fn of_actor(&self, name: ActorName) -> Option<BlockingChain> {
        let own = self.paths_of(&[name.as_str()]);
        if !own.is_empty() {
            return heaviest(&own);
        }
        // It asks nobody; what its messages wait for begins with itself.
        let edges: Vec<_> = self.hub.waits.iter().filter(|edge| edge.to == name).collect();
        let (messages, longest) = edges.iter().fold((0, 0.0), |(messages, longest), edge| {
            (messages + u64::from(edge.waiting), edge.longest_seconds.max(longest))
        });
        (messages > 0).then_some(())?;
        let first = step("", link(name.as_str(), messages, longest));
        heaviest(&self.behind(first, name, &edges))
    }

    /// Who asks and is asked by nobody. What others ask of the supervisor is done by way of what it asks itself.
    fn starts(&self) -> Vec<&str> {
        let is_asked = |name: &str| {
            let mut edges = self.hub.waits.iter().filter(|edge| edge.to.as_str() == name);
            // The supervisor's one message is the whole run.
            edges.any(|edge| edge.to != ActorName::Supervisor || actor(&edge.from).is_some())
        };
        let askers = self.hub.waits.iter().filter(|edge| edge.to != ActorName::Supervisor);
        let mut starts: Vec<_> = askers.map(|edge| &*edge.from).filter(|from| !is_asked(from)).collect();
        starts.sort_unstable();
        starts.dedup();
        starts
    }

    fn paths_of(&self, starts: &[&str]) -> Vec<ChainPath> {
        let of = |start: &&str| {
            let first = step("", link(start, 0, 0.0));
            let rests = self.asked_by(start).into_iter();
            rests.map(move |rest| with(first.clone(), rest))
        };
        starts.iter().flat_map(of).collect()
    }

    /// The chains behind what somebody asks.
    fn asked_by(&self, from: &str) -> Vec<ChainPath> {
        let edges = self.hub.waits.iter().filter(|edge| edge.from == from);
        let downwards = edges.filter(|edge| actor(from).is_none_or(|from| from.layer() < edge.to.layer()));
        let behind = downwards.flat_map(|edge| {
            let asked = link(edge.to.as_str(), edge.waiting.into(), edge.longest_seconds);
            self.behind(step(from, asked), edge.to, &[edge])
        });
        behind.collect()
    }

    /// The chains from an actor on, for messages of these edges to it. Where none of them is being handled, they wait for those that are.
    fn behind(&self, asked: ChainStep, to: ActorName, edges: &[&WaitEdge]) -> Vec<ChainPath> {
        let of_all: Vec<_> = self.hub.waits.iter().filter(|edge| edge.to == to).collect();
        let own: Vec<_> = edges.iter().flat_map(|edge| &edge.handled).collect();
        let asked_for = |what: Option<&str>| {
            let waits = own.iter().filter(|wait| wait.what.as_deref() == what);
            let begun: u64 = own.iter().map(|wait| u64::from(wait.messages)).sum();
            ChainStep {
                unbegun: asked.link.waiting.saturating_sub(begun),
                through: waits.map(|wait| u64::from(wait.messages)).sum(),
                ..asked.clone()
            }
        };
        let is_handled = !own.is_empty();
        let edges = if is_handled { edges } else { &of_all };
        let handled = edges
            .iter()
            .flat_map(|edge| edge.handled.iter().map(|wait| (&*edge.from, wait)));
        let handled: Vec<_> = handled.collect();
        let mut paths = Vec::new();
        for (from, wait) in &handled {
            let outside = wait.what.as_deref().filter(|what| actor(what).is_none());
            if let Some(what) = outside {
                let first = link(what, wait.messages.into(), wait.longest_seconds);
                let asks = format!("{from} > {to}");
                let rest = self.outside(first).into_iter().map(|link| step(&asks, link));
                paths.push(with(asked_for(Some(what)), rest.collect()));
            }
        }
        let outside = paths.len();
        paths.extend(self.asked_by(to.as_str()).into_iter().map(|rest| {
            let next = rest.first().map(|step| &*step.link.node);
            with(asked_for(next), rest)
        }));
        let is_undeclared = handled.iter().any(|(_, wait)| wait.what.is_none());
        let stall = self.stalled.iter().find(|stall| stall.actor == to);
        if let Some(stall) = stall.filter(|_| is_undeclared || handled.is_empty()) {
            let mut last = asked_for(None);
            last.link.why = Some(stall.to_string());
            paths.push(vec![last]);
        } else if paths.len() == outside && is_undeclared {
            paths.push(vec![asked_for(None), step("", at_work(to))]);
        } else if handled.is_empty() {
            let mut last = asked_for(None);
            last.link.why = Some("no message is begun: its thread is busy, or its worker is being rebuilt".to_owned());
            paths.push(vec![last]);
        }
        paths
    }

    /// From something outside of the actors to what it waits for.
    fn outside(&self, mut first: ChainLink) -> Vec<ChainLink> {
        let gate = || self.session.gate_closed_until.map(|until| self.gate(until));
        match &*first.node {
            "pacer" => match gate() {
                Some(gate) => vec![first, gate],
                None if self.session.turns_missing => {
                    let why = Some("the catalog grants no turns of the rate that several programs share".to_owned());
                    let turns = link("turns of the shared rate", 0, 0.0);
                    vec![first, ChainLink { why, ..turns }]
                }
                None => {
                    first.why = Some("so many requests a second and no more: grin.requests_per_second".to_owned());
                    vec![first]
                }
            },
            "transfer" => {
                let next = self.bandwidth();
                vec![
                    first,
                    next.unwrap_or_else(|| told("GRIN", "bodies are on their way".to_owned())),
                ]
            }
            "token" => {
                first.why.clone_from(&self.session.signed_out);
                vec![first, link("token service", 0, 0.0)]
            }
            node => match node.strip_prefix("permit(").and_then(|node| node.strip_suffix(')')) {
                Some(class) => {
                    first.why = self.held(class);
                    let next = gate().unwrap_or_else(|| self.holder(class));
                    vec![first, next]
                }
                None => vec![first],
            },
        }
    }

    /// The limit of the bandwidth, while bodies wait for it: below it the other end sets the pace.
    fn bandwidth(&self) -> Option<ChainLink> {
        let limit = self.session.bandwidth.filter(|_| self.session.bandwidth_waiting > 0)?;
        Some(told("bandwidth", format!("limited to {}/s", DisplaySize(limit))))
    }

    fn held(&self, class: &str) -> Option<String> {
        let permits = self.session.permits.get(class)?;
        Some(format!("{} held", permits.held))
    }

    /// What those wait for that hold the permits, while the gate is open.
    fn holder(&self, class: &str) -> ChainLink {
        let (now, most) = (self.session.bulk_places, self.session.bulk_most);
        match class {
            "bulk" if now < most => told("GRIN", DownloadPlaces { now, most }.to_string()),
            "state" => link("state store", 0, 0.0),
            "auth" => link("token service", 0, 0.0),
            "hook" => link("hook", 0, 0.0),
            _ => link("GRIN", 0, 0.0),
        }
    }

    fn gate(&self, until: Timestamp) -> ChainLink {
        let why = match self.session.gate_closed_by {
            Some(status) => format!("GRIN answered {status}"),
            None => "GRIN asked another program to wait".to_owned(),
        };
        ChainLink {
            until: Some(until),
            ..told("gate", why)
        }
    }
}

/// An actor that neither asks nor has declared a wait works itself.
fn at_work(name: ActorName) -> ChainLink {
    match name {
        ActorName::Catalog => told("commit", "the catalog writes a transaction".to_owned()),
        ActorName::SessionOwner => told("GRIN", "an answer is on its way".to_owned()),
        name => told("processor", format!("{name} works")),
    }
}

fn actor(word: &str) -> Option<ActorName> {
    ActorName::ALL.into_iter().find(|name| name.as_str() == word)
}

fn link(node: &str, waiting: u64, longest_seconds: f64) -> ChainLink {
    ChainLink {
        node: node.to_owned(),
        waiting,
        longest_seconds,
        ..ChainLink::default()
    }
}

fn told(node: &str, why: String) -> ChainLink {
    ChainLink {
        why: Some(why),
        ..link(node, 0, 0.0)
    }
}

/// A link for which asks of `from` wait.
fn step(from: &str, link: ChainLink) -> ChainStep {
    ChainStep {
        asks: format!("{from} > {}", link.node),
        link,
        unbegun: 0,
        through: 0,
    }
}

fn with(first: ChainStep, mut rest: ChainPath) -> ChainPath {
    rest.insert(0, first);
    rest
}

/// The chain to what holds the most work back: that of all chains that end there, each piece counted once, where its chain begins: what an
/// actor asks for it further on is no work of its own. Of those chains the one on which the most wait, nearest the end first.
fn heaviest(paths: &[ChainPath]) -> Option<BlockingChain> {
    // By the end of a chain, and by what waits for what.
    let mut asks: BTreeMap<&str, BTreeMap<(&str, &str), u64>> = BTreeMap::new();
    for path in paths {
        let Some(end) = path.last() else { continue };
        let Some(root) = path.iter().position(|step| step.link.waiting > 0) else {
            continue;
        };
        let next = path.get(root + 1).map_or("", |step| &step.link.node);
        let root = &path[root];
        let of_end = asks.entry(&end.link.node).or_default();
        of_end.insert((&root.asks, "unbegun"), root.unbegun);
        of_end.insert((&root.asks, next), root.through);
    }
    let held_back = |path: &[ChainStep]| -> u64 {
        let end = path.last().and_then(|end| asks.get(&*end.link.node));
        end.map_or(0, |asks| asks.values().sum())
    };
    let weight = |path: &&ChainPath| {
        let waiting = path.iter().rev().map(|step| step.link.waiting);
        let longest = path.iter().map(|step| step.link.longest_seconds).fold(0.0, f64::max);
        (
            held_back(path),
            waiting.filter(|n| *n > 0).collect::<Vec<_>>(),
            longest.to_bits(),
        )
    };
    let heaviest = paths.iter().max_by_key(weight)?;
    Some(BlockingChain {
        held_back: held_back(heaviest),
        unit: HeldWork::Message,
        links: heaviest.iter().map(|step| step.link.clone()).collect(),
    })
}

#[cfg(test)]
mod tests;
