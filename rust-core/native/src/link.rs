//! A task's link to the exchanger: turns of local steps and exchanges for one worker. With overlap an
//! exchange is under way on a thread of its own while the next turn's steps run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use firesteel_engine::memory::{Purpose, copied, filled};
use firesteel_engine::{Error, Report, Result, Worker};
use firesteel_exchange as exchange;
use firesteel_exchange::client::{self, Contribution, Exchanged, Exchanges, Turns};
use firesteel_exchange::ledger::Grant;
use firesteel_exchange::message::{Done, Role};
use firesteel_exchange::work::Work as Stepped;
use firesteel_exchange::worker_rule::{Takes, WorkerRule};
use serde::{Deserialize, Serialize};

use crate::exchanger::JoinInfo;
use crate::lifetime::Counted;
use crate::registry::Parked;

/// The argument of `linkOpen`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkRequest {
    client: JoinInfo,
    worker: u32,
    /// Newer attempts have larger numbers.
    attempt: u64,
}

/// The outcome of one turn.
#[derive(Debug, Default, Serialize)]
pub struct Turn {
    /// Local steps that were done.
    pub steps: u64,
    /// Rows that the steps used, repeats counted.
    pub samples: u64,
    /// Mean over the minibatches; `null` if no step ran or the mean is not finite.
    pub loss: Option<f64>,
    /// The released part of the budget is spent.
    pub done: bool,
}

/// The channels to the shards, with the vectors that are sent and received.
struct Wire {
    exchanges: Exchanges,
    message: Vec<f32>,
    reply: Vec<f32>,
}

/// The outcome of the exchange of a turn, and how long it took.
struct Outcome {
    wire: Wire,
    turn: u64,
    exchanged: exchange::Result<Exchanged>,
    seconds: f64,
}

/// Where the channels are.
enum State {
    Here(Wire),
    /// On a thread that does an exchange.
    Away(JoinHandle<Outcome>),
    /// An exchange failed.
    Lost,
}

/// A worker's link.
pub struct Link {
    join_info: JoinInfo,
    cancel: Arc<AtomicBool>,
    turns: Option<Turns>,
    wire: State,
    worker_rule: WorkerRule,
    /// The worker's weights.
    x: Vec<f32>,
    /// What the next turn reports.
    done: Done,
    /// The last turn that earlier attempts finished.
    begun: u64,
    /// The sum of losses at which an adaptive period ends: that of the first period.
    loss_limit: Option<f64>,
    _counted: Counted,
}

impl Link {
    /// Attaches and pulls the center that the next turn begins from.
    pub fn open(request: LinkRequest, cancel: Arc<AtomicBool>) -> Result<Self> {
        let LinkRequest { client: join_info, worker, attempt } = request;
        let spec = join_info.spec(Role::Worker { worker, attempt });
        let (turns, mut exchanges) = client::attach(spec, &cancel)?;
        let room = |length| filled(length, 0.0f32, Purpose::Weights);
        let mut x = room(exchanges.length())?;
        exchanges.pull(&mut x)?;
        let wire = Wire { exchanges, message: room(x.len())?, reply: room(x.len())? };
        Ok(Self {
            worker_rule: WorkerRule::new(join_info.rule.worker_rule(), copied(&x, Purpose::Weights)?)?,
            done: Done { work: turns.unreported(), ..Done::default() },
            begun: turns.number(),
            join_info,
            cancel,
            turns: Some(turns),
            wire: State::Here(wire),
            x,
            loss_limit: None,
            _counted: Counted::default(),
        })
    }

    /// Asks for a turn, does its local steps on `worker`, and exchanges. Once the released part of the budget is spent it
    /// waits for the exchange under way; then it leaves, unless a later stage continues. A worker whose weights differ from
    /// the center's after an exchange keeps them in `parked` until that stage.
    pub fn turn(&mut self, worker: &mut Worker, parked: &Mutex<Option<Parked>>, cancel: &AtomicBool) -> Result<Turn> {
        let Some(turns) = &mut self.turns else {
            return Ok(Turn { done: true, ..Turn::default() });
        };
        let mut parked = parked.lock().unwrap_or_else(PoisonError::into_inner); // it is replaced as a whole
        if let Some(before) = parked.take_if(|before| before.turn == self.begun && turns.number() == self.begun) {
            self.x = before.weights;
        }
        let go = turns.next(std::mem::take(&mut self.done))?;
        let number = turns.number();
        if go.steps == 0 {
            return if self.join_info.pauses { self.pause(number - 1, &mut parked) } else { self.leave() };
        }
        let grant = Grant { policy_step: go.policy_step, data_step: go.data_step, steps: go.steps };
        let round = self.join_info.turns.round(number, &grant, self.loss_limit);
        let report = worker.round(&mut self.x[..], &round, cancel)?;
        if report.steps == 0 {
            return self.leave(); // a worker without rows
        }
        let Report { steps, samples, seconds, .. } = report;
        let Some(loss) = report.loss else { return Err(self.diverged(number)) };
        self.join_info.turns.limit_after(&mut self.loss_limit, loss, steps);
        let work = Stepped { steps, samples, loss };
        self.done = Done { work, computing: seconds, ..Done::default() };
        let before = Instant::now();
        self.join()?;
        self.exchange(number, &Contribution { work, lr: worker.rate(go.policy_step) as f32 })?;
        self.done.waiting = before.elapsed().as_secs_f64();
        Ok(Turn { steps, samples, loss: Some(loss), done: false })
    }

    /// Tells the exchanger that this worker's training diverged, so that the run ends.
    fn diverged(&mut self, turn: u64) -> Error {
        let told = self.turns.take().map(Turns::diverged);
        if let Some(Err(error)) = told {
            log::warn!("tell the exchanger of a diverged training: {error}");
        }
        Error::internal(format!("training diverged in exchange {turn}: weights or loss are NaN or infinite"))
    }

    fn pause(&mut self, turn: u64, parked: &mut Option<Parked>) -> Result<Turn> {
        self.join()?;
        self.turns = None;
        if self.join_info.rule.worker_rule().takes == Takes::Difference {
            *parked = Some(Parked { turn, weights: std::mem::take(&mut self.x) });
        }
        Ok(Turn { done: true, ..Turn::default() })
    }

    fn leave(&mut self) -> Result<Turn> {
        self.join()?;
        if let Some(turns) = self.turns.take() {
            turns.leave()?;
        }
        Ok(Turn { done: true, ..Turn::default() })
    }

    /// Sends the worker's message; without overlap it waits for the reply too.
    fn exchange(&mut self, turn: u64, about: &Contribution) -> Result<()> {
        let State::Here(mut wire) = std::mem::replace(&mut self.wire, State::Lost) else {
            return Err(Error::internal("an exchange was begun while another was under way"));
        };
        self.worker_rule.message(&self.x, about.work.steps, &mut wire.message);
        let about = *about;
        let once = move || {
            let before = Instant::now();
            let exchanged = wire.exchanges.exchange(&wire.message, &mut wire.reply, &about);
            Outcome { wire, turn, exchanged, seconds: before.elapsed().as_secs_f64() }
        };
        // the first exchange of an attempt does not overlap, so that attempts lost in a row cannot skip two numbers
        if !self.join_info.overlap || turn == self.begun + 1 {
            return self.apply(once());
        }
        let thread = Builder::new().name("firesteel-link".to_owned()).spawn(once);
        self.wire = State::Away(thread.map_err(|e| Error::internal("start a thread").caused_by(e))?);
        Ok(())
    }

    /// Waits for the exchange that is under way, if one is.
    fn join(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.wire, State::Lost) {
            State::Away(thread) => {
                let outcome = thread.join().map_err(|_| Error::internal("an exchange panicked"))?;
                self.apply(outcome)
            }
            here => {
                self.wire = here;
                Ok(())
            }
        }
    }

    fn apply(&mut self, Outcome { mut wire, turn, exchanged, seconds }: Outcome) -> Result<()> {
        let exchanged = match exchanged {
            Err(exchange::Error::Diverged) => return Err(self.diverged(turn)),
            other => other?,
        };
        if exchanged.lost {
            wire.exchanges.pull(&mut wire.reply)?; // folded before a restart that forgot the reply
            self.worker_rule.pulled(&mut self.x, &wire.reply);
        } else {
            self.worker_rule.apply(&mut self.x, &wire.reply);
        }
        self.done.staleness = exchanged.staleness;
        self.done.bytes = exchanged.bytes;
        self.done.exchanging = seconds;
        self.wire = State::Here(wire);
        Ok(())
    }
}

/// Ends an exchange that is under way, since nobody needs its outcome any more.
impl Drop for Link {
    fn drop(&mut self) {
        self.cancel.store(true, Ordering::Relaxed);
        if let State::Away(thread) = std::mem::replace(&mut self.wire, State::Lost) {
            let _ = thread.join(); // a panic of it has been logged
        }
    }
}
