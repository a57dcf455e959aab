//! Room `simulator`: a server on a thread and a system of its own.

use std::sync::mpsc;
use std::thread::JoinHandle;

use actix_web::dev::{Server, ServerHandle};

use super::SimulatorError;

/// Starts the thread and waits until the server has its handle; `build` runs on that thread.
pub(super) fn serve(
    name: &'static str,
    build: impl FnOnce() -> std::io::Result<Server> + Send + 'static,
) -> Result<(ServerHandle, JoinHandle<()>), SimulatorError> {
    let (ready, started) = mpsc::channel();
    let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
        actix_rt::System::new().block_on(async move {
            match build() {
                Err(error) => drop(ready.send(Err(error))),
                Ok(server) => {
                    drop(ready.send(Ok(server.handle())));
                    if let Err(error) = server.await {
                        tracing::error!(%error, name, "a look-alike ended");
                    }
                }
            }
        });
    })?;
    match started.recv() {
        Ok(handle) => Ok((handle?, thread)),
        Err(_) => Err(SimulatorError::Ended),
    }
}
