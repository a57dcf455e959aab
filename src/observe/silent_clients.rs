//! Clients of the Unix socket that take nothing of what they are sent: the kernel knows no time-out for them, as it does over the network.

use std::any::Any;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use actix_web::dev::Extensions;
use actix_web::rt::net::UnixStream;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{Shutdown, shutdown};

/// The clients that are connected; clones show the same.
#[derive(Debug, Clone, Default)]
pub struct SilentClients(Arc<Mutex<Vec<WatchedClient>>>);

#[derive(Debug)]
struct WatchedClient {
    /// Gone with the connection.
    connection: Weak<OwnedFd>,
    /// Since when no look has found room for more, because nothing was taken.
    full_since: Option<Instant>,
}

/// Kept with the connection, which is closed for the client only when this is gone, too.
struct KeptConnection(#[expect(dead_code, reason = "what counts is that it is dropped")] Arc<OwnedFd>);

impl SilentClients {
    /// Watches a connection of the Unix socket for as long as it lasts. One that cannot be watched, for want of descriptors, is let be.
    pub fn watch(&self, connection: &dyn Any, kept: &mut Extensions) {
        let unix = connection.downcast_ref::<UnixStream>();
        if let Some(Ok(own)) = unix.map(|unix| unix.as_fd().try_clone_to_owned()) {
            kept.insert(KeptConnection(self.add(own)));
        }
    }

    fn add(&self, connection: OwnedFd) -> Arc<OwnedFd> {
        let connection = Arc::new(connection);
        let watched = WatchedClient {
            connection: Arc::downgrade(&connection),
            full_since: None,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(watched);
        connection
    }

    /// Cuts off those that were found to take nothing at each look for so long.
    pub fn look(&self, now: Instant, longest: Duration) {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain_mut(|client| {
            let Some(connection) = client.connection.upgrade() else {
                return false;
            };
            if has_room(&connection) {
                client.full_since = None;
                return true;
            }
            let full_since = *client.full_since.get_or_insert(now);
            let is_cut = now.saturating_duration_since(full_since) >= longest;
            if is_cut {
                shutdown(&*connection, Shutdown::Both).ok();
            }
            !is_cut
        });
    }
}

/// Whether more could be sent; also where the other end is gone, which the server finds itself.
fn has_room(connection: &OwnedFd) -> bool {
    let mut asked = [PollFd::new(connection, PollFlags::OUT)];
    poll(&mut asked, Some(&Timespec::default())) != Ok(0)
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::os::unix::net::UnixStream as Stream;

    use super::*;

    const LONGEST: Duration = Duration::from_secs(10);

    /// A server's end that is full, and the client's.
    fn full() -> (Stream, Stream) {
        let (mut server, client) = Stream::pair().unwrap();
        server.set_nonblocking(true).unwrap();
        while server.write(&[0; 4096]).is_ok() {}
        (server, client)
    }

    #[test]
    fn only_who_takes_nothing_at_all_for_so_long_is_cut_off() {
        let start = Instant::now();
        for (takes, is_cut) in [(false, true), (true, false)] {
            let (mut server, mut client) = full();
            let clients = SilentClients::default();
            let _kept = clients.add(server.as_fd().try_clone_to_owned().unwrap());
            clients.look(start, LONGEST);
            if takes {
                client.set_nonblocking(true).unwrap();
                while client.read(&mut [0; 4096]).is_ok() {}
                clients.look(start + LONGEST / 2, LONGEST);
                while server.write(&[0; 4096]).is_ok() {}
            }
            clients.look(start + LONGEST, LONGEST);
            let written = server.write(&[0]).map_err(|error| error.kind());
            let expected = if is_cut {
                ErrorKind::BrokenPipe
            } else {
                ErrorKind::WouldBlock
            };
            assert_eq!(written, Err(expected), "{takes}");
        }
    }

    #[test]
    fn who_has_gone_is_watched_no_more() {
        let (server, _client) = Stream::pair().unwrap();
        let clients = SilentClients::default();
        drop(clients.add(server.as_fd().try_clone_to_owned().unwrap()));
        clients.look(Instant::now(), LONGEST);
        assert!(clients.0.lock().unwrap().is_empty());
    }
}
