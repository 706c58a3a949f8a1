//! Peers that mean harm, or are broken: each is refused in bounded time and memory, and the server goes
//! on serving the others.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use firesteel_exchange::auth::{Handshake, Secret, nonce};
use firesteel_exchange::client::{self, ClientSpec};
use firesteel_exchange::codec::Codec;
use firesteel_exchange::frame::{PREFIX, Prefix};
use firesteel_exchange::message::{Channel, Identity, Reply, Request, Role, decode, encode};
use firesteel_exchange::rules::RuleSpec;
use firesteel_exchange::tls::TlsIdentity;
use firesteel_exchange::transport::Transport;
use firesteel_exchange::work::Work;
use firesteel_exchange::{Error, Refusal, Result};

use crate::common::{Job, Numbers, done, one_step, settings};

const LENGTH: usize = 64;

fn job() -> Job {
    let mut settings = settings(RuleSpec::Downpour { adagrad: None }, 2);
    settings.limits.handshake = 1;
    settings.limits.exchange = 1;
    Job::start(settings, &[0.0; LENGTH])
}

fn worker(worker: u32) -> Identity {
    Identity { role: Role::Worker { worker, attempt: 0 }, channel: Channel::Shard(0), digest: "net".to_owned() }
}

/// The bytes of a frame.
pub fn frame(header: &[u8], payload: &[u8]) -> Vec<u8> {
    let prefix = Prefix { header: header.len() as u32, payload: payload.len() as u64 };
    [&prefix.encode()[..], header, payload].concat()
}

/// An attached connection.
pub fn handshake(job: &Job, identity: Identity) -> Result<Transport> {
    shake_with(job, identity, &job.secret)
}

fn shake_with(job: &Job, identity: Identity, secret: &Secret) -> Result<Transport> {
    let mut transport = Transport::connect(job.socket(), None, Default::default())?;
    transport.within(Duration::from_secs(20));
    let (Reply::Challenge { nonce: server }, _) = transport.receive(0)? else { panic!("no challenge") };
    let handshake = Handshake { secret, server, client: nonce()?, identity: &identity };
    let proof = handshake.client_proof()?;
    transport.send(&Request::Attach { identity: identity.clone(), nonce: handshake.client, proof }, &[])?;
    match transport.receive(0)?.0 {
        Reply::Welcome { proof, .. } => handshake.check_server(&proof).map(|()| transport),
        Reply::Refused { why, message } => Err(Error::Refused { why, message }),
        other => panic!("{other:?}"),
    }
}

/// Reads until the server hangs up; what it said.
fn rest(mut socket: TcpStream) -> Vec<u8> {
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut bytes = Vec::new();
    match socket.read_to_end(&mut bytes) {
        Err(e) if e.kind() != ErrorKind::ConnectionReset => panic!("the server did not hang up: {e}"),
        _ => bytes,
    }
}

/// The server still serves.
fn check(job: &Job, exchanges: f32) {
    let mut center = [0.0; LENGTH];
    let mut peer = job.worker(1, 0).1;
    peer.pull(&mut center).unwrap();
    assert_eq!(center, [exchanges; LENGTH]);
}

#[test]
fn without_the_secret_nothing_is_served() {
    let job = job();
    let another = Secret::random().unwrap();
    let refused = shake_with(&job, worker(0), &another).err();
    assert_eq!(refused, Some(Error::refused(Refusal::Denied, "the secret of this job is another")));
    for request in
        [Request::Pull { sequence: 1 }, Request::Report, Request::Turn { turn: 1, done: done(1) }, Request::Leave]
    {
        let mut socket = job.socket();
        socket.write_all(&frame(&encode(&request).unwrap(), &[])).unwrap();
        let said = rest(socket);
        assert!(String::from_utf8_lossy(&said).contains("the first request must be to attach"), "{request:?}");
    }
    check(&job, 0.0);
    assert_eq!(job.report()["refused-connections"], 5);
}

#[test]
fn a_handshake_that_was_recorded_is_worth_nothing() {
    let job = job();
    let mut socket = job.socket();
    let mut challenge = vec![0; PREFIX + 36];
    socket.read_exact(&mut challenge).unwrap();
    let Reply::Challenge { nonce: server } = decode(&challenge[PREFIX..]).unwrap() else { panic!("no challenge") };
    let identity = worker(0);
    let handshake = Handshake { secret: &job.secret, server, client: [3; 32], identity: &identity };
    let proof = handshake.client_proof().unwrap();
    let attach = Request::Attach { identity: identity.clone(), nonce: [3; 32], proof };
    let recorded = frame(&encode(&attach).unwrap(), &[]);
    socket.write_all(&recorded).unwrap();
    let mut welcome = [0; PREFIX];
    socket.read_exact(&mut welcome).unwrap();

    let mut thief = job.socket();
    thief.write_all(&recorded).unwrap();
    assert!(String::from_utf8_lossy(&rest(thief)).contains("the secret of this job is another"));
    check(&job, 0.0);
}

#[test]
fn impossible_lengths_are_refused_before_memory_is_given_to_them() {
    let job = job();
    for length in [u64::MAX, 1 << 63, 1 << 40, 1 + 4 * LENGTH as u64] {
        let mut transport = handshake(&job, worker(0)).unwrap();
        let header = encode(&Request::Pull { sequence: 1 }).unwrap();
        let prefix = Prefix { header: header.len() as u32, payload: length };
        transport.raw().write_all(&prefix.encode()).unwrap();
        transport.within(Duration::from_secs(20));
        let reply = transport.receive::<Reply>(0).unwrap().0;
        assert!(matches!(&reply, Reply::Refused { message, .. } if message.contains("payload")), "{length}: {reply:?}");
    }
    let mut transport = handshake(&job, worker(0)).unwrap();
    let empty =
        Request::Exchange { sequence: 1, work: Work { steps: 1, samples: 1, loss: 1.0 }, lr: 0.1, codec: Codec::F32 };
    transport.send(&empty, &[]).unwrap();
    let reply = transport.receive::<Reply>(0).unwrap().0;
    let text = "a message of 0 bytes where 256 were expected";
    assert_eq!(reply, Reply::Refused { why: Refusal::Mismatch, message: text.to_owned() });
    check(&job, 0.0);
}

#[test]
fn garbage_is_refused() {
    let job = job();
    let mut numbers = Numbers(7);
    for length in 0..200 {
        let mut socket = job.socket();
        let bytes: Vec<u8> = (0..length).map(|_| numbers.next() as u8).collect();
        let _ = socket.write_all(&bytes); // the server may have hung up half way
        let _ = socket.shutdown(std::net::Shutdown::Write);
        rest(socket);
    }
    check(&job, 0.0);
}

/// One exchange's frame, cut at every byte, then whole: folded exactly once.
#[test]
fn a_frame_cut_at_any_byte_changes_nothing() {
    let job = job();
    let request =
        Request::Exchange { sequence: 1, work: Work { steps: 1, samples: 100, loss: 1.0 }, lr: 0.1, codec: Codec::F32 };
    let bytes = frame(&encode(&request).unwrap(), &1.0f32.to_le_bytes().repeat(LENGTH));
    for cut in 0..bytes.len() {
        let mut transport = handshake(&job, worker(0)).unwrap();
        transport.raw().write_all(&bytes[..cut]).unwrap();
    }
    let mut transport = handshake(&job, worker(0)).unwrap();
    transport.raw().write_all(&bytes).unwrap();
    transport.within(Duration::from_secs(20));
    assert!(matches!(
        transport.receive::<Reply>(4 * LENGTH as u64),
        Ok((Reply::Exchanged { repeated: false, .. }, 256))
    ));
    check(&job, 1.0);
}

#[test]
fn a_peer_that_never_reads_its_reply_holds_nobody_up() {
    const MANY: usize = 8 << 20; // more floats than socket buffers hold
    let mut settings = settings(RuleSpec::Downpour { adagrad: None }, 2);
    settings.limits.exchange = 5;
    let job = Job::start(settings, &vec![0.0; MANY]);
    let mut slow = handshake(&job, worker(0)).unwrap();
    slow.send(&Request::Pull { sequence: 1 }, &[]).unwrap();
    let mut quick = job.worker(1, 0).1;
    let (ones, mut reply) = (vec![1.0; MANY], vec![0.0; MANY]);
    for _ in 0..3 {
        quick.exchange(&ones, &mut reply, &one_step()).unwrap();
    }
    assert_eq!(reply[MANY - 1], 3.0);
}

#[test]
fn a_crowd_of_silent_connections_keeps_no_worker_out() {
    let job = job();
    let crowd: Vec<TcpStream> = (0..1000).map(|_| job.socket()).collect();
    check(&job, 0.0);
    let report = job.report();
    assert!(report["pending-connections"].as_u64().unwrap() <= 64 + 2, "{report}");
    assert!(report["refused-connections"].as_u64().unwrap() >= 900, "{report}");
    drop(crowd);
}

#[test]
fn a_net_of_another_layout_is_told_so() {
    let job = job();
    let identity = Identity { digest: "other".to_owned(), ..worker(0) };
    let refused = handshake(&job, identity).err().unwrap().to_string();
    assert!(refused.contains("the two sides do not hold the same net"), "{refused}");
    let refused = handshake(&job, worker(2)).err().unwrap().to_string();
    assert_eq!(refused, "the exchanger refused: worker 2 of 2 workers");
}

/// Each is an error of another kind inside the server; a peer that is not told asks again until its deadline.
#[test]
fn every_refusal_has_its_reply() {
    let expected = |transport: &mut Transport, part: &str| {
        transport.within(Duration::from_secs(20));
        let reply = transport.receive::<Reply>(0).unwrap().0;
        assert!(matches!(&reply, Reply::Refused { message, .. } if message.contains(part)), "{part}: {reply:?}");
    };
    let job = job();
    let exchange =
        |codec| Request::Exchange { sequence: 1, work: Work { steps: 1, samples: 1, loss: 1.0 }, lr: 0.1, codec };
    let mut transport = handshake(&job, worker(0)).unwrap();
    let diverged = [&f32::NAN.to_le_bytes()[..], &[1; LENGTH]].concat(); // a block's scale, then its values
    transport.send(&exchange(Codec::Int8), &diverged).unwrap();
    expected(&mut transport, "not finite");
    let mut transport = handshake(&job, worker(0)).unwrap();
    transport.send(&exchange(Codec::F32), &[0; 3]).unwrap();
    expected(&mut transport, "3 bytes where 256 were expected");
    let mut transport = handshake(&job, worker(0)).unwrap();
    transport.send(&Request::Turn { turn: 1, done: done(0) }, &[]).unwrap();
    expected(&mut transport, "is nothing for");
    check(&job, 0.0);

    let mut settings = settings(RuleSpec::Adag {}, 2);
    settings.digest = "d".repeat(64);
    let job = Job::start(settings, &[0.0]);
    let longest = Identity { digest: "x".repeat(3_990), ..worker(0) };
    let refused = handshake(&job, longest).err().unwrap().to_string();
    assert!(refused.starts_with("the exchanger refused: layout digest xxx"), "{refused}");
}

/// The server answers before it has read the message: closing the connection then would throw the answer away.
#[test]
fn a_refusal_reaches_a_peer_that_is_still_sending() {
    const MANY: usize = 8 << 20; // more floats than socket buffers hold
    let job = Job::start(settings(RuleSpec::Downpour { adagrad: None }, 2), &vec![0.0; MANY]);
    let mut transport = handshake(&job, worker(0)).unwrap();
    transport.within(Duration::from_secs(20));
    let message = vec![0; 4 * MANY - 4];
    let request =
        Request::Exchange { sequence: 1, work: Work { steps: 1, samples: 1, loss: 1.0 }, lr: 0.1, codec: Codec::F32 };
    transport.send(&request, &message).unwrap();
    let reply = transport.receive::<Reply>(0).unwrap().0;
    let text = format!("a message of {} bytes where {} were expected", 4 * MANY - 4, 4 * MANY);
    assert_eq!(reply, Reply::Refused { why: Refusal::Mismatch, message: text });
}

#[test]
fn another_certificate_than_the_jobs_or_none_ends_the_client_at_once() {
    let attach = |job: Job| {
        let mut spec = job.spec(Role::Observer);
        spec.servers[0].tls = Some(TlsIdentity::generate().unwrap().trust());
        spec.deadline = 3600;
        client::attach(spec, &Default::default()).err().unwrap()
    };
    let plain = attach(Job::start(settings(RuleSpec::Adag {}, 2), &[0.0]));
    assert!(matches!(&plain, Error::Frame(text) if text.contains("TLS: ")), "{plain}");
    let refused = attach(Job::encrypted(settings(RuleSpec::Adag {}, 2), &[0.0]));
    assert!(matches!(&refused, Error::Refused { why: Refusal::Denied, message } if message.contains("certificate")));
}

#[test]
fn a_deadline_that_no_clock_holds_is_refused() {
    let job = job();
    for (deadline, expected) in [
        (0, "deadline must be at least 1, not 0"),
        (i64::MAX as u64, "deadline must be at most 31536000, not 9223372036854775807"),
    ] {
        let spec = ClientSpec { deadline, ..job.spec(Role::Observer) };
        assert_eq!(client::attach(spec, &Default::default()).err().unwrap().to_string(), expected);
    }
}

/// Valid frames with random changes, random bytes, and every kind of header.
#[test]
fn ten_million_fuzzed_frames_are_decoded_or_refused() {
    let identity = worker(1);
    let seeds: Vec<Vec<u8>> = [
        encode(&Request::Attach { identity, nonce: [1; 32], proof: [2; 32] }),
        encode(&Request::Exchange {
            sequence: 3,
            work: Work { steps: 10, samples: 1000, loss: 1.0 },
            lr: 0.1,
            codec: Codec::Int8,
        }),
        encode(&Request::Turn { turn: 2, done: done(10) }),
        encode(&Reply::Refused { why: Refusal::Fenced, message: "fenced".to_owned() }),
        encode(&Reply::Go { policy_step: 1, data_step: 2, steps: 3 }),
    ]
    .into_iter()
    .map(|header| frame(&header.unwrap(), &[]))
    .collect();
    let mut numbers = Numbers(11);
    let (mut decoded, mut refused) = (0u64, 0u64);
    let mut bytes = Vec::new();
    for _ in 0..10_000_000u32 {
        let seed = &seeds[numbers.below(seeds.len() as u64) as usize];
        bytes.clear();
        bytes.extend_from_slice(seed);
        for _ in 0..1 + numbers.below(3) {
            let at = numbers.below(bytes.len() as u64) as usize;
            bytes[at] = numbers.next() as u8;
        }
        bytes.truncate(PREFIX + numbers.below(1 + (bytes.len() - PREFIX) as u64) as usize);
        let (prefix, header) = bytes.split_first_chunk::<PREFIX>().unwrap();
        let fits = Prefix::decode(prefix, 1 << 30).is_ok_and(|prefix| prefix.payload <= 1 << 30);
        let known = decode::<Request>(header).is_ok() || decode::<Reply>(header).is_ok();
        if fits && known { decoded += 1 } else { refused += 1 }
    }
    assert!(decoded > 10_000 && refused > 1_000_000, "{decoded} decoded, {refused} refused");
}
