//! Tells by their first bytes what a file's bytes are. File names and content types are not asked: they are often
//! wrong, and a web page saved under an image's name is the usual broken file of a data set made by a crawler.

use crate::error::{Format, ImageError, Result};

/// First bytes of formats of images that are not read.
const OTHER_IMAGES: [(&[u8], &str); 12] = [
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\x01\0", "icon"),
    (b"P5\n", "PGM"),
    (b"P6\n", "PPM"),
    (b"<svg", "SVG"),
];
const OTHER_FILES: [(&[u8], &str); 5] = [
    (b"version https://git-lfs", "a pointer of Git LFS"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\0\0\0\0", "zeros"),
];
const PEEK: usize = 512; // bytes looked at to tell text from binary data

/// The format of `bytes`; an error says what they look like when it is none that is read.
pub(crate) fn format_of(bytes: &[u8]) -> Result<Format> {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
    const JPEG: &[u8] = b"\xff\xd8\xff";
    match bytes {
        [] => Err(ImageError::Empty),
        _ if bytes.starts_with(JPEG) => Ok(Format::Jpeg),
        _ if bytes.starts_with(PNG) => Ok(Format::Png),
        _ if JPEG.starts_with(bytes) => Err(ImageError::Truncated(Format::Jpeg)),
        _ if PNG.starts_with(bytes) => Err(ImageError::Truncated(Format::Png)),
        _ => Err(foreign(bytes)),
    }
}

fn foreign(bytes: &[u8]) -> ImageError {
    let head = &bytes[..bytes.len().min(PEEK)];
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return ImageError::Format("WebP");
    }
    if head.starts_with(b"BM") && head.get(6..10) == Some(&[0; 4]) {
        return ImageError::Format("BMP"); // the zeros are reserved; two letters alone may be any text
    }
    if head.get(4..8) == Some(b"ftyp") {
        return match head.get(8..12) {
            Some(b"avif" | b"avis") => ImageError::Format("AVIF"),
            Some(b"heic" | b"heix" | b"mif1" | b"msf1") => ImageError::Format("HEIC"),
            _ => ImageError::NotAnImage("a video"),
        };
    }
    let named = |list: &[(&[u8], &'static str)]| list.iter().find(|(start, _)| head.starts_with(start)).map(|l| l.1);
    if let Some(name) = named(&OTHER_IMAGES) {
        return ImageError::Format(name);
    }
    ImageError::NotAnImage(named(&OTHER_FILES).unwrap_or_else(|| prose(head)))
}

fn prose(head: &[u8]) -> &'static str {
    let text = head.trim_ascii_start().to_ascii_lowercase();
    let is_text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..);
    if [&b"<!doctype html"[..], b"<html", b"<head"].iter().any(|start| text.starts_with(start)) {
        "a web page"
    } else if text.starts_with(b"<?xml") {
        "an XML document"
    } else if text.iter().all(is_text)
        && String::from_utf8_lossy(head).chars().filter(|&c| c == '\u{fffd}').count() <= 1
    {
        "text" // one character may be cut where the head ends
    } else {
        "unknown binary data"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(bytes: &[u8]) -> String {
        format_of(bytes).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_image_is_called_what_it_looks_like() {
        assert_eq!(said(b""), "the image is empty: 0 bytes");
        assert_eq!(said(b"BMW prices.csv"), "text, not an image: JPEG and PNG are read");
        assert_eq!(said("Grüße\n".as_bytes()), "text, not an image: JPEG and PNG are read");
        assert_eq!(said(b"\n<!DOCTYPE HTML><p>404"), "a web page, not an image: JPEG and PNG are read");
        assert_eq!(
            said(b"version https://git-lfs.github.com/spec/v1\n").split(',').next(),
            Some("a pointer of Git LFS")
        );
        assert_eq!(said(&[0; 9]), "zeros, not an image: JPEG and PNG are read");
        assert_eq!(said(&[7, 200, 3, 4]), "unknown binary data, not an image: JPEG and PNG are read");
    }

    #[test]
    fn a_text_that_is_cut_within_a_character_is_text() {
        let text = format!("{}ü", "x".repeat(PEEK - 1));
        assert_eq!(said(text.as_bytes()), "text, not an image: JPEG and PNG are read");
    }

    #[test]
    fn other_formats_of_images_are_named() {
        for (bytes, name) in [
            (&b"GIF89a"[..], "GIF"),
            (b"RIFF\x24\0\0\0WEBPVP8 ", "WebP"),
            (b"BM\x36\0\x0c\0\0\0\0\0\x36\0", "BMP"),
            (b"II*\0\x08\0\0\0", "TIFF"),
            (b"\0\0\0\x1cftypavif", "AVIF"),
            (b"\0\0\0\x18ftypheic", "HEIC"),
            (b"<svg xmlns=", "SVG"),
        ] {
            assert_eq!(said(bytes), format!("{name} images are not supported: JPEG and PNG are"));
        }
    }

    #[test]
    fn the_first_bytes_of_an_image_alone_are_a_truncated_image() {
        assert_eq!(said(b"\xff\xd8"), "truncated: a JPEG that ends in the middle");
        assert_eq!(said(b"\x89PN"), "truncated: a PNG that ends in the middle");
    }
}
