//! The protocol in every order of events: grants, messages, folds, replies, deaths and new attempts of two and three
//! workers over three turns, for each rule and each consistency.

mod actor;
mod case;
mod explore;
mod invariants;
mod world;

use super::ResumePoint;
use crate::clock::Consistency;
use crate::outer::OuterSpec;
use crate::rules::RuleSpec;
use crate::work::Work;
use case::Case;
use explore::{Explored, explore};

const MEAN: RuleSpec = RuleSpec::Mean { outer: OuterSpec::Averaging };
const ELASTIC: RuleSpec = RuleSpec::Elastic { alpha: 0.1, server_alpha: None, decay: None };

/// The resume point of `client::attach`.
fn both(asked: u64, folded: &[(u64, Work)]) -> (ResumePoint, u64) {
    let start = ResumePoint::new(asked, folded.iter().copied());
    (start, start.turn)
}

fn case(rule: RuleSpec, consistency: Consistency, workers: usize, shards: usize, deaths: u32) -> Case {
    Case { rule, consistency, workers, shards, turns: 3, pause: 0, deaths, overlap: false, hosts: false, start: both }
}

fn tried(case: Case) -> Explored {
    let name = format!("{} {:?} {} workers {} shards", case.rule.name(), case.consistency, case.workers, case.shards);
    let explored = explore(case).unwrap_or_else(|found| panic!("{name}: {}, after {:?}", found.what, found.path));
    println!("{name}: {} states, {} ends", explored.states, explored.ends);
    assert!(explored.ends > 0, "{name}: nobody ever came to an end");
    explored
}

fn gathering() -> Vec<RuleSpec> {
    let outer = |outer| RuleSpec::Mean { outer };
    vec![
        MEAN,
        outer(OuterSpec::Nesterov { lr: 0.7, momentum: 0.9 }),
        outer(OuterSpec::Slowmo { alpha: 1.0, beta: None }),
        outer(OuterSpec::Bmuf { h: None, z: 1.0 }),
        RuleSpec::Easgd { alpha: 0.45, beta: 0.9 },
    ]
}

fn arriving(workers: usize) -> Vec<RuleSpec> {
    vec![
        ELASTIC,
        RuleSpec::Downpour { adagrad: None },
        RuleSpec::Downpour { adagrad: Some(0.1) },
        RuleSpec::Adag {},
        RuleSpec::Dynsgd {},
        RuleSpec::Dcasgd { lambda: 0.04 },
        RuleSpec::AsyncNesterov { lr: 0.7, momentum: 0.9, workers },
    ]
}

#[test]
fn two_workers_of_each_gathering_rule_end_in_every_order() {
    for rule in gathering() {
        tried(case(rule.clone(), Consistency::Bsp, 2, 1, 2));
        tried(case(rule, Consistency::Bsp, 2, 2, 1));
    }
}

#[test]
fn three_workers_of_each_gathering_rule_end_in_every_order() {
    for rule in gathering() {
        tried(case(rule, Consistency::Bsp, 3, 1, 2));
    }
}

#[test]
fn two_workers_of_each_arriving_rule_end_in_every_order() {
    for rule in arriving(2) {
        for consistency in [Consistency::Async, Consistency::Ssp(1), Consistency::Bsp] {
            tried(case(rule.clone(), consistency, 2, 1, 1));
            tried(Case { overlap: true, ..case(rule.clone(), consistency, 2, 1, 1) });
        }
    }
}

#[test]
fn three_workers_of_each_arriving_rule_end_in_every_order() {
    for rule in arriving(3) {
        tried(case(rule, Consistency::Bsp, 3, 1, 1));
    }
    tried(case(ELASTIC, Consistency::Ssp(1), 3, 1, 1));
    tried(case(ELASTIC, Consistency::Async, 3, 1, 1));
}

#[test]
fn shards_that_are_met_in_every_order_end_too() {
    tried(case(MEAN, Consistency::Bsp, 3, 2, 1));
    tried(Case { overlap: true, ..case(ELASTIC, Consistency::Async, 2, 2, 1) });
    tried(Case { overlap: true, ..case(ELASTIC, Consistency::Bsp, 2, 2, 1) });
}

#[test]
fn workers_that_stop_at_a_pause_stop_after_the_same_round_and_continue_together() {
    for rule in gathering() {
        tried(Case { pause: 1, ..case(rule.clone(), Consistency::Bsp, 2, 1, 2) });
        tried(Case { pause: 2, ..case(rule, Consistency::Bsp, 2, 2, 1) });
    }
    tried(Case { pause: 1, ..case(MEAN, Consistency::Bsp, 3, 1, 1) });
    tried(Case { pause: 1, hosts: true, ..case(MEAN, Consistency::Bsp, 2, 2, 1) });
}

#[test]
fn a_lost_host_of_a_part_of_the_center_ends_nobody() {
    for rule in [MEAN, RuleSpec::Easgd { alpha: 0.45, beta: 0.9 }] {
        tried(Case { hosts: true, ..case(rule, Consistency::Bsp, 2, 2, 1) });
    }
    for consistency in [Consistency::Async, Consistency::Ssp(1)] {
        tried(Case { hosts: true, turns: 2, ..case(ELASTIC, consistency, 2, 2, 0) });
    }
}

/// A wrong resume point: only the coordinator's record is used, and not what was folded since. A worker that died
/// between its fold and its next request then asks for the same turn again, and both workers wait for each other.
#[test]
fn a_start_that_does_not_ask_what_was_folded_is_found_to_wait_for_ever() {
    fn turns_alone(asked: u64, folded: &[(u64, Work)]) -> (ResumePoint, u64) {
        let start = ResumePoint { turn: asked.saturating_sub(1), unreported: Work::default() };
        (start, folded.iter().map(|(number, _)| *number).min().unwrap_or(0))
    }
    let old = Case { start: turns_alone, ..case(MEAN, Consistency::Bsp, 2, 1, 1) };
    let found = explore(old).unwrap_err();
    assert!(found.what.contains("waits for ever"), "{found:?}");
}
