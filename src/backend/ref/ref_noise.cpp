#include <vector>

#include "backend/ref/elements.h"
#include "backend/ref/ref_kernels.h"

namespace ddim::engine::ref {
namespace {

std::size_t image_size(const Tensor& x) {
  return x.dim(0) == 0 ? 0 : static_cast<std::size_t>(x.size() / x.dim(0));
}

}  // namespace

void RefKernels::dropout(const Tensor& x, const DropoutKey& key, Grad y) {
  if (!y) return;
  with_element_type(x, [&]<class T>() {
    std::vector<float> uniform(image_size(x));
    for (std::int64_t n = 0; n < x.dim(0); ++n) {
      fill_uniform(key.noise, key.first_image + static_cast<std::uint32_t>(n), uniform);
      const auto in = x.slice(n, 1).values<T>();
      Tensor y_n = y.tensor.slice(n, 1);
      const auto out = y_n.values<T>();
      for (std::size_t i = 0; i < uniform.size(); ++i) {
        const bool kept = static_cast<double>(uniform[i]) >= key.probability;
        put(kept ? in[i] / (1.0 - key.probability) : 0.0, y.write, out[i]);
      }
    }
  });
}

void RefKernels::normal_noise(const NoiseKey& key, std::uint32_t first_image, Tensor& z) {
  std::vector<float> values(image_size(z));
  for (std::int64_t n = 0; n < z.dim(0); ++n) {
    fill_normal(key, first_image + static_cast<std::uint32_t>(n), values);
    Tensor z_n = z.slice(n, 1);
    upload(values, z_n);
  }
}

void RefKernels::mix_per_image(std::span<const double> a, const Tensor& x,
                               std::span<const double> b, const Tensor& z, Tensor& y) {
  with_element_type(x, [&]<class T>() {
    const auto left = x.values<T>();
    const auto right = z.values<T>();
    const auto out = y.values<T>();
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t n = i / image_size(x);
      out[i] = static_cast<T>(a[n] * left[i] + b[n] * right[i]);
    }
  });
}

}  // namespace ddim::engine::ref
