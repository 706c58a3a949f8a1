//! Changed files and random bytes, the same in every run: each is an image within the limits or an error.

use firesteel_image::{Decoder, Limits, Size};
use rand::seq::IndexedRandom;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::files;

/// Decodes changed files, of `total` bytes together; how many became images, and how many did not.
fn feed(total: usize, limits: &Limits, seed: u64) -> (usize, usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let originals: Vec<_> = files::all().into_iter().map(|file| file.bytes).collect();
    let mut decoder = Decoder::new(limits.clone());
    let (mut fed, mut images, mut errors) = (0, 0, 0);
    while fed < total {
        let bytes = changed(&mut rng, &originals);
        fed += bytes.len();
        let size = decoder.decode(&bytes).map(|image| {
            assert_eq!(image.pixels.len(), image.size.bytes());
            image.size
        });
        let target = Size { height: rng.random_range(1..40), width: rng.random_range(1..40) };
        let loaded = decoder.load(&bytes, target, &mut vec![0; target.bytes()]);
        assert_eq!(loaded.is_ok(), size.is_ok(), "{size:?} {loaded:?}");
        match size {
            Ok(size) => {
                assert!(size.bytes() as u64 <= 3 * limits.pixels);
                images += 1;
            }
            Err(_) => errors += 1,
        }
    }
    (images, errors)
}

/// A file with a few changes, or random bytes that start like one.
fn changed(rng: &mut ChaCha8Rng, originals: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = originals.choose(rng).unwrap().clone();
    if rng.random_ratio(1, 20) {
        let kept = rng.random_range(0..40);
        rng.fill_bytes(&mut bytes[kept..]);
    }
    for _ in 0..rng.random_range(0..6) {
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..6) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            2 => bytes[at] = *[0, 1, 0x7f, 0x80, 0xfe, 0xff].choose(rng).unwrap(),
            3 => bytes.truncate(at + 1),
            4 => {
                let piece = bytes[at..bytes.len().min(at + 60)].to_vec(); // a segment twice
                bytes.splice(at..at, piece);
            }
            _ => {
                let other = originals.choose(rng).unwrap();
                bytes.truncate(at + 1);
                bytes.extend(&other[at.min(other.len())..]);
            }
        }
    }
    if rng.random() {
        mend(&mut bytes);
    }
    bytes
}

/// Gives the chunks of a PNG the checksums of their content, so that what is changed there is decoded.
fn mend(bytes: &mut [u8]) {
    let mut at = 8; // after the signature
    while bytes.starts_with(b"\x89PNG") && at + 12 <= bytes.len() {
        let length = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let end = at + 8 + length;
        if end + 4 > bytes.len() {
            break;
        }
        let checksum = crc32(&bytes[at + 4..end]);
        bytes[end..end + 4].copy_from_slice(&checksum.to_be_bytes());
        at = end + 4;
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

/// Peak memory of the process, in bytes, as Linux tells it.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn ten_million_bytes_of_changed_files_are_images_or_errors_within_the_limit_of_memory() {
    let limits = Limits::default();
    let before = peak();
    let (images, errors) = feed(10_000_000, &limits, 1);
    let more = peak() - before;
    assert!(images > 100 && errors > 100 && more < limits.memory, "{images} images, {errors} errors, {more} bytes");
}
