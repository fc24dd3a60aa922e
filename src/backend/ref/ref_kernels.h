#pragma once

#include "tensor/kernels.h"

namespace ddim::engine::ref {

/// Contracts: tensor/kernels.h. One file per topic: ref_conv.cpp, ref_norm.cpp, ...
class RefKernels final : public Kernels {
 public:
  void upload(std::span<const float> values, Tensor& y) override;
  void download(const Tensor& x, std::span<float> values) override;
  void copy(const Tensor& x, Tensor& y) override;
  void fill(double value, Tensor& y) override;
  void conv2d(const ChannelParts& x, const Tensor& weight, const ConvAddends<Tensor>& addends,
              const ConvGeometry& geometry, Tensor& y) override;
  void conv2d_backward_input(const Tensor& dy, const Tensor& weight, const ConvGeometry& geometry,
                             const ChannelGrads& dx) override;
  void conv2d_backward_weight(const ChannelParts& x, const Tensor& dy, const ConvGeometry& geometry,
                              Grad dweight, Grad dbias) override;
  ConvChoice conv_choice(const ConvProblem&) const override {
    return {"loops", "the reference: sums as the formula writes them"};
  }
  void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) override;
  void linear_backward(const Tensor& x, const Tensor& weight, const Tensor& dy, Grad dx,
                       Grad dweight, Grad dbias) override;
  void matmul(const Factor& a, const Factor& b, Grad y) override;
  void attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t num_heads,
                 double scale, Tensor& log_sum_exp, Tensor& y) override;
  void attention_backward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& y,
                          const Tensor& log_sum_exp, std::int64_t num_heads, double scale,
                          const Tensor& dy, Grad dq, Grad dk, Grad dv) override;
  void group_norm(const ChannelParts& x, const Tensor& gamma, const Tensor& beta,
                  const GroupNormOptions& options, Tensor& mean, Tensor& rstd, Tensor& y) override;
  void group_norm_backward(const ChannelParts& x, const Tensor& gamma, const Tensor& beta,
                           const Tensor& mean, const Tensor& rstd, const GroupNormOptions& options,
                           const Tensor& dy, const ChannelGrads& dx, Grad dgamma,
                           Grad dbeta) override;
  void activate(Activation activation, const Tensor& x, Tensor& y) override;
  void activate_backward(Activation activation, const Tensor& x, const Tensor& dy,
                         Grad dx) override;
  void scale_shift(const Tensor& x, const Tensor& modulation, Activation activation,
                   Tensor& y) override;
  void scale_shift_backward(const Tensor& x, const Tensor& modulation, Activation activation,
                            const Tensor& dy, Grad dx, Grad dmodulation) override;
  void dropout(const Tensor& x, const DropoutKey& key, Grad y) override;
  void add(const Tensor& a, const Tensor& b, Tensor& y) override;
  void accumulate(const Tensor& x, Grad y) override;
  void scale_per_image(const Tensor& x, std::span<const double> factors, Grad y) override;
  void upsample_nearest_2x(const Tensor& x, Tensor& y) override;
  void upsample_nearest_2x_backward(const Tensor& dy, Grad dx) override;
  void pool(const Tensor& x, const PoolGeometry& geometry, Tensor& y) override;
  void join_channels(std::span<const Tensor> parts, Tensor& y) override;
  void downsample_mean_2x(const Tensor& x, Tensor& y) override;
  void downsample_mean_2x_backward(const Tensor& dy, Grad dx) override;
  void gather_rows(const Tensor& table, std::span<const std::int64_t> rows, Tensor& y) override;
  void gather_rows_backward(const Tensor& dy, std::span<const std::int64_t> rows,
                            Grad dtable) override;
  void sum_pixels(const Tensor& x, Grad y) override;
  void normal_noise(const NoiseKey& key, std::uint32_t first_image, Tensor& z) override;
  void mix_per_image(std::span<const double> a, const Tensor& x, std::span<const double> b,
                     const Tensor& z, Tensor& y) override;
  void squared_error(const Tensor& prediction, const Tensor& target,
                     std::span<double> sums) override;
  void squared_error_backward(const Tensor& prediction, const Tensor& target, double scale,
                              Grad dprediction) override;
  void sampler_update(const SamplerUpdate& update, const Tensor& x_t, const Tensor& output,
                      const Tensor& z, Tensor& y, Tensor& x0_pred) override;
  void linear_combination(std::span<const double> factors, std::span<const Tensor> terms,
                          Tensor& y) override;
  void scale_by_learned_deviation(const LearnedVariance& variance, const Tensor& v,
                                  Tensor& z) override;
  void absolute_quantile(const Tensor& x, double ratio, std::span<double> quantiles) override;
  void adam(const AdamUpdate& update, const Tensor& grad, Tensor& parameter, Tensor& m, Tensor& v,
            Tensor& ema) override;
  double sum_of_squares(const Tensor& x) override;
  bool all_finite(const Tensor& x) override;
};

}  // namespace ddim::engine::ref
