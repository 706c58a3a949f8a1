//! `image-fit`: loads images at one size and writes their pixels, for `scripts/bench images` and for comparing by hand.
//! Prints the seconds that decoding and fitting took, without reading the files.

use std::fs;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::time::Instant;

use firesteel_image::{Decoder, Limits, Size};

const USAGE: &str = "usage: image-fit HEIGHT WIDTH OUT < NAMES
Reads the names of image files, one a line, and writes their RGB pixels to OUT, one image after the other.
An image that cannot be read is told on stderr, and all its pixels are 0.";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("image-fit: {cause}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [height, width, out] = arguments.as_slice() else { return Err(USAGE.to_owned()) };
    let side = |text: &String| text.parse().ok().filter(|&side| side > 0).ok_or(format!("{text} is not a side"));
    let target = Size { height: side(height)?, width: side(width)? };
    let read = |name: &String| fs::read(name).map_err(|cause| format!("{name}: {cause}"));
    let names =
        io::stdin().lock().lines().collect::<io::Result<Vec<_>>>().map_err(|cause| format!("stdin: {cause}"))?;
    let files = names.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let mut pixels = vec![0; target.bytes() * files.len()];
    let mut decoder = Decoder::new(Limits::default());
    let start = Instant::now();
    for ((bytes, name), pixels) in files.iter().zip(&names).zip(pixels.chunks_exact_mut(target.bytes())) {
        if let Err(error) = decoder.load(bytes, target, pixels) {
            eprintln!("{name}: {error}");
            pixels.fill(0);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let written = fs::File::create(out).and_then(|mut file| file.write_all(&pixels));
    written.map_err(|cause| format!("{out}: {cause}"))?;
    writeln!(io::stdout(), "{seconds}").map_err(|cause| format!("standard output: {cause}"))
}
