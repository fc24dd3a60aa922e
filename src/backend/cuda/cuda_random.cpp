#include <cmath>

#include "backend/cuda/cuda_kernels.h"
#include "base/philox.h"

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
                   .x = values_of(x),
                   .y = slot_of(y),
                   .image_size = image_size_of(x),
                   .random = stream_of(key.noise, key.first_image),
                   .first_kept = static_cast<std::uint32_t>(std::ceil(key.probability * 0x1p24)),
                   .scale = static_cast<float>(1.0 / (1.0 - key.probability))},
               x.dim(0));
}

void CudaKernels::normal_noise(const NoiseKey& key, std::uint32_t first_image, Tensor& z) {
  if (z.size() == 0) return;
  const std::int64_t image_size = image_size_of(z);
  auto* doubts = reinterpret_cast<Doubts*>(scratch({sizeof(Doubts) / sizeof(float)})[0]);
  const std::uint32_t none[2] = {};
  runtime_->copy_to_device(none, doubts, sizeof none);
  launch_fours(image_size,
               NormalNoiseArguments{.z = data_of(z),
                                    .image_size = image_size,
                                    .random = stream_of(key, first_image),
                                    .doubts = doubts},
               z.dim(0));
  // One element in four million.
  Doubts found;
  read(doubts, std::span(&found, 1));
  ensure(found.count <= Doubts::kMost, "cuda: ", found.count, " numbers of ", z.size(),
         " are in doubt");
  for (std::uint32_t k = 0; k < found.count; ++k) {
    const std::int64_t image = found.places[k] / image_size, i = found.places[k] % image_size;
    const float value =
        normal_block(key, first_image + static_cast<std::uint32_t>(image),
                     static_cast<std::uint32_t>(i / 4))[static_cast<std::size_t>(i % 4)];
    runtime_->copy_to_device(&value, data_of(z) + found.places[k], sizeof value);
  }
}

}  // namespace ddim::engine::cuda
