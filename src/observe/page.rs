//! The page: made here, from the same snapshots as everything else, and useful without its script.
//!
//! `GET /` the whole document · `/events` its live part again, every two seconds · `/book/BARCODE` · `/config` · `/page.css`, `/page.js`,
//! `/icon.svg`. Nothing comes from elsewhere, and no script or style stands in a document.

mod actors;
mod book;
mod charts;
mod clock;
mod live;
mod machine;
mod rest;
mod routes;
#[cfg(test)]
mod tests;
mod top;

use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, html};

pub(super) use crate::observe::page::live::LivePage;
pub(super) use crate::observe::page::routes::all;

use crate::observe::headline::{PlainHeadline, person_tasks};
use crate::observe::page::clock::PageClock;
use crate::observe::status::DaemonStatus;

/// How often a browser that does not watch loads the page again.
const LOAD_AGAIN_SECONDS: u64 = 10;

/// The whole document.
pub(super) fn document(status: &DaemonStatus, zone: TimeZone) -> Markup {
    let daemon = &status.daemon;
    let title = match daemon.directory.as_str() {
        "" => "grind".to_owned(),
        directory => format!("{directory} – grind"),
    };
    let body = html! {
        (header(&daemon.directory, true))
        main #main { (live_part(status, zone)) }
    };
    framed(&title, true, &body)
}

fn header(directory: &str, is_live: bool) -> Markup {
    html! {
        header.top {
            h1 { a href="/" { "grind" } @if !directory.is_empty() { " " span { (directory) } } }
            @if is_live { p #live role="status" data-state="still" { "Not live: loaded again every " (LOAD_AGAIN_SECONDS) " s." } }
        }
    }
}

/// All that changes.
pub(super) fn live_part(status: &DaemonStatus, zone: TimeZone) -> Markup {
    let (daemon, session) = (&status.daemon, &status.session);
    let clock = PageClock::new(daemon.taken_at, zone);
    let (headline, tasks) = (PlainHeadline::of(status), person_tasks(status));
    html! {
        div.first {
            (top::hero(daemon, &headline, &clock))
            (top::person(&tasks, headline.mood))
            (top::throughput(daemon))
        }
        div.pair { (machine::transfers(daemon)) (actors::chain(status)) }
        (actors::actors(status))
        div.grid {
            (machine::pool(session, daemon, &clock))
            (machine::schedule(daemon, &clock))
            (machine::storage(daemon, &clock))
            (rest::failures(&daemon.failed, &clock))
            (rest::members(daemon, &clock))
            (rest::config(daemon, &clock))
        }
        footer data-build=(daemon.commit) data-load-again-seconds=(LOAD_AGAIN_SECONDS) {
            p {
                "As of " (clock.moment(daemon.taken_at)) ", times in " (clock.zone()) ". Running since " (clock.moment(daemon.since)) ". "
                "grind " (daemon.version) " (" (daemon.commit) "). "
                a href="/metrics" { "Metrics" } " · " a href="/api/status" { "status as JSON" }
            }
        }
    }
}

/// A document around what it says.
fn framed(title: &str, is_live: bool, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/page.css";
                @if is_live {
                    script src="/page.js" defer {}
                    noscript { meta http-equiv="refresh" content=(LOAD_AGAIN_SECONDS); }
                }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                (body)
            }
        }
    }
}

/// A document that says one thing only.
pub(super) fn note(title: &str, text: &str) -> Markup {
    let body = html! {
        (header("", false))
        main #main { section.card { h2 { (title) } p { (text) } } }
    };
    framed(&format!("{title} – grind"), false, &body)
}

/// The config in force.
pub(super) fn config(config: &str) -> Markup {
    let body = html! {
        (header("", false))
        main #main {
            section.card {
                h2 { "The config in force" }
                p { "Secrets are in files of their own, and passwords in addresses are left out." }
                pre tabindex="0" { (config) }
            }
        }
    };
    framed("Config – grind", false, &body)
}
