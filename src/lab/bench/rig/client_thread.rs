//! Bare clients on a thread of their own, asked over a channel: as far from the load generator as the owner is.

use std::path::Path;
use std::rc::Rc;
use std::thread::{Builder, JoinHandle};

use actix_rt::System;
use futures::future::{FutureExt, LocalBoxFuture, ready};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, oneshot};

use crate::lab::bench::error::BenchError;
use crate::lab::bench::rig::fresh::{ClientUsage, FreshClients, client_config};

/// Work for the thread.
type Job = Box<dyn FnOnce(Rc<FreshClients>) -> LocalBoxFuture<'static, ()> + Send>;

/// Jobs that wait to be taken up; each worker of a load has one at a time.
const WAITING: usize = 64;

/// Clients of awc on a thread of their own. The session owner has one; without one for them, too, a second core would count as
/// something that a kept session gives.
pub struct ClientThread {
    jobs: mpsc::Sender<Job>,
    thread: JoinHandle<()>,
}

impl ClientThread {
    /// `ca_file`: who signed the server's certificate, for TLS.
    pub fn start(ca_file: Option<&Path>) -> Result<Self, BenchError> {
        let tls = client_config(ca_file)?;
        let (jobs, queue) = mpsc::channel(WAITING);
        let thread = Builder::new()
            .name("bare clients".to_owned())
            .spawn(move || System::new().block_on(serve(Rc::new(FreshClients::new(tls)), queue)))
            .map_err(BenchError::system("no thread for bare clients"))?;
        Ok(Self { jobs, thread })
    }

    /// Has `work` done there beside all other; `None` when the thread is gone.
    pub async fn ask<T: Send + 'static, F: Future<Output = T>>(
        &self,
        work: impl FnOnce(Rc<FreshClients>) -> F + Send + 'static,
    ) -> Option<T> {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |fresh| {
            async move {
                // Whoever asked may have gone.
                drop(tell.send(work(fresh).await));
            }
            .boxed_local()
        });
        self.jobs.send(job).await.ok()?;
        told.await.ok()
    }

    /// What was made so far.
    pub async fn made(&self) -> ClientUsage {
        self.ask(|fresh| ready(fresh.made())).await.unwrap_or_default()
    }

    /// Lets the thread end.
    pub fn end(self) -> Result<(), BenchError> {
        drop(self.jobs);
        self.thread
            .join()
            .map_err(|_| BenchError::Helper("the thread of the bare clients panicked".to_owned()))
    }
}

async fn serve(fresh: Rc<FreshClients>, mut queue: mpsc::Receiver<Job>) {
    let mut running = FuturesUnordered::new();
    loop {
        tokio::select! {
            job = queue.recv() => match job {
                Some(job) => running.push(job(Rc::clone(&fresh))),
                None => return,
            },
            Some(()) = running.next() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_elsewhere_and_what_is_made_is_counted() {
        let apart = ClientThread::start(None).unwrap();
        let here = std::thread::current().id();
        let there = apart.ask(|_| ready(std::thread::current().id())).await;
        assert_ne!(there.unwrap(), here);
        for _ in 0..3 {
            let made = apart.ask(|fresh| async move { drop((fresh.client(), fresh.kept())) });
            made.await.unwrap();
        }
        assert_eq!(apart.made().await.sessions, 4);
        apart.end().unwrap();
    }
}
