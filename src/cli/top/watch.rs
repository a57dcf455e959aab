//! Asks the daemon, on a thread of its own, so that keys are heard while it does not answer.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use crate::actor::ActorName;
use crate::cli::control;
use crate::cli::status;
use crate::cli::top::data::TopLook;
use crate::observe::{ControlRequest, DaemonEndpoint};

/// What the screen asks for.
pub enum TopWish {
    /// Look at the last messages of this actor too.
    Watch(Option<ActorName>),
    /// Have the daemon do this.
    Order(ControlRequest),
}

/// What is told to the screen.
pub enum TopNews {
    /// What came of a look; an error is one sentence.
    Look(Box<Result<TopLook, String>>),
    /// What came of an order, in a sentence.
    Said(String),
}

/// Where the daemon is, and how often it is looked at.
pub struct TopWatch {
    /// Where it is asked; the first that answers counts.
    pub endpoints: Vec<DaemonEndpoint>,
    /// Between two looks.
    pub every: Duration,
}

impl TopWatch {
    /// Begins to look; ends with either channel.
    pub fn begin(self, wishes: Receiver<TopWish>, news: Sender<TopNews>) -> io::Result<()> {
        let thread = std::thread::Builder::new().name("watch".into());
        thread.spawn(move || self.run(&wishes, &news)).map(drop)
    }

    fn run(&self, wishes: &Receiver<TopWish>, news: &Sender<TopNews>) {
        let mut actor = None;
        loop {
            let look = Box::new(self.look(actor));
            if news.send(TopNews::Look(look)).is_err() {
                return;
            }
            match wishes.recv_timeout(self.every) {
                Ok(TopWish::Watch(watched)) => actor = watched,
                Ok(TopWish::Order(request)) => drop(news.send(TopNews::Said(self.order(&request)))),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn look(&self, actor: Option<ActorName>) -> Result<TopLook, String> {
        let status = status::ask(&self.endpoints).map_err(|error| error.in_one_line())?;
        let black_box = actor.and_then(|actor| {
            let path = format!("/api/actors/{actor}/black-box");
            status::ask_at(&self.endpoints, &path).ok()
        });
        Ok(TopLook {
            status,
            log: status::ask_at(&self.endpoints, "/api/log")
                .unwrap_or_else(|_| vec!["The daemon shows its log over its socket only (observe.socket).".into()]),
            black_box,
        })
    }

    fn order(&self, request: &ControlRequest) -> String {
        match control::order(&self.endpoints, request) {
            Ok(words) => words.trim_end().to_owned(),
            Err(error) => error.in_one_line(),
        }
    }
}
