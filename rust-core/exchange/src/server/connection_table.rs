//! The open connections of a server and their limits. Connections that have not shown the secret yet (pending) are few
//! and short-lived, so that any number of them can neither fill memory nor keep a worker out.

use std::collections::{HashMap, HashSet, VecDeque};
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
    /// Those that have not shown the secret, the oldest first, and whether they are counted as refused already.
    pending: VecDeque<(Id, bool)>,
    /// Those that have. A pending connection that was closed, and whose thread still runs, is in neither.
    attached: HashSet<Id>,
    refused: u64,
    closed: bool,
}

/// Counts the open connections of a server and enforces their limits.
pub struct ConnectionTable {
    attached: usize,
    pending: usize,
    state: Mutex<State>,
    changed: Condvar,
}

/// A connection's entry in the table, removed when this is dropped, however the connection's thread ends.
pub struct Registration {
    connections: Arc<ConnectionTable>,
    id: Id,
    refused: bool,
}

impl Registration {
    /// The number of the connection.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Counts the connection as refused now, so that a report that follows the refusal includes it. One that never
    /// showed the secret is counted in any case.
    pub fn refuse(&mut self) {
        self.refused = true;
        let mut state = self.connections.lock();
        state.refused += 1;
        if let Some((_, counted)) = state.pending.iter_mut().find(|(id, _)| *id == self.id) {
            *counted = true;
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.connections.leave(self.id, std::thread::panicking() && !self.refused);
    }
}

impl ConnectionTable {
    /// A table of at most `attached` authenticated and `pending` other connections.
    pub fn new(attached: usize, pending: usize) -> Self {
        Self { attached, pending, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Takes a new connection in, closing the oldest pending one where there are too many; `None` once closed.
    pub fn enter(self: &Arc<Self>, socket: TcpStream) -> Option<Registration> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        if state.pending.len() == self.pending
            && let Some((oldest, counted)) = state.pending.pop_front()
        {
            state.refused += u64::from(!counted);
            if let Some(socket) = state.sockets.get(&oldest) {
                let _ = socket.shutdown(Shutdown::Both); // its thread notices and ends
            }
        }
        let id = state.next;
        state.next += 1;
        state.sockets.insert(id, socket);
        state.pending.push_back((id, false));
        Some(Registration { connections: self.clone(), id, refused: false })
    }

    /// The connection has shown the secret.
    pub fn admit(&self, id: Id) -> Result<()> {
        let mut state = self.lock();
        let attached = state.attached.len();
        if attached >= self.attached {
            return Err(Error::refused(Refusal::Busy, format!("{attached} connections are attached already")));
        }
        state.pending.retain(|(pending, _)| *pending != id);
        state.attached.insert(id);
        Ok(())
    }

    /// Another handle of the connection's socket, with which it can be closed.
    pub fn socket(&self, id: Id) -> Result<TcpStream> {
        let state = self.lock();
        let socket = state.sockets.get(&id).map(TcpStream::try_clone).transpose();
        let socket = socket.map_err(|e| Error::io("a connection", &e))?;
        socket.ok_or_else(|| Error::refused(Refusal::Busy, "the server is about to stop"))
    }

    fn leave(&self, id: Id, refused: bool) {
        let mut state = self.lock();
        state.sockets.remove(&id);
        state.attached.remove(&id);
        let pending = state.pending.iter().position(|(pending, _)| *pending == id);
        let uncounted = pending.and_then(|at| state.pending.remove(at)).is_some_and(|(_, counted)| !counted);
        state.refused += u64::from(refused || uncounted);
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

    /// How many connections are attached, are pending, and were refused so far.
    pub fn counts(&self) -> (usize, usize, u64) {
        let state = self.lock();
        (state.attached.len(), state.pending.len(), state.refused)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner) // no code panics while it holds the lock
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_connection_whose_thread_panics_leaves_its_place_free() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connections = Arc::new(ConnectionTable::new(1, 2));
        for round in 1..=3 {
            let place = connections.enter(TcpStream::connect(listener.local_addr().unwrap()).unwrap()).unwrap();
            connections.admit(place.id()).unwrap();
            assert_eq!(connections.counts(), (1, 0, round - 1));
            let thread = std::thread::spawn(move || {
                let _place = place;
                panic!("as a defect in a rule would");
            });
            assert!(thread.join().is_err());
            assert_eq!(connections.counts(), (0, 0, round));
        }
        connections.close(); // would wait for a place that leaked
    }

    #[test]
    fn a_pending_connection_that_is_refused_is_counted_at_once_and_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connections = Arc::new(ConnectionTable::new(1, 1));
        let enter = || connections.enter(TcpStream::connect(listener.local_addr().unwrap()).unwrap()).unwrap();
        let mut refused = enter();
        refused.refuse();
        assert_eq!(connections.counts(), (0, 1, 1));
        let second = enter(); // in the place of the first, whose thread has not gone yet
        assert_eq!(connections.counts(), (0, 1, 1));
        connections.admit(second.id()).unwrap(); // the only place of its kind: those on their way out have none
        drop(refused);
        assert_eq!(connections.counts(), (1, 0, 1));
        drop(second);
        assert_eq!(connections.counts(), (0, 0, 1));
        drop(enter());
        assert_eq!(connections.counts(), (0, 0, 2));
    }
}
