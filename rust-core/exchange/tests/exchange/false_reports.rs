//! Peers that know the secret and tell what cannot be: each is refused by name, and the center stays as it was.

use std::time::Duration;

use firesteel_exchange::codec::Codec;
use firesteel_exchange::message::{Channel, Done, Identity, Reply, Request, Role};
use firesteel_exchange::rules::RuleSpec;
use firesteel_exchange::server::{Exchanger, Snapshot};
use firesteel_exchange::transport::Transport;
use firesteel_exchange::work::{MOST_SAMPLES, Work};
use firesteel_exchange::{Error, Refusal};

use crate::common::{Job, done, one_step, settings};
use crate::hostile::handshake;

const WORK: Work = Work { steps: 1, samples: 100, loss: 1.0 };

fn job(rule: RuleSpec) -> Job {
    let mut settings = settings(rule, 2);
    settings.budget.steps = 1000;
    Job::start(settings, &[0.0; 3])
}

fn downpour() -> Job {
    job(RuleSpec::Downpour { adagrad: None })
}

/// A channel of worker 1, attempt 4.
fn attached(job: &Job, channel: Channel) -> Transport {
    let role = Role::Worker { worker: 1, attempt: 4 };
    let mut transport = handshake(job, Identity { role, channel, digest: "net".to_owned() }).unwrap();
    transport.within(Duration::from_secs(20));
    transport
}

/// What the server answers, and the bytes of its payload.
fn answer(transport: &mut Transport, request: &Request, payload: &[u8]) -> (Reply, Vec<u8>) {
    transport.send(request, payload).unwrap();
    let (reply, length) = transport.receive::<Reply>(1 << 20).unwrap();
    let mut bytes = vec![0; length as usize];
    transport.fill(&mut bytes).unwrap();
    (reply, bytes)
}

fn refused(job: &Job, channel: Channel, request: &Request, payload: &[u8]) -> String {
    match answer(&mut attached(job, channel), request, payload).0 {
        Reply::Refused { why: Refusal::Mismatch, message } => message,
        other => panic!("{request:?} was answered {other:?}"),
    }
}

fn exchange(sequence: u64, work: Work, codec: Codec) -> Request {
    Request::Exchange { sequence, work, lr: 0.1, codec }
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn values_that_are_not_finite_are_refused_with_the_workers_name() {
    let job = downpour();
    let text = "worker 1 sends NaN or infinite values in exchange 1: its training diverged";
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let f32s = floats(&[1.0, bad, 1.0]);
        let bf16s: Vec<u8> = [1.0, bad, 1.0].iter().flat_map(|v| ((v.to_bits() >> 16) as u16).to_le_bytes()).collect();
        assert_eq!(refused(&job, Channel::Shard(0), &exchange(1, WORK, Codec::F32), &f32s), text);
        assert_eq!(refused(&job, Channel::Shard(0), &exchange(1, WORK, Codec::Bf16), &bf16s), text);
    }
    assert_eq!(job.server.center().unwrap(), [0.0; 3]);
}

#[test]
fn a_worker_finds_its_own_divergence_before_it_sends_and_every_report_names_it() {
    let job = downpour();
    let (mut turns, mut exchanges) = job.worker(1, 0);
    turns.next(done(0)).unwrap();
    let diverged = exchanges.exchange(&[1.0, f32::NAN, 1.0], &mut [0.0; 3], &one_step());
    assert_eq!(diverged, Err(Error::Diverged));
    turns.diverged().unwrap();
    for _ in 0..2 {
        assert_eq!(job.report()["diverged"], serde_json::json!({ "worker": 1, "turn": 1 }));
    }
    assert_eq!(job.server.center().unwrap(), [0.0; 3]);
}

#[test]
fn numbers_that_no_worker_can_have_are_refused() {
    let job = downpour();
    let ones = floats(&[1.0; 3]);
    let told = |request: &Request| refused(&job, Channel::Shard(0), request, &ones);
    assert_eq!(told(&exchange(0, WORK, Codec::F32)), "exchange 0 of worker 1 came after 0");
    assert_eq!(told(&exchange(3, WORK, Codec::F32)), "exchange 3 of worker 1 came after 0");
    assert_eq!(told(&exchange(u64::MAX, WORK, Codec::F32)), format!("exchange {} of worker 1 came after 0", u64::MAX));
    let work = Work { samples: 1 << 63, ..WORK };
    let text =
        format!("worker 1 in exchange 1 reports {} samples where at most {MOST_SAMPLES} are possible", 1u64 << 63);
    assert_eq!(told(&exchange(1, work, Codec::F32)), text);
    let work = Work { loss: f64::NAN, ..WORK };
    let text = "worker 1 in exchange 1 reports a loss of NaN: its training diverged";
    assert_eq!(told(&exchange(1, work, Codec::F32)), text);
    let lr = Request::Exchange { sequence: 1, work: WORK, lr: f32::NAN, codec: Codec::F32 };
    assert_eq!(told(&lr), "worker 1 in exchange 1 reports 1 steps at learning rate NaN");
    assert_eq!(job.server.center().unwrap(), [0.0; 3]);
}

#[test]
fn turns_that_no_worker_can_have_done_are_refused() {
    let job = downpour();
    let control = |turn, work| {
        refused(&job, Channel::Control, &Request::Turn { turn, done: Done { work, ..Done::default() } }, &[])
    };
    assert_eq!(control(0, Work::default()), "worker 1 asks for turn 0, and its last one was 0");
    assert_eq!(control(9, Work::default()), "worker 1 asks for turn 9, and its last one was 0");
    assert_eq!(control(1, WORK), "worker 1 reports 1 steps of turn 0, and 0 were granted");
    let mut control = attached(&job, Channel::Control);
    let first = Request::Turn { turn: 1, done: Done::default() };
    assert!(matches!(answer(&mut control, &first, &[]).0, Reply::Go { steps: 1, .. }));
    let many = Request::Turn { turn: 2, done: Done { work: Work { steps: u64::MAX, ..WORK }, ..Done::default() } };
    let Reply::Refused { message, .. } = answer(&mut control, &many, &[]).0 else { panic!("{many:?} was believed") };
    assert_eq!(message, format!("worker 1 reports {} steps of turn 1, and 1 were granted", u64::MAX));
    assert_eq!(job.report()["steps"], 0);
}

/// Error feedback makes a second encoding of the same reply another one; so the first is kept.
#[test]
fn a_lossy_reply_that_is_sent_again_is_the_same_bytes() {
    let job = downpour();
    let values = [0.1, 0.22, 0.333];
    for (sequence, codec) in [(1, Codec::Bf16), (2, Codec::Int8)] {
        let mut message = Vec::new();
        codec.encode(&values, &mut Vec::new(), &mut message).unwrap();
        let request = exchange(sequence, WORK, codec);
        let (first, bytes) = answer(&mut attached(&job, Channel::Shard(0)), &request, &message);
        let Reply::Exchanged { version, staleness, repeated: false } = first else { panic!("{first:?}") };
        for _ in 0..3 {
            let again = answer(&mut attached(&job, Channel::Shard(0)), &request, &message);
            assert_eq!(again, (Reply::Exchanged { version, staleness, repeated: true }, bytes.clone()), "{codec:?}");
        }
    }
    let text = "exchange 2 came as Int8 and comes again as F32";
    assert_eq!(refused(&job, Channel::Shard(0), &exchange(2, WORK, Codec::F32), &floats(&values)), text);
}

#[test]
fn a_new_attempt_books_what_the_lost_one_folded_and_asks_for_the_turn_behind_it() {
    let job = downpour();
    let (mut turns, mut exchanges) = job.worker(1, 0);
    turns.next(done(0)).unwrap();
    let about = firesteel_exchange::client::Contribution { work: WORK, lr: 0.1 };
    exchanges.exchange(&[1.0; 3], &mut [0.0; 3], &about).unwrap();
    drop((turns, exchanges)); // before it asked for turn 2
    let (mut turns, mut exchanges) = job.worker(1, 1);
    assert_eq!((turns.number(), turns.unreported()), (1, WORK));
    let go = turns.next(Done { work: turns.unreported(), ..Done::default() }).unwrap();
    assert_eq!((go.data_step, job.report()["samples"].as_u64()), (1, Some(100)));
    let mut reply = [0.0; 3];
    exchanges.exchange(&[1.0; 3], &mut reply, &about).unwrap();
    assert_eq!(reply, [2.0; 3], "nothing was folded twice");
}

#[test]
fn a_snapshot_that_contradicts_itself_is_refused() {
    let job = downpour();
    let mut exchanges = job.worker(1, 0).1;
    exchanges.exchange(&[1.0; 3], &mut [0.0; 3], &one_step()).unwrap();
    let good = job.server.snapshot().unwrap().encode().unwrap();
    let restored = |from: &str, to: &str| {
        let bytes = crate::restart::changed(&good, from, to);
        let settings = settings(RuleSpec::Downpour { adagrad: None }, 2);
        let kept = Snapshot::decode(&bytes, "x.snap").unwrap();
        let started = Exchanger::start(settings, job.secret.clone(), None, &[0.0; 3], Some((kept, "x.snap")));
        started.err().map(|error| error.to_string())
    };
    assert_eq!(restored("", ""), None);
    let ahead = restored("\"pulled\":1", "\"pulled\":7").unwrap();
    assert_eq!(ahead, "snapshot x.snap: a snapshot in which worker 1 is ahead of version 1");
    let sum = restored("\"steps\":0,\"samples\":0}", "\"steps\":5,\"samples\":0}").unwrap();
    assert_eq!(sum, "snapshot x.snap: a snapshot whose workers' steps do not add up to its steps");
}
