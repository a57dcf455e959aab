//! The actors, layer by layer as they ask each other, and what holds the most work back.

use maud::{Markup, html};

use crate::actor::{ActorName, ActorSnapshot, ActorState, WindowQuantiles, WindowSnapshot};
use crate::log::{DisplayCount, DisplayDuration, ShortDuration};
use crate::observe::chain::{BlockingChain, ChainLink};
use crate::observe::health::ActorHealth;
use crate::observe::page::charts::{BarChart, ChartBar, SharePart, share_bar};
use crate::observe::status::DaemonStatus;

/// Messages of one actor whose times are shown.
const MOST_MESSAGES: usize = 2;
/// Layers of actors that stand in one row.
const ROWS: [&[u8]; 3] = [&[0], &[1], &[2, 3]];

/// What holds the most work back now.
pub fn chain(status: &DaemonStatus) -> Markup {
    html! {
        section #chain.card aria-labelledby="chain-title" {
            h2 #chain-title { "What holds the most work back" }
            @match &status.chains.heaviest {
                Some(chain) => {
                    @if let Some(end) = chain.links.last() {
                        p { (chain.held_words()) " waiting for " b { (end.node) } }
                    }
                    (links(chain))
                }
                None => p { "Nobody waits." },
            }
        }
    }
}

/// The first link waits for the second, and so on.
fn links(chain: &BlockingChain) -> Markup {
    html! {
        ol.chain { @for link in &chain.links { li { b { (link.node) } (why(link)) } } }
    }
}

fn why(link: &ChainLink) -> Markup {
    let words = link.to_string();
    html! { @if !words.is_empty() { small { (words) } } }
}

/// A card an actor.
pub fn actors(status: &DaemonStatus) -> Markup {
    html! {
        section #actors aria-labelledby="actors-title" {
            h2 #actors-title { "Actors" }
            p.note { "Each asks only those below it. Times are medians and 99th percentiles of the last minute." }
            @for row in ROWS {
                div.layer {
                    @for actor in status.hub.actors.iter().filter(|actor| row.contains(&actor.name.layer())) { (card(status, actor)) }
                }
            }
        }
    }
}

fn card(status: &DaemonStatus, actor: &ActorSnapshot) -> Markup {
    let health = ActorHealth::of(actor, &status.stuck, &status.stalled);
    let (name, is_stuck) = (actor.name, health == ActorHealth::Stuck);
    let chain = status.chains.by_actor.get(&name);
    html! {
        article.actor.(health.class()) id={ "actor-" (name) } {
            header { h3 { (name) } @if let Some(word) = health.word() { span.mood.(health.class()) { (word) } } }
            @for stall in status.stalled.iter().filter(|stall| stall.actor == name) { p.sentence { b { (stall) } } }
            p.sentence { @if let Some(sentence) = status.sentences.get(&name) { (sentence) } }
            (mailbox(actor))
            (figures(status, actor))
            @if let Some(chain) = chain.filter(|chain| chain.links.len() > 1 || is_stuck) {
                details id={ "why-" (name) } open[is_stuck] { summary { "why it waits" } (links(chain)) }
            }
        }
    }
}

fn mailbox(actor: &ActorSnapshot) -> Markup {
    let part = |class, count| SharePart { class, name: "", count };
    let parts = [
        part("depth", actor.depth),
        part("room", actor.capacity.saturating_sub(actor.depth)),
    ];
    let label = format!("{} of {} places of the mailbox are taken", actor.depth, actor.capacity);
    html! {
        div.mailbox {
            span { "mailbox " b { (DisplayCount(actor.depth)) " / " (DisplayCount(actor.capacity)) } }
            (share_bar(&parts, &label))
            @if actor.depth > 0 { span { "oldest " b { (DisplayDuration(actor.oldest_age_seconds)) } } }
        }
    }
}

fn figures(status: &DaemonStatus, actor: &ActorSnapshot) -> Markup {
    let minute = actor.windows.get("1m");
    let count = |state| actor.states.get(&state).copied().unwrap_or_default();
    let states = ActorState::ALL.into_iter().filter(|state| count(*state) > 0);
    let states: Vec<_> = states
        .map(|state| format!("{} {}", count(state), state.as_str()))
        .collect();
    html! {
        dl.facts {
            (fact("instances", &states.join(", ")))
            (fact("in flight", &DisplayCount(actor.in_flight()).to_string()))
            @if let Some(minute) = minute { (times(minute)) }
            (fact("restarts", &DisplayCount(actor.restarts.values().sum()).to_string()))
            (fact("last exit", &last_exit(status, actor.name)))
        }
        @if let Some(quarter) = actor.windows.get("15m") { (sparkline(actor.name, quarter)) }
    }
}

fn fact(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn times(minute: &WindowSnapshot) -> Markup {
    html! {
        (fact("busy", &format!("{:.0} %", minute.busy_share * 100.0)))
        (fact("in hand", &format!("{:.1} in the last minute", minute.in_hand)))
        (fact("waits", &quantiles(&minute.wait)))
        @for message in minute.messages.iter().take(MOST_MESSAGES) {
            (fact(&message.kind.replace('_', " "), &quantiles(&message.handle)))
        }
    }
}

/// `1.2ms, 99 %: 30.0ms`
fn quantiles(of: &WindowQuantiles) -> String {
    match (of.p50_seconds, of.p99_seconds) {
        (Some(half), Some(most)) => format!("{}, {}", ShortDuration(half), ShortDuration(most)),
        _ => "–".to_owned(),
    }
}

fn last_exit(status: &DaemonStatus, name: ActorName) -> String {
    let exit = status.hub.ledger.iter().rev().find(|entry| entry.actor == name);
    exit.map_or_else(|| "none".to_owned(), |entry| entry.reason.as_str().replace('_', " "))
}

fn sparkline(name: ActorName, quarter: &WindowSnapshot) -> Markup {
    let bars = quarter.course.iter().map(|value| ChartBar {
        value: *value,
        title: String::new(),
    });
    let mut chart = BarChart {
        label: String::new(),
        bars: bars.collect(),
        places: 10,
    };
    let most = chart.most();
    chart.label = format!("Messages of {name} in the last 15 minutes, at most {most:.1} a second");
    html! { div.spark { (chart.draw()) small { (format!("{:.1}", quarter.handled_per_second)) " a second in 15 min" } } }
}
