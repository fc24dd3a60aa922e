// What stands between the program, which is built without CUDA, and its kernels, which are in a
// shared object that is opened at run time, or in the emulation. Plain functions and plain structs.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ddim::engine::cuda {

/// Every kernel, by its arguments (arguments.h): one struct, one kernel.
enum class KernelId : std::uint32_t {
  fill,
  accumulate,
  add,
  activate,
  activate_backward,
  scale_shift,
  scale_shift_backward,
  scale_shift_sums,
  mix,
  combine,
  sampler_update,
  learned_deviation,
  difference,
  adam,
  dropout,
  normal_noise,
  repeat_2x,
  sum_2x2,
  pool,
  join,
  gather,
  gather_backward,
  column_sums,
  sum_partials,
  squares,
  finite,
  quantile,
  group_norm,
  group_norm_backward,
  group_norm_sums,
  softmax,
  softmax_backward,
  product_f32,
  product_bf16,
  product_bf16x3,
  conv_f32,
  conv_bf16,
  conv_bf16_small,
  conv_bf16x3,
  conv_bf16x3_small,
  weight_gradient_f32,
  weight_gradient_bf16,
  weight_gradient_bf16x3,
  round_channels,
  pack_weight_f32,
  pack_weight_bf16,
  count,
};

/// The most blocks of a grid along its second axis, and along its third.
inline constexpr std::int64_t kMaxGridDepth = 65535;

struct LaunchShape {
  std::uint32_t grid[3] = {1, 1, 1};
  std::uint32_t threads = 256;     ///< of a block
  std::uint32_t shared_bytes = 0;  ///< beside what the kernel declares itself
};

/// What a GPU is.
struct GpuDescription {
  char name[128];
  std::size_t total_bytes, free_bytes;
  int max_shared_bytes;  ///< that a block can have
  int num_multiprocessors;
};

/// Raised with each change of what both sides know.
inline constexpr std::uint32_t kLibraryVersion = 5;

/// The functions of a library. Those that return text return null when all went well, and what went
/// wrong otherwise.
struct Library {
  std::uint32_t version;
  /// Takes the first GPU, and makes a stream: what all other functions work in, in order.
  const char* (*start)(GpuDescription* description, void** stream);
  void (*finish)(void* stream);
  /// *data is null where there is not that much memory, which is no error.
  const char* (*allocate)(std::size_t num_bytes, void** data);
  /// After all that was begun in the stream.
  void (*deallocate)(void* stream, void* data);
  std::size_t (*free_bytes)();
  /// Returns as soon as `from` may be changed: the copy itself may come later.
  const char* (*copy_to_device)(void* stream, const void* from, void* to, std::size_t num_bytes);
  /// Returns when the copy is done.
  const char* (*copy_to_host)(void* stream, const void* from, void* to, std::size_t num_bytes);
  /// Returns when everything is done that was asked for.
  const char* (*synchronize)(void* stream);
  /// Begins what was launched. Returns at once, or, where much was begun that is not done yet, when
  /// there is less: whoever reports progress or wants to stop is not far ahead of the GPU.
  const char* (*begin)(void* stream);
  /// Returns at once; `arguments` are copied. The kernel may begin only where something is begun,
  /// copied or waited for.
  const char* (*launch)(void* stream, KernelId kernel, const LaunchShape& shape,
                        const void* arguments, std::size_t argument_bytes);
};

/// The one function that libddim_cuda.so exports: kLibraryFunction by name.
using LibraryFunction = const Library* (*)();
inline constexpr char kLibraryFunction[] = "ddim_cuda_library";

}  // namespace ddim::engine::cuda
