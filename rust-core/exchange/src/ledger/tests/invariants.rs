//! What must hold in every state and at every end, and what makes two states the same.

use std::hash::{Hash, Hasher};

use super::actor::trained;
use super::case::Case;
use super::world::World;
use crate::rules::ShardRule;

/// The centers of a gathering rule after 0, 1, .. rounds, if nobody is ever lost.
pub fn undisturbed(case: &Case) -> Vec<f32> {
    let (mut center, mut centers) = (vec![1.0], vec![1.0]);
    let ShardRule::Gathering(mut rule) = case.rule.shard_rule(1, case.workers).unwrap() else { return centers };
    for round in 0..case.turns {
        let mut vectors: Vec<[f32; 1]> = (0..case.workers).map(|k| [trained(center[0], k, round)]).collect();
        let mut all: Vec<(&mut [f32], u64)> = vectors.iter_mut().map(|v| (&mut v[..], 10)).collect();
        rule.fold(&mut center, &mut all, 0.1);
        centers.push(center[0]);
    }
    centers
}

impl World {
    /// What must hold at any moment.
    pub fn check(&self) -> Result<(), String> {
        let versions = self.shards.iter().map(|shard| shard.version);
        let apart = versions.clone().max().unwrap_or(0) - versions.min().unwrap_or(0);
        if self.case.rule.gathers() && apart > 1 {
            return Err(format!("shards are {apart} rounds apart"));
        }
        for shard in self.shards.iter().filter(|_| self.takes_center()) {
            let expected = self.centers[shard.version as usize];
            if shard.center[0].to_bits() != expected.to_bits() {
                return Err(format!("round {} ends at {} where {expected} was due", shard.version, shard.center[0]));
            }
        }
        let (asked, most) = (self.turns.record().asked(), if self.case.overlap { 2 } else { 1 });
        for (worker, asked) in asked.enumerate() {
            for shard in &self.shards {
                let folded = shard.sessions[worker].known.folded;
                let behind = self.host_lost && !self.case.rule.gathers(); // it was restored from an earlier snapshot
                if folded > asked || (asked - folded > most && !behind) {
                    return Err(format!("worker {worker} asked for turn {asked} and exchange {folded} is folded"));
                }
            }
        }
        if self.is_over() { self.check_end() } else { Ok(()) }
    }

    /// The budget is spent to the step, and every turn that was recorded was folded once into every shard.
    fn check_end(&self) -> Result<(), String> {
        let (recorded, budget) = (self.turns.steps(), self.case.budget());
        if recorded != budget {
            return Err(format!("{recorded} steps of {budget} are recorded at the end"));
        }
        for (worker, turns) in self.turns.record.workers.iter().enumerate() {
            for shard in &self.shards {
                let folded = shard.sessions[worker].known.exchanges;
                let lost = turns.exchanges.saturating_sub(folded);
                // with overlap the exchange under way is lost with its attempt
                let may_lose =
                    if self.host_lost && !self.case.rule.gathers() { u64::MAX } else { u64::from(self.deaths) };
                let bound = if self.case.overlap || self.host_lost { may_lose } else { 0 };
                if folded > turns.exchanges || lost > bound {
                    return Err(format!("worker {worker}: {} turns recorded, {folded} folded", turns.exchanges));
                }
            }
        }
        Ok(())
    }
}

/// The part of the state that decides what can happen next: no values, and no counts for reports.
impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.turns.record().hash(state);
        self.turns.is_held_back().hash(state);
        self.turns.clock.finished().hash(state);
        self.deaths.hash(state);
        self.actors.hash(state);
        for worker in 0..self.actors.len() {
            self.turns.clock.is_active(worker).hash(state);
            for shard in &self.shards {
                let session = &shard.sessions[worker];
                let known = &session.known;
                (known.attempt, known.folded, known.work.steps, known.exchanges).hash(state);
                (session.taken, session.sent.min(1), session.left, session.restored, session.gathered.is_some())
                    .hash(state);
            }
        }
        for shard in &self.shards {
            shard.version.hash(state);
        }
        self.host_lost.hash(state);
        if let Some((turns, shards)) = &self.kept {
            turns.hash(state);
            for (shard, _) in shards {
                shard.version.hash(state);
                shard.sessions.iter().for_each(|known| (known.attempt, known.folded, known.exchanges).hash(state));
            }
        }
    }
}
