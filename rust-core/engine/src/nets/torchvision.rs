//! Compares the nets that tch has too with tch's: with the same weights, which have the same names, logits and
//! gradients must be equal.

use tch::nn::{ConvConfig, ModuleT, Path, VarStore, conv2d, linear, seq_t};
use tch::{Device, Kind, Tensor, no_grad};

use super::{Net, NetName};
use crate::device::{Compute, Precision};
use crate::pass::{Mode, Pass};
use crate::testing::normal;
use crate::weights::{Gradient, Weights};

const CLASSES: usize = 12;
/// One of tch's nets.
struct Reference {
    store: VarStore,
    net: Box<dyn ModuleT>,
}

/// The net and tch's, both with the initial weights of the net.
fn both(name: NetName, build: impl FnOnce(&Path<'_>) -> Box<dyn ModuleT>) -> (Net, Weights, Reference) {
    let net = name.build(CLASSES);
    let mut weights = Weights::new(net.params(), Compute::cpu(Precision::F32));
    weights.set(&net.initial_weights(1, None).unwrap()).unwrap();
    let store = VarStore::new(Device::Cpu);
    let reference = Reference { net: build(&store.root()), store };
    let variables = reference.store.variables();
    assert_eq!(variables.len(), net.layout().entries().len(), "{name}");
    no_grad(|| variables.into_iter().for_each(|(name, mut variable)| variable.copy_(weights.master(&name))));
    (net, weights, reference)
}

/// Slopes get a wide limit: a value so near 0 that rounding decides whether a ReLU lets it pass changes single ones.
const GRADIENT_LIMIT: f64 = 0.1;
const LOGITS_LIMIT: f64 = 1e-3;

fn assert_close(actual: &Tensor, expected: &Tensor, limit: f64, what: &str) {
    let difference = (actual - expected).norm().double_value(&[]) / expected.norm().double_value(&[]);
    assert!(difference < limit, "{what}: a relative difference of {difference}");
}

fn compare(name: NetName, mode: Mode, build: impl FnOnce(&Path<'_>) -> Box<dyn ModuleT>) {
    let (net, weights, reference) = both(name, build);
    let images = normal(&[8, 3, 96, 64], 1);
    let trains = mode == Mode::Train;
    let expected = reference.net.forward_t(&images, trains);
    let mut pass = Pass::new(&weights, mode, 1);
    let logits = net.forward(&mut pass, &images);
    assert_close(&logits.value, &expected.detach(), LOGITS_LIMIT, "logits");
    if trains {
        let incoming = normal(&expected.size(), 2);
        let (names, leaves): (Vec<_>, Vec<_>) =
            reference.store.variables().into_iter().filter(|(_, leaf)| leaf.requires_grad()).unzip();
        let gradients = Tensor::run_backward(&[(&expected * &incoming).sum(Kind::Float)], &leaves, false, false);
        let mut gradient = Gradient::new(net.params(), Device::Cpu);
        pass.backward(&logits, incoming, &mut gradient);
        for (name, expected) in names.iter().zip(gradients) {
            assert_close(gradient.of(name), &expected, GRADIENT_LIMIT, name);
        }
    }
}

#[test]
fn resnets_are_torchvisions() {
    use tch::vision::resnet::{resnet18, resnet34, resnet50};
    compare(NetName::Resnet18, Mode::Train, |root| Box::new(resnet18(root, CLASSES as i64)));
    compare(NetName::Resnet18, Mode::Evaluate, |root| Box::new(resnet18(root, CLASSES as i64)));
    compare(NetName::Resnet34, Mode::Evaluate, |root| Box::new(resnet34(root, CLASSES as i64)));
    compare(NetName::Resnet50, Mode::Train, |root| Box::new(resnet50(root, CLASSES as i64)));
}

/// torchvision's AlexNet without dropout. tch's own has stride 2 in the second convolution, where torchvision's has 1.
fn alexnet(root: &Path<'_>) -> Box<dyn ModuleT> {
    let (features, classifier) = (root / "features", root / "classifier");
    let conv = |layer: i64, from, out, side, stride, padding| {
        conv2d(&features / layer, from, out, side, ConvConfig { stride, padding, ..Default::default() })
    };
    let linear = |layer: i64, from, out| linear(&classifier / layer, from, out, Default::default());
    let pool = |x: &Tensor| x.relu().max_pool2d([3, 3], [2, 2], [0, 0], [1, 1], false);
    let layers = seq_t()
        .add(conv(0, 3, 64, 11, 4, 2))
        .add_fn(pool)
        .add(conv(3, 64, 192, 5, 1, 2))
        .add_fn(pool)
        .add(conv(6, 192, 384, 3, 1, 1))
        .add_fn(Tensor::relu)
        .add(conv(8, 384, 256, 3, 1, 1))
        .add_fn(Tensor::relu)
        .add(conv(10, 256, 256, 3, 1, 1))
        .add_fn(pool)
        .add_fn(|x| x.adaptive_avg_pool2d([6, 6]).flatten(1, -1))
        .add(linear(1, 256 * 6 * 6, 4096))
        .add_fn(Tensor::relu)
        .add(linear(4, 4096, 4096))
        .add_fn(Tensor::relu)
        .add(linear(6, 4096, CLASSES as i64));
    Box::new(layers)
}

#[test]
fn nets_with_dropout_are_torchvisions_in_an_evaluation() {
    use tch::vision::mobilenet::v2;
    compare(NetName::MobilenetV2, Mode::Evaluate, |root| Box::new(v2(root, CLASSES as i64)));
    compare(NetName::Alexnet, Mode::Evaluate, alexnet);
}
