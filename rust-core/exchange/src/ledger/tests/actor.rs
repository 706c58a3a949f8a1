//! What one worker is doing: the states of `client` and of the task's link.

#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Phase {
    /// Attached to the coordinator and to so many shards.
    Attaching(usize),
    Ready,
    Waiting,
    /// Its local steps are done; without overlap it is ready again only after the exchange.
    Stepped,
    Leaving(usize),
    Left,
    /// Granted 0 steps while part of the budget is not released: its task has ended without leaving.
    Paused,
}

/// Messages to the shards, of one turn.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Exchange {
    pub number: u64,
    pub attempt: u64,
    pub steps: u64,
    /// Of each shard, as bits.
    pub values: Vec<u32>,
    pub sent: Vec<bool>,
    pub answered: Vec<bool>,
    /// A shard no longer has the reply: the worker pulls the center.
    pub lost: bool,
}

/// One worker's task, or that there is none.
#[derive(Clone, Default, Hash)]
pub struct Actor {
    pub attempt: u64,
    pub phase: Option<Phase>,
    pub asked: u64,
    pub last_folded: Vec<(u64, u64)>,
    pub turn: u64,
    pub number: u64,
    /// Steps to report with the next turn.
    pub unreported: u64,
    pub exchange: Option<Exchange>,
    pub late: Option<Exchange>,
    /// The turn whose exchange this attempt began last; 0 before its first.
    pub exchanged: u64,
    /// Its weights of each shard, as bits, and where in its data it is.
    pub x: Vec<u32>,
    pub data_step: u64,
}

/// What a worker makes of its weights in a turn, if it does the same whenever it is asked.
pub fn trained(x: f32, worker: usize, data_step: u64) -> f32 {
    x * 0.75 + worker as f32 + data_step as f32
}
