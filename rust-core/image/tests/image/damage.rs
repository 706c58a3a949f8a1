//! Files that are damaged, or made to do damage.

use firesteel_image::{Decoder, Format, ImageError, Limits, Size};

use crate::files::{self, decoder, read, refusal};

/// Where the marker `code` of a JPEG is.
fn marker(bytes: &[u8], code: u8) -> usize {
    bytes.windows(2).position(|pair| pair == [0xff, code]).unwrap()
}

#[test]
fn no_part_of_a_file_is_taken_for_the_file() {
    let mut decoder = decoder();
    for file in files::all() {
        for length in 0..file.bytes.len() {
            let error = decoder.decode(&file.bytes[..length]).map(|image| image.size).unwrap_err();
            let expected = match (length, &file.name[..4]) {
                (0, _) => ImageError::Empty,
                (_, "png-") => ImageError::Truncated(Format::Png),
                _ => ImageError::Truncated(Format::Jpeg),
            };
            assert_eq!(error, expected, "{} of {} bytes", file.name, length);
            let target = Size { height: 2, width: 20 }; // rows below the crop are missed, too
            let loaded = decoder.load(&file.bytes[..length], target, &mut vec![0; target.bytes()]);
            assert_eq!(loaded, Err(expected), "{} of {} bytes", file.name, length);
        }
    }
}

#[test]
fn a_jpeg_that_is_cut_and_closed_is_corrupt_and_not_half_gray() {
    for name in ["jpeg-420.jpg", "jpeg-gray.jpg", "jpeg-restarts.jpg", "jpeg-progressive-444.jpg", "jpeg-cmyk.jpg"] {
        let bytes = read(name);
        let scan = bytes.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap(); // the last one
        let cut = [&bytes[..(scan + bytes.len()) / 2], &[0xff, 0xd9]].concat();
        assert_eq!(refusal(&cut), "corrupt JPEG: premature end of data segment", "{name}");
    }
}

#[test]
fn a_jpeg_that_lacks_the_scans_of_a_colour_is_corrupt() {
    let bytes = read("jpeg-scans.jpg"); // one scan for each of three components
    let scans: Vec<_> = (0..bytes.len() - 1).filter(|&at| bytes[at..at + 2] == [0xff, 0xda]).collect();
    assert_eq!(scans.len(), 3);
    for scan in &scans[1..] {
        for rest in [&[][..], &[7; 9]] {
            let cut = [&bytes[..*scan], rest, &[0xff, 0xd9]].concat();
            assert_eq!(refusal(&cut), "corrupt JPEG: a colour is missing");
        }
    }
}

#[test]
fn every_changed_byte_of_a_png_is_found() {
    let mut decoder = decoder();
    for name in ["png-rgb.png", "png-palette-4.png", "png-interlaced.png", "png-exif.png"] {
        let mut bytes = read(name);
        for at in 0..bytes.len() {
            bytes[at] ^= 0x10;
            assert!(decoder.decode(&bytes).is_err(), "{name}: byte {at}");
            bytes[at] ^= 0x10;
        }
    }
}

#[test]
fn harmless_faults_of_photographs_in_use_are_forgiven() {
    let whole = read("jpeg-420.jpg");
    let expected = decoder().decode(&whole).unwrap().pixels.to_vec();
    let mut version = whole.clone();
    version[11] = 0; // JFIF 0.1, with which Kaggle's cats and dogs have files
    let mut parameters = whole.clone();
    let scan = marker(&whole, 0xda);
    let length = usize::from(whole[scan + 3]);
    parameters[scan + 1 + length] = 0; // the last coefficient of the scan, 63, as some telephones write it
    let end = whole.len() - 2;
    let mut rest = [&whole[..end], &[7; 20], &whole[end..]].concat();
    for (bytes, what) in [(&version, "version"), (&parameters, "parameters"), (&rest, "bytes before the end")] {
        assert_eq!(decoder().decode(bytes).unwrap().pixels, expected, "{what}");
    }
    rest[11] = 0;
    assert_eq!(decoder().decode(&rest).unwrap().pixels, expected, "two faults");
    let behind = [&whole[..], b"what a camera wrote after the image"].concat();
    assert_eq!(decoder().decode(&behind).unwrap().pixels, expected);
}

#[test]
fn a_harmless_fault_does_not_hide_a_missing_part() {
    let mut bytes = read("jpeg-420.jpg");
    bytes[11] = 0;
    let scan = marker(&bytes, 0xda);
    let cut = [&bytes[..(scan + bytes.len()) / 2], &[0xff, 0xd9]].concat();
    assert_eq!(refusal(&cut), "corrupt JPEG: premature end of data segment");
    let restarts = read("jpeg-restarts.jpg");
    let second = marker(&restarts, 0xd1);
    let cut = [&restarts[..second], &[7, 7, 0xff, 0xd9]].concat();
    assert_eq!(refusal(&cut), "corrupt JPEG: 2 extraneous bytes before marker 0xd9");
}

#[test]
fn a_header_of_60000_x_60000_pixels_is_refused() {
    let mut jpeg = read("jpeg-420.jpg");
    let frame = marker(&jpeg, 0xc0);
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);
    let expected = "60000 x 60000 pixels are more than the limit of 89478485";
    assert_eq!(refusal(&jpeg), expected);
    assert_eq!(refusal(&read("bomb.png")), expected);
}

#[test]
fn pixels_memory_and_scans_are_limited() {
    let refused = |limits, name| Decoder::new(limits).decode(&read(name)).unwrap_err();
    let pixels = 21 * 27;
    for name in ["jpeg-420.jpg", "png-rgb.png"] {
        let limits = Limits { pixels: pixels - 1, ..Limits::default() };
        assert_eq!(refused(limits, name), ImageError::TooLarge { height: 21, width: 27, limit: pixels - 1 });
        assert!(Decoder::new(Limits { pixels, ..Limits::default() }).decode(&read(name)).is_ok());
    }
    for name in ["wide.jpg", "png-rgb-16.png"] {
        let limits = Limits { memory: 500, ..Limits::default() };
        assert_eq!(refused(limits, name), ImageError::MemoryLimit { limit: 500 });
    }
    let limits = Limits { scans: 3, ..Limits::default() };
    assert_eq!(refused(limits, "jpeg-progressive-420.jpg"), ImageError::TooManyScans { limit: 3 });
}

#[test]
fn the_coefficients_of_a_progressive_jpeg_count_as_memory() {
    let mut bytes = read("jpeg-progressive-444.jpg");
    let frame = marker(&bytes, 0xc2);
    bytes[frame + 5..frame + 9].copy_from_slice(&[4, 0, 4, 0]); // 1,024 x 1,024: 3 MiB of pixels and 6 of coefficients
    let said = |memory| Decoder::new(Limits { memory, ..Limits::default() }).decode(&bytes).unwrap_err();
    assert_eq!(said(8 << 20), ImageError::MemoryLimit { limit: 8 << 20 });
    assert_eq!(
        said(10 << 20),
        ImageError::Corrupt { format: Format::Jpeg, cause: "premature end of data segment".to_owned() }
    );
}

#[test]
fn twelve_bits_are_unsupported() {
    let mut bytes = read("jpeg-gray.jpg");
    let frame = marker(&bytes, 0xc0);
    bytes[frame + 1] = 0xc1; // extended, in which 12 bits are allowed
    bytes[frame + 4] = 12;
    assert_eq!(refusal(&bytes), "unsupported JPEG: 12 bits a channel");
}
