//! How many connections there are, and which must go: strangers who have not shown the secret are few
//! and short-lived, so that a crowd of them can neither fill memory nor keep a worker out.

use std::collections::{HashMap, VecDeque};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::{Error, Refusal, Result};

/// The number of one connection.
pub type Id = u64;

#[derive(Default)]
struct State {
    next: Id,
    /// Every open connection.
    sockets: HashMap<Id, TcpStream>,
    /// Those that have not shown the secret, the oldest first.
    pending: VecDeque<Id>,
    refused: u64,
    closed: bool,
}

/// The book of a server's connections.
pub struct Door {
    attached: usize,
    pending: usize,
    state: Mutex<State>,
    changed: Condvar,
}

/// A connection's place among all. It is free again when this is dropped, however the connection's thread ends.
pub struct Place {
    door: Arc<Door>,
    id: Id,
    refused: bool,
}

impl Place {
    pub fn id(&self) -> Id {
        self.id
    }

    /// Counts the connection among those that we ended; one that never showed the secret is counted in any case.
    pub fn refuse(&mut self) {
        self.refused = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.door.leave(self.id, self.refused || std::thread::panicking());
    }
}

impl Door {
    /// A door for `attached` peers and `pending` strangers.
    pub fn new(attached: usize, pending: usize) -> Self {
        Self { attached, pending, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Takes a new connection in, closing the oldest stranger where there are too many; `None` once closed.
    pub fn enter(self: &Arc<Self>, socket: TcpStream) -> Option<Place> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        if state.pending.len() == self.pending
            && let Some(oldest) = state.pending.pop_front()
        {
            state.refused += 1;
            if let Some(socket) = state.sockets.get(&oldest) {
                let _ = socket.shutdown(Shutdown::Both); // its thread sees it and goes
            }
        }
        let id = state.next;
        state.next += 1;
        state.sockets.insert(id, socket);
        state.pending.push_back(id);
        Some(Place { door: self.clone(), id, refused: false })
    }

    /// The connection has shown the secret.
    pub fn admit(&self, id: Id) -> Result<()> {
        let mut state = self.lock();
        let attached = state.sockets.len() - state.pending.len();
        if attached >= self.attached {
            return Err(Error::refused(Refusal::Busy, format!("{attached} connections are attached already")));
        }
        state.pending.retain(|pending| *pending != id);
        Ok(())
    }

    /// Another handle of the connection's socket, to cut it by.
    pub fn socket(&self, id: Id) -> Result<TcpStream> {
        let state = self.lock();
        let socket = state.sockets.get(&id).map(TcpStream::try_clone).transpose();
        let socket = socket.map_err(|e| Error::io("a connection", &e))?;
        socket.ok_or_else(|| Error::refused(Refusal::Busy, "the server is about to stop"))
    }

    fn leave(&self, id: Id, refused: bool) {
        let mut state = self.lock();
        state.sockets.remove(&id);
        let before = state.pending.len();
        state.pending.retain(|pending| *pending != id);
        state.refused += u64::from(refused || state.pending.len() < before);
        self.changed.notify_all();
    }

    /// Ends every connection and waits until their threads have noticed.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for socket in state.sockets.values() {
            let _ = socket.shutdown(Shutdown::Both); // it may be gone already
        }
        while !state.sockets.is_empty() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Connections that are attached, that are strangers, and that were refused so far.
    pub fn counts(&self) -> (usize, usize, u64) {
        let state = self.lock();
        (state.sockets.len() - state.pending.len(), state.pending.len(), state.refused)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner) // no code that holds it can panic half way
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_connection_whose_thread_panics_leaves_its_place_free() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let door = Arc::new(Door::new(1, 2));
        for round in 1..=3 {
            let place = door.enter(TcpStream::connect(listener.local_addr().unwrap()).unwrap()).unwrap();
            door.admit(place.id()).unwrap();
            assert_eq!(door.counts(), (1, 0, round - 1));
            let thread = std::thread::spawn(move || {
                let _place = place;
                panic!("as a defect in a rule would");
            });
            assert!(thread.join().is_err());
            assert_eq!(door.counts(), (0, 0, round));
        }
        door.close(); // would wait for a place that leaked
    }
}
