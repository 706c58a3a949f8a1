//! PNG, decoded by the `png` crate. Alpha is dropped and 16 bits are cut to the high 8, as Pillow's `convert("RGB")` does
//! for colour images; all checksums are checked.

use std::io::{Cursor, ErrorKind};

use png::{ColorType, DecodeOptions, Decoder, DecodingError, Transformations};

use crate::error::{Format, ImageError, Result};
use crate::geometry::{Size, Window};
use crate::limits::Limits;
use crate::orientation::Orientation;
use crate::stored::{Buffer, Stored};

/// Bytes for each pixel of a row that the decoder keeps beside the result: a few rows of at most 8 bytes a pixel, in a
/// vector that doubles.
const ROWS: usize = 8 * 8;

/// Decodes a whole PNG; of an animation the first picture.
pub(crate) fn decode(bytes: &[u8], limits: &Limits, buffer: &mut Buffer) -> Result<Stored> {
    let refused = |error| refusal(error, limits);
    let mut options = DecodeOptions::default();
    options.set_ignore_adler32(false);
    options.set_skip_ancillary_crc_failures(false);
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    let header = decoder.read_header_info().map_err(refused)?;
    let size = Size { height: header.height as usize, width: header.width as usize };
    limits.check(size)?;
    decoder.set_limits(png::Limits { bytes: usize::try_from(limits.memory).unwrap_or(usize::MAX) });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(refused)?;
    let length = reader.output_buffer_size().ok_or(ImageError::MemoryLimit { limit: limits.memory })?;
    let length = length.max(3 * size.pixels());
    limits.check_memory(length + ROWS * size.width)?;
    let out = buffer.take(length)?;
    reader.next_frame(out).map_err(refused)?;
    reader.finish().map_err(refused)?;
    match reader.output_color_type().0 {
        ColorType::Rgb => {}
        ColorType::Rgba => drop_alpha(out),
        ColorType::Grayscale => spread(out, size.pixels(), 1),
        ColorType::GrayscaleAlpha => spread(out, size.pixels(), 2),
        ColorType::Indexed => return Err(Format::Png.unsupported("a palette that was not applied")),
    }
    let orientation = reader.info().exif_metadata.as_deref().map_or(Orientation::UPRIGHT, Orientation::of_exif);
    Ok(Stored { size, window: Window::whole(size), orientation })
}

fn drop_alpha(pixels: &mut [u8]) {
    for at in 0..pixels.len() / 4 {
        pixels.copy_within(4 * at..4 * at + 3, 3 * at);
    }
}

/// Gray values, the first of every `channels` bytes, become RGB in place: from the back, so that none is overwritten
/// before it is read.
fn spread(pixels: &mut [u8], count: usize, channels: usize) {
    for at in (0..count).rev() {
        let gray = pixels[channels * at];
        pixels[3 * at..3 * at + 3].fill(gray);
    }
}

fn refusal(error: DecodingError, limits: &Limits) -> ImageError {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => ImageError::Truncated(Format::Png),
        DecodingError::LimitsExceeded => ImageError::MemoryLimit { limit: limits.memory },
        error => {
            let cause = error.to_string();
            Format::Png.corrupt(cause.trim_end_matches('.').to_lowercase())
        }
    }
}
