#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/elementwise_simd.h"
#include "backend/cpu/parallel.h"

namespace ddim::engine::cpu {

void CpuKernels::upload(std::span<const float> values, Tensor& y) {
  assert(static_cast<std::int64_t>(values.size()) == y.size());
  std::copy(values.begin(), values.end(), y.data<float>());
}

void CpuKernels::download(const Tensor& x, std::span<float> values) {
  assert(static_cast<std::int64_t>(values.size()) == x.size());
  std::copy_n(x.data<float>(), values.size(), values.begin());
}

void CpuKernels::copy(const Tensor& x, Tensor& y) { accumulate(x, {y, Write::overwrite}); }

void CpuKernels::fill(double value, Tensor& y) {
  float* out = y.data<float>();
  parallel_blocks(team(), y.size(), kBlockElements, [&](std::int64_t i, std::int64_t n) {
    simd::fill(static_cast<float>(value), out + i, n);
  });
}

void CpuKernels::activate(Activation activation, const Tensor& x, Tensor& y) {
  const float* in = x.data<float>();
  float* out = y.data<float>();
  parallel_blocks(team(), y.size(), kBlockElements, [&](std::int64_t i, std::int64_t n) {
    simd::activate(activation, in + i, out + i, n);
  });
}

void CpuKernels::activate_backward(Activation activation, const Tensor& x, const Tensor& dy,
                                   Grad dx) {
  if (!dx) return;
  const float* x_in = x.data<float>();
  const float* dy_in = dy.data<float>();
  float* out = dx.tensor.data<float>();
  parallel_blocks(team(), x.size(), kBlockElements, [&](std::int64_t i, std::int64_t n) {
    simd::activate_backward(activation, x_in + i, dy_in + i, dx.write, out + i, n);
  });
}

void CpuKernels::add(const Tensor& a, const Tensor& b, Tensor& y) {
  const float* a_in = a.data<float>();
  const float* b_in = b.data<float>();
  float* out = y.data<float>();
  parallel_blocks(team(), y.size(), kBlockElements, [&](std::int64_t i, std::int64_t n) {
    simd::add(a_in + i, b_in + i, out + i, n);
  });
}

void CpuKernels::accumulate(const Tensor& x, Grad y) {
  if (!y) return;
  const float* in = x.data<float>();
  float* out = y.tensor.data<float>();
  parallel_blocks(team(), x.size(), kBlockElements, [&](std::int64_t i, std::int64_t n) {
    simd::accumulate(in + i, y.write, out + i, n);
  });
}

void CpuKernels::scale_per_image(const Tensor& x, std::span<const double> factors, Grad y) {
  if (!y) return;
  const std::int64_t image_elements = x.dim(0) == 0 ? 0 : x.size() / x.dim(0);
  const float* in = x.data<float>();
  float* out = y.tensor.data<float>();
  parallel_for(team(), x.dim(0), [&](std::int64_t n) {
    const std::int64_t i = n * image_elements;
    simd::scale(static_cast<float>(factors[static_cast<std::size_t>(n)]), in + i, y.write, out + i,
                image_elements);
  });
}

void CpuKernels::mix_per_image(std::span<const double> a, const Tensor& x,
                               std::span<const double> b, const Tensor& z, Tensor& y) {
  const std::int64_t image_elements = x.dim(0) == 0 ? 0 : x.size() / x.dim(0);
  const float* x_in = x.data<float>();
  const float* z_in = z.data<float>();
  float* out = y.data<float>();
  parallel_for(team(), x.dim(0), [&](std::int64_t n) {
    const std::int64_t i = n * image_elements;
    simd::mix(static_cast<float>(a[static_cast<std::size_t>(n)]), x_in + i,
              static_cast<float>(b[static_cast<std::size_t>(n)]), z_in + i, out + i,
              image_elements);
  });
}

void CpuKernels::squared_error_backward(const Tensor& prediction, const Tensor& target,
                                        double scale, Grad dprediction) {
  if (!dprediction) return;
  const float* prediction_in = prediction.data<float>();
  const float* target_in = target.data<float>();
  float* out = dprediction.tensor.data<float>();
  const auto factor = static_cast<float>(2.0 * scale);
  parallel_blocks(team(), prediction.size(), kBlockElements, [&](std::int64_t i, std::int64_t n) {
    simd::scaled_difference(prediction_in + i, target_in + i, factor, dprediction.write, out + i,
                            n);
  });
}

void CpuKernels::sampler_update(const SamplerUpdate& update, const Tensor& x_t,
                                const Tensor& output, const Tensor& z, Tensor& y, Tensor& x0_pred) {
  const float* x_in = x_t.data<float>();
  const float* output_in = output.data<float>();
  const float* z_in = z.defined() ? z.data<float>() : nullptr;
  float* out = y.data<float>();
  float* x0_out = x0_pred.defined() ? x0_pred.data<float>() : nullptr;
  parallel_blocks(team(), x_t.size(), kBlockElements, [&](std::int64_t i, std::int64_t n) {
    simd::sampler_update(update, x_in + i, output_in + i, z_in == nullptr ? nullptr : z_in + i,
                         out + i, x0_out == nullptr ? nullptr : x0_out + i, n);
  });
}

void CpuKernels::linear_combination(std::span<const double> factors, std::span<const Tensor> terms,
                                    Tensor& y) {
  constexpr std::size_t kMaxTerms = 16;
  assert(!terms.empty() && terms.size() <= kMaxTerms && factors.size() == terms.size());
  float* out = y.data<float>();
  parallel_blocks(team(), y.size(), kBlockElements, [&](std::int64_t i, std::int64_t n) {
    std::array<float, kMaxTerms> a{};
    std::array<const float*, kMaxTerms> x{};
    for (std::size_t k = 0; k < terms.size(); ++k) {
      a[k] = static_cast<float>(factors[k]);
      x[k] = terms[k].data<float>() + i;
    }
    simd::linear_combination(std::span(a).first(terms.size()), x.data(), out + i, n);
  });
}

void CpuKernels::scale_by_learned_deviation(const LearnedVariance& variance, const Tensor& v,
                                            Tensor& z) {
  // log of the deviation = middle + slope v, rounded once.
  const double low = std::log(variance.smallest), high = std::log(variance.largest);
  const double middle = (high + low) / 4.0, slope = (high - low) / 4.0;
  const float* in = v.data<float>();
  float* out = z.data<float>();
  parallel_blocks(team(), z.size(), kBlockElements, [&](std::int64_t first, std::int64_t n) {
    for (std::int64_t i = first; i < first + n; ++i)
      out[i] = static_cast<float>(out[i] * std::exp(middle + slope * in[i]));
  });
}

}  // namespace ddim::engine::cpu
