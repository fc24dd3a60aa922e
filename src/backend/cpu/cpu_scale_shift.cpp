#include <algorithm>
#include <array>

#include "backend/cpu/cpu_kernels.h"
#include "backend/cpu/norm_simd.h"
#include "backend/cpu/parallel.h"

// A normalisation with mean 0, u_scale 1 + scale and beta shift: the loops of group norm do it.

namespace ddim::engine::cpu {
namespace {

/// Channels of a task, whose numbers are held on the stack.
constexpr std::int64_t kMaxChannels = 128;
using ChannelFloats = std::array<float, kMaxChannels>;
using ChannelDoubles = std::array<double, kMaxChannels>;
constexpr ChannelFloats kZeros{};

/// A run of channels of one image.
struct Task {
  std::int64_t image, first, channels;
};

/// Calls body(task) for runs of channels that cover all images.
template <class Body>
void for_each_task(ThreadTeam& team, const Tensor& x, const Body& body) {
  const std::int64_t channels = x.dim(3);
  const std::int64_t runs = (channels + kMaxChannels - 1) / kMaxChannels;
  parallel_for(team, x.dim(0) * runs, [&](std::int64_t i) {
    const std::int64_t first = i % runs * kMaxChannels;
    body(Task{i / runs, first, std::min(kMaxChannels, channels - first)});
  });
}

/// What a task reads and writes: pointers at its first channel of its image.
struct Place {
  Place(const Task& task, const Tensor& x, const Tensor& modulation)
      : block{.pixels = x.dim(1) * x.dim(2),
              .channels = task.channels,
              .x_stride = x.dim(3),
              .y_stride = x.dim(3)},
        offset(task.image * block.pixels * x.dim(3) + task.first),
        scale_offset(task.image * 2 * x.dim(3) + task.first),
        shift_offset(scale_offset + x.dim(3)) {
    const float* scale = modulation.data<float>() + scale_offset;
    for (std::int64_t c = 0; c < task.channels; ++c)
      factor[static_cast<std::size_t>(c)] = 1.0F + scale[c];
  }
  simd::ChannelNorm norm(const Tensor& modulation) const {
    return {kZeros.data(), factor.data(), modulation.data<float>() + shift_offset};
  }

  simd::NormBlock block;
  std::int64_t offset;        // in x
  std::int64_t scale_offset;  // in the modulation
  std::int64_t shift_offset;
  ChannelFloats factor;
};

void write_all(const ChannelDoubles& values, std::int64_t count, Write mode, float* slots) {
  for (std::int64_t c = 0; c < count; ++c) {
    const double value = values[static_cast<std::size_t>(c)];
    slots[c] = static_cast<float>(mode == Write::accumulate ? slots[c] + value : value);
  }
}

}  // namespace

void CpuKernels::scale_shift(const Tensor& x, const Tensor& modulation, Activation activation,
                             Tensor& y) {
  for_each_task(team(), x, [&](const Task& task) {
    const Place place(task, x, modulation);
    simd::normalise(place.block, place.norm(modulation), activation, x.data<float>() + place.offset,
                    y.data<float>() + place.offset);
  });
}

void CpuKernels::scale_shift_backward(const Tensor& x, const Tensor& modulation,
                                      Activation activation, const Tensor& dy, Grad dx,
                                      Grad dmodulation) {
  for_each_task(team(), x, [&](const Task& task) {
    const Place place(task, x, modulation);
    const simd::ChannelNorm norm = place.norm(modulation);
    const float* x_in = x.data<float>() + place.offset;
    const float* dy_in = dy.data<float>() + place.offset;
    if (dx) {
      simd::norm_gradient(place.block, norm, activation, {kZeros.data(), kZeros.data()}, x_in,
                          dy_in, dx.write, dx.tensor.data<float>() + place.offset);
    }
    if (dmodulation) {
      ChannelDoubles d_shift;
      ChannelDoubles d_scale;
      simd::norm_gradient_sums(place.block, norm, activation, x_in, dy_in, d_shift.data(),
                               d_scale.data());
      float* slots = dmodulation.tensor.data<float>();
      write_all(d_scale, task.channels, dmodulation.write, slots + place.scale_offset);
      write_all(d_shift, task.channels, dmodulation.write, slots + place.shift_offset);
    }
  });
}

}  // namespace ddim::engine::cpu
