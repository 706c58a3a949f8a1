//! Bytes to frames and back. A frame is a prefix of 20 bytes, a small header and a raw payload; the
//! lengths in the prefix are checked against limits before memory is allocated for them.
//! docs/protocol.md describes it byte by byte. Pure: no socket here.

use crate::{Error, Result};

/// The first bytes of every frame.
pub const MAGIC: [u8; 4] = *b"FSTL";
/// Version of the protocol. A frame of another version is refused; there is no negotiation.
pub const VERSION: u8 = 2;
/// Bytes of a prefix.
pub const PREFIX: usize = 20;
/// The largest header; the longest real one is a refusal with its message.
pub const MAX_HEADER: u32 = 4096;

/// The lengths of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Bytes of the header, 1 to [`MAX_HEADER`].
    pub header: u32,
    /// Bytes of the payload.
    pub payload: u64,
}

impl Prefix {
    /// The 20 bytes: magic, version, three zeros, header length, payload length, little-endian.
    pub fn encode(&self) -> [u8; PREFIX] {
        let mut bytes = [0; PREFIX];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = VERSION;
        bytes[8..12].copy_from_slice(&self.header.to_le_bytes());
        bytes[12..].copy_from_slice(&self.payload.to_le_bytes());
        bytes
    }

    /// Reads 20 bytes; refuses a payload of more than `max_payload` bytes.
    pub fn decode(bytes: &[u8; PREFIX], max_payload: u64) -> Result<Self> {
        let (magic, rest) = bytes.split_at(4);
        if magic != MAGIC {
            return Err(Error::Frame(format!("no frame of this protocol begins with {magic:02x?}")));
        }
        if rest[0] != VERSION {
            return Err(Error::Frame(format!("protocol version {} where {VERSION} is spoken", rest[0])));
        }
        if rest[1..4] != [0; 3] {
            return Err(Error::Frame(format!("reserved bytes are {:02x?}, not zero", &rest[1..4])));
        }
        let header = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        if !(1..=MAX_HEADER).contains(&header) {
            return Err(Error::Frame(format!("a header of {header} bytes where 1 to {MAX_HEADER} are allowed")));
        }
        let mut length = [0; 8];
        length.copy_from_slice(&bytes[12..]);
        let payload = u64::from_le_bytes(length);
        if payload > max_payload {
            return Err(Error::Frame(format!("a payload of {payload} bytes where at most {max_payload} are allowed")));
        }
        Ok(Self { header, payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_prefix_survives_the_way_there_and_back() {
        let prefix = Prefix { header: 41, payload: 582_312 };
        assert_eq!(Prefix::decode(&prefix.encode(), 582_312), Ok(prefix));
    }

    #[test]
    fn every_wrong_field_is_named() {
        let good = Prefix { header: 1, payload: 8 }.encode();
        let wrong = |at: usize, value: u8| {
            let mut bytes = good;
            bytes[at] = value;
            Prefix::decode(&bytes, 8).unwrap_err().to_string()
        };
        assert!(wrong(0, b'G').contains("begins with"));
        assert_eq!(wrong(4, 1), "protocol version 1 where 2 is spoken");
        assert!(wrong(6, 1).contains("reserved"));
        assert_eq!(wrong(8, 0), "a header of 0 bytes where 1 to 4096 are allowed");
        assert_eq!(wrong(9, 255), "a header of 65281 bytes where 1 to 4096 are allowed");
        assert_eq!(wrong(12, 9), "a payload of 9 bytes where at most 8 are allowed");
    }

    #[test]
    fn lengths_of_minus_one_and_two_to_the_63_are_refused() {
        for payload in [u64::MAX, 1 << 63] {
            let bytes = Prefix { header: 1, payload }.encode();
            assert!(matches!(Prefix::decode(&bytes, 1 << 40), Err(Error::Frame(_))));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_frame_within_the_limits_or_an_error(bytes: [u8; PREFIX], max in 0u64..1 << 40) {
            if let Ok(prefix) = Prefix::decode(&bytes, max) {
                prop_assert!(prefix.payload <= max && prefix.header <= MAX_HEADER && prefix.encode() == bytes);
            }
        }
    }
}
