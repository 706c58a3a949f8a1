//! JPEG, decoded by libjpeg-turbo: the decoder that Pillow uses, with the same settings, so that the pixels are the same.
//! The columns and upper rows that the result does not need are neither transformed back nor converted to RGB, but all
//! bytes are read and checked.

use crate::error::{Format, ImageError, Result};
use crate::geometry::{Part, Size, Window};
use crate::limits::Limits;
use crate::orientation::Orientation;
use crate::segments::{has_restarts, lacks_a_component, with_standard_values};
use crate::stored::{Buffer, Stored};
use crate::turbo::{Complaint, Layout, Parameter, Turbo};

/// Widths of an MCU divide this many pixels, whatever the subsampling; a window starts at a multiple.
const ALIGNMENT: usize = 32;
/// Pixels around a window whose colour is interpolated from one side only, because the decoded part ends there.
const GUARD: usize = 4;

/// Decodes the part of a JPEG that fitting it to `target` reads, or all of it.
pub(crate) fn decode(bytes: &[u8], limits: &Limits, target: Option<Size>, buffer: &mut Buffer) -> Result<Stored> {
    let jpeg = open(bytes, limits)?;
    let side = |parameter| usize::try_from(jpeg.get(parameter)).unwrap_or(0);
    let size = Size { height: side(Parameter::Height), width: side(Parameter::Width) };
    if size.pixels() == 0 {
        return Err(Format::Jpeg.corrupt("it contains no image"));
    }
    limits.check(size)?;
    let precision = jpeg.get(Parameter::Precision);
    if precision != 8 {
        return Err(Format::Jpeg.unsupported(format!("{precision} bits a channel")));
    }
    let orientation = Orientation::of_jpeg(bytes);
    let layout = Layout::of_colorspace(jpeg.get(Parameter::Colorspace));
    let can_crop = jpeg.get(Parameter::Subsampling) >= 0 && jpeg.get(Parameter::IsLossless) == 0;
    let window = match target {
        Some(target) if can_crop => aligned_window(size, orientation.turned(target)),
        _ => Window::whole(size),
    };
    let length = window.size.pixels() * layout.channels();
    limits.check_memory(length)?;
    let out = buffer.take(length)?;
    let plan = Plan { limits, window, layout };
    plan.decode(jpeg, bytes, out)?;
    if layout == Layout::Cmyk {
        rgb_of_inverted_cmyk(out);
    }
    Ok(Stored { size, window, orientation })
}

/// A handle that has read the header. Warnings that `Plan::decode` may forgive come again there.
fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Turbo<'a>> {
    let read = |strict| {
        let mut jpeg = Turbo::new(bytes).ok_or(ImageError::Memory)?;
        let scans = i32::try_from(limits.scans).unwrap_or(i32::MAX);
        let result = [(Parameter::SavedMarkers, 0), (Parameter::ScanLimit, scans), (Parameter::StopOnWarning, strict)]
            .into_iter()
            .try_for_each(|(parameter, value)| jpeg.set(parameter, value))
            .and_then(|()| jpeg.read_header());
        Ok((jpeg, result))
    };
    match read(1)? {
        (jpeg, Ok(())) => Ok(jpeg),
        (_, Err(complaint)) if complaint.is_of_values() => Ok(read(0)?.0),
        (_, Err(complaint)) => Err(refusal(&complaint, limits)),
    }
}

/// The whole pixels that fitting reads, those that the decoder needs around them, and all below: libjpeg does not read
/// what lies below a window, and would not see that a file is truncated there.
fn aligned_window(size: Size, target: Size) -> Window {
    let exact = Part::central(size, target).window(size, target);
    let left = exact.left.saturating_sub(GUARD) / ALIGNMENT * ALIGNMENT;
    let right = (exact.left + exact.size.width + GUARD).next_multiple_of(ALIGNMENT).min(size.width);
    let top = exact.top.saturating_sub(GUARD);
    Window { left, top, size: Size { height: size.height - top, width: right - left } }
}

/// What is decoded, and how.
struct Plan<'a> {
    limits: &'a Limits,
    window: Window,
    layout: Layout,
}

impl Plan<'_> {
    /// Decodes without a warning, or with one that is known to be harmless: photographs in use have them, and Pillow
    /// reads these too. libjpeg tells its first warning only, so it must be ruled out that one of missing pixels follows.
    fn decode(&self, jpeg: Turbo, bytes: &[u8], out: &mut [u8]) -> Result<()> {
        let mut result = self.run(jpeg, true, out);
        if result.as_ref().is_err_and(Complaint::is_of_values) {
            let copy = with_standard_values(bytes)?;
            result = self.run(open(&copy, self.limits)?, true, out);
        }
        // Nothing is read after the end, so bytes before it were the last warning as well as the first, unless libjpeg
        // was looking for a restart marker and fills up with gray.
        if result.as_ref().is_err_and(Complaint::is_of_bytes_before_the_end) && !has_restarts(bytes) {
            result = self.run(open(bytes, self.limits)?, false, out);
            if result.as_ref().is_err_and(|complaint| complaint.is_warning) {
                result = Ok(());
            }
        }
        result.map_err(|complaint| refusal(&complaint, self.limits))?;
        if lacks_a_component(bytes) { Err(Format::Jpeg.corrupt("a colour is missing")) } else { Ok(()) }
    }

    fn run(&self, mut jpeg: Turbo, strict: bool, out: &mut [u8]) -> std::result::Result<(), Complaint> {
        let left = self.limits.memory.saturating_sub(out.len() as u64) >> 20; // MiB for libjpeg's own buffers
        jpeg.set(Parameter::MaxMemory, left.clamp(1, i32::MAX as u64) as i32)?;
        jpeg.set(Parameter::StopOnWarning, strict.into())?;
        jpeg.decode(self.window, self.layout, out)
    }
}

impl Complaint {
    /// A wrong value that `with_standard_values` replaces.
    fn is_of_values(&self) -> bool {
        self.is_warning
            && ["Warning: unknown JFIF revision", "Invalid SOS parameters"]
                .iter()
                .any(|start| self.message.starts_with(start))
    }

    fn is_of_bytes_before_the_end(&self) -> bool {
        self.is_warning && self.message.ends_with("extraneous bytes before marker 0xd9")
    }
}

/// libjpeg's message (`jerror.h`, and `turbojpeg.c`) as an error of this crate.
fn refusal(complaint: &Complaint, limits: &Limits) -> ImageError {
    let says = |starts: &[&str]| starts.iter().any(|start| complaint.message.starts_with(start));
    let cause = complaint.message.strip_prefix("Corrupt JPEG data: ").unwrap_or(&complaint.message);
    let mut letters = cause.chars();
    let cause: String = letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect();
    if says(&["Premature end of"]) {
        ImageError::Truncated(Format::Jpeg)
    } else if says(&["Progressive JPEG image has more than"]) {
        ImageError::TooManyScans { limit: limits.scans }
    } else if says(&["Memory limit exceeded"]) {
        ImageError::MemoryLimit { limit: limits.memory }
    } else if says(&["Insufficient memory", "Memory allocation failure"]) {
        ImageError::Memory
    } else if says(&["Unsupported", "Sorry", "Could not determine colorspace", "Requested feature"]) {
        Format::Jpeg.unsupported(cause)
    } else {
        Format::Jpeg.corrupt(cause)
    }
}

/// CMYK, 4 bytes a pixel, becomes RGB in the first three quarters. The values are taken as inverted, as Adobe's programs
/// write them and as Pillow reads them, and multiplied as Pillow's `convert("RGB")` does.
fn rgb_of_inverted_cmyk(pixels: &mut [u8]) {
    for at in 0..pixels.len() / 4 {
        let [cyan, magenta, yellow, light] = [0, 1, 2, 3].map(|channel| u32::from(pixels[4 * at + channel]));
        let rgb = [cyan, magenta, yellow].map(|paper| {
            let ink = (255 - paper) * light + 128;
            (light - ((ink + (ink >> 8)) >> 8)) as u8 // ink / 255, rounded
        });
        pixels[3 * at..3 * at + 3].copy_from_slice(&rgb);
    }
}
