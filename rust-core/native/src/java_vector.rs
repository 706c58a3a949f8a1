//! Flat vectors in Java's arrays of bytes, little-endian, as they are sent between the driver and the executors.

use std::ops::Range;

use firesteel_engine::{Error, Result, RoundVector};
use jni::Env;
use jni::objects::{JByteArray, JObjectArray};
use jni::sys::jsize;

/// The bytes of f32 values in a Java array.
pub struct JavaValues<'local> {
    array: JByteArray<'local>,
    length: usize,
}

impl<'local> JavaValues<'local> {
    /// The values of `array`; a length that is no multiple of four is refused.
    pub fn new(env: &Env<'local>, array: JByteArray<'local>) -> Result<Self> {
        let bytes = array.len(env).map_err(broken)?;
        if bytes % size_of::<f32>() != 0 {
            return Err(Error::layout(format!("{bytes} bytes are no whole number of f32 values")));
        }
        Ok(Self { array, length: bytes / size_of::<f32>() })
    }

    /// The values of each of `arrays`.
    pub fn all(env: &mut Env<'local>, arrays: &JObjectArray<'local, JByteArray<'local>>) -> Result<Vec<Self>> {
        let count = arrays.len(env).map_err(broken)?;
        let of = |at| {
            let array = arrays.get_element(env, at).map_err(broken)?;
            Self::new(env, array)
        };
        (0..count).map(of).collect()
    }

    /// The number of values.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Copies values, from index `from` on, to all of `into`.
    pub fn read(&self, env: &Env<'_>, from: usize, into: &mut [f32]) -> Result<()> {
        let start = first_byte(from)?;
        self.array.get_region(env, start, bytemuck::cast_slice_mut(into)).map_err(broken)
    }

    /// Stores `values` as those from index `from` on.
    pub fn write(&self, env: &Env<'_>, from: usize, values: &[f32]) -> Result<()> {
        self.array.set_region(env, first_byte(from)?, bytemuck::cast_slice(values)).map_err(broken)
    }
}

fn first_byte(from: usize) -> Result<jsize> {
    let bytes = from.checked_mul(size_of::<f32>()).and_then(|bytes| jsize::try_from(bytes).ok());
    bytes.ok_or_else(|| Error::layout(format!("no Java array has a value {from}")))
}

fn broken(cause: jni::errors::Error) -> Error {
    Error::internal("access an array of Java").caused_by(cause)
}

/// The vector of a round: what it starts from and what it leaves, each as arrays that follow one another.
pub struct JavaVector<'a, 'local> {
    pub env: &'a Env<'local>,
    pub given: Vec<JavaValues<'local>>,
    pub wanted: Vec<JavaValues<'local>>,
}

impl RoundVector for JavaVector<'_, '_> {
    fn given(&self) -> usize {
        self.given.iter().map(JavaValues::length).sum()
    }

    fn wanted(&self) -> usize {
        self.wanted.iter().map(JavaValues::length).sum()
    }

    fn read(&mut self, from: usize, into: &mut [f32]) -> Result<()> {
        let env = self.env;
        each_part(&self.given, from, into.len(), |values, at, part| values.read(env, at, &mut into[part]))
    }

    fn write(&mut self, from: usize, values: &[f32]) -> Result<()> {
        let env = self.env;
        each_part(&self.wanted, from, values.len(), |into, at, part| into.write(env, at, &values[part]))
    }
}

/// Calls `copy` for each of `arrays` that has some of the `size` values from index `from` on of all arrays together: with
/// the index of the first of them in that array, and which of the `size` values they are.
fn each_part<'local>(
    arrays: &[JavaValues<'local>],
    from: usize,
    size: usize,
    mut copy: impl FnMut(&JavaValues<'local>, usize, Range<usize>) -> Result<()>,
) -> Result<()> {
    let (mut skipped, mut done) = (0, 0);
    for array in arrays {
        let at = (from + done).saturating_sub(skipped);
        let count = array.length.saturating_sub(at).min(size - done);
        if count > 0 {
            copy(array, at, done..done + count)?;
        }
        (skipped, done) = (skipped + array.length, done + count);
    }
    if done < size { Err(Error::layout(format!("a vector ends before value {}", from + size))) } else { Ok(()) }
}
