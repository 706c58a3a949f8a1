//! Network in network (Lin, Chen, Yan 2013) as its authors trained it on CIFAR-10 with Caffe, without dropout: three
//! blocks of one convolution and two 1x1 convolutions; the last has `classes` channels, which are averaged over the
//! image.

use super::{CIFAR_SIDE, Net, PAD_1, PAD_2, Recipe};
use crate::ops::{ConvGeometry, Window, average_pool, conv, max_pool, mean_of_image, relu, to_f32};
use crate::params::caffe_layer;
use crate::pass::{Pass, Var};

const PAD_0: ConvGeometry = ConvGeometry { stride: 1, padding: 0, groups: 1 };
const POOL: Window = Window { kernel: 3, stride: 2, ceil: true, relu: false };

pub fn net(classes: usize) -> Net {
    let params = [
        caffe_layer("conv1", &[192, 3, 5, 5], 0.05),
        caffe_layer("cccp1", &[160, 192, 1, 1], 0.05),
        caffe_layer("cccp2", &[96, 160, 1, 1], 0.05),
        caffe_layer("conv2", &[192, 96, 5, 5], 0.05),
        caffe_layer("cccp3", &[192, 192, 1, 1], 0.05),
        caffe_layer("cccp4", &[192, 192, 1, 1], 0.05),
        caffe_layer("conv3", &[192, 192, 3, 3], 0.05),
        caffe_layer("cccp5", &[192, 192, 1, 1], 0.05),
        caffe_layer("cccp6", &[classes, 192, 1, 1], 0.05),
    ];
    let recipe =
        Recipe { batch: 128, lr: 0.1, momentum: 0.9, weight_decay: 1e-4, max_iter: 120_000, drops: vec![100_000] };
    Net::new(params.concat(), forward, recipe).with_least_side(CIFAR_SIDE)
}

fn forward(pass: &mut Pass<'_>, images: &Var) -> Var {
    let x = layers(pass, images, [("conv1", PAD_2), ("cccp1", PAD_0), ("cccp2", PAD_0)]);
    let x = max_pool(pass, &x, POOL);
    let x = layers(pass, &x, [("conv2", PAD_2), ("cccp3", PAD_0), ("cccp4", PAD_0)]);
    let x = average_pool(pass, &x, POOL);
    let x = layers(pass, &x, [("conv3", PAD_1), ("cccp5", PAD_0), ("cccp6", PAD_0)]);
    let x = mean_of_image(pass, &x);
    to_f32(pass, &x)
}

fn layers(pass: &mut Pass<'_>, x: &Var, layers: [(&str, ConvGeometry); 3]) -> Var {
    let [first, second, third] = layers.map(|(layer, geometry)| {
        move |pass: &mut Pass<'_>, x: &Var| {
            let y = conv(pass, layer, x, geometry);
            relu(pass, &y)
        }
    });
    let x = first(pass, x);
    let x = second(pass, &x);
    third(pass, &x)
}
