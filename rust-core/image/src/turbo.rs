//! The calls of libjpeg-turbo's TurboJPEG API (<https://libjpeg-turbo.org/Documentation/Documentation>, version 3.1): the
//! only file of this crate with `unsafe`. A handle is made for one image and not used again, because the tables of one
//! JPEG would be used for the next one that lacks its own.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::NonNull;

use turbojpeg_sys as raw;

use crate::geometry::Window;

/// A JPEG that is about to be decoded.
pub(crate) struct Turbo<'a> {
    handle: NonNull<c_void>,
    bytes: &'a [u8],
}

/// What libjpeg-turbo says of a failed call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub message: String,
    /// It could have gone on, with pixels that may be wrong.
    pub is_warning: bool,
}

/// The integer settings and facts of a handle that are used here.
#[derive(Clone, Copy)]
pub(crate) enum Parameter {
    StopOnWarning,
    Width,
    Height,
    /// Below 0 for sampling factors that have no name; of such an image no part can be decoded alone.
    Subsampling,
    Precision,
    Colorspace,
    /// Scans of a progressive JPEG.
    ScanLimit,
    IsLossless,
    /// MiB of libjpeg's own buffers; 0 is unlimited.
    MaxMemory,
    /// Which segments are copied from the header; 0 is none.
    SavedMarkers,
}

/// Layout of the pixels that are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Rgb,
    Cmyk,
}

impl Layout {
    /// Bytes a pixel.
    pub fn channels(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Cmyk => 4,
        }
    }
}

impl<'a> Turbo<'a> {
    /// None if memory is missing.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        // SAFETY: takes no pointer; what it returns is a handle that is ours until tj3Destroy, or null
        let handle = unsafe { raw::tj3Init(raw::TJINIT_TJINIT_DECOMPRESS as c_int) };
        Some(Self { handle: NonNull::new(handle)?, bytes })
    }

    /// Sets a parameter; a value outside of its limits is an error.
    pub fn set(&mut self, parameter: Parameter, value: i32) -> Result<(), Complaint> {
        // SAFETY: the handle lives as long as self
        let status = unsafe { raw::tj3Set(self.handle.as_ptr(), parameter.code(), value) };
        self.checked(status)
    }

    pub fn get(&self, parameter: Parameter) -> i32 {
        // SAFETY: the handle lives as long as self
        unsafe { raw::tj3Get(self.handle.as_ptr(), parameter.code()) }
    }

    /// Reads the header, after which `get` tells the facts of the image.
    pub fn read_header(&mut self) -> Result<(), Complaint> {
        let (bytes, length) = (self.bytes.as_ptr(), self.bytes.len() as _);
        // SAFETY: the handle lives as long as self, the bytes longer, and they are only read
        let status = unsafe { raw::tj3DecompressHeader(self.handle.as_ptr(), bytes, length) };
        self.checked(status)
    }

    /// Decodes `window`, whose left side is a multiple of the width of the JPEG's MCU, into the first bytes of `out`, row
    /// by row. `out` must hold it.
    pub fn decode(&mut self, window: Window, layout: Layout, out: &mut [u8]) -> Result<(), Complaint> {
        let [left, top, width, height] =
            [window.left, window.top, window.size.width, window.size.height].map(|side| side as c_int);
        let (x_max, y_max) = (self.get(Parameter::Width), self.get(Parameter::Height));
        let is_whole = (left, top, width, height) == (0, 0, x_max, y_max);
        let region = match is_whole {
            true => raw::tjregion { x: 0, y: 0, w: 0, h: 0 }, // also for images of which no part can be decoded
            false => raw::tjregion { x: left, y: top, w: width, h: height },
        };
        // SAFETY: the handle lives as long as self; the region, which is checked against the header, is passed by value
        let status = unsafe { raw::tj3SetCroppingRegion(self.handle.as_ptr(), region) };
        self.checked(status)?;
        let pitch = window.size.width * layout.channels(); // below 2^18: a side has at most 65,500 pixels
        assert!(width > 0 && height > 0 && out.len() >= pitch * window.size.height, "the buffer holds the window");
        let (bytes, length) = (self.bytes.as_ptr(), self.bytes.len() as _);
        // SAFETY: the handle lives as long as self, the bytes longer, and they are only read. The call writes `height`
        // rows of `pitch` bytes, which `out` holds: it reads the header of the same bytes again, so the image has the
        // sides that were compared above, and it writes no more than the region.
        let status = unsafe {
            let out = out.as_mut_ptr();
            raw::tj3Decompress8(self.handle.as_ptr(), bytes, length, out, pitch as c_int, layout.code())
        };
        self.checked(status)
    }

    fn checked(&self, status: c_int) -> Result<(), Complaint> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: the handle lives as long as self, and so does its message, which ends with a zero and is copied
        let message = unsafe { CStr::from_ptr(raw::tj3GetErrorStr(self.handle.as_ptr())) };
        // SAFETY: the handle lives as long as self
        let code = unsafe { raw::tj3GetErrorCode(self.handle.as_ptr()) };
        let is_warning = code == raw::TJERR_TJERR_WARNING as c_int;
        Err(Complaint { message: message.to_string_lossy().into_owned(), is_warning })
    }
}

impl Drop for Turbo<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle came from tj3Init and is not used after this
        unsafe { raw::tj3Destroy(self.handle.as_ptr()) }
    }
}

impl Parameter {
    fn code(self) -> c_int {
        let code = match self {
            Self::StopOnWarning => raw::TJPARAM_TJPARAM_STOPONWARNING,
            Self::Width => raw::TJPARAM_TJPARAM_JPEGWIDTH,
            Self::Height => raw::TJPARAM_TJPARAM_JPEGHEIGHT,
            Self::Subsampling => raw::TJPARAM_TJPARAM_SUBSAMP,
            Self::Precision => raw::TJPARAM_TJPARAM_PRECISION,
            Self::Colorspace => raw::TJPARAM_TJPARAM_COLORSPACE,
            Self::ScanLimit => raw::TJPARAM_TJPARAM_SCANLIMIT,
            Self::IsLossless => raw::TJPARAM_TJPARAM_LOSSLESS,
            Self::MaxMemory => raw::TJPARAM_TJPARAM_MAXMEMORY,
            Self::SavedMarkers => raw::TJPARAM_TJPARAM_SAVEMARKERS,
        };
        code as c_int
    }
}

impl Layout {
    /// The layout for a JPEG of the colour space `code`: libjpeg turns YCbCr and gray into RGB, and YCCK into CMYK.
    pub fn of_colorspace(code: i32) -> Self {
        let four = [raw::TJCS_TJCS_CMYK as i32, raw::TJCS_TJCS_YCCK as i32];
        if four.contains(&code) { Self::Cmyk } else { Self::Rgb }
    }

    fn code(self) -> c_int {
        match self {
            Self::Rgb => raw::TJPF_TJPF_RGB,
            Self::Cmyk => raw::TJPF_TJPF_CMYK,
        }
    }
}
