//! The marker segments of a JPEG (ISO/IEC 10918-1, annex B), for what libjpeg-turbo does not tell or check.

use std::ops::Range;

use crate::error::{ImageError, Result};

pub(crate) const APP0: u8 = 0xe0;
pub(crate) const APP1: u8 = 0xe1;
pub(crate) const START_OF_SCAN: u8 = 0xda;
pub(crate) const RESTART_INTERVAL: u8 = 0xdd;
/// Starts of frames: sequential and progressive ones, with Huffman and with arithmetic codes.
const FRAMES: [u8; 5] = [0xc0, 0xc1, 0xc2, 0xc9, 0xca];

/// The segments of `bytes` in order, each as its marker and where its content lies, after the length. Ends after the
/// header of the first scan, or where the bytes are not as they should be.
pub(crate) fn segments(bytes: &[u8]) -> impl Iterator<Item = (u8, Range<usize>)> + '_ {
    segments_from(bytes, 2) // after the start of the image
}

fn segments_from(bytes: &[u8], start: usize) -> impl Iterator<Item = (u8, Range<usize>)> + '_ {
    let mut next = Some(start);
    std::iter::from_fn(move || {
        let mut at = next.take()?;
        while bytes.get(at..at + 2)? == [0xff, 0xff] {
            at += 1; // any number of 0xff may stand before a marker
        }
        let &[0xff, marker, high, low] = bytes.get(at..at + 4)? else { return None };
        let end = at + 2 + usize::from(u16::from_be_bytes([high, low])); // the length counts its own two bytes
        let content = at + 4..end;
        bytes.get(content.clone())?;
        next = (marker != START_OF_SCAN).then_some(end);
        Some((marker, content))
    })
}

/// Whether the data of the scans is interrupted by restart markers.
pub(crate) fn has_restarts(bytes: &[u8]) -> bool {
    segments(bytes).any(|(marker, content)| marker == RESTART_INTERVAL && bytes[content].iter().any(|&byte| byte != 0))
}

/// Whether a component of the frame, the luminance or a colour, is in no scan. libjpeg takes it for gray and does not
/// warn, so a file of several scans that was cut between two of them, and closed, would look like an image.
pub(crate) fn lacks_a_component(bytes: &[u8]) -> bool {
    let (mut missing, mut is_progressive, mut at) = (Vec::new(), false, 2);
    loop {
        let mut data = None;
        for (marker, content) in segments_from(bytes, at) {
            let body = &bytes[content.clone()];
            if FRAMES.contains(&marker) {
                is_progressive = matches!(marker, 0xc2 | 0xca);
                missing = body.get(6..).unwrap_or_default().chunks_exact(3).map(|component| component[0]).collect();
            } else if marker == START_OF_SCAN {
                let ids = 2 * usize::from(body.first().copied().unwrap_or(0)); // each with a byte that names tables
                // in a scan that does not begin with the first coefficient, a block's mean, details are added
                if body.get(1 + ids).is_some_and(|&first| first == 0 || !is_progressive) {
                    missing.retain(|id| !body[1..1 + ids].iter().step_by(2).any(|seen| seen == id));
                }
                data = Some(content.end);
            }
        }
        let Some(start) = data.filter(|_| !missing.is_empty()) else { break };
        // the next marker that is no restart; in a scan's data a zero follows 0xff
        let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff);
        let Some(length) = bytes[start..].windows(2).position(is_marker) else { break };
        at = start + length;
    }
    !missing.is_empty()
}

/// A copy with the values that encoders are known to write wrongly, and no decoder needs, as the standard wants them: the
/// version of JFIF, and the spectral parameters of the one scan of a sequential JPEG. libjpeg warns of them, and after
/// one warning it does not tell the next one.
pub(crate) fn with_standard_values(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| ImageError::Memory)?;
    copy.extend_from_slice(bytes);
    let mut is_sequential = false;
    for (marker, content) in segments(bytes) {
        match marker {
            APP0 if bytes[content.clone()].starts_with(b"JFIF\0") && content.len() >= 14 => copy[content.start + 5] = 1,
            0xc0 | 0xc1 => is_sequential = true, // baseline and extended sequential, with Huffman codes
            START_OF_SCAN if is_sequential && content.len() >= 4 => {
                copy[content.end - 3..content.end].copy_from_slice(&[0, 63, 0]);
            }
            _ => {}
        }
    }
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg() -> Vec<u8> {
        let mut bytes = b"\xff\xd8\xff\xe0\0\x10JFIF\0\0\x01\0\0\x01\0\x01\0\0".to_vec();
        bytes.extend(b"\xff\xff\xff\xdd\0\x04\0\0"); // restart interval 0, after two filling bytes
        bytes.extend(b"\xff\xc0\0\x0b\x08\0\x01\0\x01\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\0\0\xff\xe1\0\x02");
        bytes
    }

    #[test]
    fn segments_end_with_the_first_scan() {
        let bytes = jpeg();
        let found: Vec<_> = segments(&bytes).map(|(marker, content)| (marker, content.len())).collect();
        assert_eq!(found, [(APP0, 14), (RESTART_INTERVAL, 2), (0xc0, 9), (START_OF_SCAN, 6)]);
    }

    #[test]
    fn a_segment_that_is_longer_than_the_file_is_not_given() {
        let bytes = jpeg();
        for length in 0..bytes.len() {
            assert!(segments(&bytes[..length]).all(|(_, content)| content.end <= length));
        }
        assert_eq!(segments(b"\xff\xd8\xff\xe1\0\x01abc").count(), 0); // shorter than its length
    }

    #[test]
    fn an_interval_of_0_is_none() {
        let mut bytes = jpeg();
        assert!(!has_restarts(&bytes));
        bytes[27] = 4;
        assert!(has_restarts(&bytes));
    }

    #[test]
    fn only_the_version_and_the_scan_parameters_are_replaced() {
        let bytes = jpeg();
        let changed = with_standard_values(&bytes).unwrap();
        let places: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at] != changed[at]).collect();
        assert_eq!((places.len(), changed[places[0]], changed[places[1]]), (2, 1, 63));
    }
}
