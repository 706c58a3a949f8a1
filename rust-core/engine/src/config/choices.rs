//! What can be chosen by name, and what each strategy is: which keys mean something depends on it.

use crate::names::names;

names! {
    /// Who exchanges what with whom, and when.
    pub enum Strategy("strategy") {
        Sequential = "sequential",
        Sparknet = "sparknet",
        Easgd = "easgd",
        Deepspark = "deepspark",
        EasgdAsync = "easgd-async",
        Eamsgd = "eamsgd",
        Downpour = "downpour",
        Adag = "adag",
        Dynsgd = "dynsgd",
        Dcasgd = "dcasgd",
        AsyncNesterov = "async-nesterov",
        Hogwild = "hogwild",
    }
}

names! {
    /// Who waits for whom before an exchange inside one stage; or that there is none, and each round is a Spark job.
    pub enum Consistency("consistency") {
        Async = "async",
        Ssp = "ssp",
        Bsp = "bsp",
        Rounds = "rounds",
    }
}

names! {
    /// How long a worker goes on alone.
    pub enum Period("period") {
        Constant = "constant",
        Adaptive = "adaptive",
        PostLocal = "post-local",
    }
}

names! {
    /// How the values of an exchange lie on the wire.
    pub enum CodecName("codec") {
        F32 = "f32",
        Bf16 = "bf16",
        Int8 = "int8",
    }
}

names! {
    /// What becomes of a worker's momentum between rounds.
    pub enum SolverState("solver-state") {
        Local = "local",
        Average = "average",
        Reset = "reset",
    }
}

names! {
    /// The outer optimiser of a synchronous strategy.
    pub enum OuterName("outer") {
        None = "none",
        Nesterov = "nesterov",
        Slowmo = "slowmo",
        Bmuf = "bmuf",
    }
}

impl Strategy {
    /// Whether one worker trains alone.
    pub fn is_alone(self) -> bool {
        matches!(self, Self::Sequential | Self::Hogwild)
    }

    /// Whether each worker exchanges with the center when it is ready.
    pub fn is_asynchronous(self) -> bool {
        !self.is_alone() && !matches!(self, Self::Sparknet | Self::Easgd)
    }

    /// Whether worker and center pull at each other, one pair at a time.
    pub fn is_elastic(self) -> bool {
        matches!(self, Self::Deepspark | Self::EasgdAsync | Self::Eamsgd)
    }
}
