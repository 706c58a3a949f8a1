// For raw.rs: operators of libtorch that training needs and tch does not bind, libtorch's threads for our own kernels,
// and traces of the memory that tensors allocate. An operator returns null, or the message of libtorch's exception,
// which the caller frees.
#include <ATen/core/Tensor.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/native_batch_norm_backward.h>
#include <array>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <tuple>

namespace {
using Gradients = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

template <typename Operator> char *call(at::Tensor **gradients, Operator run) {
  try {
    auto [first, second, third] = run();
    gradients[0] = new at::Tensor(std::move(first));
    gradients[1] = new at::Tensor(std::move(second));
    gradients[2] = new at::Tensor(std::move(third));
    return nullptr;
  } catch (const std::exception &error) {
    return strdup(error.what());
  }
}
// Receives what libtorch reports to its memory profiler on this thread: the bytes of each allocation, negative for a
// release.
struct AllocationTrace final : c10::MemoryReportingInfoBase {
  AllocationTrace(void (*report)(void *, int64_t), void *sink) : report(report), sink(sink) {}
  void reportMemoryUsage(void *, int64_t bytes, size_t, size_t, c10::Device) override { report(sink, bytes); }
  bool memoryProfilingEnabled() const override { return true; }
  void (*report)(void *, int64_t);
  void *sink;
};
} // namespace

// Calls `work`, which must not throw, and during it `report` for each allocation and release of this thread.
extern "C" void firesteel_trace_allocations(void (*work)(void *), void *context, void (*report)(void *, int64_t),
                                            void *sink) {
  c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, std::make_shared<AllocationTrace>(report, sink));
  work(context);
}

extern "C" char *firesteel_convolution_backward(const at::Tensor *gradient, const at::Tensor *input,
                                                const at::Tensor *weight, int64_t stride, int64_t padding,
                                                int64_t groups, const bool *wanted, at::Tensor **gradients) {
  return call(gradients, [&]() -> Gradients {
    const std::array<int64_t, 2> strides{stride, stride}, paddings{padding, padding}, ones{1, 1}, zeros{0, 0};
    const std::array<int64_t, 1> bias{weight->size(0)};
    return at::convolution_backward(*gradient, *input, *weight, bias, strides, paddings, ones, false, zeros, groups,
                                    {wanted[0], wanted[1], wanted[2]});
  });
}

extern "C" char *firesteel_batch_norm_backward(const at::Tensor *gradient, const at::Tensor *input,
                                               const at::Tensor *weight, const at::Tensor *mean,
                                               const at::Tensor *inverse, double epsilon, at::Tensor **gradients) {
  return call(gradients, [&]() -> Gradients {
    return at::native_batch_norm_backward(*gradient, *input, *weight, {}, {}, *mean, *inverse, true, epsilon,
                                          {true, true, true});
  });
}

// Calls `work`, which must not throw, with every number below `threads`, in parallel. These are libgomp's threads,
// which libtorch's operators run on too. After an operator they spin while they wait for more work, and would take the
// cores from any other threads.
extern "C" void firesteel_on_threads(int threads, void (*work)(const void *, int), const void *context) {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int thread = 0; thread < threads; ++thread)
    work(context, thread);
}
