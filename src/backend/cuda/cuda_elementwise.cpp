#include <algorithm>
#include <cmath>
#include <vector>

#include "backend/cuda/cuda_kernels.h"

namespace ddim::engine::cuda {
namespace {

float single(double x) { return static_cast<float>(x); }

}  // namespace

Values from(const Values& x, std::int64_t first) {
  return {x.f32 == nullptr ? nullptr : x.f32 + first, x.bf16 == nullptr ? nullptr : x.bf16 + first};
}
Slot from(const Slot& y, std::int64_t first) {
  return {y.f32 == nullptr ? nullptr : y.f32 + first, y.bf16 == nullptr ? nullptr : y.bf16 + first,
          y.accumulates};
}

// Numbers of the host are floats, so bf16 ones are made by a kernel.
void CudaKernels::upload(std::span<const float> values, Tensor& y) {
  if (values.empty()) return;
  if (is_bf16(y))
    launch_fours(y.size(),
                 AccumulateArguments{as_values(in_scratch(values)), overwrite(y), y.size()});
  else
    runtime_->copy_to_device(values.data(), data_of(y), values.size_bytes());
}
void CudaKernels::download(const Tensor& x, std::span<float> values) {
  if (values.empty()) return;
  if (!is_bf16(x)) return read(data_of(x), values);
  float* floats = scratch({x.size()})[0];
  launch_fours(x.size(), AccumulateArguments{values_of(x), as_slot(floats), x.size()});
  read(floats, values);
}
void CudaKernels::copy(const Tensor& x, Tensor& y) { accumulate(x, {y, Write::overwrite}); }
void CudaKernels::fill(double value, Tensor& y) {
  launch_fours(y.size(), FillArguments{overwrite(y), y.size(), single(value)});
}
void CudaKernels::add(const Tensor& a, const Tensor& b, Tensor& y) {
  launch_fours(y.size(), AddArguments{values_of(a), values_of(b), overwrite(y), y.size()});
}
void CudaKernels::accumulate(const Tensor& x, Grad y) {
  if (y) launch_fours(x.size(), AccumulateArguments{values_of(x), slot_of(y), x.size()});
}

void CudaKernels::activate(Activation activation, const Tensor& x, Tensor& y) {
  launch_fours(x.size(),
               ActivateArguments{values_of(x), overwrite(y), x.size(), curve_of(activation)});
}
void CudaKernels::activate_backward(Activation activation, const Tensor& x, const Tensor& dy,
                                    Grad dx) {
  if (!dx) return;
  launch_fours(x.size(), ActivateBackwardArguments{values_of(x), values_of(dy), slot_of(dx),
                                                   x.size(), curve_of(activation)});
}

void CudaKernels::scale_shift(const Tensor& x, const Tensor& modulation, Activation activation,
                              Tensor& y) {
  launch_fours(image_size_of(x),
               ScaleShiftArguments{values_of(x), data_of(modulation), overwrite(y),
                                   image_size_of(x), narrow(x.dim(3)), curve_of(activation)},
               x.dim(0));
}
void CudaKernels::scale_shift_backward(const Tensor& x, const Tensor& modulation,
                                       Activation activation, const Tensor& dy, Grad dx,
                                       Grad dmodulation) {
  const std::int64_t C = x.dim(3);
  if (x.size() == 0) return;
  if (dmodulation) {
    launch({.grid = {grid_size(divide_up(C, 32)), grid_size(x.dim(0)), 1}},
           ScaleShiftSumsArguments{values_of(x), values_of(dy), data_of(modulation),
                                   slot_of(dmodulation), x.dim(1) * x.dim(2), narrow(C),
                                   curve_of(activation)});
  }
  if (dx) {
    launch_fours(
        image_size_of(x),
        ScaleShiftBackwardArguments{values_of(x), values_of(dy), data_of(modulation), slot_of(dx),
                                    image_size_of(x), narrow(C), curve_of(activation)},
        x.dim(0));
  }
}

void CudaKernels::mix(std::span<const double> a, const Values& x, std::span<const double> b,
                      const Values& z, std::int64_t image_size, const Slot& y) {
  MixArguments arguments{
      .x = x, .z = z, .y = y, .image_size = image_size, .a = {}, .b = {}, .factors = nullptr};
  const std::int64_t num_images = std::ssize(a);
  if (num_images <= kMaxImages) {
    std::ranges::transform(a, arguments.a, single);
    std::ranges::transform(b, arguments.b, single);
    return launch_fours(image_size, arguments, num_images);
  }
  std::vector<float> factors;  // of pixels
  for (std::size_t n = 0; n < a.size(); ++n) {
    factors.push_back(single(a[n]));
    factors.push_back(b.empty() ? 0.0F : single(b[n]));
  }
  const float* const on_device = in_scratch(std::span<const float>(factors));
  for (std::int64_t first = 0; first < num_images; first += kMaxGridDepth) {
    arguments.x = from(x, first * image_size);
    arguments.z = from(z, first * image_size);
    arguments.y = from(y, first * image_size);
    arguments.factors = on_device + 2 * first;
    launch_fours(image_size, arguments, std::min(kMaxGridDepth, num_images - first));
  }
}

void CudaKernels::scale_per_image(const Tensor& x, std::span<const double> factors, Grad y) {
  if (y) mix(factors, values_of(x), {}, {}, image_size_of(x), slot_of(y));
}
void CudaKernels::mix_per_image(std::span<const double> a, const Tensor& x,
                                std::span<const double> b, const Tensor& z, Tensor& y) {
  mix(a, values_of(x), b, values_of(z), image_size_of(x), overwrite(y));
}

void CudaKernels::squared_error_backward(const Tensor& prediction, const Tensor& target,
                                         double scale, Grad dprediction) {
  if (!dprediction) return;
  launch_fours(prediction.size(),
               DifferenceArguments{data_of(prediction), data_of(target), slot_of(dprediction),
                                   prediction.size(), single(2.0 * scale)});
}

void CudaKernels::sampler_update(const SamplerUpdate& update, const Tensor& x_t,
                                 const Tensor& output, const Tensor& z, Tensor& y,
                                 Tensor& x0_pred) {
  launch_fours(x_t.size(),
               SamplerUpdateArguments{.x = data_of(x_t),
                                      .output = data_of(output),
                                      .z = update.prev_from_noise == 0.0 ? nullptr : data_of(z),
                                      .y = data_of(y),
                                      .x0_pred = data_of(x0_pred),
                                      .size = x_t.size(),
                                      .x0_from_x = single(update.x0_from_x),
                                      .x0_from_output = single(update.x0_from_output),
                                      .clip = single(update.clip),
                                      .x0_scale = single(update.x0_scale),
                                      .eps_from_x = single(update.eps_from_x),
                                      .eps_from_output = single(update.eps_from_output),
                                      .eps_from_x0 = single(update.eps_from_x0),
                                      .prev_from_x0 = single(update.prev_from_x0),
                                      .prev_from_eps = single(update.prev_from_eps),
                                      .prev_from_noise = single(update.prev_from_noise)});
}

void CudaKernels::linear_combination(std::span<const double> factors, std::span<const Tensor> terms,
                                     Tensor& y) {
  assert(terms.size() <= kMaxTerms);
  CombineArguments arguments{.terms = {},
                             .factors = {},
                             .num_terms = narrow(std::ssize(terms)),
                             .y = data_of(y),
                             .size = y.size()};
  for (std::size_t k = 0; k < terms.size(); ++k) {
    arguments.terms[k] = data_of(terms[k]);
    arguments.factors[k] = single(factors[k]);
  }
  launch_fours(y.size(), arguments);
}

void CudaKernels::scale_by_learned_deviation(const LearnedVariance& variance, const Tensor& v,
                                             Tensor& z) {
  launch_fours(z.size(), LearnedDeviationArguments{data_of(v), data_of(z), z.size(),
                                                   single(std::log(variance.smallest)),
                                                   single(std::log(variance.largest))});
}

void CudaKernels::adam(const AdamUpdate& update, const Tensor& grad, Tensor& parameter, Tensor& m,
                       Tensor& v, Tensor& ema) {
  const auto step = static_cast<double>(update.step);
  const double correction1 = 1.0 - std::pow(update.beta1, step);
  const double correction2 = 1.0 - std::pow(update.beta2, step);
  launch_fours(parameter.size(),
               AdamArguments{.grad = data_of(grad),
                             .parameter = data_of(parameter),
                             .m = data_of(m),
                             .v = data_of(v),
                             .ema = data_of(ema),
                             .size = parameter.size(),
                             .grad_scale = single(update.grad_scale),
                             .beta1 = single(update.beta1),
                             .one_minus_beta1 = single(1.0 - update.beta1),
                             .beta2 = single(update.beta2),
                             .one_minus_beta2 = single(1.0 - update.beta2),
                             .kept = single(1.0 - update.learning_rate * update.weight_decay),
                             .step_size = single(update.learning_rate / correction1),
                             .root_correction2 = single(std::sqrt(correction2)),
                             .epsilon = single(update.epsilon),
                             .one_minus_ema_decay = single(1.0 - update.ema_decay)});
  parameter.mark_modified();
  if (ema.defined()) ema.mark_modified();
}

}  // namespace ddim::engine::cuda
