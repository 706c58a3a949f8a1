//! Laws that hold for whole families of rules, for any values.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Decay, ExchangeInfo, RuleSpec, RuleState, ShardRule};
use crate::outer::OuterSpec;
use crate::worker_rule::WorkerRule;

const LENGTH: usize = 5;
const WORKERS: usize = 3;

fn values() -> impl Strategy<Value = Vec<f32>> {
    vec(prop_oneof![-10f32..10.0, Just(0.0), Just(-0.0), -1e-3f32..1e-3], LENGTH)
}

fn outers() -> [OuterSpec; 4] {
    [
        OuterSpec::Averaging,
        OuterSpec::Nesterov { lr: 0.7, momentum: 0.9 },
        OuterSpec::Slowmo { alpha: 0.9, beta: Some(0.5) },
        OuterSpec::Bmuf { h: None, z: 1.0 },
    ]
}

fn gathering_rules() -> Vec<RuleSpec> {
    let easgd = RuleSpec::Easgd { alpha: 0.3, beta: 0.9 };
    outers().map(|outer| RuleSpec::Mean { outer }).into_iter().chain([easgd]).collect()
}

fn arrival_rules() -> Vec<RuleSpec> {
    let decay = Some(Decay { factor: 0.5, every: 2 });
    vec![
        RuleSpec::Elastic { alpha: 0.3, server_alpha: Some(0.2), decay },
        RuleSpec::Downpour { adagrad: None },
        RuleSpec::Downpour { adagrad: Some(0.1) },
        RuleSpec::Adag {},
        RuleSpec::Dynsgd {},
        RuleSpec::Dcasgd { lambda: 0.04 },
        RuleSpec::AsyncNesterov { lr: 0.7, momentum: 0.9, workers: WORKERS },
    ]
}

/// Lets `rule` fold the next message, or for a synchronous rule the same one of all workers; answers the reply.
fn fold(rule: &mut ShardRule, center: &mut [f32], message: &[f32], exchange: usize) -> Vec<f32> {
    let mut message = message.to_vec();
    match rule {
        ShardRule::Arrival(rule) => {
            let (worker, turn) = (exchange % WORKERS, exchange as u64);
            let info = ExchangeInfo { worker, staleness: turn % 4, exchanges: turn / 3, lr: 0.1, steps: 5 };
            rule.fold(center, &mut message, &info);
        }
        ShardRule::Gathering(rule) => {
            let mut others = vec![message.clone(); WORKERS - 1];
            let all = others.iter_mut().chain([&mut message]);
            let mut vectors: Vec<_> = all.map(|vector| (vector.as_mut_slice(), 10)).collect();
            rule.fold(center, &mut vectors, 0.1);
        }
    }
    message
}

fn state_of(rule: &mut ShardRule) -> &mut dyn RuleState {
    match rule {
        ShardRule::Arrival(rule) => &mut **rule,
        ShardRule::Gathering(rule) => &mut **rule,
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

proptest! {
    #[test]
    fn an_alpha_of_zero_never_moves_the_center_nor_the_workers(start in values(), xs in vec(values(), 1..8)) {
        let elastic = RuleSpec::Elastic { alpha: 0.0, server_alpha: None, decay: None };
        for spec in [elastic, RuleSpec::Easgd { alpha: 0.0, beta: 0.0 }] {
            let mut rule = spec.shard_rule(LENGTH, WORKERS).unwrap();
            let mut center = start.clone();
            for (exchange, x) in xs.iter().enumerate() {
                let difference = fold(&mut rule, &mut center, x, exchange);
                prop_assert_eq!(&center, &start);
                prop_assert_eq!(difference, vec![0.0; LENGTH]);
            }
        }
    }

    #[test]
    fn a_symmetric_elastic_exchange_conserves_the_sum(start in values(), x in values(), alpha in 0f32..=1.0) {
        let spec = RuleSpec::Elastic { alpha, server_alpha: None, decay: Some(Decay { factor: 0.5, every: 1 }) };
        let mut worker_rule = WorkerRule::new(spec.worker_rule(), start.clone()).unwrap();
        let (mut center, mut moved, mut message) = (start.clone(), x.clone(), vec![0.0; LENGTH]);
        worker_rule.message(&x, 1, &mut message);
        let reply = fold(&mut spec.shard_rule(LENGTH, WORKERS).unwrap(), &mut center, &message, 4);
        worker_rule.apply(&mut moved, &reply);
        for k in 0..LENGTH {
            let (before, after) = (x[k] + start[k], moved[k] + center[k]);
            prop_assert!((before - after).abs() <= 1e-5, "{before} became {after}");
        }
    }

    #[test]
    fn equal_workers_stay_equal(
        start in values(),
        movements in vec(values(), 1..5),
        samples in vec(0u64..1_000, WORKERS),
    ) {
        for spec in gathering_rules() {
            let ShardRule::Gathering(mut rule) = spec.shard_rule(LENGTH, WORKERS).unwrap() else {
                panic!("{spec:?} does not gather")
            };
            let mut center = start.clone();
            let worker_rule = WorkerRule::new(spec.worker_rule(), start.clone()).unwrap();
            let mut workers = vec![(start.clone(), worker_rule); WORKERS];
            for movement in &movements {
                let mut messages = vec![vec![0.0; LENGTH]; WORKERS];
                for ((x, worker_rule), message) in workers.iter_mut().zip(&mut messages) {
                    x.iter_mut().zip(movement).for_each(|(x, movement)| *x += movement);
                    worker_rule.message(x, 1, message);
                }
                let vectors = messages.iter_mut().map(Vec::as_mut_slice);
                rule.fold(&mut center, &mut vectors.zip(samples.iter().copied()).collect::<Vec<_>>(), 0.1);
                for ((x, worker_rule), reply) in workers.iter_mut().zip(&messages) {
                    worker_rule.apply(x, reply);
                }
                for (x, _) in &workers {
                    prop_assert_eq!(bits(x), bits(&workers[0].0), "{:?}", spec);
                }
            }
        }
    }

    #[test]
    fn workers_that_did_not_leave_the_center_do_not_move_it(start in values()) {
        for spec in arrival_rules().into_iter().chain(gathering_rules()) {
            let mut worker_rule = WorkerRule::new(spec.worker_rule(), start.clone()).unwrap();
            let mut rule = spec.shard_rule(LENGTH, WORKERS).unwrap();
            let (mut center, mut x) = (start.clone(), start.clone());
            for exchange in 0..2 * WORKERS {
                let mut message = vec![0.0; LENGTH];
                worker_rule.message(&x, 0, &mut message);
                let reply = fold(&mut rule, &mut center, &message, exchange);
                worker_rule.apply(&mut x, &reply);
                prop_assert_eq!((&center, &x), (&start, &start), "{:?}", spec);
            }
        }
    }

    #[test]
    fn a_rule_restored_from_its_state_goes_on_identically(
        start in values(),
        messages in vec(values(), 2..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let cut = cut.index(messages.len());
        for spec in arrival_rules().into_iter().chain(gathering_rules()) {
            let (mut rule, mut center) = (spec.shard_rule(LENGTH, WORKERS).unwrap(), start.clone());
            for (exchange, message) in messages[..cut].iter().enumerate() {
                fold(&mut rule, &mut center, message, exchange);
            }
            let mut restored = spec.shard_rule(LENGTH, WORKERS).unwrap();
            let kept = state_of(&mut rule);
            let vectors: Vec<Vec<f32>> = kept.vectors().into_iter().map(<[f32]>::to_vec).collect();
            state_of(&mut restored).restore(vectors, &kept.counters()).unwrap();
            let mut restored_center = center.clone();
            for (exchange, message) in messages.iter().enumerate().skip(cut) {
                let reply = fold(&mut rule, &mut center, message, exchange);
                let again = fold(&mut restored, &mut restored_center, message, exchange);
                prop_assert_eq!(bits(&reply), bits(&again), "{:?}", spec);
                prop_assert_eq!(bits(&center), bits(&restored_center), "{:?}", spec);
            }
        }
    }
}

#[test]
fn a_snapshot_of_another_rule_is_refused() {
    for spec in arrival_rules().into_iter().chain(gathering_rules()) {
        let mut rule = spec.shard_rule(LENGTH, WORKERS).unwrap();
        let rule = state_of(&mut rule);
        let vectors: Vec<Vec<f32>> = rule.vectors().into_iter().map(<[f32]>::to_vec).collect();
        let counters = rule.counters();
        assert!(rule.restore([&vectors[..], &[vec![0.0; LENGTH]]].concat(), &counters).is_err(), "{spec:?}");
        assert!(rule.restore(vectors, &[&counters[..], &[0]].concat()).is_err(), "{spec:?}");
    }
}

#[test]
fn nothing_is_folded_when_nobody_had_a_sample() {
    for spec in gathering_rules() {
        let ShardRule::Gathering(mut rule) = spec.shard_rule(1, 2).unwrap() else { panic!("{spec:?} does not gather") };
        let (mut center, mut one, mut two) = ([3.0], [f32::NAN], [5.0]);
        rule.fold(&mut center, &mut [(&mut one, 0), (&mut two, 0)], 0.1);
        assert_eq!(center, [3.0], "{spec:?}");
    }
}
