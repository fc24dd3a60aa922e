#include <algorithm>
#include <array>
#include <cmath>

#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/parallel.h"
#include "backend/cpu/philox_simd.h"

namespace ddim::engine::cpu {

void CpuKernels::dropout(const Tensor& x, const DropoutKey& key, Grad y) {
  if (!y || x.size() == 0) return;
  const std::int64_t images = x.dim(0);
  const std::int64_t image_elements = x.size() / images;
  // uniform = (word >> 8) 2^-24 >= probability, as integers.
  const simd::DropoutRule rule = {
      .first_kept = static_cast<std::int32_t>(std::ceil(key.probability * 0x1p24)),
      .scale = static_cast<float>(1.0 / (1.0 - key.probability))};
  constexpr std::int64_t kTaskElements = 4096;  // their random words are on the stack
  const std::int64_t tasks = (image_elements + kTaskElements - 1) / kTaskElements;
  const float* in = x.data<float>();
  float* out = y.tensor.data<float>();
  parallel_for(team(), images * tasks, [&](std::int64_t task) {
    const std::int64_t n = task / tasks;
    const std::int64_t first = task % tasks * kTaskElements;
    const std::int64_t count = std::min(kTaskElements, image_elements - first);
    const auto num_words = (static_cast<std::size_t>(count) + simd::kWordsMultiple - 1) /
                           simd::kWordsMultiple * simd::kWordsMultiple;
    std::array<std::uint32_t, kTaskElements> words;
    simd::random_words(key.noise, key.first_image + static_cast<std::uint32_t>(n),
                       static_cast<std::uint32_t>(first / 4), std::span(words).first(num_words));
    const std::int64_t i = n * image_elements + first;
    simd::apply_dropout(rule, words.data(), in + i, y.write, out + i, count);
  });
}

void CpuKernels::normal_noise(const NoiseKey& key, std::uint32_t first_image, Tensor& z) {
  if (z.size() == 0) return;
  const auto image_elements = static_cast<std::size_t>(z.size() / z.dim(0));
  const std::span<float> out = z.values<float>();
  parallel_for(team(), z.dim(0), [&](std::int64_t n) {
    fill_normal(key, first_image + static_cast<std::uint32_t>(n),
                out.subspan(static_cast<std::size_t>(n) * image_elements, image_elements));
  });
}

}  // namespace ddim::engine::cpu
