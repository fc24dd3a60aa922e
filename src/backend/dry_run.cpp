#include "backend/dry_run.h"

#include <algorithm>

#include "tensor/kernels.h"

namespace ddim::engine {
namespace {

class DryKernels final : public Kernels {
 public:
  void upload(std::span<const float>, Tensor&) override {}
  void download(const Tensor&, std::span<float>) override {}
  void copy(const Tensor&, Tensor&) override {}
  void fill(double, Tensor&) override {}
  void conv2d(const ChannelParts&, const Tensor&, const ConvAddends<Tensor>&, const ConvGeometry&,
              Tensor&) override {}
  void conv2d_backward_input(const Tensor&, const Tensor&, const ConvGeometry&,
                             const ChannelGrads&) override {}
  void conv2d_backward_weight(const ChannelParts&, const Tensor&, const ConvGeometry&, Grad,
                              Grad) override {}
  ConvChoice conv_choice(const ConvProblem&) const override { return {"none", "a dry run"}; }
  void linear(const Tensor&, const Tensor&, const Tensor&, Tensor&) override {}
  void linear_backward(const Tensor&, const Tensor&, const Tensor&, Grad, Grad, Grad) override {}
  void matmul(const Factor&, const Factor&, Grad) override {}
  void attention(const Tensor&, const Tensor&, const Tensor&, std::int64_t, double, Tensor&,
                 Tensor&) override {}
  void attention_backward(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                          std::int64_t, double, const Tensor&, Grad, Grad, Grad) override {}
  void group_norm(const ChannelParts&, const Tensor&, const Tensor&, const GroupNormOptions&,
                  Tensor&, Tensor&, Tensor&) override {}
  void group_norm_backward(const ChannelParts&, const Tensor&, const Tensor&, const Tensor&,
                           const Tensor&, const GroupNormOptions&, const Tensor&,
                           const ChannelGrads&, Grad, Grad) override {}
  void activate(Activation, const Tensor&, Tensor&) override {}
  void activate_backward(Activation, const Tensor&, const Tensor&, Grad) override {}
  void scale_shift(const Tensor&, const Tensor&, Activation, Tensor&) override {}
  void scale_shift_backward(const Tensor&, const Tensor&, Activation, const Tensor&, Grad,
                            Grad) override {}
  void dropout(const Tensor&, const DropoutKey&, Grad) override {}
  void add(const Tensor&, const Tensor&, Tensor&) override {}
  void accumulate(const Tensor&, Grad) override {}
  void scale_per_image(const Tensor&, std::span<const double>, Grad) override {}
  void upsample_nearest_2x(const Tensor&, Tensor&) override {}
  void upsample_nearest_2x_backward(const Tensor&, Grad) override {}
  void downsample_mean_2x(const Tensor&, Tensor&) override {}
  void downsample_mean_2x_backward(const Tensor&, Grad) override {}
  void gather_rows(const Tensor&, std::span<const std::int64_t>, Tensor&) override {}
  void gather_rows_backward(const Tensor&, std::span<const std::int64_t>, Grad) override {}
  void pool(const Tensor&, const PoolGeometry&, Tensor&) override {}
  void join_channels(std::span<const Tensor>, Tensor&) override {}
  void sum_pixels(const Tensor&, Grad) override {}
  void normal_noise(const NoiseKey&, std::uint32_t, Tensor&) override {}
  void mix_per_image(std::span<const double>, const Tensor&, std::span<const double>, const Tensor&,
                     Tensor&) override {}
  void squared_error(const Tensor&, const Tensor&, std::span<double> sums) override {
    std::ranges::fill(sums, 0.0);
  }
  void squared_error_backward(const Tensor&, const Tensor&, double, Grad) override {}
  void sampler_update(const SamplerUpdate&, const Tensor&, const Tensor&, const Tensor&, Tensor&,
                      Tensor&) override {}
  void linear_combination(std::span<const double>, std::span<const Tensor>, Tensor&) override {}
  void scale_by_learned_deviation(const LearnedVariance&, const Tensor&, Tensor&) override {}
  void absolute_quantile(const Tensor&, double, std::span<double> quantiles) override {
    std::ranges::fill(quantiles, 0.0);
  }
  void adam(const AdamUpdate&, const Tensor&, Tensor&, Tensor&, Tensor&, Tensor&) override {}
  double sum_of_squares(const Tensor&) override { return 0.0; }
  bool all_finite(const Tensor&) override { return true; }
};

class DryBackend final : public Device::Backend {
 public:
  explicit DryBackend(DType activations) : activations_(activations) {}

  Kernels& kernels() override { return kernels_; }
  std::unique_ptr<Device::Backend> fork(std::shared_ptr<ThreadTeam>) override {
    return make_dry_backend(activations_);
  }
  DType activation_dtype() const override { return activations_; }
  std::unique_ptr<MemorySource> memory() override { return make_no_memory(); }
  std::string describe() const override { return "dry run"; }

 private:
  DType activations_;
  DryKernels kernels_;
};

}  // namespace

std::unique_ptr<Device::Backend> make_dry_backend(DType activations) {
  return std::make_unique<DryBackend>(activations);
}

}  // namespace ddim::engine
