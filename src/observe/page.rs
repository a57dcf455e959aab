//! The status page: one plain document, nothing loaded from elsewhere, no script.

use std::fmt;

use html_escape::encode_text;

use crate::actor::ActorSnapshot;
use crate::log::{DisplayCount, DisplayDuration};
use crate::observe::facts::facts;
use crate::observe::status::DaemonStatus;

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta http-equiv=\"refresh\" content=\"5\"><meta name=\"viewport\" content=\"width=device-width\">\
<title>grind</title><style>body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}\
table{border-collapse:collapse;margin:1em 0}th,td{text-align:left;padding:.1em 1.5em .1em 0;vertical-align:top}\
.n{text-align:right}</style></head><body><h1>grind</h1>";

const ACTORS: &str = "<h2>Actors</h2>\n<table>\n<tr><th>actor</th><th>state</th><th>mailbox</th><th>oldest</th>\
<th>in flight</th><th>waits for</th></tr>";

const TAIL: &str = "<p><a href=\"/metrics\">metrics</a> · <a href=\"/api/status\">status as JSON</a></p></body></html>";

/// The page for a status; every text in it is escaped.
pub struct StatusPage<'a>(pub &'a DaemonStatus);

impl fmt::Display for StatusPage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}\n<table>")?;
        for (heading, text) in facts(&self.0.daemon) {
            writeln!(
                f,
                "<tr><th>{}</th><td>{}</td></tr>",
                encode_text(heading),
                encode_text(&text)
            )?;
        }
        writeln!(f, "</table>\n{ACTORS}")?;
        self.0.hub.actors.iter().try_for_each(|actor| row(f, actor))?;
        writeln!(f, "</table>\n{TAIL}")
    }
}

fn row(f: &mut fmt::Formatter<'_>, actor: &ActorSnapshot) -> fmt::Result {
    let states: Vec<_> = actor
        .states
        .iter()
        .map(|(state, count)| format!("{count} {}", state.as_str()))
        .collect();
    let waits = actor
        .protected
        .as_ref()
        .map(|wait| format!("{} ({})", wait.what, DisplayDuration(wait.seconds)))
        .unwrap_or_default();
    write!(f, "<tr><td>{}</td><td>{}</td>", actor.name.as_str(), states.join(", "))?;
    write!(
        f,
        "<td class=\"n\">{} / {}</td>",
        DisplayCount(actor.depth),
        DisplayCount(actor.capacity)
    )?;
    write!(
        f,
        "<td class=\"n\">{}</td><td class=\"n\">{}</td>",
        DisplayDuration(actor.oldest_age_seconds),
        DisplayCount(actor.in_flight())
    )?;
    writeln!(f, "<td>{}</td></tr>", encode_text(&waits))
}
