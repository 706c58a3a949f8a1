//! The files of `testdata/images`, which `make.py` there made, and the pixels that Pillow reads from them.

use std::fs;
use std::path::PathBuf;

use firesteel_image::{Decoder, Limits, Size};

/// Sizes that Pillow fitted each image to, in the order of `reference.rgb`.
pub const FITS: [Size; 2] = [Size { height: 10, width: 12 }, Size { height: 8, width: 30 }];

pub struct File {
    pub name: String,
    pub bytes: Vec<u8>,
    pub size: Size,
    /// Upright RGB.
    pub pixels: Vec<u8>,
    pub fits: Vec<Vec<u8>>,
}

pub fn read(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../testdata/images", name].iter().collect();
    fs::read(&path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()))
}

/// All files of `list.txt`.
pub fn all() -> Vec<File> {
    let list = String::from_utf8(read("list.txt")).unwrap();
    let reference = read("reference.rgb");
    let mut rest = reference.as_slice();
    let mut take = |size: Size| rest.split_off(..size.bytes()).unwrap().to_vec();
    let file = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let size = Size { height: words[1].parse().unwrap(), width: words[2].parse().unwrap() };
        let pixels = take(size);
        File { name: words[0].to_owned(), bytes: read(words[0]), size, pixels, fits: FITS.map(&mut take).to_vec() }
    };
    let files: Vec<_> = list.lines().map(file).collect();
    assert!(rest.is_empty() && !files.is_empty());
    files
}

pub fn decoder() -> Decoder {
    Decoder::new(Limits::default())
}

/// The error's text where `bytes` are decoded whole.
pub fn refusal(bytes: &[u8]) -> String {
    decoder().decode(bytes).unwrap_err().to_string()
}

/// The pixels that fitting to `target` gives.
pub fn fitted(decoder: &mut Decoder, bytes: &[u8], target: Size) -> Vec<u8> {
    let mut out = vec![0; target.bytes()];
    decoder.load(bytes, target, &mut out).unwrap();
    out
}
