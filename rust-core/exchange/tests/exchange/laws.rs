//! What the wire must keep of the rules: every update counts, once, by the newest attempt.

use std::thread;

use firesteel_exchange::client;
use firesteel_exchange::clock::Consistency;
use firesteel_exchange::codec::Codec;
use firesteel_exchange::message::{Channel, Identity, Reply, Request, Role, encode};
use firesteel_exchange::outer::OuterSpec;
use firesteel_exchange::rules::RuleSpec;
use firesteel_exchange::server::{Budget, Exchanger, Period};
use firesteel_exchange::work::Work;
use firesteel_exchange::{Error, Refusal};

use crate::common::{Job, Numbers, attach, done, one_step, settings};
use crate::hostile::{frame, handshake};

const DOWNPOUR: RuleSpec = RuleSpec::Downpour { adagrad: None };

fn elastic(alpha: f32) -> RuleSpec {
    RuleSpec::Elastic { alpha, server_alpha: None, decay: None }
}

/// Sixteen workers add 1 to every weight, 100,000 times in all. Some connections are cut after a part of a
/// message, or before the reply is read, and the same exchange is sent again; some workers come back as a
/// newer attempt. The center is the number of exchanges: none lost, none doubled.
#[test]
fn a_hundred_thousand_exchanges_of_sixteen_workers_are_folded_once_each() {
    const WORKERS: u32 = 16;
    const EACH: u64 = 6_250;
    let job = Job::start(settings(DOWNPOUR, WORKERS), &[0.0; 12]);
    let resent: u64 = thread::scope(|scope| {
        let works: Vec<_> = (0..WORKERS)
            .map(|worker| (worker, &job))
            .map(|(worker, job)| {
                scope.spawn(move || {
                    let mut numbers = Numbers(0x9e37_79b9 + u64::from(worker));
                    let (mut resent, mut attempt) = (0, 0);
                    let mut exchanges = job.worker(worker, attempt).1;
                    let mut reply = [0.0; 12];
                    for sequence in 1..=EACH {
                        if numbers.below(100) == 0 {
                            // another connection of a newer attempt sends this exchange first, whole or in part
                            attempt += 1;
                            let whole = numbers.below(2) == 0;
                            send_and_vanish(job, worker, attempt, sequence, whole, &mut numbers);
                            attempt += 1;
                            exchanges = job.worker(worker, attempt).1;
                            let folded = exchanges.pull(&mut reply).map(|()| job.folded(worker) == sequence).unwrap();
                            if folded {
                                resent += 1;
                                continue; // a newer attempt goes on behind what was folded
                            }
                        }
                        exchanges.exchange(&[1.0; 12], &mut reply, &one_step()).unwrap();
                    }
                    resent
                })
            })
            .collect();
        works.into_iter().map(|work| work.join().unwrap()).sum()
    });
    assert_eq!(job.server.center().unwrap(), [(u64::from(WORKERS) * EACH) as f32; 12]);
    assert_eq!(job.report()["exchanges"], u64::from(WORKERS) * EACH);
    assert!(resent > 100, "{resent} exchanges were folded for a worker that had vanished");
}

impl Job {
    /// The last exchange of `worker` that was folded, as a snapshot has it.
    fn folded(&self, worker: u32) -> u64 {
        let snapshot = self.server.snapshot().unwrap().encode().unwrap();
        let length = u64::from_le_bytes(snapshot[8..16].try_into().unwrap()) as usize;
        let record: serde_json::Value = serde_json::from_slice(&snapshot[16..16 + length]).unwrap();
        record["shards"][0]["sessions"][worker as usize]["folded"].as_u64().unwrap()
    }
}

fn send_and_vanish(job: &Job, worker: u32, attempt: u64, sequence: u64, whole: bool, numbers: &mut Numbers) {
    let identity =
        Identity { role: Role::Worker { worker, attempt }, channel: Channel::Shard(0), digest: "net".to_owned() };
    let mut transport = handshake(job, identity).unwrap();
    let request =
        Request::Exchange { sequence, work: Work { steps: 1, samples: 100, loss: 1.0 }, lr: 0.1, codec: Codec::F32 };
    let payload: Vec<u8> = 1.0f32.to_le_bytes().repeat(12);
    if whole {
        transport.send(&request, &payload).unwrap();
        let _ = transport.receive::<Reply>(48).unwrap(); // it is folded now; the payload is never read
    } else {
        let bytes = frame(&encode(&request).unwrap(), &payload);
        let cut = numbers.below(bytes.len() as u64) as usize;
        transport.raw().write_all(&bytes[..cut]).unwrap();
    }
}

#[test]
fn concurrent_elastic_exchanges_of_equal_vectors_end_at_the_closed_form() {
    const WORKERS: u32 = 8;
    const EACH: i32 = 50;
    let job = Job::start(settings(elastic(0.01), WORKERS), &[1.0; 1000]);
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let mut exchanges = job.worker(worker, 0).1;
            scope.spawn(move || {
                let mut reply = vec![0.0; 1000];
                for _ in 0..EACH {
                    exchanges.exchange(&[3.0; 1000], &mut reply, &one_step()).unwrap();
                }
            });
        }
    });
    let expected = 3.0 + (1.0 - 3.0) * (1.0 - 0.01f64).powi(EACH * WORKERS as i32);
    for value in job.server.center().unwrap() {
        assert!((f64::from(value) - expected).abs() < 1e-4, "{value} where {expected} was expected");
    }
}

#[test]
fn shards_and_tls_and_codecs_carry_the_same_values() {
    let initial: Vec<f32> = (0..1001).map(|i| i as f32).collect();
    for (shards, codec, error) in
        [(1, Codec::F32, 0.0), (3, Codec::F32, 0.0), (3, Codec::Bf16, 4.0), (2, Codec::Int8, 9.0)]
    {
        let mut settings = settings(DOWNPOUR, 1);
        settings.shards = shards;
        let job = Job::encrypted(settings, &initial);
        let mut spec = job.spec(Role::Worker { worker: 0, attempt: 0 });
        spec.codec = codec;
        let mut exchanges = attach(spec).1;
        let mut values = vec![0.0; 1001];
        exchanges.pull(&mut values).unwrap();
        assert_eq!(values, initial);
        exchanges.exchange(&[2.0; 1001], &mut values, &one_step()).unwrap();
        for (value, before) in values.iter().zip(&initial) {
            assert!((value - before - 2.0).abs() <= error, "{shards} shards, {codec:?}: {before} became {value}");
        }
    }
}

#[test]
fn an_older_attempt_is_fenced_with_its_number_and_the_newer_ones() {
    let job = Job::start(settings(DOWNPOUR, 1), &[0.0; 4]);
    let (mut old_turns, mut old) = job.worker(0, 3);
    let (_turns, mut new) = job.worker(0, 4);
    new.exchange(&[1.0; 4], &mut [0.0; 4], &one_step()).unwrap();
    let refused = old.exchange(&[1.0; 4], &mut [0.0; 4], &one_step()).unwrap_err();
    assert_eq!(refused, Error::refused(Refusal::Fenced, "attempt 3 of worker 0 is fenced by attempt 4"));
    assert!(matches!(old_turns.next(done(1)), Err(Error::Refused { why: Refusal::Fenced, .. })));
    assert_eq!(job.server.center().unwrap(), [1.0; 4]);
}

/// Every worker's steps are granted once: a lost attempt's are granted to the next one, from the same place.
#[test]
fn the_budget_of_all_workers_is_completed_whoever_is_lost() {
    let mut settings = settings(DOWNPOUR, 2);
    settings.budget = Budget { steps: 25, tau: 4, period: Period::Constant };
    let job = Job::start(settings, &[0.0]);
    let (mut first, _exchanges) = job.worker(0, 0);
    let (mut second, _others) = job.worker(1, 0);
    let lost = first.next(done(0)).unwrap();
    assert_eq!((lost.policy_step, lost.data_step, lost.steps), (0, 0, 4));
    let (mut again, _exchanges) = job.worker(0, 1);
    assert_eq!(again.next(done(0)).unwrap(), lost);
    let mut total = 0;
    for turns in [&mut second, &mut again] {
        let mut steps = if total == 0 { 0 } else { lost.steps };
        loop {
            let go = turns.next(done(steps)).unwrap();
            total += steps;
            steps = go.steps;
            if steps == 0 {
                break;
            }
            assert_eq!(go.policy_step, (total / 2), "the policy goes by what all have done");
        }
    }
    assert_eq!((total, job.report()["steps"].as_u64()), (25, Some(25)));
}

#[test]
fn bsp_and_the_mean_fold_in_worker_order_whoever_comes_first() {
    let rule = RuleSpec::Mean { outer: OuterSpec::Averaging };
    for order in [[0, 1, 2], [2, 1, 0]] {
        let mut settings = settings(rule.clone(), 3);
        settings.consistency = Consistency::Bsp;
        let job = Job::start(settings, &[0.0; 2]);
        let replies: Vec<Vec<f32>> = thread::scope(|scope| {
            let works: Vec<_> = order
                .into_iter()
                .map(|worker: u32| {
                    let mut exchanges = job.worker(worker, 0).1;
                    scope.spawn(move || {
                        let mut reply = vec![0.0; 2];
                        let x = [0.1 * (worker + 1) as f32, 1e7 * worker as f32];
                        exchanges.exchange(&x, &mut reply, &one_step()).unwrap();
                        reply
                    })
                })
                .collect();
            works.into_iter().map(|work| work.join().unwrap()).collect()
        });
        let mean = [(f64::from(0.1f32) + f64::from(0.1f32 * 2.0) + f64::from(0.1f32 * 3.0)) / 3.0, 1e7];
        for reply in replies {
            assert_eq!(reply, mean.map(|value| value as f32));
        }
    }
}

#[test]
fn a_worker_that_left_is_not_waited_for() {
    let mut settings = settings(RuleSpec::Mean { outer: OuterSpec::Averaging }, 2);
    settings.consistency = Consistency::Bsp;
    let job = Job::start(settings, &[0.0]);
    let (turns, mut exchanges) = job.worker(0, 0);
    let (empty, _) = job.worker(1, 0);
    let mut reply = [0.0];
    thread::scope(|scope| {
        scope.spawn(|| exchanges.exchange(&[5.0], &mut reply, &one_step()).unwrap());
        empty.leave().unwrap();
    });
    assert_eq!(reply, [5.0]);
    turns.leave().unwrap();
}

#[test]
fn workers_end_where_the_budget_is_held_back_and_new_attempts_go_on_together() {
    let mut settings = settings(RuleSpec::Mean { outer: OuterSpec::Averaging }, 2);
    settings.consistency = Consistency::Bsp;
    settings.budget = Budget { steps: 6, tau: 2, period: Period::Constant };
    let job = Job::start(settings, &[0.0]);
    let stage = |attempt: u64| {
        let work = |worker: u32| {
            let (mut turns, mut exchanges) = job.worker(worker, attempt);
            let (mut x, mut before, mut granted) = ([0.0], 0, Vec::new());
            exchanges.pull(&mut x).unwrap();
            loop {
                let go = turns.next(done(before)).unwrap();
                if go.steps == 0 {
                    return (granted, x[0]);
                }
                (before, granted) = (go.steps, [granted, vec![(go.data_step, go.steps)]].concat());
                exchanges.exchange(&[x[0] + (worker + 1) as f32], &mut x, &one_step()).unwrap();
            }
        };
        thread::scope(|scope| [0, 1].map(|worker| scope.spawn(move || work(worker))).map(|work| work.join().unwrap()))
    };
    job.server.release(4);
    assert!(job.server.is_held_back());
    assert_eq!(stage(0), [(vec![(0, 2)], 1.5), (vec![(0, 2)], 1.5)]);
    assert_eq!((job.server.center().unwrap(), job.report()["steps"].as_u64()), (vec![1.5], Some(4)));
    job.server.release(u64::MAX);
    assert!(!job.server.is_held_back());
    assert_eq!(stage(1), [(vec![(2, 1)], 3.0), (vec![(2, 1)], 3.0)]);
    assert_eq!((job.server.center().unwrap(), job.report()["steps"].as_u64()), (vec![3.0], Some(6)));
}

#[test]
fn who_does_not_come_is_named_when_the_wait_is_over() {
    let mut settings = settings(DOWNPOUR, 3);
    settings.consistency = Consistency::Ssp(1);
    settings.limits.wait = 1;
    let job = Job::start(settings, &[0.0]);
    let mut turns = job.worker(0, 0).0;
    for number in 0..2 {
        assert_eq!(turns.next(done(number)).unwrap().steps, 1);
    }
    let refused = turns.next(done(1)).unwrap_err();
    assert_eq!(refused, Error::refused(Refusal::Overdue, "workers [1, 2] did not come within 1 s (exchange-wait)"));
}

/// A center in parts on several servers, the coordinator on one of its own: what executors host.
#[test]
fn parts_of_a_center_may_live_on_servers_of_their_own() {
    let initial: Vec<f32> = (0..100).map(|i| i as f32).collect();
    let mut coordinator = settings(DOWNPOUR, 1);
    coordinator.shards = 0;
    coordinator.budget = Budget { steps: 2, tau: 1, period: Period::Constant };
    let coordinator = Job::encrypted(coordinator, &[]);
    let part = |offset: usize, end: usize, shards| {
        let mut settings = settings(DOWNPOUR, 1);
        (settings.offset, settings.shards) = (offset as u64, shards);
        let server = Exchanger::start(settings, coordinator.secret.clone(), None, &initial[offset..end], None).unwrap();
        Job { server, secret: coordinator.secret.clone(), tls: None }
    };
    let (first, second) = (part(0, 37, 1), part(37, 100, 2));
    let mut spec = coordinator.spec(Role::Worker { worker: 0, attempt: 0 });
    spec.servers.extend([second.place(), first.place()]);
    let (mut turns, mut exchanges) = attach(spec.clone());
    assert_eq!(exchanges.length(), 100);
    let mut values = vec![0.0; 100];
    for number in 1..=2 {
        assert_eq!(turns.next(done(number - 1)).unwrap().steps, 1);
        exchanges.exchange(&[1.0; 100], &mut values, &one_step()).unwrap();
    }
    assert_eq!(turns.next(done(1)).unwrap().steps, 0);
    assert!(values.iter().zip(&initial).all(|(value, before)| *value == before + 2.0));
    turns.leave().unwrap();
    spec.servers.truncate(2);
    let missing = client::attach(spec, &Default::default()).err().unwrap().to_string();
    assert_eq!(missing, "the exchanger refused: no shard holds the weights from 0 on");
}
