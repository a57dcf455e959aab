//! The first screen: how it is, how far the library is, what needs a person, how fast it goes.

use maud::{Markup, html};

use crate::catalog::{DayReport, LibraryForecast};
use crate::log::{CountedNoun, DisplayCount, DisplaySize, DisplaySpeed, NounOfCount};
use crate::observe::daemon::DaemonSnapshot;
use crate::observe::headline::{DaemonMood, PersonTask, PlainHeadline};
use crate::observe::page::charts::{BarChart, ChartBar, SharePart, share_bar};
use crate::observe::page::clock::PageClock;
use crate::observe::rates::MinuteCount;

/// Days that the chart has room for.
const DAYS: usize = 30;
const MINUTES: usize = 60;

/// The class of a mood; its word stands beside it.
pub fn mood_class(mood: DaemonMood) -> &'static str {
    match mood {
        DaemonMood::Well => "well",
        DaemonMood::Waits => "waits",
        DaemonMood::NeedsPerson => "bad",
    }
}

/// How it is, and how far the library is.
pub fn hero(daemon: &DaemonSnapshot, headline: &PlainHeadline, clock: &PageClock) -> Markup {
    html! {
        section #state.card.hero aria-labelledby="headline" {
            p.mood.(mood_class(headline.mood)) { (headline.mood.as_str()) }
            h2 #headline { (headline.words) }
            @if let Some(why) = &headline.why {
                p.why { (why) @if let Some(next) = headline.next { "; " (next.what) " " (clock.moment(next.at)) } }
            }
            (progress(daemon))
            (tiles(daemon))
        }
    }
}

/// The books by what is to happen with them, in the order in which it does.
fn parts(daemon: &DaemonSnapshot) -> Vec<SharePart> {
    let of = |states: &[&str]| -> u64 { states.iter().filter_map(|state| daemon.barcodes.get(*state)).sum() };
    let of_forecast = |of: fn(&LibraryForecast) -> u64| daemon.forecast.as_ref().map_or(0, of);
    let known = of(&["known"]);
    let unscanned = of_forecast(|forecast| forecast.unscanned).min(known);
    let unasked = of_forecast(|forecast| forecast.unasked).min(known - unscanned);
    let part = |class, name, count| SharePart { class, name, count };
    vec![
        part("stored", "stored", of(&["stored"])),
        part("ready", "ready at GRIN", of(&["available", "checking", "downloading"])),
        part("converting", "being converted", of(&["requested", "in_process"])),
        part("known", "to be converted", known - unscanned - unasked),
        part("left", "not asked for", unasked),
        part("unscanned", "not scanned yet", unscanned),
        part("failed", "failed", of(&["failed", "conversion_failed"])),
        part("left", "not given out, or left out", of(&["unavailable", "forgotten"])),
    ]
}

fn progress(daemon: &DaemonSnapshot) -> Markup {
    let parts = parts(daemon);
    let total: u64 = parts.iter().map(|part| part.count).sum();
    let stored = parts[0].count;
    if total == 0 {
        return html! { p.far { "No book is known yet: GRIN's lists have not been read." } };
    }
    let label = format!("{} of {} books are stored", DisplayCount(stored), DisplayCount(total));
    html! {
        p.far { strong { (percent(stored, total)) } " " (label) }
        (share_bar(&parts, &label))
        ul.legend {
            @for part in parts.iter().filter(|part| part.count > 0) {
                li { span.key.(part.class) {} (part.name) " " b { (DisplayCount(part.count)) } }
            }
        }
        @if let Some(forecast) = &daemon.forecast { p.forecast { (forecast_words(forecast)) } }
    }
}

/// `41.2 %`; only all of them are 100 %.
fn percent(part: u64, whole: u64) -> String {
    let tenths = u128::from(part) * 1_000 / u128::from(whole.max(1));
    if tenths == 1_000 {
        return "100 %".to_owned();
    }
    format!("{}.{} %", tenths / 10, tenths % 10)
}

fn forecast_words(forecast: &LibraryForecast) -> Markup {
    html! {
        @match (&forecast.day, forecast.days_left) {
            _ if forecast.remaining == 0 && forecast.unasked > 0 => "Every book that is asked for is stored.",
            _ if forecast.remaining == 0 => "Every book that GRIN gives out is stored.",
            (Some(day), Some(days)) if days < 1.0 => { "All that GRIN gives out is stored " b { "within a day" } " (" (day) ")." }
            (Some(day), Some(days)) => { "All that GRIN gives out is stored on " b { (day) } ", in " (format!("{days:.0}")) (days_noun(days)) ", if it goes on like this." }
            _ => "Nobody can tell yet when all will be stored.",
        }
        @if forecast.remaining > 0 && !forecast.limit.is_empty() { " What limits it: " b { (forecast.limit) } "." }
        @if forecast.unasked > 0 { " " (DisplayCount(forecast.unasked)) " more are not asked for, and not counted." }
    }
}

/// For days as they are told, without a fraction.
fn days_noun(days: f64) -> &'static str {
    if days < 1.5 { " day" } else { " days" }
}

fn tiles(daemon: &DaemonSnapshot) -> Markup {
    let today = daemon.days.first().cloned().unwrap_or_default();
    let hour: u64 = daemon.minutes.iter().map(|minute| minute.books).sum();
    let failed: u64 = daemon.failed.by_reason.iter().map(|count| count.books).sum();
    html! {
        dl.tiles {
            div { dt { "last hour" } dd { (DisplayCount(hour)) small { " " (NounOfCount(hour, "book")) } } }
            div { dt { "today (UTC)" } dd { (DisplayCount(today.stored)) small { " " (NounOfCount(today.stored, "book")) ", " (DisplaySize(today.bytes)) } } }
            div { dt { "now" } dd { (DisplaySpeed(daemon.rates.minute.bytes_per_second)) } }
            div { dt { "in work" } dd { (DisplayCount(daemon.books_in_hand)) small { " " (NounOfCount(daemon.books_in_hand, "book")) } } }
            div { dt { "failed" } dd { (DisplayCount(failed)) small { " " (NounOfCount(failed, "book")) } } }
        }
    }
}

/// What only a person can mend.
pub fn person(tasks: &[PersonTask], mood: DaemonMood) -> Markup {
    let class = match mood {
        _ if tasks.is_empty() => "calm",
        DaemonMood::NeedsPerson => "urgent",
        DaemonMood::Well | DaemonMood::Waits => "later",
    };
    html! {
        section #person.card.(class) aria-labelledby="person-title" {
            h2 #person-title { "What needs a person" }
            @if tasks.is_empty() {
                p { "Nothing." }
            } @else {
                ul.tasks { @for task in tasks { li { b { (task.what) } " " (task.advice) } } }
            }
        }
    }
}

/// How fast it went.
pub fn throughput(daemon: &DaemonSnapshot) -> Markup {
    html! {
        section #throughput.card aria-labelledby="throughput-title" {
            h2 #throughput-title { "Throughput" }
            div.charts { (hour(&daemon.minutes)) (month(&daemon.days)) }
        }
    }
}

fn hour(minutes: &[MinuteCount]) -> Markup {
    let books: u64 = minutes.iter().map(|minute| minute.books).sum();
    let bytes = minutes.iter().map(|minute| minute.bytes).sum();
    let bars = minutes.iter().map(|minute| ChartBar {
        value: minute.books as f64,
        title: String::new(),
    });
    let mut chart = BarChart {
        label: String::new(),
        bars: bars.collect(),
        places: MINUTES,
    };
    let most = chart.most();
    chart.label = format!("Books stored in each minute of the last hour, {books} in all, at most {most} in one");
    let words = format!(
        "{}, {}; at most {most} a minute",
        CountedNoun(books, "book"),
        DisplaySize(bytes)
    );
    figure("Last hour", &words, &chart, "60 minutes ago")
}

fn month(days: &[DayReport]) -> Markup {
    let books: u64 = days.iter().map(|day| day.stored).sum();
    let bytes = days.iter().map(|day| day.bytes).sum();
    let bars = days.iter().rev().map(|day| ChartBar {
        value: day.stored as f64,
        title: format!(
            "{}: {}, {}",
            day.day,
            CountedNoun(day.stored, "book"),
            DisplaySize(day.bytes)
        ),
    });
    let mut chart = BarChart {
        label: String::new(),
        bars: bars.collect(),
        places: DAYS,
    };
    let most = chart.most();
    chart.label = format!("Books stored on each of the last 30 days, {books} in all, at most {most} on one");
    let most = DisplayCount(days.iter().map(|day| day.stored).max().unwrap_or_default());
    let words = format!(
        "{}, {}; at most {most} a day",
        CountedNoun(books, "book"),
        DisplaySize(bytes)
    );
    figure("Last 30 days (UTC)", &words, &chart, "30 days ago")
}

fn figure(title: &str, words: &str, chart: &BarChart, oldest: &str) -> Markup {
    html! {
        figure {
            figcaption { b { (title) } " " (words) }
            (chart.draw())
            p.axis { span { (oldest) } span { "now" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_of_them_are_a_hundred_per_cent() {
        for (part, whole, words) in [
            (0, 0, "0.0 %"),
            (999_999, 1_000_000, "99.9 %"),
            (412_003, 1_000_000, "41.2 %"),
            (7, 7, "100 %"),
        ] {
            assert_eq!(percent(part, whole), words);
        }
    }
}
