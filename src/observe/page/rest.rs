//! What is looked at when something went wrong: failed books, members, the config.

use maud::{Markup, html};

use crate::catalog::FailedBooks;
use crate::log::DisplayCount;
use crate::observe::daemon::DaemonSnapshot;
use crate::observe::page::clock::PageClock;
use crate::observe::page::machine::book_link;
use crate::observe::sharing::MemberView;

/// Reasons that are shown, and books of each.
const MOST_REASONS: usize = 12;
const MOST_OF_REASON: usize = 5;
/// Characters of what happened to one.
const LONGEST_DETAIL: usize = 200;

/// The books that failed, by reason.
pub fn failures(failed: &FailedBooks, clock: &PageClock) -> Markup {
    html! {
        section #failures.card aria-labelledby="failures-title" {
            h2 #failures-title { "Failed books" }
            @if failed.by_reason.is_empty() { p { "None." } }
            @for count in failed.by_reason.iter().take(MOST_REASONS) {
                h3 { (reason(&count.reason)) " " b { (DisplayCount(count.books)) } }
                (of_reason(failed, &count.reason, clock))
            }
        }
    }
}

fn reason(word: &str) -> String {
    match word {
        "" => "no reason noted".to_owned(),
        word => word.replace('_', " "),
    }
}

fn of_reason(failed: &FailedBooks, reason: &str, clock: &PageClock) -> Markup {
    let of_it = failed
        .recent
        .iter()
        .filter(|book| book.reason.as_deref().unwrap_or_default() == reason);
    html! {
        ul.failed {
            @for book in of_it.take(MOST_OF_REASON) {
                li {
                    (book_link(&book.barcode)) " "
                    @if let Ok(at) = book.since.parse() { (clock.moment(at)) }
                    @if let Some(detail) = &book.detail { span { (shortened(detail)) } }
                }
            }
        }
    }
}

/// The beginning of a text, on one line.
pub fn shortened(text: &str) -> String {
    let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = chars.by_ref().take(LONGEST_DETAIL).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// Who shares the catalog, where that is not this daemon alone.
pub fn members(daemon: &DaemonSnapshot, clock: &PageClock) -> Markup {
    html! {
        @if daemon.members.len() > 1 {
            section #members.card aria-labelledby="members-title" {
                h2 #members-title { "Members" }
                ul.members { @for member in &daemon.members { (member_line(member, clock)) } }
            }
        }
    }
}

fn member_line(member: &MemberView, clock: &PageClock) -> Markup {
    html! {
        li {
            b { (member.instance) } " on " (member.host) " "
            @match (member.this, member.live) {
                (true, _) => span.mood.well { "this one" },
                (false, true) => span.mood.well { "live" },
                (false, false) => span.mood.waits { "not heard of since its time was over" },
            }
            small {
                " " (member.program) " " (member.version)
                @if let Some(since) = member.since { ", since " (clock.moment(since)) }
                @if let Some(seen) = member.seen { ", heard of at " (clock.moment(seen)) }
            }
        }
    }
}

/// Which config is in force.
pub fn config(daemon: &DaemonSnapshot, clock: &PageClock) -> Markup {
    html! {
        section #config.card aria-labelledby="config-title" {
            h2 #config-title { "Configuration" }
            p {
                @match &daemon.reload {
                    None => { "As it was read at the start, " (clock.moment(daemon.since)) "." }
                    Some(reload) => {
                        "Last read at " (clock.moment(reload.at)) ": "
                        @if reload.successful { (reload.summary) } @else { span.mood.bad { "not in force" } " " (reload.summary) }
                        "."
                    }
                }
                " " a href="/config" { "The config in force" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(shortened("a\nb"), "a b");
        let long = "é".repeat(LONGEST_DETAIL + 1);
        assert_eq!(shortened(&long).chars().count(), LONGEST_DETAIL + 1);
        assert!(shortened(&long).ends_with("é…"));
    }
}
