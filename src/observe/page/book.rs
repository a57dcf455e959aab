//! The story of one book.

use maud::{Markup, html};
use serde_json::Value;

use crate::catalog::{BookEvent, BookStory};
use crate::log::DisplayCount;
use crate::observe::page::clock::PageClock;
use crate::observe::page::rest::shortened;
use crate::observe::page::{framed, header};
use crate::vocabulary::BookState;

/// The last events that are shown.
const MOST_EVENTS: usize = 200;
const MOST_CHECKS: usize = 50;

/// The document of a book.
pub fn document(story: &BookStory, clock: &PageClock) -> Markup {
    let body = html! {
        (header("", false))
        main #main {
            section.card.hero {
                p.mood.(mood(story.state)) { (story.state.as_str().replace('_', " ")) }
                h2 { (story.barcode) }
                @if let Some(title) = story.book.get("title").and_then(Value::as_str) { p.title { (shortened(title)) } }
                p.why { (story.meaning) }
            }
            div.pair { (history(story, clock)) div.column { (lists(story, clock)) (checks(story)) } }
            (columns(story))
        }
    };
    framed(&format!("{} – grind", story.barcode), false, &body)
}

/// The class of a state; its word stands beside it.
fn mood(state: BookState) -> &'static str {
    match state {
        BookState::Stored => "well",
        BookState::Failed | BookState::ConversionFailed => "bad",
        _ => "waits",
    }
}

fn history(story: &BookStory, clock: &PageClock) -> Markup {
    let left_out = story.history.len().saturating_sub(MOST_EVENTS);
    html! {
        section.card {
            h2 { "What happened" }
            ol.story { @for event in story.history.iter().rev().take(MOST_EVENTS) { (event_line(event, clock)) } }
            @if left_out > 0 {
                p { (DisplayCount(left_out as u64)) " earlier events: " code { "grind explain " (story.barcode) } }
            }
            @if story.history.is_empty() { p { "Nothing is recorded." } }
        }
    }
}

/// A moment as the catalog has it.
fn moment(at: &str, clock: &PageClock) -> Markup {
    match at.parse() {
        Ok(at) => clock.moment(at),
        Err(_) => html! { (shortened(at)) },
    }
}

fn event_line(event: &BookEvent, clock: &PageClock) -> Markup {
    html! {
        li {
            (moment(&event.timestamp, clock)) " "
            b { (event.status_type.replace('_', " ")) ": " (shortened(&event.status_value)) }
            @if let Value::Object(metadata) = &event.metadata {
                ul.because { @for (name, value) in metadata { li { (name) ": " (plain(value)) } } }
            }
        }
    }
}

fn lists(story: &BookStory, clock: &PageClock) -> Markup {
    html! {
        section.card {
            h2 { "Last seen in GRIN's lists" }
            @if story.lists.is_empty() { p { "In none." } }
            dl.facts { @for (list, at) in &story.lists { div { dt { (list) } dd { (moment(at, clock)) } } } }
        }
    }
}

fn checks(story: &BookStory) -> Markup {
    html! {
        section.card {
            h2 { "Read again" }
            @if story.checks.is_empty() { p { "Not yet." } }
            ul { @for check in story.checks.iter().rev().take(MOST_CHECKS) { li { (shortened(&check.to_string())) } } }
        }
    }
}

fn columns(story: &BookStory) -> Markup {
    html! {
        section.card {
            details {
                summary { "All that the catalog has" }
                dl.columns { @for (name, value) in &story.book { div { dt { (name) } dd { (plain(value)) } } } }
            }
        }
    }
}

/// A value as a person reads it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => shortened(text),
        other => shortened(&other.to_string()),
    }
}
