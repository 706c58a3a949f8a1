//! The settings of a run's exchanger, computed from the run's configuration: the rule of its strategy, who waits for whom,
//! the budget and the periods.

use firesteel_engine::config::{
    CodecName, Consistency as Name, OuterName, Period as PeriodName, PeriodStart, Strategy,
};
use firesteel_engine::{Error, Result, TrainConfig};
use firesteel_exchange::clock::Consistency;
use firesteel_exchange::codec::Codec;
use firesteel_exchange::outer::OuterSpec;
use firesteel_exchange::rules::{Decay, RuleSpec};
use firesteel_exchange::server::{Budget, ExchangerSettings, Period, PeriodChange, ServerLimits};

/// The address to listen on by default: only peers on this machine can connect.
const LOOPBACK: &str = "127.0.0.1:0";
/// Periods of `tau` steps after which an adaptive period ends at the latest: a loss that falls from
/// 2.3 to 0.15 never reaches it; it limits how many steps are lost with a worker.
const LONGEST: u64 = 16;

/// The settings of the exchanger of a resolved configuration whose workers exchange inside one stage.
pub fn settings(config: &TrainConfig) -> Result<ExchangerSettings> {
    let workers = known("workers", config.workers)?;
    let consistency = match known("consistency", config.consistency)? {
        Name::Async => Consistency::Async,
        Name::Ssp => Consistency::Ssp(known("staleness", config.staleness)?),
        Name::Bsp => Consistency::Bsp,
        Name::Rounds => return Err(Error::config("consistency rounds has no exchanger")),
    };
    Ok(ExchangerSettings {
        bind: config.bind.clone().unwrap_or_else(|| LOOPBACK.to_owned()),
        digest: config.build_net()?.layout().digest(),
        offset: 0,
        rule: rule(config, workers)?,
        consistency,
        workers: u32::try_from(workers).map_err(|_| Error::config(format!("{workers} workers")))?,
        shards: u32::try_from(config.shards).map_err(|_| Error::config(format!("{} shards", config.shards)))?,
        budget: budget(config)?,
        limits: ServerLimits {
            exchange: config.exchange_deadline,
            wait: config.exchange_wait,
            ..ServerLimits::default()
        },
        snapshot: None,
    })
}

/// The minibatches of all workers together, and how many local steps are between two exchanges.
pub fn budget(config: &TrainConfig) -> Result<Budget> {
    let workers = known("workers", config.workers)?;
    let iterations = known("iterations", config.iterations)?;
    let period = match config.period {
        PeriodName::Constant => Period::Constant,
        PeriodName::Adaptive => Period::Adaptive { longest: LONGEST },
        PeriodName::PostLocal | PeriodName::Qsr => {
            let change = |PeriodStart { from, steps }| PeriodChange { from, steps };
            Period::Planned { changes: config.periods()?.into_iter().map(change).collect() }
        }
    };
    Ok(Budget { steps: iterations.saturating_mul(workers as u64), tau: config.tau, period })
}

fn rule(config: &TrainConfig, workers: usize) -> Result<RuleSpec> {
    let alpha = || Ok::<_, Error>(known("alpha", config.alpha)? as f32);
    Ok(match config.strategy {
        Strategy::Sparknet => RuleSpec::Mean { outer: outer(config)? },
        // the authors' alpha is beta / K, with K the workers
        Strategy::Easgd => RuleSpec::Easgd { alpha: alpha()?, beta: (alpha()? * workers as f32).min(1.0) },
        Strategy::Deepspark | Strategy::EasgdAsync | Strategy::Eamsgd => RuleSpec::Elastic {
            alpha: alpha()?,
            server_alpha: config.server_alpha.map(|alpha| alpha as f32),
            decay: config
                .alpha_decay
                .zip(config.alpha_every)
                .map(|(factor, every)| Decay { factor: factor as f32, every }),
        },
        Strategy::Downpour => RuleSpec::Downpour { adagrad: config.adagrad_lr.map(|lr| lr as f32) },
        Strategy::Adag => RuleSpec::Adag {},
        Strategy::Dynsgd => RuleSpec::Dynsgd {},
        Strategy::Dcasgd => RuleSpec::Dcasgd { lambda: known("lambda", config.lambda)? as f32 },
        Strategy::AsyncNesterov => {
            let (lr, momentum) = outer_step(config)?;
            RuleSpec::AsyncNesterov { lr, momentum, workers }
        }
        alone @ (Strategy::Sequential | Strategy::Hogwild) => {
            return Err(Error::config(format!("strategy {alone} exchanges with nobody")));
        }
    })
}

fn outer(config: &TrainConfig) -> Result<OuterSpec> {
    if config.outer == OuterName::None {
        return Ok(OuterSpec::Averaging);
    }
    let (lr, momentum) = outer_step(config)?;
    Ok(match config.outer {
        OuterName::None => OuterSpec::Averaging,
        OuterName::Nesterov => OuterSpec::Nesterov { lr, momentum },
        OuterName::Slowmo => OuterSpec::Slowmo { alpha: lr, beta: Some(momentum) },
        OuterName::Bmuf => OuterSpec::Bmuf { z: lr, h: Some(momentum) },
    })
}

fn outer_step(config: &TrainConfig) -> Result<(f32, f32)> {
    Ok((known("outer-lr", config.outer_lr)? as f32, known("outer-momentum", config.outer_momentum)? as f32))
}

/// The encoding of a name.
pub fn codec(name: CodecName) -> Codec {
    match name {
        CodecName::F32 => Codec::F32,
        CodecName::Bf16 => Codec::Bf16,
        CodecName::Int8 => Codec::Int8,
    }
}

fn known<T>(key: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::config(format!("{key} is not set")))
}
