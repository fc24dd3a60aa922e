#include "run/dequantise.h"

#include "base/philox.h"

namespace ddim::engine::run {

FloatImages dequantised(const FloatImages& pictures, Dequantise dequantise) {
  FloatImages result = pictures;
  if (dequantise == Dequantise::none) return result;
  const NoiseKey key{.seed = 0, .purpose = Purpose::dequantisation};
  const auto num_pixels = static_cast<std::size_t>(pictures.shape.num_pixels());
  const auto channels = static_cast<std::size_t>(pictures.shape.channels);
  std::vector<float> noise(pictures.shape.size());  // [C,H,W]
  for (std::int64_t k = 0; k < pictures.count; ++k) {
    const auto image = static_cast<std::uint32_t>(k);
    if (dequantise == Dequantise::uniform) {
      fill_uniform(key, image, noise);
    } else {
      fill_normal(key, image, noise);
    }
    float* const picture = result.values.data() + static_cast<std::size_t>(k) * noise.size();
    for (std::size_t i = 0; i < noise.size(); ++i) {
      float& x = picture[i % num_pixels * channels + i / num_pixels];
      x = dequantise == Dequantise::uniform ? (x * 255.0F - 1.0F) / 256.0F + noise[i] / 128.0F
                                            : x + 0.02F * noise[i];
    }
  }
  return result;
}

}  // namespace ddim::engine::run
