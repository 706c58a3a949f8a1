//! Dropout (Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov 2014), inverted as in PyTorch: in training each
//! value is either set to 0 or scaled up, in an evaluation nothing changes.

use crate::pass::{Pass, Var};
use crate::raw::filled;
use rand_chacha::rand_core::RngCore;

/// Sets each value of `x` to 0 with this `probability` and divides the others by `1 - probability`.
pub fn dropout(pass: &mut Pass<'_>, x: &Var, probability: f64) -> Var {
    let Some(noise) = pass.noise() else { return x.shared() };
    let limit = (probability * 2f64.powi(32)) as u32;
    let kept = (1.0 / (1.0 - probability)) as f32;
    let factors = filled::<f32>(&x.value.size(), |factors| {
        factors.iter_mut().for_each(|factor| *factor = if noise.next_u32() < limit { 0.0 } else { kept });
    });
    let factors = factors.to_kind(x.value.kind()).to_device(x.value.device());
    let (id, value) = (x.id(), &x.value * &factors);
    pass.record(&[x], false, value, move |backward, gradient| backward.add_gradient(id, || gradient * factors))
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;
    use tch::{Device, Kind, Tensor};

    use super::super::testing::evaluated;
    use super::*;
    use crate::device::{Compute, Precision};
    use crate::params::Params;
    use crate::pass::Mode;
    use crate::weights::{Gradient, Weights};

    const VALUES: i64 = 10_000;

    /// Ones after dropout with probability 1/4, and the gradient of the input if that of the result is 2 everywhere.
    fn dropped(seed: u64) -> (Vec<f32>, Vec<f32>) {
        let params = Params::of_shapes(&[]);
        let weights = Weights::new(&params, Compute::cpu(Precision::F32));
        let mut pass = Pass::new(&weights, Mode::Train, 1).with_noise(ChaCha8Rng::seed_from_u64(seed));
        let ones = Tensor::ones([VALUES], (Kind::Float, Device::Cpu));
        let (seen, source) = (std::rc::Rc::new(std::cell::RefCell::new(None)), pass.input(ones.shallow_clone()));
        let keep = seen.clone();
        let x = pass.record(&[&source], true, ones, move |_, gradient| *keep.borrow_mut() = Some(gradient));
        let y = dropout(&mut pass, &x, 0.25);
        let twos = &y.value.ones_like() * 2;
        pass.backward(&y, twos, &mut Gradient::new(&params, weights.compute()));
        let gradient = seen.take().unwrap();
        (Vec::try_from(y.value).unwrap(), Vec::try_from(gradient).unwrap())
    }

    #[test]
    fn a_quarter_of_the_values_is_dropped_and_the_others_are_scaled_up() {
        let (values, gradient) = dropped(1);
        let zeros = values.iter().filter(|&&value| value == 0.0).count();
        // expected 2,500 with a standard deviation of 43; the limits are five of these away
        assert!((2285..2715).contains(&zeros), "{zeros}");
        assert!(values.iter().all(|&value| value == 0.0 || value == 4.0 / 3.0));
        assert!(values.iter().zip(&gradient).all(|(value, gradient)| *gradient == 2.0 * value));
    }

    #[test]
    fn the_generator_decides_what_is_dropped() {
        assert_eq!(dropped(1), dropped(1));
        assert_ne!(dropped(1).0, dropped(2).0);
    }

    #[test]
    fn an_evaluation_drops_nothing() {
        let ones = Tensor::ones([VALUES], (Kind::Float, Device::Cpu));
        assert_eq!(evaluated(ones.shallow_clone(), |pass, x| dropout(pass, x, 0.25)), ones);
    }
}
