#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <numeric>

#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/norm_simd.h"
#include "backend/cpu/parallel.h"

// Work is cut by images and by runs of groups. The sums of a channel run over its pixels in one
// order and those of a group over its channels in one order, so it does not matter where the cuts
// are, and they may depend on the number of threads.

namespace ddim::engine::cpu {
namespace {

/// Channels whose per-channel numbers are held on the stack at a time. A run of this many channels
/// of a 32x32 image also stays in the second-level cache between two passes.
constexpr std::int64_t kMaxChannels = 128;
using ChannelFloats = std::array<float, kMaxChannels>;
using ChannelDoubles = std::array<double, kMaxChannels>;

struct NormShape {
  std::int64_t images, pixels, channels, groups;
  std::int64_t split;  ///< where the second part of x begins; `channels` where there is none
  std::int64_t channels_per_group() const { return channels / groups; }
  /// Channels of the part of x that channel c is in.
  std::int64_t part_channels(std::int64_t c) const { return c < split ? split : channels - split; }
  /// Where channel c of pixel 0 of image n stands in its part of x.
  std::int64_t part_offset(std::int64_t n, std::int64_t c) const {
    return n * pixels * part_channels(c) + (c < split ? c : c - split);
  }
  /// Where it stands in y.
  std::int64_t offset(std::int64_t n, std::int64_t c) const { return n * pixels * channels + c; }
};

NormShape norm_shape(const ChannelParts& x, const GroupNormOptions& options) {
  assert(x.channels() % options.num_groups == 0);
  return {.images = x.first.dim(0),
          .pixels = x.first.dim(1) * x.first.dim(2),
          .channels = x.channels(),
          .groups = options.num_groups,
          .split = x.first.dim(3)};
}

const float* at(const ChannelParts& x, const NormShape& shape, std::int64_t n, std::int64_t c) {
  return (c < shape.split ? x.first : x.second).data<float>() + shape.part_offset(n, c);
}

/// How many groups one task takes, so that `images` * tasks keeps `num_threads` threads busy. A
/// multiple of as many groups as make whole vectors of 16 channels, if there are so many.
std::int64_t groups_per_task(const NormShape& shape, std::int64_t images, int num_threads) {
  const std::int64_t step = 16 / std::gcd<std::int64_t>(16, shape.channels_per_group());
  const std::int64_t fitting = kMaxChannels / shape.channels_per_group();
  const std::int64_t tasks_per_image =
      (num_threads + images - 1) / std::max<std::int64_t>(1, images);
  const std::int64_t wanted = std::min(fitting, shape.groups / tasks_per_image);
  return std::min(shape.groups, std::max(wanted / step, std::int64_t{1}) * step);
}

/// Groups first .. end-1 of image n.
struct GroupRun {
  std::int64_t n, first, end;
};

/// Calls body(first, count) for channels first .. first+count-1 of the groups, at most kMaxChannels
/// at a time, all in one part of x.
template <class Body>
void for_each_channel_block(const NormShape& shape, const GroupRun& run, const Body& body) {
  const std::int64_t end = run.end * shape.channels_per_group();
  for (std::int64_t first = run.first * shape.channels_per_group(); first < end;) {
    const std::int64_t end_of_part = first < shape.split ? std::min(end, shape.split) : end;
    const std::int64_t count = std::min(kMaxChannels, end_of_part - first);
    body(first, count);
    first += count;
  }
}

/// Mean and 1/sqrt(variance + epsilon) of the groups. mean and rstd are the image's rows.
void group_statistics(const NormShape& shape, double epsilon, const GroupRun& run,
                      const ChannelParts& x, float* mean, float* rstd) {
  const std::int64_t width = shape.channels_per_group();
  const auto count = static_cast<double>(shape.pixels * width);
  double sum = 0.0;
  double squares = 0.0;
  for_each_channel_block(shape, run, [&](std::int64_t first, std::int64_t channels) {
    ChannelDoubles channel_sum;
    ChannelDoubles channel_squares;
    simd::channel_moments({shape.pixels, shape.part_channels(first), channels},
                          at(x, shape, run.n, first), channel_sum.data(), channel_squares.data());
    for (std::int64_t c = 0; c < channels; ++c) {
      sum += channel_sum[static_cast<std::size_t>(c)];
      squares += channel_squares[static_cast<std::size_t>(c)];
      if ((first + c + 1) % width != 0) continue;  // not the last channel of its group
      const double m = sum / count;
      const double variance = squares / count - m * m;
      // A NaN must stay one: std::max(0, NaN) would be 0.
      const double positive = variance < 0.0 ? 0.0 : variance;
      const std::int64_t group = (first + c) / width;
      mean[group] = static_cast<float>(m);
      rstd[group] = static_cast<float>(1.0 / std::sqrt(positive + epsilon));
      sum = squares = 0.0;
    }
  });
}

/// What the norm of one image is computed from: gamma, beta [C], the image's rows of mean and rstd
/// [groups].
struct NormInputs {
  const float *gamma, *beta, *mean, *rstd;
};

/// The numbers of simd::ChannelNorm for channels first .. first+channels-1.
class BlockNorm {
 public:
  BlockNorm(const NormShape& shape, std::int64_t first, std::int64_t channels, const NormInputs& in)
      : beta_(in.beta + first) {
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::int64_t group = (first + c) / shape.channels_per_group();
      mean_[static_cast<std::size_t>(c)] = in.mean[group];
      u_scale_[static_cast<std::size_t>(c)] = in.gamma[first + c] * in.rstd[group];
    }
  }
  simd::ChannelNorm view() const { return {mean_.data(), u_scale_.data(), beta_}; }

 private:
  ChannelFloats mean_;
  ChannelFloats u_scale_;
  const float* beta_;
};

simd::NormBlock norm_block(const NormShape& shape, std::int64_t first, std::int64_t channels) {
  return {.pixels = shape.pixels,
          .channels = channels,
          .x_stride = shape.part_channels(first),
          .y_stride = shape.channels};
}

}  // namespace

void CpuKernels::group_norm(const ChannelParts& x, const Tensor& gamma, const Tensor& beta,
                            const GroupNormOptions& options, Tensor& mean, Tensor& rstd,
                            Tensor& y) {
  const NormShape shape = norm_shape(x, options);
  const std::int64_t task_groups = groups_per_task(shape, shape.images, team().num_present());
  const std::int64_t tasks = (shape.groups + task_groups - 1) / task_groups;
  parallel_for(team(), shape.images * tasks, [&](std::int64_t task) {
    const std::int64_t n = task / tasks;
    const std::int64_t first_group = task % tasks * task_groups;
    const GroupRun run = {n, first_group, std::min(shape.groups, first_group + task_groups)};
    float* mean_row = mean.data<float>() + n * shape.groups;
    float* rstd_row = rstd.data<float>() + n * shape.groups;
    group_statistics(shape, options.epsilon, run, x, mean_row, rstd_row);
    const NormInputs in = {.gamma = gamma.data<float>(),
                           .beta = beta.data<float>(),
                           .mean = mean_row,
                           .rstd = rstd_row};
    for_each_channel_block(shape, run, [&](std::int64_t first, std::int64_t channels) {
      const BlockNorm norm(shape, first, channels, in);
      simd::normalise(norm_block(shape, first, channels), norm.view(), options.activation,
                      at(x, shape, n, first), y.data<float>() + shape.offset(n, first));
    });
  });
}

namespace {

void write_element(Grad& grad, std::int64_t i, double value) {
  if (!grad) return;
  float& slot = grad.tensor.data<float>()[i];
  slot = static_cast<float>(grad.write == Write::accumulate ? slot + value : value);
}

/// Means over one group of gamma du and of gamma du x_hat.
struct GroupMeans {
  double du = 0.0;
  double du_x_hat = 0.0;
};

/// The gradient of some groups of one image. With x_hat = (x - mean) rstd,
/// u = gamma x_hat + beta, du = dy activation'(u):
///   dgamma = sum du x_hat,  dbeta = sum du,
///   dx = rstd (gamma du - mean(gamma du) - x_hat mean(gamma du x_hat)).
void norm_backward_of_groups(const NormShape& shape, Activation activation, const GroupRun& run,
                             const NormInputs& in, const ChannelParts& x, const Tensor& dy,
                             ChannelGrads& dx, Grad dgamma, Grad dbeta) {
  const std::int64_t width = shape.channels_per_group();
  const auto count = static_cast<double>(shape.pixels * width);
  std::array<GroupMeans, kMaxChannels> means{};
  assert(run.end - run.first <= kMaxChannels);

  for_each_channel_block(shape, run, [&](std::int64_t first, std::int64_t channels) {
    const BlockNorm norm(shape, first, channels, in);
    ChannelDoubles sum_du;
    ChannelDoubles sum_du_centred;
    simd::norm_gradient_sums(
        norm_block(shape, first, channels), norm.view(), activation, at(x, shape, run.n, first),
        dy.data<float>() + shape.offset(run.n, first), sum_du.data(), sum_du_centred.data());
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::int64_t group = (first + c) / width;
      const double gamma = in.gamma[first + c];
      const double du = sum_du[static_cast<std::size_t>(c)];
      const double du_x_hat = sum_du_centred[static_cast<std::size_t>(c)] * in.rstd[group];
      GroupMeans& mean = means[static_cast<std::size_t>(group - run.first)];
      mean.du += gamma * du / count;
      mean.du_x_hat += gamma * du_x_hat / count;
      write_element(dgamma, first + c, du_x_hat);
      write_element(dbeta, first + c, du);
    }
  });

  for_each_channel_block(shape, run, [&](std::int64_t first, std::int64_t channels) {
    Grad& part = first < shape.split ? dx.first : dx.second;
    if (!part) return;
    const BlockNorm norm(shape, first, channels, in);
    ChannelFloats from_centred;
    ChannelFloats constant;
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::int64_t group = (first + c) / width;
      const GroupMeans& mean = means[static_cast<std::size_t>(group - run.first)];
      const double rstd = in.rstd[group];
      from_centred[static_cast<std::size_t>(c)] = static_cast<float>(-rstd * rstd * mean.du_x_hat);
      constant[static_cast<std::size_t>(c)] = static_cast<float>(-rstd * mean.du);
    }
    simd::norm_gradient(norm_block(shape, first, channels), norm.view(), activation,
                        {from_centred.data(), constant.data()}, at(x, shape, run.n, first),
                        dy.data<float>() + shape.offset(run.n, first), part.write,
                        part.tensor.data<float>() + shape.part_offset(run.n, first));
  });
}

}  // namespace

void CpuKernels::group_norm_backward(const ChannelParts& x, const Tensor& gamma, const Tensor& beta,
                                     const Tensor& mean, const Tensor& rstd,
                                     const GroupNormOptions& options, const Tensor& dy,
                                     const ChannelGrads& dx, Grad dgamma, Grad dbeta) {
  const NormShape shape = norm_shape(x, options);
  // A task takes its groups through all images, so that dgamma and dbeta have one writer, which
  // adds in the order of images.
  const std::int64_t task_groups = groups_per_task(shape, 1, team().num_present());
  const std::int64_t tasks = (shape.groups + task_groups - 1) / task_groups;
  ChannelGrads slots = dx;
  parallel_for(team(), tasks, [&](std::int64_t task) {
    const std::int64_t first_group = task * task_groups;
    const std::int64_t end_group = std::min(shape.groups, first_group + task_groups);
    for (std::int64_t n = 0; n < shape.images; ++n) {
      const NormInputs in = {.gamma = gamma.data<float>(),
                             .beta = beta.data<float>(),
                             .mean = mean.data<float>() + n * shape.groups,
                             .rstd = rstd.data<float>() + n * shape.groups};
      const auto part_of_image = [n](const Grad& sum) {
        return Grad{sum.tensor, n == 0 ? sum.write : Write::accumulate};
      };
      norm_backward_of_groups(shape, options.activation, {n, first_group, end_group}, in, x, dy,
                              slots, part_of_image(dgamma), part_of_image(dbeta));
    }
  });
}

}  // namespace ddim::engine::cpu
