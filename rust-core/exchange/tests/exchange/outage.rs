//! How long a client puts up with a server: waiting that the server announces does not count, what counts is the
//! time since a connection broke.

use std::io::{Read, Write, copy};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use firesteel_exchange::client::Server;
use firesteel_exchange::clock::Consistency;
use firesteel_exchange::frame::{PREFIX, Prefix};
use firesteel_exchange::message::{Reply, Role, encode};
use firesteel_exchange::outer::OuterSpec;
use firesteel_exchange::rules::RuleSpec;

use crate::common::{Job, attach, one_step, settings};

/// Seconds of the client's deadline, and how many waiting replies, a second apart, go past before its connection is
/// cut.
const DEADLINE: u64 = 2;
const WAITS: usize = 3;

/// Passes connections on to `server`, and cuts the one on which the server has said `WAITS` times that it waits.
fn proxy(server: SocketAddr) -> (SocketAddr, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, (cut, was_cut)) = (listener.local_addr().unwrap(), channel());
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(server).unwrap());
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                let _ = copy(&mut from, &mut to); // ends when either side does
                let _ = to.shutdown(Shutdown::Both);
            });
            let cut = cut.clone();
            thread::spawn(move || replies(server, client, &cut));
        }
    });
    (address, was_cut)
}

fn replies(mut server: TcpStream, mut client: TcpStream, cut: &Sender<()>) {
    let waiting = encode(&Reply::Waiting).unwrap();
    let mut waits = 0;
    loop {
        let mut prefix = [0; PREFIX];
        if server.read_exact(&mut prefix).is_err() {
            break;
        }
        let lengths = Prefix::decode(&prefix, 1 << 20).unwrap();
        let mut rest = vec![0; lengths.header as usize + lengths.payload as usize];
        if server.read_exact(&mut rest).is_err() || client.write_all(&[&prefix[..], &rest].concat()).is_err() {
            break;
        }
        waits += usize::from(rest == waiting);
        if waits == WAITS {
            let _ = cut.send(()); // the test is over otherwise
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both); // it may be gone already
    let _ = server.shutdown(Shutdown::Both);
}

#[test]
fn a_connection_that_breaks_after_lawful_waiting_is_made_anew() {
    let mut settings = settings(RuleSpec::Mean { outer: OuterSpec::Averaging }, 2);
    settings.consistency = Consistency::Bsp;
    let job = Job::start(settings, &[0.0]);
    let mut late = job.worker(1, 0).1;
    let (address, was_cut) = proxy(job.server.address());
    let mut spec = job.spec(Role::Worker { worker: 0, attempt: 0 });
    spec.servers = vec![Server { address: address.to_string(), tls: None }];
    spec.deadline = DEADLINE;
    let mut early = attach(spec).1;
    let mut reply = [0.0];
    thread::scope(|scope| {
        scope.spawn(|| early.exchange(&[1.0], &mut reply, &one_step()).unwrap());
        was_cut.recv().unwrap();
        late.exchange(&[3.0], &mut [0.0], &one_step()).unwrap();
    });
    assert_eq!(reply, [2.0]);
}
