//! The one place of the engine that touches memory of libtorch: values of dense tensors as slices, and the
//! operators and threads of aten.cpp. Everything above it is safe.

use std::any::Any;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::slice;
use std::sync::{Mutex, PoisonError};

use half::bf16;
use tch::{Device, Kind, Tensor};
use torch_sys::C_tensor;

/// A Rust type that lies in memory as a kind of tensor's values do.
pub trait Dense: Copy {
    const KIND: Kind;
}

impl Dense for f32 {
    const KIND: Kind = Kind::Float;
}

impl Dense for bf16 {
    const KIND: Kind = Kind::BFloat16;
}

unsafe extern "C" {
    fn firesteel_convolution_backward(
        gradient: *const C_tensor,
        input: *const C_tensor,
        weight: *const C_tensor,
        stride: i64,
        padding: i64,
        groups: i64,
        wanted: *const bool,
        gradients: *mut *mut C_tensor,
    ) -> *mut c_char;
    fn firesteel_batch_norm_backward(
        gradient: *const C_tensor,
        input: *const C_tensor,
        weight: *const C_tensor,
        mean: *const C_tensor,
        inverse: *const C_tensor,
        epsilon: f64,
        gradients: *mut *mut C_tensor,
    ) -> *mut c_char;
    fn firesteel_on_threads(threads: c_int, work: extern "C" fn(*const c_void, c_int), context: *const c_void);
}

/// How a convolution slides; the same in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slide {
    pub stride: i64,
    pub padding: i64,
    pub groups: i64,
}

/// Gradients of a convolution's input, weight and bias; those that are not `wanted` are undefined tensors.
/// Panics with libtorch's text, as tch's operators do.
pub fn convolution_backward(
    gradient: &Tensor,
    (input, weight): (&Tensor, &Tensor),
    slide: Slide,
    wanted: [bool; 3],
) -> [Tensor; 3] {
    let mut out = [std::ptr::null_mut(); 3];
    let Slide { stride, padding, groups } = slide;
    // SAFETY: the tensors live through the call; `wanted` and `out` are three values each, as aten.cpp reads them.
    let error = unsafe {
        let (gradient, input, weight) = (gradient.as_ptr(), input.as_ptr(), weight.as_ptr());
        let wanted = wanted.as_ptr();
        firesteel_convolution_backward(gradient, input, weight, stride, padding, groups, wanted, out.as_mut_ptr())
    };
    answered(error, out)
}

/// Gradients of a batch normalisation's input, weight and bias in training, given what its forward pass saved.
pub fn batch_norm_backward(
    gradient: &Tensor,
    (input, weight): (&Tensor, &Tensor),
    (mean, inverse): (&Tensor, &Tensor),
    epsilon: f64,
) -> [Tensor; 3] {
    let mut out = [std::ptr::null_mut(); 3];
    // SAFETY: as above.
    let error = unsafe {
        let (gradient, input, weight) = (gradient.as_ptr(), input.as_ptr(), weight.as_ptr());
        let (mean, inverse) = (mean.as_ptr(), inverse.as_ptr());
        firesteel_batch_norm_backward(gradient, input, weight, mean, inverse, epsilon, out.as_mut_ptr())
    };
    answered(error, out)
}

fn answered(error: *mut c_char, out: [*mut C_tensor; 3]) -> [Tensor; 3] {
    if error.is_null() {
        // SAFETY: without an error aten.cpp made three tensors, which now belong to their Rust owners.
        return out.map(|tensor| unsafe { Tensor::from_ptr(tensor) });
    }
    // SAFETY: aten.cpp answers a text made by strdup, which is freed once.
    let text = unsafe {
        let text = CStr::from_ptr(error).to_string_lossy().into_owned();
        libc::free(error.cast());
        text
    };
    panic!("{text}")
}

/// What the threads of a call of [`on_threads`] share.
struct Shared<'a> {
    work: &'a (dyn Fn(usize) + Sync),
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Calls `work` with every number below `threads`, each on a thread of libtorch's own. A panic of one goes on
/// here when all have ended.
pub fn on_threads(threads: usize, work: &(dyn Fn(usize) + Sync)) {
    extern "C" fn call(shared: *const c_void, thread: c_int) {
        // SAFETY: the pointer is the one that is given below, to what lives until all threads have ended.
        let shared = unsafe { &*shared.cast::<Shared<'_>>() };
        // C++ must not be unwound
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (shared.work)(thread as usize))) {
            shared.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic);
        }
    }
    let shared = Shared { work, panic: Mutex::default() };
    let threads = c_int::try_from(threads).unwrap_or(c_int::MAX);
    // SAFETY: `call` reads what it is given as a `Shared` and lets nothing unwind.
    unsafe { firesteel_on_threads(threads, call, (&raw const shared).cast()) };
    if let Some(panic) = shared.panic.into_inner().unwrap_or_else(PoisonError::into_inner) {
        resume_unwind(panic);
    }
}

/// Values of a dense tensor on the CPU in the order of its memory.
///
/// Panics when the kind is another, the tensor is elsewhere, or its values do not lie without gaps.
pub fn values<T: Dense>(tensor: &Tensor) -> &[T] {
    let length = check::<T>(tensor);
    // SAFETY: `check` holds kind, device and density, so `length` values lie at the pointer; the borrow keeps
    // the tensor alive, and who writes to a tensor's memory in this crate holds it by `&mut`.
    unsafe { slice::from_raw_parts(tensor.data_ptr().cast(), length) }
}

/// The same, to write. The tensor must be the only one over its memory, as one that was just made is.
pub fn values_mut<T: Dense>(tensor: &mut Tensor) -> &mut [T] {
    let length = check::<T>(tensor);
    // SAFETY: as above, and the caller says that no other tensor is over this memory.
    unsafe { slice::from_raw_parts_mut(tensor.data_ptr().cast(), length) }
}

fn check<T: Dense>(tensor: &Tensor) -> usize {
    assert_eq!(tensor.kind(), T::KIND, "kind of a tensor's values");
    assert_eq!(tensor.device(), Device::Cpu, "device of a tensor's values");
    assert!(is_dense(&tensor.size(), &tensor.stride()), "a tensor whose values lie with gaps");
    tensor.numel()
}

/// Whether the strides are those of the sizes in some order of the dimensions.
fn is_dense(sizes: &[i64], strides: &[i64]) -> bool {
    let mut dims: Vec<(i64, i64)> = strides.iter().copied().zip(sizes.iter().copied()).filter(|d| d.1 != 1).collect();
    dims.sort_unstable();
    let mut expected = 1;
    dims.into_iter().all(|(stride, size)| {
        let follows = stride == expected;
        expected *= size;
        follows
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_in_the_order_of_memory() {
        let tensor = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0]).view([2, 3]);
        assert_eq!(values::<f32>(&tensor.transpose(0, 1)), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    #[should_panic(expected = "gaps")]
    fn a_tensor_with_gaps_is_refused() {
        values::<f32>(&Tensor::zeros([2, 3], (Kind::Float, Device::Cpu)).narrow(1, 0, 2));
    }

    #[test]
    #[should_panic(expected = "kind")]
    fn a_tensor_of_another_kind_is_refused() {
        values::<f32>(&Tensor::zeros([2], (Kind::Double, Device::Cpu)));
    }

    #[test]
    fn a_panic_on_a_thread_of_libtorch_goes_on_where_it_was_called() {
        let panic = catch_unwind(|| on_threads(3, &|thread| assert_ne!(thread, 2, "the third"))).unwrap_err();
        assert!(panic.downcast_ref::<String>().is_some_and(|text| text.contains("the third")));
    }

    #[test]
    fn what_libtorch_throws_is_a_panic_with_its_text() {
        let (x, w) = (
            Tensor::ones([1, 2, 4, 4], (Kind::Float, Device::Cpu)),
            Tensor::ones([3, 5, 3, 3], (Kind::Float, Device::Cpu)),
        );
        let slide = Slide { stride: 1, padding: 1, groups: 1 };
        let panic = catch_unwind(|| convolution_backward(&x, (&x, &w), slide, [true; 3])).unwrap_err();
        assert!(panic.downcast_ref::<String>().is_some_and(|text| !text.is_empty()));
    }
}
