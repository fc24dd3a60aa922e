#include "backend/profiling.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <ranges>
#include <utility>

#include "base/error.h"
#include "tensor/conv_problem.h"

namespace ddim::engine {

void Profile::add(const ProfileEntry& entry) {
  const std::lock_guard lock(mutex_);
  const auto [place, is_new] = entries_.try_emplace({entry.op, entry.conv}, entry);
  if (is_new) return;
  ProfileEntry& sum = place->second;
  sum.calls += entry.calls;
  sum.seconds += entry.seconds;
  sum.flop += entry.flop;
}

void Profile::clear() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

std::vector<ProfileEntry> Profile::entries() const {
  const std::lock_guard lock(mutex_);
  std::vector<ProfileEntry> result;
  for (const ProfileEntry& entry : std::views::values(entries_)) result.push_back(entry);
  std::ranges::sort(result, std::greater{}, &ProfileEntry::seconds);
  return result;
}

namespace {

/// "conv2d 3x3 128->256 @16x16": the name, then channels and pixels of one image, without N.
std::string conv_label(const char* name, const ConvGeometry& geometry, std::int64_t in_channels,
                       const Tensor& y) {
  return concat(name, ' ', geometry.kernel, 'x', geometry.across_axis().kernel,
                geometry.stride == 1 ? "" : " stride 2",
                geometry.upsample == 1 ? "" : " upsampling", ' ', in_channels, "->", y.dim(3), " @",
                y.dim(1), 'x', y.dim(2));
}

std::string label(const char* name, const Tensor& y) {
  if (!y.defined()) return name;
  return concat(name, ' ',
                to_string(y.shape().rank() > 1 ? Shape(y.shape().dims().subspan(1)) : y.shape()));
}

/// 2 * kernel^2 * C_in * C_out * pixels, over all images.
double conv_flop(const Tensor& weight, const Tensor& y) {
  return 2.0 * static_cast<double>(weight.size()) * static_cast<double>(y.size() / y.dim(3));
}
double matrix_flop(const Tensor& x, const Tensor& y) {
  return 2.0 * static_cast<double>(x.size()) * static_cast<double>(y.dim(1));
}
double attention_flop(const Tensor& q, int num_products) {
  return 2.0 * num_products * static_cast<double>(q.size()) * static_cast<double>(q.dim(1));
}

/// A profile, and the backend whose work it counts.
struct Profiled {
  Profile& profile;
  const Device::Backend& backend;
};

/// Adds the time from its making to the end of its work to a profile.
template <class Label>
class Timer {
 public:
  Timer(const Profiled& profiled, Label make_label, double flop, const ConvChoice& conv = {})
      : profiled_(profiled),
        make_label_(make_label),
        flop_(flop),
        conv_(conv),
        num_exceptions_(std::uncaught_exceptions()),
        start_(std::chrono::steady_clock::now()) {}
  /// Throws what a device says of the work that it did meanwhile.
  ~Timer() noexcept(false) {
    if (std::uncaught_exceptions() > num_exceptions_) return;  // the work ended early
    profiled_.backend.wait();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
    profiled_.profile.add({.op = make_label_(),
                           .conv = conv_,
                           .calls = 1,
                           .seconds = elapsed.count(),
                           .flop = flop_});
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  const Profiled& profiled_;
  Label make_label_;
  double flop_;
  ConvChoice conv_;
  int num_exceptions_;
  std::chrono::steady_clock::time_point start_;
};

class ProfilingKernels final : public Kernels {
 public:
  ProfilingKernels(Device::Backend& inner, Profile& profile)
      : inner_(inner.kernels()), profile_{profile, inner} {}

  void upload(std::span<const float> values, Tensor& y) override {
    const Timer timer(
        profile_, [&] { return "upload"; }, 0.0);
    inner_.upload(values, y);
  }
  void download(const Tensor& x, std::span<float> values) override {
    const Timer timer(
        profile_, [&] { return "download"; }, 0.0);
    inner_.download(x, values);
  }
  void copy(const Tensor& x, Tensor& y) override {
    const Timer timer(
        profile_, [&] { return "copy"; }, 0.0);
    inner_.copy(x, y);
  }
  void fill(double value, Tensor& y) override {
    const Timer timer(
        profile_, [&] { return "fill"; }, 0.0);
    inner_.fill(value, y);
  }
  void conv2d(const ChannelParts& x, const Tensor& weight, const ConvAddends<Tensor>& addends,
              const ConvGeometry& geometry, Tensor& y) override {
    const Timer timer(
        profile_, [&] { return conv_label("conv2d", geometry, x.channels(), y); },
        conv_flop(weight, y), conv_choice(conv_problem(x, addends, geometry, y)));
    inner_.conv2d(x, weight, addends, geometry, y);
  }
  void conv2d_backward_input(const Tensor& dy, const Tensor& weight, const ConvGeometry& geometry,
                             const ChannelGrads& dx) override {
    if (!dx) return;
    const Timer timer(
        profile_, [&] { return conv_label("conv2d_backward_input", geometry, weight.dim(1), dy); },
        conv_flop(weight, dy), conv_choice(conv_backward_input_problem(dy, weight, geometry, dx)));
    inner_.conv2d_backward_input(dy, weight, geometry, dx);
  }
  void conv2d_backward_weight(const ChannelParts& x, const Tensor& dy, const ConvGeometry& geometry,
                              Grad dweight, Grad dbias) override {
    const Timer timer(
        profile_, [&] { return conv_label("conv2d_backward_weight", geometry, x.channels(), dy); },
        dweight ? conv_flop(dweight.tensor, dy) : 0.0,
        conv_choice(conv_backward_weight_problem(x, dy, geometry)));
    inner_.conv2d_backward_weight(x, dy, geometry, dweight, dbias);
  }
  ConvChoice conv_choice(const ConvProblem& problem) const override {
    return inner_.conv_choice(problem);
  }
  void linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& y) override {
    const Timer timer(
        profile_, [&] { return label("linear", y); }, matrix_flop(x, y));
    inner_.linear(x, weight, bias, y);
  }
  void linear_backward(const Tensor& x, const Tensor& weight, const Tensor& dy, Grad dx,
                       Grad dweight, Grad dbias) override {
    const Timer timer(
        profile_, [&] { return label("linear_backward", dy); },
        matrix_flop(x, dy) * ((dx ? 1 : 0) + (dweight ? 1 : 0)));
    inner_.linear_backward(x, weight, dy, dx, dweight, dbias);
  }
  void matmul(const Factor& a, const Factor& b, Grad y) override {
    const Timer timer(
        profile_, [&] { return label("matmul", y.tensor); },
        y ? 2.0 * static_cast<double>(a.matrix.size()) * static_cast<double>(b.columns()) : 0.0);
    inner_.matmul(a, b, y);
  }
  void attention(const Tensor& q, const Tensor& k, const Tensor& v, std::int64_t num_heads,
                 double scale, Tensor& log_sum_exp, Tensor& y) override {
    const Timer timer(
        profile_, [&] { return label("attention", y); }, attention_flop(q, 2));
    inner_.attention(q, k, v, num_heads, scale, log_sum_exp, y);
  }
  void attention_backward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& y,
                          const Tensor& log_sum_exp, std::int64_t num_heads, double scale,
                          const Tensor& dy, Grad dq, Grad dk, Grad dv) override {
    const Timer timer(
        profile_, [&] { return label("attention_backward", dy); }, attention_flop(q, 5));
    inner_.attention_backward(q, k, v, y, log_sum_exp, num_heads, scale, dy, dq, dk, dv);
  }
  void group_norm(const ChannelParts& x, const Tensor& gamma, const Tensor& beta,
                  const GroupNormOptions& options, Tensor& mean, Tensor& rstd, Tensor& y) override {
    const Timer timer(
        profile_, [&] { return label("group_norm", y); }, 0.0);
    inner_.group_norm(x, gamma, beta, options, mean, rstd, y);
  }
  void group_norm_backward(const ChannelParts& x, const Tensor& gamma, const Tensor& beta,
                           const Tensor& mean, const Tensor& rstd, const GroupNormOptions& options,
                           const Tensor& dy, const ChannelGrads& dx, Grad dgamma,
                           Grad dbeta) override {
    const Timer timer(
        profile_, [&] { return label("group_norm_backward", dy); }, 0.0);
    inner_.group_norm_backward(x, gamma, beta, mean, rstd, options, dy, dx, dgamma, dbeta);
  }
  void activate(Activation activation, const Tensor& x, Tensor& y) override {
    const Timer timer(
        profile_, [&] { return label("activate", y); }, 0.0);
    inner_.activate(activation, x, y);
  }
  void activate_backward(Activation activation, const Tensor& x, const Tensor& dy,
                         Grad dx) override {
    const Timer timer(
        profile_, [&] { return label("activate_backward", dx.tensor); }, 0.0);
    inner_.activate_backward(activation, x, dy, dx);
  }
  void scale_shift(const Tensor& x, const Tensor& modulation, Activation activation,
                   Tensor& y) override {
    const Timer timer(
        profile_, [&] { return label("scale_shift", y); }, 0.0);
    inner_.scale_shift(x, modulation, activation, y);
  }
  void scale_shift_backward(const Tensor& x, const Tensor& modulation, Activation activation,
                            const Tensor& dy, Grad dx, Grad dmodulation) override {
    const Timer timer(
        profile_, [&] { return label("scale_shift_backward", dy); }, 0.0);
    inner_.scale_shift_backward(x, modulation, activation, dy, dx, dmodulation);
  }
  void dropout(const Tensor& x, const DropoutKey& key, Grad y) override {
    const Timer timer(
        profile_, [&] { return label("dropout", y.tensor); }, 0.0);
    inner_.dropout(x, key, y);
  }
  void add(const Tensor& a, const Tensor& b, Tensor& y) override {
    const Timer timer(
        profile_, [&] { return "add"; }, 0.0);
    inner_.add(a, b, y);
  }
  void accumulate(const Tensor& x, Grad y) override {
    const Timer timer(
        profile_, [&] { return "accumulate"; }, 0.0);
    inner_.accumulate(x, y);
  }
  void scale_per_image(const Tensor& x, std::span<const double> factors, Grad y) override {
    const Timer timer(
        profile_, [&] { return "scale_per_image"; }, 0.0);
    inner_.scale_per_image(x, factors, y);
  }
  void upsample_nearest_2x(const Tensor& x, Tensor& y) override {
    const Timer timer(
        profile_, [&] { return label("upsample_nearest_2x", y); }, 0.0);
    inner_.upsample_nearest_2x(x, y);
  }
  void upsample_nearest_2x_backward(const Tensor& dy, Grad dx) override {
    const Timer timer(
        profile_, [&] { return label("upsample_nearest_2x_backward", dx.tensor); }, 0.0);
    inner_.upsample_nearest_2x_backward(dy, dx);
  }
  void pool(const Tensor& x, const PoolGeometry& geometry, Tensor& y) override {
    const Timer timer(
        profile_, [&] { return label("pool", y); }, 0.0);
    inner_.pool(x, geometry, y);
  }
  void join_channels(std::span<const Tensor> parts, Tensor& y) override {
    const Timer timer(
        profile_, [&] { return label("join_channels", y); }, 0.0);
    inner_.join_channels(parts, y);
  }
  void downsample_mean_2x(const Tensor& x, Tensor& y) override {
    const Timer timer(
        profile_, [&] { return label("downsample_mean_2x", y); }, 0.0);
    inner_.downsample_mean_2x(x, y);
  }
  void downsample_mean_2x_backward(const Tensor& dy, Grad dx) override {
    const Timer timer(
        profile_, [&] { return label("downsample_mean_2x_backward", dx.tensor); }, 0.0);
    inner_.downsample_mean_2x_backward(dy, dx);
  }
  void gather_rows(const Tensor& table, std::span<const std::int64_t> rows, Tensor& y) override {
    const Timer timer(
        profile_, [&] { return label("gather_rows", y); }, 0.0);
    inner_.gather_rows(table, rows, y);
  }
  void gather_rows_backward(const Tensor& dy, std::span<const std::int64_t> rows,
                            Grad dtable) override {
    const Timer timer(
        profile_, [&] { return label("gather_rows_backward", dy); }, 0.0);
    inner_.gather_rows_backward(dy, rows, dtable);
  }
  void sum_pixels(const Tensor& x, Grad y) override {
    const Timer timer(
        profile_, [&] { return label("sum_pixels", y.tensor); }, 0.0);
    inner_.sum_pixels(x, y);
  }
  void normal_noise(const NoiseKey& key, std::uint32_t first_image, Tensor& z) override {
    const Timer timer(
        profile_, [&] { return label("normal_noise", z); }, 0.0);
    inner_.normal_noise(key, first_image, z);
  }
  void mix_per_image(std::span<const double> a, const Tensor& x, std::span<const double> b,
                     const Tensor& z, Tensor& y) override {
    const Timer timer(
        profile_, [&] { return label("mix_per_image", y); }, 0.0);
    inner_.mix_per_image(a, x, b, z, y);
  }
  void squared_error(const Tensor& prediction, const Tensor& target,
                     std::span<double> sums) override {
    const Timer timer(
        profile_, [&] { return label("squared_error", target); }, 0.0);
    inner_.squared_error(prediction, target, sums);
  }
  void squared_error_backward(const Tensor& prediction, const Tensor& target, double scale,
                              Grad dprediction) override {
    const Timer timer(
        profile_, [&] { return label("squared_error_backward", dprediction.tensor); }, 0.0);
    inner_.squared_error_backward(prediction, target, scale, dprediction);
  }
  void sampler_update(const SamplerUpdate& update, const Tensor& x_t, const Tensor& output,
                      const Tensor& z, Tensor& y, Tensor& x0_pred) override {
    const Timer timer(
        profile_, [&] { return label("sampler_update", y); }, 0.0);
    inner_.sampler_update(update, x_t, output, z, y, x0_pred);
  }
  void linear_combination(std::span<const double> factors, std::span<const Tensor> terms,
                          Tensor& y) override {
    const Timer timer(
        profile_, [&] { return label("linear_combination", y); }, 0.0);
    inner_.linear_combination(factors, terms, y);
  }
  void scale_by_learned_deviation(const LearnedVariance& variance, const Tensor& v,
                                  Tensor& z) override {
    const Timer timer(
        profile_, [&] { return label("scale_by_learned_deviation", z); }, 0.0);
    inner_.scale_by_learned_deviation(variance, v, z);
  }
  void absolute_quantile(const Tensor& x, double ratio, std::span<double> quantiles) override {
    const Timer timer(
        profile_, [&] { return label("absolute_quantile", x); }, 0.0);
    inner_.absolute_quantile(x, ratio, quantiles);
  }
  void adam(const AdamUpdate& update, const Tensor& grad, Tensor& parameter, Tensor& m, Tensor& v,
            Tensor& ema) override {
    const Timer timer(
        profile_, [&] { return "adam"; }, 0.0);
    inner_.adam(update, grad, parameter, m, v, ema);
  }
  double sum_of_squares(const Tensor& x) override {
    const Timer timer(
        profile_, [&] { return "sum_of_squares"; }, 0.0);
    return inner_.sum_of_squares(x);
  }
  void sums_of_squares(std::span<const Tensor> x, std::span<double> sums) override {
    const Timer timer(
        profile_, [&] { return "sum_of_squares"; }, 0.0);
    inner_.sums_of_squares(x, sums);
  }
  bool all_finite(const Tensor& x) override {
    const Timer timer(
        profile_, [&] { return "all_finite"; }, 0.0);
    return inner_.all_finite(x);
  }
  bool is_finite_so_far(const Tensor& x, std::string_view what) override {
    const Timer timer(
        profile_, [&] { return "all_finite"; }, 0.0);
    return inner_.is_finite_so_far(x, what);
  }

 private:
  Kernels& inner_;
  Profiled profile_;
};

class ProfilingBackend final : public Device::Backend {
 public:
  ProfilingBackend(std::unique_ptr<Device::Backend> inner, Profile& profile)
      : inner_(std::move(inner)), profile_(profile), kernels_(*inner_, profile) {}

  Kernels& kernels() override { return kernels_; }
  std::unique_ptr<Device::Backend> fork(std::shared_ptr<ThreadTeam> team) override {
    return make_profiling_backend(inner_->fork(std::move(team)), profile_);
  }
  bool shares_out_loops() const override { return inner_->shares_out_loops(); }
  std::unique_ptr<MemorySource> memory() override { return inner_->memory(); }
  std::string describe() const override { return inner_->describe(); }
  bool memory_is_the_hosts() const override { return inner_->memory_is_the_hosts(); }
  std::optional<std::size_t> free_bytes() const override { return inner_->free_bytes(); }
  ImageDivision image_division() const override { return inner_->image_division(); }
  DType activation_dtype() const override { return inner_->activation_dtype(); }
  void wait() const override { inner_->wait(); }

 private:
  std::unique_ptr<Device::Backend> inner_;
  Profile& profile_;
  ProfilingKernels kernels_;
};

}  // namespace

std::unique_ptr<Device::Backend> make_profiling_backend(std::unique_ptr<Device::Backend> inner,
                                                        Profile& profile) {
  return std::make_unique<ProfilingBackend>(std::move(inner), profile);
}

}  // namespace ddim::engine
