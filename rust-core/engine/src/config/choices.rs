//! Settings whose values are names, and the properties of each strategy, which decide what other keys it reads.

use crate::names::names;

names! {
    /// What happens to a row whose bytes are no image.
    pub enum BadImagesPolicy("bad-images") {
        Fail = "fail",
        Drop = "drop",
    }
}

names! {
    /// How the workers of a run are combined.
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
    /// How the number of local steps between two exchanges is chosen.
    pub enum Period("period") {
        Constant = "constant",
        Adaptive = "adaptive",
        PostLocal = "post-local",
        Qsr = "qsr",
    }
}

names! {
    /// How the learning rate follows the number of workers K: not at all, K times as high, or the root of K times.
    pub enum LrScale("lr-scale") {
        None = "none",
        Linear = "linear",
        Sqrt = "sqrt",
    }
}

names! {
    /// How the values of an exchange are encoded.
    pub enum CodecName("codec") {
        F32 = "f32",
        Bf16 = "bf16",
        Int8 = "int8",
    }
}

names! {
    /// What happens to a worker's solver state between rounds.
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
    /// Whether there is a single worker.
    pub fn is_alone(self) -> bool {
        matches!(self, Self::Sequential | Self::Hogwild)
    }

    /// Whether each worker exchanges with the center as soon as it is ready, without a round of all workers.
    pub fn is_asynchronous(self) -> bool {
        !self.is_alone() && !matches!(self, Self::Sparknet | Self::Easgd)
    }

    /// Whether it is elastic averaging in which one worker and the center at a time move towards each other.
    pub fn is_elastic(self) -> bool {
        matches!(self, Self::Deepspark | Self::EasgdAsync | Self::Eamsgd)
    }
}
