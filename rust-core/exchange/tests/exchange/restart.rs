//! A server that goes away and comes back from its snapshot.

use std::fs;

use firesteel_exchange::Error;
use firesteel_exchange::auth::Secret;
use firesteel_exchange::message::Role;
use firesteel_exchange::rules::RuleSpec;
use firesteel_exchange::server::{Exchanger, Picture, SnapshotSettings};

use crate::common::{Job, attach, done, one_step, settings};

const RULE: RuleSpec = RuleSpec::AsyncNesterov { lr: 0.7, momentum: 0.9, workers: 2 };

#[test]
fn training_goes_on_from_the_snapshot_of_a_server_that_was_restarted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("center.snapshot");
    let secret = Secret::random().unwrap();
    let mut settings = settings(RULE, 2);
    settings.snapshot = Some(SnapshotSettings { path: path.clone(), every: 3600 });
    let first = Exchanger::start(settings.clone(), secret.clone(), None, &[0.0; 5], None).unwrap();
    settings.bind = first.address().to_string();
    let job = Job { server: first, secret: secret.clone(), tls: None };
    let (mut turns, mut exchanges) = job.worker(0, 0);
    let mut reply = [0.0; 5];
    turns.next(done(0)).unwrap();
    for _ in 0..3 {
        exchanges.exchange(&[1.0; 5], &mut reply, &one_step()).unwrap();
        turns.next(done(1)).unwrap();
    }
    drop(job); // writes its last snapshot
    let bytes = fs::read(&path).unwrap();
    let kept = Picture::decode(&bytes, "center.snapshot").unwrap();
    let again = Exchanger::start(settings, secret, None, &[9.0; 5], Some((kept, "center.snapshot"))).unwrap();
    assert_eq!(again.center().unwrap(), reply);
    // the same client goes on over a new connection, and the momentum of the rule is what it was
    exchanges.exchange(&[1.0; 5], &mut reply, &one_step()).unwrap();
    assert_eq!(turns.next(done(1)).unwrap().data_step, 4);

    let whole = Job::start(crate::common::settings(RULE, 2), &[0.0; 5]);
    let mut never_lost = whole.worker(0, 0).1;
    for _ in 0..4 {
        never_lost.exchange(&[1.0; 5], &mut [0.0; 5], &one_step()).unwrap();
    }
    assert_eq!(again.center().unwrap(), whole.server.center().unwrap());
}

#[test]
fn a_damaged_or_foreign_snapshot_is_refused_by_name() {
    let secret = Secret::random().unwrap();
    let server = Exchanger::start(settings(RULE, 2), secret.clone(), None, &[0.0; 5], None).unwrap();
    let good = server.snapshot().unwrap();
    let start = |bytes: &[u8], length: usize| {
        let initial = vec![0.0; length];
        let started = Picture::decode(bytes, "x.snap").and_then(|kept| {
            Exchanger::start(settings(RULE, 2), secret.clone(), None, &initial, Some((kept, "x.snap")))
        });
        started.err().map(|e| e.to_string())
    };
    assert_eq!(start(&good, 5), None);
    let mut flipped = good.clone();
    flipped[30] ^= 1;
    assert_eq!(start(&flipped, 5).unwrap(), "snapshot x.snap: damaged: its checksum does not hold");
    assert_eq!(start(&good, 6).unwrap(), "snapshot x.snap: of another net, or of another number of shards");
    assert_eq!(start(b"", 5).unwrap(), "snapshot x.snap: too short");
    for cut in 0..good.len() {
        assert!(start(&good[..cut], 5).is_some(), "cut at {cut}");
    }
}

#[test]
fn a_place_that_cannot_be_written_is_told_at_the_start() {
    let mut settings = settings(RULE, 2);
    settings.snapshot = Some(SnapshotSettings { path: "/proc/nowhere/center".into(), every: 1 });
    let refused = Exchanger::start(settings, Secret::random().unwrap(), None, &[0.0], None).err().unwrap();
    assert!(refused.to_string().starts_with("write snapshot /proc/nowhere/center: "), "{refused}");
}

#[test]
fn a_worker_whose_exchanger_is_gone_ends_with_one_clear_error() {
    let job = Job::start(settings(RULE, 2), &[0.0; 5]);
    let address = job.server.address();
    let mut spec = job.spec(Role::Worker { worker: 0, attempt: 0 });
    spec.deadline = 1;
    let mut exchanges = attach(spec).1;
    drop(job);
    let gone = exchanges.exchange(&[1.0; 5], &mut [0.0; 5], &one_step()).unwrap_err();
    let Error::Io { what, kind, .. } = &gone else { panic!("{gone}") };
    assert_eq!(what, &format!("exchanger {address} did not answer for 1 s"));
    assert_eq!(*kind, std::io::ErrorKind::TimedOut);
}

/// The snapshot `bytes` with `from` in its record as `to`, and a checksum that holds.
pub fn changed(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let length = u64::from_le_bytes(bytes[8..16].try_into().unwrap()) as usize;
    let record = std::str::from_utf8(&bytes[16..16 + length]).unwrap();
    assert!(record.contains(from), "{record}");
    let record = if from.is_empty() { record.to_owned() } else { record.replacen(from, to, 1) };
    let mut all = bytes[..8].to_vec();
    all.extend_from_slice(&(record.len() as u64).to_le_bytes());
    all.extend_from_slice(record.as_bytes());
    all.extend_from_slice(&bytes[16 + length..bytes.len() - 32]);
    let digest = Sha256::digest(&all);
    all.extend_from_slice(&digest);
    all
}
