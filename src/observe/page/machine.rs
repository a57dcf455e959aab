//! What the actors work with: connections, bodies on their way, the timetable, the storage.

use maud::{Markup, html};

use crate::actor::HistogramSnapshot;
use crate::log::{CountedNoun, DisplayCount, DisplayDuration, DisplaySize, ShortDuration};
use crate::observe::daemon::{DaemonSnapshot, TransferView};
use crate::observe::page::charts::{SharePart, share_bar};
use crate::observe::page::clock::PageClock;
use crate::session::{PermitSnapshot, SessionSnapshot};

/// Bodies on their way.
pub fn transfers(daemon: &DaemonSnapshot) -> Markup {
    html! {
        section #transfers.card aria-labelledby="transfers-title" {
            h2 #transfers-title { "On the way" }
            @if daemon.transfers.is_empty() {
                p { "No archive is on its way." }
            } @else {
                ul.transfers { @for transfer in &daemon.transfers { (transfer_line(transfer)) } }
            }
        }
    }
}

fn transfer_line(transfer: &TransferView) -> Markup {
    let TransferView {
        barcode,
        received,
        length,
        seconds,
        ..
    } = transfer;
    html! {
        li {
            (book_link(barcode))
            span {
                (DisplaySize(*received))
                @if let Some(length) = length { " of " (DisplaySize(*length)) }
                ", " (transfer.pace()) ", for " (DisplayDuration(*seconds))
            }
            @if let Some(length) = length {
                progress max=(length) value=(received) aria-label={ "How much of " (barcode) " has come" } {}
            }
        }
    }
}

/// A barcode as the way to its story. A barcode has no sign that means something in an address.
pub fn book_link(barcode: &str) -> Markup {
    html! { a.barcode href={ "/book/" (barcode) } { (barcode) } }
}

/// The one session to GRIN.
pub fn pool(session: &SessionSnapshot, daemon: &DaemonSnapshot, clock: &PageClock) -> Markup {
    let is_narrowed = daemon.download_places.now < daemon.download_places.most;
    html! {
        section #pool.card aria-labelledby="pool-title" {
            h2 #pool-title { "Connection to GRIN" }
            dl.facts {
                div { dt { "gate" } dd { (gate(session, clock)) } }
                div { dt { "sessions created" } dd { (DisplayCount(session.sessions_created)) } }
                div { dt { "connections" } dd {
                    (session.connections_open) " open, " (session.connections_opened) " opened, " (session.connections_failed) " failed"
                } }
                div { dt { "reuse" } dd { (reuse(session)) } }
                div { dt { "requests under way" } dd { (session.requests_in_flight) } }
                div.wide[is_narrowed] { dt { "archives at once" } dd { (daemon.download_places) } }
                div { dt { "bandwidth" } dd {
                    @match daemon.bandwidth { Some(limit) => { "at most " (DisplaySize(limit)) "/s" } None => "no limit" }
                } }
            }
            (permits(session))
        }
    }
}

fn gate(session: &SessionSnapshot, clock: &PageClock) -> Markup {
    html! {
        @match (session.gate_closed_until, session.gate_closed_by) {
            (Some(until), Some(status)) => { "closed until " (clock.moment(until)) ": GRIN answered " (status) }
            (Some(until), None) => { "closed until " (clock.moment(until)) ": GRIN asked another program to wait" }
            (None, _) if session.turns_missing => "waiting for turns of the shared rate",
            (None, _) => "open",
        }
    }
}

/// How many requests one connection served.
fn reuse(session: &SessionSnapshot) -> String {
    let requests: u64 = session.requests.iter().map(|count| count.count).sum();
    let opened = session.connections_opened.max(1) as f64;
    format!(
        "{}, {:.1} a connection",
        CountedNoun(requests, "request"),
        requests as f64 / opened
    )
}

/// How many of its requests went over a connection that was open before.
fn kept_share(permit: &PermitSnapshot) -> String {
    match permit.on_new + permit.on_kept {
        0 => "–".to_owned(),
        all => format!("{:.0} %", permit.on_kept as f64 * 100.0 / all as f64),
    }
}

fn permits(session: &SessionSnapshot) -> Markup {
    html! {
        table.permits {
            caption { "Permits by class" }
            thead { tr {
                th scope="col" { "class" } th scope="col" { "held" } th scope="col" { "free" }
                th scope="col" { "waiting" } th scope="col" { "mean wait" } th scope="col" { "reuse" }
            } }
            tbody { @for (class, permit) in &session.permits { (permit_row(class, permit)) } }
        }
    }
}

fn permit_row(class: &str, permit: &PermitSnapshot) -> Markup {
    html! {
        tr {
            th scope="row" { (class) }
            td { (permit.held) } td { (permit.free) } td { (permit.waiting) } td { (mean(&permit.wait_seconds)) }
            td { (kept_share(permit)) }
        }
    }
}

fn mean(waits: &HistogramSnapshot) -> String {
    if waits.count == 0 {
        return "–".to_owned();
    }
    ShortDuration(waits.sum_seconds / waits.count as f64).to_string()
}

/// What each task does or did, and when it goes on.
pub fn schedule(daemon: &DaemonSnapshot, clock: &PageClock) -> Markup {
    let mut names: Vec<&String> = daemon.tasks.keys().chain(daemon.next.keys()).collect();
    names.sort_unstable();
    names.dedup();
    html! {
        section #schedule.card aria-labelledby="schedule-title" {
            h2 #schedule-title { "Schedule" }
            @if names.is_empty() { p { "No task has begun." } }
            dl.schedule {
                @for name in names {
                    div {
                        dt { (name) @if daemon.unfinished.contains(name) { " " span.mood.waits { "not finished" } } }
                        dd {
                            @if let Some(words) = daemon.tasks.get(name) { (words) }
                            @if let Some(at) = daemon.next.get(name) { span.next { " next at " (clock.moment(*at)) } }
                        }
                    }
                }
            }
        }
    }
}

/// Where the books go.
pub fn storage(daemon: &DaemonSnapshot, clock: &PageClock) -> Markup {
    html! {
        section #storage.card aria-labelledby="storage-title" {
            h2 #storage-title { "Storage" }
            p.address { (daemon.library) }
            @if daemon.space.is_some() { (disk(daemon)) }
            dl.facts {
                div { dt { "stored since the start" } dd { (DisplaySize(daemon.stored_bytes)) } }
                div { dt { "last book stored" } dd {
                    @match daemon.last_success { Some(at) => (clock.moment(at)), None => "none since the start" }
                } }
                div { dt { "last backup" } dd {
                    @match daemon.last_backup { Some(at) => (clock.moment(at)), None => "none is known" }
                } }
                @if let Some(fixity) = daemon.fixity.filter(|fixity| fixity.oldest.is_some()) {
                    div.wide { dt { "read again" } dd { (fixity) } }
                }
                @if let Some(copies) = daemon.second_copy.standing {
                    div.wide { dt { "second copy" } dd { (copies) } }
                }
                @if daemon.hooks.is_used() { div.wide { dt { "hook" } dd { (daemon.hooks) } } }
            }
        }
    }
}

fn disk(daemon: &DaemonSnapshot) -> Markup {
    let Some(space) = daemon.space else { return html! {} };
    let usable = space.free.saturating_sub(space.reserve);
    let part = |class, name, count| SharePart { class, name, count };
    let parts = [
        part("used", "used", space.total.saturating_sub(space.free)),
        part("usable", "free", usable),
        part("reserve", "kept free", space.free - usable),
    ];
    let label = format!(
        "{} of the disk's {} can be filled",
        DisplaySize(usable),
        DisplaySize(space.total)
    );
    html! {
        p { (label) }
        (share_bar(&parts, &label))
        ul.legend { @for part in &parts { li { span.key.(part.class) {} (part.name) " " b { (DisplaySize(part.count)) } } } }
    }
}
