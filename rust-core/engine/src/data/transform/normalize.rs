//! The normalisation of pixels, `(x - mean) * scale`, with a mean and a scale of the training set.

use multiversion::multiversion;

use crate::data::shape::{CHANNELS, Shape};
use crate::data::statistics::Statistics;
use crate::error::{Error, Result};
use crate::kernels::Element;
use crate::names::names;

names! {
    /// Which normalisation: Caffe's, 0..255 minus the mean image; torchvision's, minus the mean of the channel, divided by
    /// its standard deviation; or raw 0..255, as in SparkNet's CIFAR application.
    pub enum Normalize("normalize") {
        MeanImage = "mean-image",
        Channel = "channel",
        None = "none",
    }
}

/// A fitted normalisation: a mean for each value and a scale for each channel, in units of 0..255.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalizer {
    shape: Shape,
    mean: Vec<f32>,
    scale: [f32; CHANNELS],
    // the same in the order of the pixels, so that a line is one loop over four slices of equal length
    pixel_mean: Vec<f32>,
    line_scale: Vec<f32>,
}

impl Normalizer {
    /// Fits to the sums over the training set. Without rows an error of kind `data`, except for [`Normalize::None`].
    pub fn fit(how: Normalize, statistics: &Statistics) -> Result<Self> {
        let (shape, plane) = (statistics.shape(), statistics.shape().plane());
        if how == Normalize::None {
            return Ok(Normalizer::new(shape, vec![0.0; shape.values()], [1.0; CHANNELS]));
        }
        if statistics.rows() == 0 {
            return Err(Error::data("no training rows to take a mean of"));
        }
        if how == Normalize::MeanImage {
            let rows = statistics.rows() as f64;
            let mean = statistics.sums().iter().map(|&sum| (sum as f64 / rows) as f32).collect();
            return Ok(Normalizer::new(shape, mean, [1.0; CHANNELS]));
        }
        let count = u128::from(statistics.rows()) * plane as u128;
        let (mut mean, mut scale) = (Vec::with_capacity(shape.values()), [1.0; CHANNELS]);
        for (channel, sums) in statistics.sums().chunks_exact(plane).enumerate() {
            let sum: u128 = sums.iter().copied().map(u128::from).sum();
            mean.extend(std::iter::repeat_n((sum as f64 / count as f64) as f32, plane));
            // count^2 times the population variance; in integers nothing is lost by cancellation
            let scatter = (count * u128::from(statistics.squares()[channel])).saturating_sub(sum * sum);
            // a constant channel is 0 after the subtraction; any finite scale does
            if scatter > 0 {
                scale[channel] = (count as f64 / (scatter as f64).sqrt()) as f32;
            }
        }
        Ok(Normalizer::new(shape, mean, scale))
    }

    fn new(shape: Shape, mean: Vec<f32>, scale: [f32; CHANNELS]) -> Self {
        let plane = shape.plane();
        let pixel_mean = (0..shape.values()).map(|at| mean[at % CHANNELS * plane + at / CHANNELS]).collect();
        let line_scale = (0..shape.line()).map(|at| scale[at % CHANNELS]).collect();
        Normalizer { shape, mean, scale, pixel_mean, line_scale }
    }

    /// Of the images.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// A mean for each value of an image, CHW.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The factor of each channel.
    pub fn scale(&self) -> &[f32; CHANNELS] {
        &self.scale
    }

    /// The means (CHW), then 3 scales.
    pub fn to_vec(&self) -> Vec<f32> {
        [&self.mean[..], &self.scale[..]].concat()
    }

    /// Reads what `to_vec` returns. Another length or a value that is not finite is an error of kind `layout`.
    pub fn from_slice(shape: Shape, flat: &[f32]) -> Result<Self> {
        let values = shape.values();
        if flat.len() != values + CHANNELS {
            let expected = values + CHANNELS;
            return Err(Error::layout(format!("a normaliser has {expected} numbers, this one has {}", flat.len())));
        }
        if let Some(at) = flat.iter().position(|value| !value.is_finite()) {
            return Err(Error::layout(format!("number {at} of the normaliser is {}", flat[at])));
        }
        Ok(Normalizer::new(shape, flat[..values].to_vec(), [flat[values], flat[values + 1], flat[values + 2]]))
    }

    /// Normalises one image; both slices are HWC.
    pub fn apply<T: Element>(&self, image: &[u8], out: &mut [T]) {
        apply(self, image, out);
    }

    /// Normalises the line `at` of an image.
    #[inline(always)]
    pub(super) fn line<T: Element>(&self, at: usize, line: &[u8], out: &mut [T]) {
        let width = self.line_scale.len();
        let mean = &self.pixel_mean[at * width..][..width];
        for (((out, &value), &mean), &scale) in out.iter_mut().zip(line).zip(mean).zip(&self.line_scale) {
            *out = T::of((f32::from(value) - mean) * scale);
        }
    }

    /// The normalised value of a byte of 0 at index `at`.
    #[inline(always)]
    pub(super) fn black<T: Element>(&self, at: usize) -> T {
        T::of((0.0 - self.pixel_mean[at]) * self.scale[at % CHANNELS])
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn apply<T: Element>(normalizer: &Normalizer, image: &[u8], out: &mut [T]) {
    let width = normalizer.line_scale.len();
    for (at, (line, out)) in image.chunks_exact(width).zip(out.chunks_exact_mut(width)).enumerate() {
        normalizer.line(at, line, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::testing::cifar10_record;
    use crate::data::{Dataset, RecordFormat};

    /// Two images: red is 10 and 20, green 0 and 4 in turn along the line, blue 7 everywhere.
    fn two() -> Dataset {
        let image = |red: u8| cifar10_record(1, move |channel, at| [red, if at % 2 == 0 { 0 } else { 4 }, 7][channel]);
        let mut dataset = Dataset::with_capacity(10, Shape::CIFAR, 2).unwrap();
        dataset.append_records(RecordFormat::Cifar10, &[image(10), image(20)].concat(), 2).unwrap();
        dataset
    }

    fn first_pixels(dataset: &Dataset, how: Normalize) -> Vec<f32> {
        let normalizer = Normalizer::fit(how, &dataset.statistics()).unwrap();
        let (mut images, mut labels) = (vec![0.0; 3072], vec![0]);
        dataset.gather(&[0], &normalizer, &mut images, &mut labels);
        images[..6].to_vec()
    }

    #[test]
    fn the_mean_image_is_a_mean_a_pixel_with_scale_one() {
        let normalizer = Normalizer::fit(Normalize::MeanImage, &two().statistics()).unwrap();
        assert_eq!([0, 1, 1024, 1025, 2048].map(|at| normalizer.mean()[at]), [15.0, 15.0, 0.0, 4.0, 7.0]);
        assert_eq!(normalizer.scale(), &[1.0; 3]);
        assert_eq!(first_pixels(&two(), Normalize::MeanImage), [-5.0, 0.0, 0.0, -5.0, 0.0, 0.0]);
    }

    #[test]
    fn a_channel_is_divided_by_its_deviation_and_a_constant_one_stays_finite() {
        let normalizer = Normalizer::fit(Normalize::Channel, &two().statistics()).unwrap();
        assert_eq!([0, 1025, 3071].map(|at| normalizer.mean()[at]), [15.0, 2.0, 7.0]);
        assert_eq!(normalizer.scale(), &[0.2, 0.5, 1.0]);
        assert_eq!(first_pixels(&two(), Normalize::Channel), [-1.0, -1.0, 0.0, -1.0, 1.0, 0.0]);
    }

    #[test]
    fn none_leaves_bytes_alone() {
        assert_eq!(first_pixels(&two(), Normalize::None), [10.0, 0.0, 7.0, 10.0, 4.0, 7.0]);
    }

    #[test]
    fn without_rows_there_is_no_mean() {
        let error = Normalizer::fit(Normalize::Channel, &Statistics::empty(Shape::CIFAR)).unwrap_err();
        assert_eq!(error.to_string(), "no training rows to take a mean of");
        assert!(Normalizer::fit(Normalize::None, &Statistics::empty(Shape::CIFAR)).is_ok());
    }

    #[test]
    fn the_flat_form_comes_back_and_another_is_refused() {
        let normalizer = Normalizer::fit(Normalize::Channel, &two().statistics()).unwrap();
        let mut flat = normalizer.to_vec();
        assert_eq!(Normalizer::from_slice(Shape::CIFAR, &flat).unwrap(), normalizer);
        let said = |flat: &[f32]| Normalizer::from_slice(Shape::CIFAR, flat).unwrap_err().to_string();
        assert_eq!(said(&flat[1..]), "a normaliser has 3075 numbers, this one has 3074");
        flat[3] = f32::NAN;
        assert_eq!(said(&flat), "number 3 of the normaliser is NaN");
    }

    #[test]
    fn names_are_those_of_the_configuration() {
        let names =
            [Normalize::MeanImage, Normalize::Channel, Normalize::None].map(|how| serde_json::to_string(&how).unwrap());
        assert_eq!(names, [r#""mean-image""#, r#""channel""#, r#""none""#]);
    }
}
