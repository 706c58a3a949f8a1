//! The one file that accesses libtorch's memory: the values of dense tensors as slices, and the functions of aten.cpp
//! (operators that tch does not bind, libtorch's threads, allocation traces). Everything here is safe to call except
//! [`ReadOnly::new`], which only `ops` calls.

use std::any::Any;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use half::bf16;
use tch::{Device, Kind, Tensor};
use torch_sys::C_tensor;

/// A Rust type with the same representation in memory as the values of a tensor of this kind.
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
    fn firesteel_trace_allocations(
        work: extern "C" fn(*mut c_void),
        context: *mut c_void,
        report: extern "C" fn(*mut c_void, i64),
        sink: *mut c_void,
    );
    fn firesteel_on_threads(threads: c_int, work: extern "C" fn(*const c_void, c_int), context: *const c_void);
}

/// Stride, padding and groups of a convolution, the same in both directions of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvGeometry {
    pub stride: i64,
    pub padding: i64,
    pub groups: i64,
}

/// The gradients of a convolution's input, weight and bias; those that are not `wanted` are undefined tensors. Panics
/// with libtorch's message, as tch's operators do.
pub fn convolution_backward(
    gradient: &Tensor,
    (input, weight): (&Tensor, &Tensor),
    geometry: ConvGeometry,
    wanted: [bool; 3],
) -> [Tensor; 3] {
    let mut out = [std::ptr::null_mut(); 3];
    let ConvGeometry { stride, padding, groups } = geometry;
    // SAFETY: the tensors outlive the call; `wanted` and `out` have three values each, which is what aten.cpp accesses.
    let error = unsafe {
        let (gradient, input, weight) = (gradient.as_ptr(), input.as_ptr(), weight.as_ptr());
        let wanted = wanted.as_ptr();
        firesteel_convolution_backward(gradient, input, weight, stride, padding, groups, wanted, out.as_mut_ptr())
    };
    into_tensors(error, out)
}

/// The gradients of a batch normalisation's input, weight and bias in training; `mean` and `inverse` (the inverse
/// standard deviation) are what libtorch's forward pass saved.
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
    into_tensors(error, out)
}

fn into_tensors(error: *mut c_char, out: [*mut C_tensor; 3]) -> [Tensor; 3] {
    if error.is_null() {
        // SAFETY: without an error aten.cpp has made three tensors and passes on their ownership.
        return out.map(|tensor| unsafe { Tensor::from_ptr(tensor) });
    }
    // SAFETY: the text was made by strdup, belongs to the caller, and is freed once.
    let text = unsafe {
        let text = CStr::from_ptr(error).to_string_lossy().into_owned();
        libc::free(error.cast());
        text
    };
    panic!("{text}")
}

/// What the threads of one call of [`on_threads`] share.
struct Shared<'a> {
    work: &'a (dyn Fn(usize) + Sync),
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Calls `work` with every number below `threads`, each on one of libtorch's own threads. If one panics, the panic
/// continues on the calling thread after all have returned.
pub fn on_threads(threads: usize, work: &(dyn Fn(usize) + Sync)) {
    extern "C" fn call(shared: *const c_void, thread: c_int) {
        // SAFETY: this is the pointer given below; it points to a `Shared` that lives until all threads have returned.
        let shared = unsafe { &*shared.cast::<Shared<'_>>() };
        // a panic must not unwind through C++
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (shared.work)(thread as usize))) {
            shared.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic);
        }
    }
    let shared = Shared { work, panic: Mutex::default() };
    let threads = c_int::try_from(threads).unwrap_or(c_int::MAX);
    // SAFETY: `call` takes the pointer as the `Shared` that it is, and does not unwind.
    unsafe { firesteel_on_threads(threads, call, (&raw const shared).cast()) };
    if let Some(panic) = shared.panic.into_inner().unwrap_or_else(PoisonError::into_inner) {
        resume_unwind(panic);
    }
}

/// Calls `work` on this thread. Returns its result and, for each allocation and release of a tensor's memory, how many
/// bytes were allocated after it. Memory allocated before the call is not counted and must not be released during it. A
/// panic of `work` continues here.
pub fn trace_allocations<R>(work: impl FnOnce() -> R) -> (R, Vec<i64>) {
    /// The work before the call, its result after it.
    struct Call<W, R> {
        work: Option<W>,
        result: Option<std::thread::Result<R>>,
    }
    extern "C" fn call<W: FnOnce() -> R, R>(context: *mut c_void) {
        // SAFETY: this is the pointer given below; it points to a `Call` that lives until the call has returned.
        let context = unsafe { &mut *context.cast::<Call<W, R>>() };
        if let Some(work) = context.work.take() {
            context.result = Some(catch_unwind(AssertUnwindSafe(work))); // a panic must not unwind through C++
        }
    }
    extern "C" fn report(sink: *mut c_void, bytes: i64) {
        // SAFETY: likewise for the vector; libtorch reports on the thread that allocates, which is the one of the call.
        let alive = unsafe { &mut *sink.cast::<Vec<i64>>() };
        alive.push(alive.last().unwrap_or(&0) + bytes);
    }
    fn caller<W: FnOnce() -> R, R>(_: &Call<W, R>) -> extern "C" fn(*mut c_void) {
        call::<W, R>
    }
    let (mut context, mut alive) = (Call { work: Some(work), result: None }, Vec::new());
    let call = caller(&context);
    // SAFETY: both functions take their pointers as the types that they point to, neither unwinds, and nothing else
    // accesses the two values during the call.
    unsafe {
        firesteel_trace_allocations(call, (&raw mut context).cast(), report, (&raw mut alive).cast());
    }
    match context.result {
        Some(Ok(result)) => (result, alive),
        Some(Err(panic)) => resume_unwind(panic),
        None => unreachable!("aten.cpp calls the work once"),
    }
}

/// A new dense tensor on the CPU with `sizes`, whose values `fill` writes in the order of memory. Before that they are
/// arbitrary.
pub fn filled<T: Dense>(sizes: &[i64], fill: impl FnOnce(&mut [T])) -> Tensor {
    let tensor = Tensor::empty(sizes, (T::KIND, Device::Cpu));
    let length = check::<T>(&tensor);
    // SAFETY: `check` has verified kind, device and density, so there are `length` values at the pointer. The tensor is
    // new, so nothing else refers to its memory. libtorch has not initialised it, but every bit pattern is a value of a
    // `Dense` type.
    fill(unsafe { slice::from_raw_parts_mut(tensor.data_ptr().cast(), length) });
    tensor
}

/// A dense tensor on the CPU whose values can be read as a slice.
pub struct ReadOnly<T> {
    tensor: Tensor,
    length: usize,
    kind: PhantomData<T>,
}

impl<T: Dense> ReadOnly<T> {
    /// Panics if the tensor is of another kind, on another device, or not dense.
    ///
    /// # Safety
    ///
    /// The caller asserts that nobody writes to the memory of `tensor` while this exists, through it or through another
    /// tensor over the same memory, on any thread. The types of tch do not guarantee that, since a shallow clone can be
    /// written to.
    pub unsafe fn new(tensor: Tensor) -> Self {
        let length = check::<T>(&tensor);
        Self { tensor, length, kind: PhantomData }
    }

    /// In the order of memory.
    pub fn values(&self) -> &[T] {
        // SAFETY: `check` has verified kind, device and density, so there are `length` values at the pointer; the
        // tensor lives as long as the borrow, and the caller of `new` has asserted that nobody writes to them.
        unsafe { slice::from_raw_parts(self.tensor.data_ptr().cast(), self.length) }
    }

    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }
}

/// A copy of the values of a dense f32 tensor on the CPU that other threads may be writing to, as the threads of
/// `hogwild` write to the weights. Each value of the copy is one that the tensor had at some time.
pub fn atomic_copy(tensor: &Tensor) -> Vec<f32> {
    let length = check::<f32>(tensor);
    // SAFETY: there are `length` aligned values at the pointer, and the borrow keeps the tensor alive. An atomic may be
    // read while others write to it, and libtorch's kernels, which write, store whole values.
    let values = unsafe { slice::from_raw_parts(tensor.data_ptr().cast::<AtomicU32>(), length) };
    values.iter().map(|value| f32::from_bits(value.load(Ordering::Relaxed))).collect()
}

fn check<T: Dense>(tensor: &Tensor) -> usize {
    assert_eq!(tensor.kind(), T::KIND, "kind of a tensor's values");
    assert_eq!(tensor.device(), Device::Cpu, "device of a tensor's values");
    assert!(is_dense(&tensor.size(), &tensor.stride()), "a tensor whose values lie with gaps");
    tensor.numel()
}

/// Whether the strides are those of a tensor without gaps whose dimensions are stored in some order.
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
    fn values_are_in_the_order_of_memory() {
        let tensor = filled::<f32>(&[2, 3], |values| values.copy_from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        assert_eq!(tensor, Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0]).view([2, 3]));
        let turned = tensor.transpose(0, 1);
        assert_eq!(atomic_copy(&turned), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        // SAFETY: nobody writes to it.
        assert_eq!(unsafe { ReadOnly::<f32>::new(turned) }.values(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn a_trace_has_the_allocated_bytes_after_each_event() {
        let block = |values: i64| Tensor::zeros([values], (Kind::Float, Device::Cpu));
        let (sum, alive) = trace_allocations(|| {
            let first = block(256);
            let second = block(512);
            drop(first);
            second.numel() + block(64).numel()
        });
        assert_eq!((sum, alive), (576, vec![1024, 3072, 2048, 2304, 2048, 0]));
        assert!(trace_allocations(|| ()).1.is_empty());
        assert!(catch_unwind(|| trace_allocations(|| panic!("continues"))).is_err());
    }

    #[test]
    #[should_panic(expected = "gaps")]
    fn a_tensor_with_gaps_is_refused() {
        atomic_copy(&Tensor::zeros([2, 3], (Kind::Float, Device::Cpu)).narrow(1, 0, 2));
    }

    #[test]
    #[should_panic(expected = "kind")]
    fn a_tensor_of_another_kind_is_refused() {
        atomic_copy(&Tensor::zeros([2], (Kind::Double, Device::Cpu)));
    }

    #[test]
    fn a_panic_on_a_thread_of_libtorch_continues_on_the_calling_thread() {
        let panic = catch_unwind(|| on_threads(3, &|thread| assert_ne!(thread, 2, "the third"))).unwrap_err();
        assert!(panic.downcast_ref::<String>().is_some_and(|text| text.contains("the third")));
    }

    #[test]
    fn an_exception_of_libtorch_is_a_panic_with_its_message() {
        let (x, w) = (
            Tensor::ones([1, 2, 4, 4], (Kind::Float, Device::Cpu)),
            Tensor::ones([3, 5, 3, 3], (Kind::Float, Device::Cpu)),
        );
        let geometry = ConvGeometry { stride: 1, padding: 1, groups: 1 };
        let panic = catch_unwind(|| convolution_backward(&x, (&x, &w), geometry, [true; 3])).unwrap_err();
        assert!(panic.downcast_ref::<String>().is_some_and(|text| !text.is_empty()));
    }
}
