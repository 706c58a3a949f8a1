//! The one place of the engine that touches memory of libtorch: values of dense tensors as slices, and the
//! operators, threads and meter of aten.cpp. All of it is safe to call but [`Frozen::new`], which `ops` alone calls.

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
    fn firesteel_cpu_capability() -> *mut c_char;
    fn firesteel_build_settings() -> *mut c_char;
    fn firesteel_metered(
        work: extern "C" fn(*mut c_void),
        context: *mut c_void,
        report: extern "C" fn(*mut c_void, i64),
        sink: *mut c_void,
    );
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
    // SAFETY: aten.cpp answers a text made by strdup.
    let text = unsafe { owned(error) };
    panic!("{text}")
}

/// The vector instructions that libtorch's kernels use here.
pub fn cpu_capability() -> String {
    // SAFETY: as above.
    unsafe { owned(firesteel_cpu_capability()) }
}

/// How the libtorch that is loaded was built, in its own words.
pub fn build_settings() -> String {
    // SAFETY: as above.
    unsafe { owned(firesteel_build_settings()) }
}

/// Takes a text over.
///
/// # Safety
/// The caller asserts that `text` was made by strdup, and that nobody else frees or reads it.
unsafe fn owned(text: *mut c_char) -> String {
    // SAFETY: as the caller asserts.
    unsafe {
        let copy = CStr::from_ptr(text).to_string_lossy().into_owned();
        libc::free(text.cast());
        copy
    }
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

/// Does `work` on this thread, and answers with it the bytes of tensors that were alive after each block that came or
/// went. What was allocated before is not counted and must not be freed in between. A panic goes on here.
pub fn metered<R>(work: impl FnOnce() -> R) -> (R, Vec<i64>) {
    /// What is to be done, and then what came of it.
    struct Call<W, R> {
        work: Option<W>,
        result: Option<std::thread::Result<R>>,
    }
    extern "C" fn call<W: FnOnce() -> R, R>(context: *mut c_void) {
        // SAFETY: the pointer is the one that is given below, to what lives until the call has returned.
        let context = unsafe { &mut *context.cast::<Call<W, R>>() };
        if let Some(work) = context.work.take() {
            context.result = Some(catch_unwind(AssertUnwindSafe(work))); // C++ must not be unwound
        }
    }
    extern "C" fn report(sink: *mut c_void, bytes: i64) {
        // SAFETY: likewise; libtorch reports on the thread that allocates, which is the one of the call.
        let alive = unsafe { &mut *sink.cast::<Vec<i64>>() };
        alive.push(alive.last().unwrap_or(&0) + bytes);
    }
    fn caller<W: FnOnce() -> R, R>(_: &Call<W, R>) -> extern "C" fn(*mut c_void) {
        call::<W, R>
    }
    let (mut context, mut alive) = (Call { work: Some(work), result: None }, Vec::new());
    let call = caller(&context);
    // SAFETY: both functions take their pointers as what they are, neither lets anything unwind, and nobody else
    // touches the two values during the call.
    unsafe {
        firesteel_metered(call, (&raw mut context).cast(), report, (&raw mut alive).cast());
    }
    match context.result {
        Some(Ok(result)) => (result, alive),
        Some(Err(panic)) => resume_unwind(panic),
        None => unreachable!("aten.cpp calls the work once"),
    }
}

/// A new dense tensor on the CPU with `sizes`, whose values `fill` writes in the order of its memory. They are any values
/// before.
pub fn filled<T: Dense>(sizes: &[i64], fill: impl FnOnce(&mut [T])) -> Tensor {
    let tensor = Tensor::empty(sizes, (T::KIND, Device::Cpu));
    let length = check::<T>(&tensor);
    // SAFETY: `check` holds kind, device and density, so `length` values lie at the pointer. The tensor was just made, so
    // this is the only way to its memory. The memory is libtorch's, of which Rust knows nothing, and every pattern of bits
    // is a value of a `Dense` type.
    fill(unsafe { slice::from_raw_parts_mut(tensor.data_ptr().cast(), length) });
    tensor
}

/// A dense tensor on the CPU whose values can be read as a slice.
pub struct Frozen<T> {
    tensor: Tensor,
    length: usize,
    kind: PhantomData<T>,
}

impl<T: Dense> Frozen<T> {
    /// Panics when the kind is another, the tensor is elsewhere, or its values do not lie without gaps.
    ///
    /// # Safety
    ///
    /// As long as this lives nobody writes to the memory of `tensor`: neither by it nor by another tensor over the same
    /// memory, on any thread. tch cannot promise that, since a shallow clone may be written through.
    pub unsafe fn new(tensor: Tensor) -> Self {
        let length = check::<T>(&tensor);
        Self { tensor, length, kind: PhantomData }
    }

    /// In the order of memory.
    pub fn values(&self) -> &[T] {
        // SAFETY: `check` held kind, device and density, so `length` values lie at the pointer; the tensor lives as long
        // as the borrow, and who made this says that nobody writes to them.
        unsafe { slice::from_raw_parts(self.tensor.data_ptr().cast(), self.length) }
    }

    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }
}

/// A copy of the values of a dense f32 tensor on the CPU that other threads may write to meanwhile, as those of `hogwild`
/// do with the weights. Each value is one that was there at some time.
pub fn snapshot(tensor: &Tensor) -> Vec<f32> {
    let length = check::<f32>(tensor);
    // SAFETY: `length` values lie at the pointer, aligned, while the borrow keeps the tensor alive; an atomic may be
    // read while others write, and libtorch's kernels, who write, store whole values.
    let values = unsafe { slice::from_raw_parts(tensor.data_ptr().cast::<AtomicU32>(), length) };
    values.iter().map(|value| f32::from_bits(value.load(Ordering::Relaxed))).collect()
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
        let tensor = filled::<f32>(&[2, 3], |values| values.copy_from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        assert_eq!(tensor, Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0]).view([2, 3]));
        let turned = tensor.transpose(0, 1);
        assert_eq!(snapshot(&turned), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        // SAFETY: nobody writes to it.
        assert_eq!(unsafe { Frozen::<f32>::new(turned) }.values(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn a_meter_tells_what_is_alive_after_each_block() {
        let block = |values: i64| Tensor::zeros([values], (Kind::Float, Device::Cpu));
        let (sum, alive) = metered(|| {
            let first = block(256);
            let second = block(512);
            drop(first);
            second.numel() + block(64).numel()
        });
        assert_eq!((sum, alive), (576, vec![1024, 3072, 2048, 2304, 2048, 0]));
        assert!(metered(|| ()).1.is_empty());
        assert!(catch_unwind(|| metered(|| panic!("goes on"))).is_err());
    }

    #[test]
    #[should_panic(expected = "gaps")]
    fn a_tensor_with_gaps_is_refused() {
        snapshot(&Tensor::zeros([2, 3], (Kind::Float, Device::Cpu)).narrow(1, 0, 2));
    }

    #[test]
    #[should_panic(expected = "kind")]
    fn a_tensor_of_another_kind_is_refused() {
        snapshot(&Tensor::zeros([2], (Kind::Double, Device::Cpu)));
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
