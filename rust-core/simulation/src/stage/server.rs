//! The exchanger of a simulated run: the real ledgers of turns and folds, and the codec that values go through on the wire.

use std::ops::Range;
use std::time::Duration;

use firesteel_engine::memory::{Purpose, copied};
use firesteel_engine::{Error, Result};
use firesteel_exchange as exchange;
use firesteel_exchange::Refusal;
use firesteel_exchange::codec::Codec;
use firesteel_exchange::ledger::{Attempt, Fold, FoldLedger, Message, ResumePoint, Taken, TurnLedger};

use crate::plan::{Plan, StagePlan};

/// What a worker sent.
pub struct Sent {
    pub message: Message,
    pub values: Vec<f32>,
}

/// What it is answered.
pub struct Reply {
    pub values: Vec<f32>,
    /// Of the first shard.
    pub staleness: u64,
}

/// What became of a message.
pub enum Received {
    /// It is folded.
    Replied(Reply),
    /// Of a gathering rule: `complete` says whether it was the last of its round.
    Gathered { complete: bool },
    /// A newer attempt of its worker has attached.
    Fenced,
}

/// One range of the center, and for each worker the rounding errors of its replies.
struct Shard {
    range: Range<usize>,
    ledger: FoldLedger,
    residuals: Vec<Vec<f32>>,
}

/// The exchanger.
pub struct Server {
    pub turns: TurnLedger,
    shards: Vec<Shard>,
    codec: Codec,
    /// Messages of a gathering rule that are not answered yet, by worker.
    gathered: Vec<Option<Message>>,
}

impl Server {
    /// Serves `center`.
    pub fn new(plan: &Plan, stage: &StagePlan, center: &[f32]) -> Result<Self> {
        let StagePlan { settings, codec, .. } = stage;
        let (workers, wait) = (plan.workers, Duration::from_secs(settings.limits.wait));
        let shard = |range: Range<usize>| -> Result<Shard> {
            let values = copied(&center[range.clone()], Purpose::Weights)?;
            let turns = settings.budget.steps.saturating_add(1); // as the real exchanger: a turn is a step at least
            let ledger = FoldLedger::new(values, &settings.rule, workers, wait, turns)?;
            Ok(Shard { range, ledger, residuals: vec![Vec::new(); workers] })
        };
        Ok(Self {
            turns: TurnLedger::new(settings.budget.clone(), settings.consistency, workers, wait),
            shards: stage.ranges(center.len()).into_iter().map(shard).collect::<Result<_>>()?,
            codec: *codec,
            gathered: vec![None; workers],
        })
    }

    /// Lets an attempt in, and tells where it begins.
    pub fn attach(&mut self, who: Attempt) -> Result<ResumePoint> {
        let asked = self.turns.attach(who)?;
        let folded =
            self.shards.iter_mut().map(|shard| shard.ledger.attach(who)).collect::<exchange::Result<Vec<_>>>()?;
        Ok(ResumePoint::new(asked, folded))
    }

    /// Copies the center that exchange `sequence` begins from into `out`. The worker has the values exactly then, so nothing
    /// is left over of earlier replies.
    pub fn pull(&mut self, who: Attempt, sequence: u64, out: &mut [f32]) -> Result<()> {
        for shard in &mut self.shards {
            let (_, center) = shard.ledger.pull(who, sequence)?;
            out[shard.range.clone()].copy_from_slice(&center);
            shard.residuals[who.worker].clear();
        }
        Ok(())
    }

    /// Takes a whole message.
    pub fn receive(&mut self, sent: Sent, now: Duration) -> Result<Received> {
        let Sent { message, mut values } = sent;
        let (mut reply, mut complete) = (None, false);
        for Shard { range, ledger, residuals } in &mut self.shards {
            match ledger.check(&message) {
                Ok(Taken::New) => (),
                Ok(Taken::Repeat) => return Err(Error::internal(format!("{message:?} came twice"))),
                Err(exchange::Error::Refused { why: Refusal::Fenced, .. }) => return Ok(Received::Fenced),
                Err(error) => return Err(error.into()),
            }
            let mut part = copied(&values[range.clone()], Purpose::Weights)?;
            match ledger.take(&message, &mut part, now)? {
                Fold::Done(folded) if !part.is_empty() => {
                    through(self.codec, &mut part, &mut residuals[message.who.worker])?;
                    values[range.clone()].copy_from_slice(&part);
                    reply.get_or_insert(folded);
                }
                Fold::Done(_) => complete = true, // of a gathering rule, which keeps the values
                Fold::Wait => (),
            }
        }
        if let Some(folded) = reply {
            return Ok(Received::Replied(Reply { values, staleness: folded.staleness }));
        }
        self.gathered[message.who.worker] = Some(message);
        Ok(Received::Gathered { complete })
    }

    /// The replies of a round of a gathering rule that is complete, in the order of the workers.
    pub fn replies(&mut self, length: usize, now: Duration) -> Result<Vec<(Attempt, Reply)>> {
        let mut replies = Vec::new();
        for worker in 0..self.gathered.len() {
            let Some(message) = self.gathered[worker] else { continue };
            let mut reply = Reply { values: vec![0.0; length], staleness: 0 };
            let mut answered = false;
            for Shard { range, ledger, residuals } in &mut self.shards {
                match ledger.poll(&message, now) {
                    Ok(Fold::Done(_)) => (),
                    // its attempt is lost, or others are missing
                    Ok(Fold::Wait) | Err(exchange::Error::Refused { why: Refusal::Fenced, .. }) => break,
                    Err(error) => return Err(error.into()),
                }
                let Some(mut part) = ledger.reply(worker) else { break };
                through(self.codec, &mut part, &mut residuals[worker])?;
                reply.values[range.clone()].copy_from_slice(&part);
                answered = true;
            }
            if answered {
                self.gathered[worker] = None;
                replies.push((message.who, reply));
            }
        }
        Ok(replies)
    }

    /// Fails if a message of a gathering rule that `who` sent has waited for others for too long.
    pub fn check_wait(&self, who: Attempt, now: Duration) -> Result<()> {
        match self.gathered[who.worker].filter(|message| message.who == who) {
            Some(message) => Ok(self.shards[0].ledger.poll(&message, now).map(drop)?),
            None => Ok(()),
        }
    }

    /// The worker has finished.
    pub fn leave(&mut self, who: Attempt) -> Result<()> {
        self.turns.leave(who)?;
        self.shards.iter_mut().try_for_each(|shard| shard.ledger.leave(who))?;
        Ok(())
    }

    /// The center as it is, and its version.
    pub fn center(&self) -> (u64, Vec<f32>) {
        let parts = self.shards.iter().map(|shard| shard.ledger.center());
        let mut version = 0;
        let values = parts.flat_map(|(folded, part)| {
            version = folded;
            part.to_vec()
        });
        let values = values.collect();
        (version, values)
    }
}

/// What arrives of `values` that are sent by `codec`, whose rounding errors stay in `residual`.
pub fn through(codec: Codec, values: &mut [f32], residual: &mut Vec<f32>) -> Result<()> {
    if codec == Codec::F32 {
        return Ok(());
    }
    let mut bytes = Vec::new();
    codec.encode(values, residual, &mut bytes)?;
    Ok(codec.decode(&bytes, values)?)
}
