//! Bytes, numbers and texts between Java and Rust, arrays of numbers each as one bulk copy; the records of a direct buffer alone
//! are borrowed, for the length of one call. Numbers are little-endian on both sides: the supported
//! processors are.

use firesteel_engine::Error;
use firesteel_engine::memory::{Purpose, filled};
use jni::Env;
use jni::objects::{JByteArray, JByteBuffer, JFloatArray, JLongArray, JObjectArray, JString};
use jni::sys::jint;

use crate::error::Result;
use crate::java_vector::JavaValues;

/// A copy of `array`.
pub fn floats(env: &mut Env<'_>, array: &JFloatArray<'_>) -> Result<Vec<f32>> {
    let mut values = filled(array.len(env)?, 0.0, Purpose::Weights)?;
    array.get_region(env, 0, &mut values)?;
    Ok(values)
}

/// A copy of the f32 values whose bytes are `array`.
pub fn values<'local>(env: &mut Env<'local>, array: JByteArray<'local>) -> Result<Vec<f32>> {
    let from = JavaValues::new(env, array)?;
    let mut values = filled(from.length(), 0.0, Purpose::Weights)?;
    from.read(env, 0, &mut values)?;
    Ok(values)
}

/// A copy of `array`.
pub fn longs(env: &mut Env<'_>, array: &JLongArray<'_>) -> Result<Vec<i64>> {
    let mut values = filled(array.len(env)?, 0, Purpose::Weights)?;
    array.get_region(env, 0, &mut values)?;
    Ok(values)
}

/// A copy of `array`.
pub fn bytes(env: &mut Env<'_>, array: &JByteArray<'_>) -> Result<Vec<u8>> {
    let mut values = filled(array.len(env)?, 0i8, Purpose::Weights)?;
    array.get_region(env, 0, &mut values)?;
    Ok(values.into_iter().map(|byte| byte as u8).collect()) // in place: both are one byte
}

/// A new Java array with `values`.
pub fn float_array<'local>(env: &mut Env<'local>, values: &[f32]) -> Result<JFloatArray<'local>> {
    let array = JFloatArray::new(env, values.len())?;
    array.set_region(env, 0, values)?;
    Ok(array)
}

/// A new Java array with `values`.
pub fn long_array<'local>(env: &mut Env<'local>, values: &[i64]) -> Result<JLongArray<'local>> {
    let array = JLongArray::new(env, values.len())?;
    array.set_region(env, 0, values)?;
    Ok(array)
}

/// Puts the texts that there are at their places of `array`, which has as many.
pub fn set_strings<'local>(
    env: &mut Env<'local>,
    array: &JObjectArray<'local, JString<'local>>,
    texts: &[Option<String>],
) -> Result<()> {
    for (at, text) in texts.iter().enumerate() {
        let Some(text) = text else { continue };
        let string = env.new_string(text)?;
        array.set_element(env, at, &string)?;
        env.delete_local_ref(string); // a call may have more of them than the JVM keeps
    }
    Ok(())
}

/// Lends the first `length` bytes of a direct `buffer` to `use_them`.
pub fn with_direct<T>(
    env: &mut Env<'_>,
    buffer: &JByteBuffer<'_>,
    length: usize,
    use_them: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<T> {
    let capacity = env.get_direct_buffer_capacity(buffer).map_err(|_| not_direct())?;
    if capacity < length {
        return Err(Error::layout(format!("a buffer of {capacity} bytes where {length} were announced")).into());
    }
    let address = env.get_direct_buffer_address(buffer).map_err(|_| not_direct())?;
    // SAFETY: the JVM says that `capacity >= length` bytes stand at `address`; the caller's reference
    // keeps the buffer alive until this call returns, and the Java side writes to it before the call
    // and not during it, because the buffer belongs to the task thread that makes the call.
    use_them(unsafe { std::slice::from_raw_parts(address, length) })
}

fn not_direct() -> Error {
    Error::layout("records cross in a direct buffer; this one is on the Java heap")
}

/// A number of rows and the length of their bytes.
pub fn sizes(rows: jint, length: jint) -> Result<(usize, usize)> {
    let wrong = |_| Error::layout(format!("{rows} rows in {length} bytes"));
    Ok((usize::try_from(rows).map_err(wrong)?, usize::try_from(length).map_err(wrong)?))
}
