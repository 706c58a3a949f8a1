//! The random augmentation of the images of a minibatch, written as `flip,crop:4,cutout:8` in a configuration. The
//! random numbers are a pure function of seed, worker, step and row, so a retried worker trains on the same images.

use std::fmt;
use std::str::FromStr;

use rand_chacha::rand_core::RngCore;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::change::{Border, Change, Cut};
use crate::data::order::Minibatch;
use crate::data::shape::Shape;
use crate::error::{Error, Result};
use crate::names::{names, unknown};

const DOMAIN: &[u8; 16] = b"fs-augment\0\0\0\0\0\0";
const CUTOUT: &str = "cutout";
const NONE: &str = "none";
/// Of a border or a square in pixels, below the largest side of an image.
const MOST_SIZE: u16 = 1023;

names! {
    /// Horizontal flips: of a random half of the images, or alternating as in Keller Jordan's airbench94 (arXiv
    /// 2404.00498), where every image is seen once in each orientation in epochs 2k and 2k + 1.
    pub enum Flip("augment") {
        Random = "flip",
        Alternating = "alternating-flip",
    }
}

names! {
    /// A random window of the image's size from the image with a border. The border is black, as in torchvision's
    /// `RandomCrop(32, padding=4)` before its `Normalize`, or the reflected image, which airbench calls `translate`.
    pub enum Shift("augment") {
        Crop = "crop",
        CropReflect = "crop-reflect",
        Translate = "translate",
    }
}

/// The augmentations of a run. They are done in the order crop, flip, normalisation, cutout, however they are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augment {
    flip: Option<Flip>,
    /// With the width of the border in pixels.
    shift: Option<(Shift, u16)>,
    /// Side of the square in pixels.
    cutout: Option<u16>,
}

impl Augment {
    /// Whether there is no augmentation.
    pub fn is_none(&self) -> bool {
        *self == Augment::default()
    }

    /// Refuses a border or a square that is not smaller than the images of `shape`, with an error of kind `config`.
    pub fn check(&self, shape: Shape) -> Result<()> {
        let shift = self.shift.map(|(shift, by)| (shift.name(), by));
        let least = shape.height.min(shape.width);
        let sizes = [shift, self.cutout.map(|side| (CUTOUT, side))];
        match sizes.into_iter().flatten().find(|(_, size)| usize::from(*size) >= least) {
            Some((name, size)) => Err(Error::config(format!(
                "augment {name}:{size}: the size must be below {least}, the side of the images"
            ))),
            None => Ok(()),
        }
    }

    /// One change for each row of the minibatch, whose images have this shape. It is made from 64 random bits, of which
    /// every augmentation has its own.
    pub fn changes(&self, minibatch: &Minibatch<'_>, shape: Shape) -> impl Iterator<Item = Change> {
        let mut random = minibatch.random(DOMAIN);
        let places = mix(mix(minibatch.seed) ^ minibatch.worker);
        let rows = minibatch.rows_and_epochs();
        rows.map(move |(row, epoch)| {
            self.change(shape, random.next_u64(), (mix(places ^ u64::from(row)) ^ epoch) & 1 == 1)
        })
    }

    fn change(&self, shape: Shape, bits: u64, alternate: bool) -> Change {
        // 32 random bits select one of at most 1,024 places
        let place = |random: u64, side: usize| (((random & 0xffff_ffff) * side as u64) >> 32) as usize;
        // 26 random bits select one of at most 2,047 shifts, so their probabilities differ by less than 1 in 30,000
        let shift = |at: u32, by: u16| {
            let drawn = (((bits >> at) & 0x3ff_ffff) * (2 * u64::from(by) + 1)) >> 26;
            drawn as isize - by as isize
        };
        Change {
            flip: match self.flip {
                Some(Flip::Random) => bits & 1 == 1,
                Some(Flip::Alternating) => alternate,
                None => false,
            },
            shift: self.shift.map(|(how, by)| {
                let border = if how == Shift::Crop { Border::Black } else { Border::Reflected };
                (border, shift(11, by), shift(37, by))
            }),
            cut: self.cutout.map(|side| {
                let random = mix(bits); // the bits themselves decide on flip and shift
                Cut::around(shape, place(random, shape.height), place(random >> 32, shape.width), side.into())
            }),
        }
    }

    fn add(&mut self, part: &str) -> std::result::Result<(), String> {
        let (name, size) = part.split_once(':').map_or((part, None), |(name, size)| (name.trim(), Some(size.trim())));
        let (again, of) = if let Ok(flip) = name.parse::<Flip>() {
            if size.is_some() {
                return Err(format!("augment {part}: {name} takes no size"));
            }
            (self.flip.replace(flip).is_some(), Flip::NAMES)
        } else if let Ok(shift) = name.parse::<Shift>() {
            (self.shift.replace((shift, pixels(part, size)?)).is_some(), Shift::NAMES)
        } else if name == CUTOUT {
            (self.cutout.replace(pixels(part, size)?).is_some(), [CUTOUT].as_slice())
        } else {
            return Err(unknown("augment", name, &[Flip::NAMES, Shift::NAMES, &[CUTOUT]].concat()));
        };
        if again { Err(format!("augment takes one of {} and no second", of.join(", "))) } else { Ok(()) }
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): every input bit flips each output bit with
/// probability 1/2.
fn mix(key: u64) -> u64 {
    let x = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn pixels(part: &str, size: Option<&str>) -> std::result::Result<u16, String> {
    let size = size.ok_or_else(|| format!("augment {part} needs a size in pixels, as in {part}:4"))?;
    let pixels = size.parse().ok().filter(|pixels| (1..=MOST_SIZE).contains(pixels));
    pixels.ok_or_else(|| format!("augment {part}: the size must be a whole number from 1 to {MOST_SIZE}"))
}

impl FromStr for Augment {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let mut augment = Augment::default();
        if !text.trim().is_empty() && text.trim() != NONE {
            text.split(',').try_for_each(|part| augment.add(part.trim()))?;
        }
        Ok(augment)
    }
}

impl fmt::Display for Augment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flip = self.flip.map(|flip| flip.to_string());
        let shift = self.shift.map(|(shift, by)| format!("{shift}:{by}"));
        let cutout = self.cutout.map(|side| format!("{CUTOUT}:{side}"));
        let parts: Vec<_> = [flip, shift, cutout].into_iter().flatten().collect();
        f.write_str(if parts.is_empty() { NONE } else { "" })?;
        f.write_str(&parts.join(","))
    }
}

impl Serialize for Augment {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Augment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::BatchStream;

    fn augment(text: &str) -> Augment {
        text.parse().unwrap()
    }

    /// The changes of the first `steps` minibatches of 100 of 1,000 rows, each with its row.
    fn walk(text: &str, (seed, worker): (u64, u64), steps: usize) -> Vec<(u32, Change)> {
        let mut stream = BatchStream::new(seed, worker, 1000, 100).unwrap();
        let mut walked = Vec::new();
        for _ in 0..steps {
            let minibatch = stream.next_batch();
            walked.extend(minibatch.rows.iter().copied().zip(augment(text).changes(&minibatch, Shape::CIFAR)));
        }
        walked
    }

    #[test]
    fn a_text_is_normalised_to_one_order() {
        for (text, back) in [
            ("", "none"),
            ("none", "none"),
            ("flip", "flip"),
            ("alternating-flip,translate:2", "alternating-flip,translate:2"),
            ("cutout:31, crop-reflect:1", "crop-reflect:1,cutout:31"),
            ("cutout:8,crop:4,flip", "flip,crop:4,cutout:8"),
        ] {
            assert_eq!(augment(text).to_string(), back);
            assert_eq!(augment(back), augment(text));
            assert_eq!(augment(text).is_none(), back == "none");
            let json = serde_json::to_string(&augment(text)).unwrap();
            assert_eq!(json, format!("\"{back}\""));
            assert_eq!(serde_json::from_str::<Augment>(&json).unwrap(), augment(text));
        }
    }

    #[test]
    fn a_wrong_text_is_refused_with_the_reason() {
        let known = "known: flip, alternating-flip, crop, crop-reflect, translate, cutout";
        for (text, message) in [
            ("flop", format!("unknown augment flop, did you mean flip? {known}")),
            ("crop:4,cutuot:8", format!("unknown augment cutuot, did you mean cutout? {known}")),
            ("flip,", format!("unknown augment , {known}")),
            ("flip,none", format!("unknown augment none, {known}")),
            ("flip,alternating-flip", "augment takes one of flip, alternating-flip and no second".to_owned()),
            ("crop:4,translate:2", "augment takes one of crop, crop-reflect, translate and no second".to_owned()),
            ("cutout:4,cutout:4", "augment takes one of cutout and no second".to_owned()),
            ("flip:2", "augment flip:2: flip takes no size".to_owned()),
            ("crop", "augment crop needs a size in pixels, as in crop:4".to_owned()),
            ("crop:0", "augment crop:0: the size must be a whole number from 1 to 1023".to_owned()),
            ("cutout:1024", "augment cutout:1024: the size must be a whole number from 1 to 1023".to_owned()),
            ("translate:-1", "augment translate:-1: the size must be a whole number from 1 to 1023".to_owned()),
        ] {
            assert_eq!(text.parse::<Augment>().unwrap_err(), message);
        }
        assert!(serde_json::from_str::<Augment>(r#""crop:9999""#).is_err());
    }

    #[test]
    fn seed_worker_and_step_each_give_other_changes() {
        let text = "flip,crop:4,cutout:8";
        let all = walk(text, (3, 1), 2);
        assert_eq!(all, walk(text, (3, 1), 2));
        let changes = |walked: &[(u32, Change)]| walked.iter().map(|(_, change)| *change).collect::<Vec<_>>();
        let draws = [&all[..100], &all[100..], &walk(text, (4, 1), 1), &walk(text, (3, 2), 1)].map(changes);
        for (at, draw) in draws.iter().enumerate() {
            assert!(!draws[at + 1..].contains(draw), "draw {at} comes twice");
        }
    }

    #[test]
    fn a_step_that_is_sought_has_the_same_changes_as_in_sequence() {
        let mut stream = BatchStream::new(3, 1, 1000, 100).unwrap();
        stream.seek(7);
        let sought: Vec<_> = augment("flip,crop:4").changes(&stream.next_batch(), Shape::CIFAR).collect();
        let walked = walk("flip,crop:4", (3, 1), 8).split_off(700);
        assert_eq!(sought, walked.iter().map(|(_, change)| *change).collect::<Vec<_>>());
    }

    #[test]
    fn an_augmentation_does_not_depend_on_the_others() {
        let (alone, beside) = (walk("crop:4", (0, 0), 5), walk("flip,crop:4,cutout:8", (0, 0), 5));
        assert!(alone.iter().zip(&beside).all(|(one, other)| one.1.shift == other.1.shift));
    }

    #[test]
    fn two_epochs_show_every_image_once_in_either_orientation() {
        for key in [(0, 0), (1, 0), (0, 1)] {
            let walked = walk("alternating-flip", key, 40);
            let orientations = |epoch: usize| {
                let mut seen = vec![None; 1000];
                for &(row, change) in &walked[1000 * epoch..][..1000] {
                    assert_eq!(seen[row as usize].replace(change.flip), None);
                }
                seen
            };
            let first = orientations(0);
            // expected 500 with a standard deviation of 16; the limits are five of these away
            let flipped = first.iter().filter(|flip| **flip == Some(true)).count();
            assert!((420..580).contains(&flipped), "{flipped}");
            assert!(first.iter().zip(orientations(1)).all(|(one, other)| *one != other));
            assert_eq!(first, orientations(2));
        }
        let first_epoch = |key| {
            let mut walked = walk("alternating-flip", key, 10);
            walked.sort_by_key(|(row, _)| *row);
            walked
        };
        assert_ne!(first_epoch((0, 0)), first_epoch((1, 0)));
        assert_ne!(first_epoch((0, 0)), first_epoch((0, 1)));
    }

    #[test]
    fn flips_windows_and_squares_are_uniformly_distributed() {
        let walked = walk("flip,crop:1,cutout:1", (0, 0), 360);
        let mut windows = [[[0u32; 2]; 3]; 3];
        let mut squares = vec![0u32; Shape::CIFAR.plane()];
        for (_, change) in &walked {
            let (border, down, right) = change.shift.unwrap();
            assert_eq!(border, Border::Black);
            windows[(down + 1) as usize][(right + 1) as usize][usize::from(change.flip)] += 1;
            let cut = change.cut.unwrap();
            squares[cut.lines[0] * 32 + cut.columns[0]] += 1;
        }
        // 36,000 draws: expected 2,000 with a standard deviation of 43, and 35 with one of 6; limits are five of these
        // away
        let windows = windows.as_flattened().as_flattened();
        assert!(windows.iter().all(|count| (1785..2215).contains(count)), "{windows:?}");
        assert!(squares.iter().all(|count| (5..70).contains(count)), "{squares:?}");
    }

    #[test]
    fn a_border_or_a_square_is_smaller_than_the_images() {
        assert!(augment("crop:31,cutout:31").check(Shape::CIFAR).is_ok());
        let said = |text: &str, side| augment(text).check(Shape::square(side)).unwrap_err().to_string();
        assert_eq!(said("crop:32", 32), "augment crop:32: the size must be below 32, the side of the images");
        assert_eq!(said("flip,cutout:64", 64), "augment cutout:64: the size must be below 64, the side of the images");
        assert!(augment("crop:32").check(Shape::square(64)).is_ok());
    }

    #[test]
    fn the_changes_of_a_seed_never_change() {
        let shifts: Vec<_> = walk("crop:4", (7, 1), 1)[..4].iter().map(|(_, change)| change.shift.unwrap()).collect();
        assert_eq!(
            shifts.iter().map(|(_, down, right)| (*down, *right)).collect::<Vec<_>>(),
            [(2, -4), (4, 3), (-3, 2), (4, 4)]
        );
    }
}
