#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ddim/precision.h>
#include "backend/cuda/arguments.h"
#include "backend/cuda/runtime.h"
#include "base/error.h"
#include "tensor/kernels.h"

namespace ddim::engine::cuda {

/// Contracts: tensor/kernels.h. What is here runs on the host: it turns tensors into the arguments
/// of kernels (device/) and chooses grids. One file per topic: cuda_conv.cpp, cuda_norm.cpp, ...
/// Nothing waits for the GPU but what gives numbers to the host.
class CudaKernels final : public Kernels {
 public:
  CudaKernels(std::shared_ptr<const Runtime> runtime, Precision precision)
      : runtime_(std::move(runtime)), precision_(precision) {}

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
  ConvChoice conv_choice(const ConvProblem& problem) const override;
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
  void sums_of_squares(std::span<const Tensor> x, std::span<double> sums) override;
  bool all_finite(const Tensor& x) override;
  bool is_finite_so_far(const Tensor& x, std::string_view what) override;

 private:
  /// Memory for what is needed between two kernels of a function: pieces of these sizes, in
  /// elements of float, aligned. They are undefined, and valid until the next call.
  std::vector<float*> scratch(std::initializer_list<std::int64_t> num_floats);
  /// These values on the device, in scratch().
  template <class T>
  const T* in_scratch(std::span<const T> values) {
    static_assert(sizeof(T) == sizeof(float));
    float* const on_device = scratch({std::ssize(values)})[0];
    runtime_->copy_to_device(values.data(), on_device, values.size_bytes());
    return reinterpret_cast<const T*>(on_device);
  }
  /// Gives what is at `on_device` to the host, with an error if something that was finite so far
  /// is not.
  template <class T>
  void read(const T* on_device, std::span<T> values) {
    runtime_->copy_to_host(on_device, values.data(), values.size_bytes());
    read_checks();
  }
  void read_checks();

  template <class Arguments>
  void launch(const LaunchShape& shape, const Arguments& arguments) {
    runtime_->launch(shape, arguments);
  }
  /// Four elements, or one, for each thread.
  template <class Arguments>
  void launch_fours(std::int64_t size, const Arguments& arguments, std::int64_t images = 1);
  template <class Arguments>
  void launch_elements(std::int64_t size, const Arguments& arguments);

  /// y[n] = a[n] x[n] + b[n] z[n], images of image_size elements; without b and z: a[n] x[n].
  void mix(std::span<const double> a, const Values& x, std::span<const double> b, const Values& z,
           std::int64_t image_size, const Slot& y);
  /// y = the sums of the columns of x [images][rows][channels].
  void sum_columns(const Values& x, std::int64_t images, std::int64_t rows, std::int64_t channels,
                   const Slot& y);
  void sum_partials(const float* partial, std::int64_t outer, std::int64_t splits,
                    std::int64_t inner, const Slot& y);
  void multiply(const Product& product, std::int64_t images, Precision precision);
  struct Squares;  // of cuda_sums.cpp
  /// The sums of the squares of each.
  std::vector<double> add_squares(std::span<const Squares> all);
  /// How many bf16 stand for a factor.
  std::int32_t num_parts() const { return precision_ == Precision::bf16x3 ? 3 : 1; }
  template <class Element>
  std::shared_ptr<const DeviceBytes> packed(const Tensor& weight, Pass pass);
  /// y [pixels][parts][C and zeros] = x.
  void round_channels(const Parts& x, Bf16* y, std::int64_t pixels);
  struct ConvWork;  // of cuda_conv.cpp
  void convolve(const ConvWork& work);
  void attend(const Tensor& a, const Tensor& b, std::int64_t first, std::int64_t count,
              std::int64_t num_heads, double scale, float* scores);
  /// y = factor a b of each head, for `count` images from `first` on: a [L,L], b and y [N,L,C].
  void weigh(const Matrices& a, const Tensor& b, const Slot& y, std::int64_t first,
             std::int64_t count, std::int64_t num_heads, double factor);

  std::shared_ptr<const Runtime> runtime_;
  Precision precision_;
  std::optional<DeviceBytes> scratch_;
  /// What is_finite_so_far() was asked for: the kernels' answers are in `answers_`, in order.
  struct Check {
    std::string what;
    std::int64_t num_answers;
  };
  std::vector<Check> checks_;
  std::int64_t num_answers_ = 0;
  std::optional<DeviceBytes> answers_;
};

inline std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
inline std::uint32_t grid_size(std::int64_t n) { return static_cast<std::uint32_t>(n); }
inline std::int32_t narrow(std::int64_t n) { return static_cast<std::int32_t>(n); }

template <class Arguments>
void CudaKernels::launch_fours(std::int64_t size, const Arguments& arguments, std::int64_t images) {
  if (size > 0 && images > 0)
    launch({.grid = {grid_size(divide_up(size, 1024)), grid_size(images), 1}}, arguments);
}
template <class Arguments>
void CudaKernels::launch_elements(std::int64_t size, const Arguments& arguments) {
  if (size > 0) launch({.grid = {grid_size(divide_up(size, 256)), 1, 1}}, arguments);
}

/// A GPU finds nothing at an address of the host.
inline void check_is_here(const Tensor& x) {
  if (x.defined() && x.device().memory_is_the_hosts())
    fail(ErrorCode::internal, "cuda: a tensor ", x.shape(), " is on ", x.device().describe());
}
inline bool is_bf16(const Tensor& x) { return x.dtype() == DType::bf16; }
inline void check_is_f32_here(const Tensor& x) {
  check_is_here(x);
  if (is_bf16(x))
    fail(ErrorCode::internal, "cuda: a tensor ", x.shape(), " is bf16 where none may be");
}
inline const float* data_of(const Tensor& x) {
  check_is_f32_here(x);
  return x.data_or_null<float>();
}
inline float* data_of(Tensor& x) {
  check_is_f32_here(x);
  return x.data_or_null<float>();
}
inline Values as_values(const float* x) { return {x, nullptr}; }
inline Slot as_slot(float* y) { return {y, nullptr, 0}; }
inline Values values_of(const Tensor& x) {
  if (!is_bf16(x)) return as_values(data_of(x));
  check_is_here(x);
  return {nullptr, x.data<Bf16>()};
}
inline Slot overwrite(Tensor& y) {
  if (!is_bf16(y)) return as_slot(data_of(y));
  check_is_here(y);
  return {nullptr, y.data<Bf16>(), 0};
}
inline Slot slot_of(Grad& y) {
  Slot slot = overwrite(y.tensor);
  slot.accumulates = y.write == Write::accumulate ? 1 : 0;
  return slot;
}
/// Those from element `first` on.
Values from(const Values& x, std::int64_t first);
Slot from(const Slot& y, std::int64_t first);
inline Parts parts_of(const ChannelParts& x) {
  return {values_of(x.first), values_of(x.second), narrow(x.first.dim(3)),
          x.second.defined() ? narrow(x.second.dim(3)) : 0};
}
/// Of the slots of C channels.
PartSlots part_slots_of(const ChannelGrads& dx, std::int64_t C);
inline std::int64_t image_size_of(const Tensor& x) {
  return x.dim(0) == 0 ? 0 : x.size() / x.dim(0);
}
inline Curve curve_of(Activation activation) {
  switch (activation) {
    case Activation::none:
      return Curve::none;
    case Activation::silu:
      return Curve::silu;
    case Activation::mish:
      return Curve::mish;
    case Activation::gelu:
      return Curve::gelu;
    case Activation::relu:
      return Curve::relu;
  }
  return Curve::none;
}

/// Rows that are added up in parts: how many parts, and how many rows each has. They follow from
/// the number of rows alone.
struct RowSplit {
  std::int64_t splits, rows_per_split;
};
inline RowSplit split_rows(std::int64_t rows, std::int64_t least_rows, std::int64_t most_splits) {
  const std::int64_t per_split =
      std::max(least_rows, divide_up(divide_up(rows, most_splits), 32) * 32);
  return {std::max<std::int64_t>(1, divide_up(rows, per_split)), per_split};
}

}  // namespace ddim::engine::cuda
