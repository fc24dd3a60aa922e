#include <cmath>

#include "backend/cuda/cuda_kernels.h"

namespace ddim::engine::cuda {
namespace {

RandomStream stream_of(const NoiseKey& key, std::uint32_t first_image) {
  return {.step = key.step,
          .first_image = first_image,
          .stream = static_cast<std::uint32_t>(key.purpose) << 24 | key.lane,
          .key0 = static_cast<std::uint32_t>(key.seed),
          .key1 = static_cast<std::uint32_t>(key.seed >> 32)};
}

}  // namespace

void CudaKernels::dropout(const Tensor& x, const DropoutKey& key, Grad y) {
  if (!y) return;
  // uniform = (word >> 8) 2^-24 >= probability, as integers.
  launch_fours(image_size_of(x),
               DropoutArguments{
                   .x = data_of(x),
                   .y = slot_of(y),
                   .image_size = image_size_of(x),
                   .random = stream_of(key.noise, key.first_image),
                   .first_kept = static_cast<std::uint32_t>(std::ceil(key.probability * 0x1p24)),
                   .scale = static_cast<float>(1.0 / (1.0 - key.probability))},
               x.dim(0));
}

void CudaKernels::normal_noise(const NoiseKey& key, std::uint32_t first_image, Tensor& z) {
  launch_fours(
      image_size_of(z),
      NormalNoiseArguments{
          .z = data_of(z), .image_size = image_size_of(z), .random = stream_of(key, first_image)},
      z.dim(0));
}

}  // namespace ddim::engine::cuda
