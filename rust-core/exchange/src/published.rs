//! The values of parameters that the authors of the algorithms published. They are the defaults of a run's
//! configuration and of rules and outer optimisers given as JSON, and are written down only here.

/// The fraction of the difference to the center in elastic averaging, as DeepSpark ships it.
pub const DEEPSPARK_ALPHA: f64 = 0.1;
/// EASGD's beta, the product of alpha and the number of workers (Zhang, Choromanska, LeCun 2015).
pub const EASGD_BETA: f64 = 0.9;
/// DC-ASGD's constant lambda on CIFAR-10 (Zheng et al. 2017).
pub const DCASGD_LAMBDA: f64 = 0.04;
/// Learning rate of DiLoCo's outer Nesterov (Douillard et al. 2023), which delayed Nesterov uses too.
pub const NESTEROV_LR: f64 = 0.7;
/// Momentum of DiLoCo's outer Nesterov, which delayed Nesterov uses too.
pub const NESTEROV_MOMENTUM: f64 = 0.9;
/// SlowMo's alpha (Wang et al. 2020).
pub const SLOWMO_ALPHA: f64 = 1.0;
/// BMUF's block learning rate zeta (Chen, Huo 2016).
pub const BMUF_ZETA: f64 = 1.0;

/// SlowMo's beta for a number of workers (Wang et al. 2020): the more workers are averaged, the less noisy is the
/// direction of the average, and the more momentum it can have.
pub fn slowmo_beta(workers: usize) -> f64 {
    match workers {
        0..4 => 0.0,
        4..8 => 0.2,
        8..16 => 0.5,
        _ => 0.6,
    }
}

/// BMUF's block momentum eta for a number of workers (Chen, Huo 2016).
pub fn bmuf_eta(workers: usize) -> f64 {
    1.0 - 1.0 / workers.max(1) as f64
}

/// EASGD's alpha for a number of workers.
pub fn easgd_alpha(workers: usize) -> f64 {
    EASGD_BETA * (1.0 / workers.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slowmos_beta_grows_with_the_workers() {
        let got = [1, 3, 4, 7, 8, 15, 16, 64].map(slowmo_beta);
        assert_eq!(got, [0.0, 0.0, 0.2, 0.2, 0.5, 0.5, 0.6, 0.6]);
    }
}
