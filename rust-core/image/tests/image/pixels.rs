//! The pixels of whole files.

use firesteel_image::{Fitter, ImageError, Size};

use crate::files::{self, FITS, decoder, fitted, read};

/// The largest difference of two images, in levels of 0 to 255.
fn difference(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn every_kind_of_file_has_pillows_pixels() {
    let mut decoder = decoder();
    for file in files::all() {
        let image = decoder.decode(&file.bytes).unwrap();
        assert_eq!(image.size, file.size, "{}", file.name);
        assert_eq!(image.pixels, file.pixels, "{}", file.name);
    }
}

#[test]
fn every_kind_of_file_is_fitted_as_by_pillow_within_two_levels() {
    let mut decoder = decoder();
    for file in files::all() {
        for (target, expected) in FITS.into_iter().zip(&file.fits) {
            let got = fitted(&mut decoder, &file.bytes, target);
            assert!(difference(&got, expected) <= 2, "{} at {target:?}", file.name);
        }
    }
}

#[test]
fn the_part_of_a_jpeg_that_is_decoded_has_the_pixels_of_the_whole() {
    let (mut decoder, mut fitter) = (decoder(), Fitter::default());
    let bytes = read("wide.jpg");
    let image = decoder.decode(&bytes).unwrap();
    let (size, pixels) = (image.size, image.pixels.to_vec());
    assert_eq!(size, Size { height: 90, width: 300 });
    for (height, width) in [(32, 32), (90, 90), (90, 40), (200, 100), (20, 300), (1, 1), (90, 299)] {
        let target = Size { height, width };
        let mut whole = vec![0; target.bytes()];
        fitter.fit(&pixels, size, &mut whole, target).unwrap();
        assert!(fitted(&mut decoder, &bytes, target) == whole, "{target:?}");
    }
    let target = Size { height: 32, width: 32 };
    assert!(difference(&fitted(&mut decoder, &bytes, target), &read("wide.rgb")) <= 2);
}

#[test]
fn an_image_of_the_targets_size_is_copied() {
    let mut decoder = decoder();
    for file in files::all() {
        assert_eq!(fitted(&mut decoder, &file.bytes, file.size), file.pixels, "{}", file.name);
    }
}

#[test]
fn an_earlier_image_does_not_change_a_later_one() {
    let mut used = decoder();
    // without Huffman tables, of which libjpeg would keep those of the image before
    let mut bare = read("jpeg-444.jpg");
    while let Some(at) = bare.windows(2).position(|marker| marker == [0xff, 0xc4]) {
        let length = usize::from(u16::from_be_bytes([bare[at + 2], bare[at + 3]]));
        bare.drain(at..at + 2 + length);
    }
    let optimised = read("jpeg-progressive-444.jpg"); // with tables of its own
    used.decode(&optimised).unwrap();
    assert_eq!(used.decode(&bare), decoder().decode(&bare));
    assert_eq!(used.decode(&bare), decoder().decode(&read("jpeg-444.jpg"))); // the tables were the standard's
    assert!(used.decode(&bare[..bare.len() / 2]).is_err());
    for file in files::all() {
        assert_eq!(used.decode(&file.bytes).unwrap().pixels, file.pixels, "{}", file.name);
    }
}

#[test]
fn a_buffer_of_another_length_is_refused() {
    let bytes = read("png-rgb.png");
    let size = Size { height: 2, width: 2 };
    let mut out = [0; 13];
    let error = decoder().load(&bytes, size, &mut out).unwrap_err();
    assert_eq!(error, ImageError::Buffer { height: 2, width: 2, got: 13 });
    assert_eq!(error.to_string(), "a buffer of 13 bytes for RGB pixels of height 2 and width 2");
    let none = Size { height: 0, width: 2 };
    assert!(decoder().load(&bytes, none, &mut []).is_err());
    let mut fitter = Fitter::default();
    assert!(fitter.fit(&[], none, &mut out[..12], size).is_err());
    assert!(fitter.fit(&[0; 11], size, &mut out[..12], size).is_err());
    let endless = Size { height: usize::MAX, width: 3 };
    assert!(fitter.fit(&[0; 12], size, &mut out, endless).is_err());
}
