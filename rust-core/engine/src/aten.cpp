// Operators of libtorch that training needs and tch does not bind, for raw.rs. Each answers null, or the
// text of what libtorch threw, which the caller frees. And libtorch's threads, for kernels of ours, and its own account of
// the memory of tensors.
#include <ATen/Version.h>
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

template <typename Operator> char *answer(at::Tensor **gradients, Operator run) {
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
// What libtorch's profiler of memory is told on a thread: every block of a tensor that comes (above 0) or goes (below).
struct Meter final : c10::MemoryReportingInfoBase {
  Meter(void (*report)(void *, int64_t), void *sink) : report(report), sink(sink) {}
  void reportMemoryUsage(void *, int64_t bytes, size_t, size_t, c10::Device) override { report(sink, bytes); }
  bool memoryProfilingEnabled() const override { return true; }
  void (*report)(void *, int64_t);
  void *sink;
};
} // namespace

// The vector instructions that libtorch's kernels use here, and how it was built; the caller frees the text.
extern "C" char *firesteel_cpu_capability() { return strdup(at::get_cpu_capability().c_str()); }
extern "C" char *firesteel_build_settings() { return strdup(at::show_config().c_str()); }

// Does `work`, which must not throw, and calls `report` with the size of each block that it takes or gives back on this thread.
extern "C" void firesteel_metered(void (*work)(void *), void *context, void (*report)(void *, int64_t), void *sink) {
  c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, std::make_shared<Meter>(report, sink));
  work(context);
}

extern "C" char *firesteel_convolution_backward(const at::Tensor *gradient, const at::Tensor *input,
                                                const at::Tensor *weight, int64_t stride, int64_t padding,
                                                int64_t groups, const bool *wanted, at::Tensor **gradients) {
  return answer(gradients, [&]() -> Gradients {
    const std::array<int64_t, 2> strides{stride, stride}, paddings{padding, padding}, ones{1, 1}, zeros{0, 0};
    const std::array<int64_t, 1> bias{weight->size(0)};
    return at::convolution_backward(*gradient, *input, *weight, bias, strides, paddings, ones, false, zeros, groups,
                                    {wanted[0], wanted[1], wanted[2]});
  });
}

extern "C" char *firesteel_batch_norm_backward(const at::Tensor *gradient, const at::Tensor *input,
                                               const at::Tensor *weight, const at::Tensor *mean,
                                               const at::Tensor *inverse, double epsilon, at::Tensor **gradients) {
  return answer(gradients, [&]() -> Gradients {
    return at::native_batch_norm_backward(*gradient, *input, *weight, {}, {}, *mean, *inverse, true, epsilon,
                                          {true, true, true});
  });
}

// `work`, which must not throw, on every number below `threads`, side by side. These are the threads of libgomp that
// libtorch's operators run on: behind an operator they wait for more in a loop, and would keep any others from the cores.
extern "C" void firesteel_on_threads(int threads, void (*work)(const void *, int), const void *context) {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int thread = 0; thread < threads; ++thread)
    work(context, thread);
}
