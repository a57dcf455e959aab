//! The live part of the page as server-sent events.
//!
//! It is made once for all who watch, and only while somebody does. Each watcher has the newest one to take and no queue: one who reads
//! slowly misses some, and nobody waits for it.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Bytes;
use futures::{Stream, StreamExt};
use tokio::sync::watch;

use crate::observe::page::live_part;
use crate::observe::status::DaemonStatus;
use crate::observe::view::DaemonView;

/// Watchers at once, of those over the network and at the socket together; there is room for as many other connections.
const MOST_WATCHERS: usize = 8;
/// A stream ends after this, and a browser begins another one by itself: what nobody reads any more does not stay for ever.
const LONGEST: Duration = Duration::from_mins(10);

/// What those who watch the page are told.
#[derive(Debug)]
pub struct LivePage(watch::Sender<Bytes>);

impl Default for LivePage {
    fn default() -> Self {
        Self(watch::Sender::new(Bytes::new()))
    }
}

impl LivePage {
    /// Tells everybody how things are; without watchers nothing is made.
    pub fn tell(&self, view: &dyn DaemonView) {
        if self.0.receiver_count() > 0 {
            let status = DaemonStatus::of(view);
            let html = live_part(&status, jiff::tz::TimeZone::system()).into_string();
            self.0.send_replace(event(&html).into());
        }
    }

    /// The events from now on; `None` while too many watch already.
    pub fn watch(&self) -> Option<impl Stream<Item = Result<Bytes, Infallible>> + use<>> {
        if self.0.receiver_count() >= MOST_WATCHERS {
            return None;
        }
        let news = self.0.subscribe();
        let first = Bytes::from_static(b"retry: 2000\n\n");
        let later = futures::stream::unfold(news, |mut news| async {
            news.changed().await.ok()?;
            let event = news.borrow_and_update().clone();
            Some((event, news))
        });
        let events = futures::stream::iter([first]).chain(later);
        Some(events.take_until(tokio::time::sleep(LONGEST)).map(Ok))
    }
}

/// An event in its form on the wire: each line of the text is a line of its own.
fn event(text: &str) -> String {
    let lines = text.lines().map(|line| format!("data: {line}\n"));
    lines.collect::<String>() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::tests::fixture::Seen;

    #[test]
    fn each_line_of_an_event_says_that_it_is_data() {
        assert_eq!(event("<p>a\nb</p>"), "data: <p>a\ndata: b</p>\n\n");
    }

    #[actix_rt::test]
    async fn who_reads_slowly_gets_the_newest_and_the_others_wait_for_nobody() {
        let (live, view) = (LivePage::default(), Seen::default());
        let mut slow = Box::pin(live.watch().unwrap());
        slow.next().await.unwrap().unwrap();
        for _ in 0..20 {
            live.tell(&view);
        }
        assert!(slow.next().await.unwrap().unwrap().starts_with(b"data: <div"));
        assert!(futures::poll!(slow.next()).is_pending(), "one event, not twenty");
    }

    #[actix_rt::test]
    async fn there_is_a_bound_and_who_goes_leaves_a_place() {
        let live = LivePage::default();
        let mut watchers: Vec<_> = (0..MOST_WATCHERS).map(|_| live.watch().unwrap()).collect();
        assert!(live.watch().is_none());
        watchers.pop();
        assert!(live.watch().is_some());
    }

    #[actix_rt::test]
    async fn nothing_is_made_for_nobody() {
        let live = LivePage::default();
        live.tell(&Seen::default());
        assert!(live.0.borrow().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_by_itself() {
        let live = LivePage::default();
        let events = live.watch().unwrap().count().await;
        assert_eq!(events, 1, "the first, and then the end");
    }
}
