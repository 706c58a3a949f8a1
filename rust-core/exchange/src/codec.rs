//! The encodings of values in messages: as they are, as bf16, or as int8 with a scale for every 256 of them. The
//! rounding errors of a lossy codec are kept and added to the next message (error feedback): Seide et al., "1-Bit
//! Stochastic Gradient Descent" (2014); Karimireddy et al., "Error Feedback Fixes SignSGD" (2019).

use serde::{Deserialize, Serialize};

use crate::memory::{Purpose, reserve, resize};
use crate::{Error, Result, bf16};

const _: () =
    assert!(cfg!(target_endian = "little"), "values are sent as they are in memory, and the protocol is little-endian");

/// Values of an int8 vector that share a scale: small, so that an outlier reduces the precision of few other values.
const BLOCK: usize = 256;
const SCALE_BYTES: usize = size_of::<f32>();
const LEVELS: f32 = 127.0;
/// Added to a value below 2^22 it leaves the nearest integer, ties to even, in the low bits. Unlike
/// `f32::round_ties_even` it vectorises for every x86-64.
const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23
const INFINITY_BITS: u32 = 0x7f80_0000; // magnitudes from here on are infinite or NaN

/// The encoding of a vector's values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// Four bytes a value, little-endian, exact.
    #[default]
    F32,
    /// Two bytes a value, little-endian, 8 bits of precision.
    Bf16,
    /// One byte a value, and for each 256 values an f32 scale before them.
    Int8,
}

impl Codec {
    /// Every encoding.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::Int8];

    /// Bytes of `values` values.
    pub fn encoded_len(&self, values: usize) -> usize {
        match self {
            Self::F32 => values * size_of::<f32>(),
            Self::Bf16 => values * size_of::<u16>(),
            Self::Int8 => values + values.div_ceil(BLOCK) * SCALE_BYTES,
        }
    }

    /// Appends `values` to `out`. A lossy codec sends `values + residual` and leaves the rounding
    /// errors in `residual`; a residual of another length, an empty one say, counts as zero. F32 does not touch it.
    /// A value that is not finite is sent as it is in bf16, and makes its int8 block one that
    /// [`decode`](Self::decode) refuses; it leaves no residual.
    pub fn encode(&self, values: &[f32], residual: &mut Vec<f32>, out: &mut Vec<u8>) -> Result<()> {
        let length = self.encoded_len(values.len());
        reserve(out, length, Purpose::Message)?;
        if *self == Self::F32 {
            out.extend_from_slice(bytemuck::cast_slice(values));
            return Ok(());
        }
        if residual.len() != values.len() {
            residual.clear();
            resize(residual, values.len(), 0.0, Purpose::Message)?;
        }
        for (wanted, value) in residual.iter_mut().zip(values) {
            *wanted += *value;
        }
        let start = out.len();
        out.resize(start + length, 0); // there is room
        let bytes = &mut out[start..];
        if *self == Self::Bf16 {
            encode_bf16(residual, bytes);
        } else {
            residual.chunks_mut(BLOCK).zip(bytes.chunks_mut(SCALE_BYTES + BLOCK)).for_each(|(v, b)| encode_block(v, b));
        }
        Ok(())
    }

    /// Fills `out` from exactly its encoded length of `bytes`. When it fails, `out` holds nothing of use.
    pub fn decode(&self, bytes: &[u8], out: &mut [f32]) -> Result<()> {
        let expected = self.encoded_len(out.len());
        if bytes.len() != expected {
            return Err(Error::Encoded { expected, got: bytes.len() });
        }
        match self {
            Self::F32 => bytemuck::cast_slice_mut(out).copy_from_slice(bytes),
            Self::Bf16 => {
                for (value, bytes) in out.iter_mut().zip(bytes.chunks_exact(2)) {
                    *value = bf16::widen(u16::from_le_bytes([bytes[0], bytes[1]]));
                }
            }
            Self::Int8 => {
                for (block, (values, bytes)) in out.chunks_mut(BLOCK).zip(bytes.chunks(SCALE_BYTES + BLOCK)).enumerate()
                {
                    decode_block(bytes, values).ok_or(Error::Scale { block })?;
                }
            }
        }
        Ok(())
    }
}

/// Encodes `wanted`, and leaves in it the rounding errors.
fn encode_bf16(wanted: &mut [f32], bytes: &mut [u8]) {
    for (wanted, bytes) in wanted.iter_mut().zip(bytes.chunks_exact_mut(2)) {
        let half = bf16::narrow(*wanted);
        bytes.copy_from_slice(&half.to_le_bytes());
        let lost = *wanted - bf16::widen(half);
        *wanted = if lost.is_finite() { lost } else { 0.0 };
    }
}

/// Encodes at most 256 values as `bytes`, a scale and then multiples of it, and leaves the rounding errors in `wanted`.
fn encode_block(wanted: &mut [f32], bytes: &mut [u8]) {
    let (scale_bytes, levels) = bytes.split_at_mut(SCALE_BYTES);
    // Magnitudes order as their bits do, and NaN comes last; a maximum of floats would skip it.
    let largest = wanted.iter().map(|v| (v.to_bits() & !(1 << 31)) as i32).max().unwrap_or(0) as u32;
    let scale = f32::from_bits(largest) / LEVELS;
    if largest >= INFINITY_BITS {
        scale_bytes.copy_from_slice(&f32::NAN.to_le_bytes());
        wanted.fill(0.0);
        return;
    }
    if scale < f32::MIN_POSITIVE {
        return; // too small for a scale of full precision: all of it is kept in the residual for the next message
    }
    scale_bytes.copy_from_slice(&scale.to_le_bytes());
    let per_scale = 1.0 / scale;
    for (wanted, level) in wanted.iter_mut().zip(levels) {
        let rounded = *wanted * per_scale + ROUND;
        *level = rounded.to_bits() as u8; // the low byte: the integer in two's complement
        *wanted -= (rounded - ROUND) * scale;
    }
}

fn decode_block(bytes: &[u8], values: &mut [f32]) -> Option<()> {
    let (scale, levels) = bytes.split_first_chunk()?;
    let scale = Some(f32::from_le_bytes(*scale)).filter(|scale| scale.is_finite())?;
    for (value, level) in values.iter_mut().zip(levels) {
        *value = scale * f32::from(level.cast_signed());
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::num::f32::ANY;
    use proptest::prelude::*;

    use super::*;

    const ALL: [Codec; 3] = [Codec::F32, Codec::Bf16, Codec::Int8];

    fn round_trip(codec: Codec, values: &[f32], residual: &mut Vec<f32>) -> Vec<f32> {
        let mut bytes = Vec::new();
        codec.encode(values, residual, &mut bytes).unwrap();
        assert_eq!(bytes.len(), codec.encoded_len(values.len()));
        let mut out = vec![f32::NAN; values.len()];
        codec.decode(&bytes, &mut out).unwrap();
        out
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|v| v.to_bits()).collect()
    }

    /// The most that one value of `block` may lose: half a step of the encoding.
    fn quantum(codec: Codec, block: &[f32], value: f32) -> f32 {
        match codec {
            Codec::F32 => 0.0,
            Codec::Bf16 => value.abs() / 256.0,
            Codec::Int8 => {
                let largest = block.iter().fold(0.0f32, |m, v| m.max(v.abs()));
                largest / LEVELS * 0.5001 + LEVELS * f32::MIN_POSITIVE // tiny blocks are not sent
            }
        }
    }

    #[test]
    fn the_layout_of_each_codec_is_what_the_protocol_says() {
        let encoded = |codec: Codec, values: &[f32]| {
            let mut bytes = vec![0xee]; // what stands there already stays
            codec.encode(values, &mut Vec::new(), &mut bytes).unwrap();
            bytes[1..].to_vec()
        };
        let values = [127.0, -1.0, 0.5];
        assert_eq!(encoded(Codec::F32, &values), [0, 0, 0xfe, 0x42, 0, 0, 0x80, 0xbf, 0, 0, 0, 0x3f]);
        assert_eq!(encoded(Codec::Bf16, &values), [0xfe, 0x42, 0x80, 0xbf, 0, 0x3f]);
        assert_eq!(encoded(Codec::Int8, &values), [0, 0, 0x80, 0x3f, 127, 0xff, 0]);
        assert_eq!(Codec::Int8.encoded_len(257), 257 + 8);
        assert_eq!(ALL.map(|codec| codec.encoded_len(0)), [0; 3]);
        assert_eq!(ALL.map(|codec| serde_json::to_string(&codec).unwrap()), [r#""f32""#, r#""bf16""#, r#""int8""#]);
    }

    #[test]
    fn what_is_not_finite_in_bf16_leaves_no_residual() {
        let mut residual = Vec::new();
        round_trip(Codec::Bf16, &[f32::NAN, f32::INFINITY, f32::MAX], &mut residual);
        assert_eq!(residual, [0.0; 3]);
    }

    #[test]
    fn int8_refuses_a_block_that_diverged_and_names_it() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut values = vec![1.0; 600];
            values[300] = bad;
            let (mut residual, mut bytes) = (Vec::new(), Vec::new());
            Codec::Int8.encode(&values, &mut residual, &mut bytes).unwrap();
            let refused = Codec::Int8.decode(&bytes, &mut vec![0.0; 600]);
            assert_eq!(refused, Err(Error::Scale { block: 1 }));
            assert!(residual.iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn values_too_small_for_a_scale_wait_in_the_residual() {
        let tiny = [f32::MIN_POSITIVE, -1e-45];
        let mut residual = Vec::new();
        assert_eq!(round_trip(Codec::Int8, &tiny, &mut residual), [0.0, 0.0]);
        assert_eq!(residual, tiny);
    }

    #[test]
    fn bytes_of_another_length_are_refused() {
        for codec in ALL {
            let expected = codec.encoded_len(5);
            for got in [0, expected - 1, expected + 1] {
                let refused = codec.decode(&vec![0; got], &mut [0.0; 5]);
                assert_eq!(refused, Err(Error::Encoded { expected, got }), "{codec:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn f32_is_exact_to_the_bit_and_leaves_the_residual_alone(values in vec(ANY, 0..600)) {
            let mut residual = vec![7.0];
            prop_assert_eq!(bits(&round_trip(Codec::F32, &values, &mut residual)), bits(&values));
            prop_assert_eq!(residual, [7.0]);
        }

        #[test]
        fn a_value_loses_half_a_step_at_most_and_the_residual_is_what_it_lost(
            values in vec(prop_oneof![-1e30f32..1e30, -1f32..1.0, Just(0.0)], 0..600),
        ) {
            for codec in [Codec::Bf16, Codec::Int8] {
                let mut residual = Vec::new();
                let got = round_trip(codec, &values, &mut residual);
                for (k, (value, got)) in values.iter().zip(&got).enumerate() {
                    let block = &values[k / BLOCK * BLOCK..values.len().min((k / BLOCK + 1) * BLOCK)];
                    let lost = value - got;
                    prop_assert!(lost.abs() <= quantum(codec, block, *value), "{codec:?}: {value} came as {got}");
                    prop_assert_eq!(lost, residual[k], "{:?}", codec);
                }
            }
        }

        #[test]
        fn with_error_feedback_the_sum_of_n_messages_is_n_times_the_value_within_one_quantum(
            values in vec(-1f32..1.0, 1..300),
            rounds in 1u32..60,
        ) {
            for codec in [Codec::Bf16, Codec::Int8] {
                let mut residual = Vec::new();
                let mut sums = vec![0.0f64; values.len()];
                for _ in 0..rounds {
                    for (sum, got) in sums.iter_mut().zip(round_trip(codec, &values, &mut residual)) {
                        *sum += f64::from(got);
                    }
                }
                // A residual is below half a step, so what is encoded stays within 1.01 of the block's size.
                let step = 2.0 * 1.01 / if codec == Codec::Bf16 { 256.0 } else { f64::from(LEVELS) * 2.0 };
                for (value, sum) in values.iter().zip(&sums) {
                    let off = (sum - f64::from(rounds) * f64::from(*value)).abs();
                    prop_assert!(off <= step, "{codec:?}: {value} is off by {off} after {rounds} rounds");
                }
            }
        }

        #[test]
        fn decoding_arbitrary_bytes_never_panics(bytes in vec(any::<u8>(), 0..700), length in 0usize..700) {
            for codec in ALL {
                let (expected, got) = (codec.encoded_len(length), bytes.len());
                let decoded = codec.decode(&bytes, &mut vec![0.0; length]);
                let refused = decoded == Err(Error::Encoded { expected, got });
                prop_assert_eq!(refused, got != expected);
            }
        }

        #[test]
        fn arbitrary_bytes_of_the_right_length_decode_or_name_a_bad_scale(
            seed in vec(any::<u8>(), 1..40),
            length in 1usize..700,
        ) {
            for codec in ALL {
                let bytes: Vec<u8> = seed.iter().copied().cycle().take(codec.encoded_len(length)).collect();
                let decoded = codec.decode(&bytes, &mut vec![0.0; length]);
                let named = matches!(decoded, Err(Error::Scale { .. })) && codec == Codec::Int8;
                prop_assert!(decoded.is_ok() || named);
            }
        }
    }
}
