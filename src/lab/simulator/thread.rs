//! A server on a thread and a system of its own, stopped when dropped.

use std::sync::mpsc;
use std::thread::JoinHandle;

use actix_web::dev::{Server, ServerHandle};

use crate::lab::simulator::SimulatorError;

/// A server that runs.
pub(super) struct ServerThread {
    name: &'static str,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl ServerThread {
    /// Starts the thread and waits until the server has its handle; `build` runs on that thread.
    pub fn start(
        name: &'static str,
        build: impl FnOnce() -> std::io::Result<Server> + Send + 'static,
    ) -> Result<Self, SimulatorError> {
        let (ready, started) = mpsc::channel();
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
            actix_rt::System::new().block_on(async move {
                match build() {
                    Err(error) => drop(ready.send(Err(error))),
                    Ok(server) => {
                        drop(ready.send(Ok(server.handle())));
                        if let Err(error) = server.await {
                            tracing::error!(%error, name, "a simulator ended");
                        }
                    }
                }
            });
        })?;
        let handle = started.recv().map_err(|_| SimulatorError::Ended)??;
        Ok(Self {
            name,
            handle,
            thread: Some(thread),
        })
    }

    /// Closes the sockets, cuts running answers, and waits for the thread.
    pub fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        drop(self.handle.stop(false));
        if thread.join().is_err() {
            tracing::error!(name = self.name, "a simulator's thread panicked");
        }
    }
}

impl Drop for ServerThread {
    fn drop(&mut self) {
        self.end();
    }
}
