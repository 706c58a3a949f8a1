//! Records made by hand, for the tests of this module.

use super::CHANNELS;

/// Pixels of one channel of CIFAR's images.
const PLANE: usize = 1024;

/// A CIFAR-10 record whose value of a channel and pixel is `value(channel, pixel)`.
pub fn cifar10_record(label: u8, value: impl Fn(usize, usize) -> u8) -> Vec<u8> {
    let mut record = vec![label];
    record
        .extend((0..CHANNELS).flat_map(|channel| (0..PLANE).map(move |at| (channel, at))).map(|(c, at)| value(c, at)));
    record
}

/// A CIFAR-100 record, likewise.
pub fn cifar100_record(coarse: u8, fine: u8, value: impl Fn(usize, usize) -> u8) -> Vec<u8> {
    let mut record = vec![coarse];
    record.extend(cifar10_record(fine, value));
    record
}

/// A record of varying length, with its head: row number, length, label, image.
pub fn framed(row: u64, label: u32, image: &[u8]) -> Vec<u8> {
    let length = 4 + image.len() as u32;
    [&row.to_le_bytes()[..], &length.to_le_bytes(), &label.to_le_bytes(), image].concat()
}

/// The same with a weight.
pub fn weighted(row: u64, label: u32, weight: f32, image: &[u8]) -> Vec<u8> {
    framed(row, label, &[&weight.to_le_bytes(), image].concat())
}

/// An image of one grey pixel in the layout of `RecordFormat::Pixels`.
pub fn pixel(grey: u8) -> Vec<u8> {
    [&1u32.to_le_bytes()[..], &1u32.to_le_bytes(), &[1, 0, 0, 0, grey]].concat()
}
