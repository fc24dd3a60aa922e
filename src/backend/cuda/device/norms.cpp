// Group norm and softmax.
#include "backend/cuda/device/column_block.h"
#include "backend/cuda/device/kernel_table.h"

namespace ddim::engine::cuda {
namespace {

/// Element e of a group of `channels` channels from c0 on, of an image whose pixels begin at
/// `pixel`.
struct Group {
  Index pixel;
  int c0, channels;

  __device__ Index pixel_of(int e) const { return pixel + e / channels; }
  __device__ int channel_of(int e) const { return c0 + e % channels; }
};

__global__ void group_norm(GroupNormArguments p) {
  GPU_SHARED(float[kThreads / 32], scratch);
  GPU_DYNAMIC_SHARED(float, kept);
  const int g = static_cast<int>(blockIdx.x), n = static_cast<int>(blockIdx.y);
  const int C = p.x.c_first + p.x.c_second, channels = C / p.groups;
  const Group group{static_cast<Index>(n) * p.pixels, g * channels, channels};
  const int size = p.pixels * channels;  // below 2^31: ops/ would have no memory for more
  const float count = static_cast<float>(size);
  const int threads = static_cast<int>(blockDim.x);
  // A thread reads only those of the kept elements that it wrote.
  const auto value = [&](int e) {
    return p.in_shared ? kept[e] : element(p.x, group.pixel_of(e), group.channel_of(e));
  };

  float sum = 0.0F;
  for (int e = static_cast<int>(threadIdx.x); e < size; e += threads) {
    const float x = element(p.x, group.pixel_of(e), group.channel_of(e));
    if (p.in_shared) kept[e] = x;
    sum += x;
  }
  const float mean = block_sum(sum, scratch) / count;
  float squares = 0.0F;
  for (int e = static_cast<int>(threadIdx.x); e < size; e += threads) {
    const float d = value(e) - mean;
    squares += d * d;
  }
  const float variance = block_sum(squares, scratch) / count;
  const float rstd = 1.0F / sqrtf(variance + p.epsilon);
  for (int e = static_cast<int>(threadIdx.x); e < size; e += threads) {
    const int c = group.channel_of(e);
    const float pre = (value(e) - mean) * rstd * p.gamma[c] + p.beta[c];
    put(p.y, group.pixel_of(e) * C + c, curve_value(p.curve, pre));
  }
  if (threadIdx.x == 0) {
    p.mean[n * p.groups + g] = mean;
    p.rstd[n * p.groups + g] = rstd;
  }
}

// dx = rstd (gamma d_pre - avg(gamma d_pre) - x_hat avg(gamma d_pre x_hat)), as in ref_norm.cpp.
__global__ void group_norm_backward(GroupNormBackwardArguments p) {
  GPU_SHARED(float[kThreads / 32], scratch);
  const int g = static_cast<int>(blockIdx.x), n = static_cast<int>(blockIdx.y);
  const int C = p.x.c_first + p.x.c_second, channels = C / p.groups;
  const Group group{static_cast<Index>(n) * p.pixels, g * channels, channels};
  const int size = p.pixels * channels;
  const float mean = p.mean[n * p.groups + g], rstd = p.rstd[n * p.groups + g];
  const int threads = static_cast<int>(blockDim.x);
  struct Terms {
    float x_hat, scaled;  // gamma d_pre
  };
  const auto terms = [&](int e) -> Terms {
    const Index pixel = group.pixel_of(e);
    const int c = group.channel_of(e);
    const float x_hat = (element(p.x, pixel, c) - mean) * rstd;
    const float d_pre = load(p.dy, pixel * C + c) * curve_slope(p.curve, x_hat * p.gamma[c] + p.beta[c]);
    return {x_hat, p.gamma[c] * d_pre};
  };
  float sum = 0.0F, sum_with_x_hat = 0.0F;
  for (int e = static_cast<int>(threadIdx.x); e < size; e += threads) {
    const Terms t = terms(e);
    sum += t.scaled;
    sum_with_x_hat += t.scaled * t.x_hat;
  }
  const float average = block_sum(sum, scratch) / static_cast<float>(size);
  const float average_with_x_hat = block_sum(sum_with_x_hat, scratch) / static_cast<float>(size);
  for (int e = static_cast<int>(threadIdx.x); e < size; e += threads) {
    const Terms t = terms(e);
    put(p.dx, group.pixel_of(e), group.channel_of(e),
        rstd * (t.scaled - average - t.x_hat * average_with_x_hat));
  }
}

__global__ void group_norm_sums(GroupNormSumsArguments p) {
  GPU_SHARED(ColumnSums<float>, scratch);
  const int C = p.x.c_first + p.x.c_second;
  const int c =
      static_cast<int>(blockIdx.x) * kBlockColumns + static_cast<int>(threadIdx.x % kBlockColumns);
  const Index first = static_cast<Index>(blockIdx.y) * p.rows_per_split;
  const Index end = first + p.rows_per_split < p.rows ? first + p.rows_per_split : p.rows;
  float d_scale = 0.0F, d_shift = 0.0F;
  if (c < C) {
    const int g = c / (C / p.groups);
    for (Index row = first + threadIdx.x / kBlockColumns; row < end; row += kBlockRows) {
      const Index group = row / p.pixels * p.groups + g;
      const float x_hat = (element(p.x, row, c) - p.mean[group]) * p.rstd[group];
      const float d_pre = load(p.dy, row * C + c) * curve_slope(p.curve, x_hat * p.gamma[c] + p.beta[c]);
      d_scale += d_pre * x_hat;
      d_shift += d_pre;
    }
  }
  d_scale = column_sum(d_scale, scratch);
  d_shift = column_sum(d_shift, scratch);
  if (threadIdx.x >= kBlockColumns || c >= C) return;
  p.partial[static_cast<Index>(blockIdx.y) * C + c] = d_scale;
  p.partial[(static_cast<Index>(p.splits) + blockIdx.y) * C + c] = d_shift;
}

__device__ float warp_max(float value) {
  GPU_UNROLL for (int bits = 16; bits > 0; bits /= 2) {
    const float other = __shfl_xor_sync(~0U, value, bits);
    value = other > value ? other : value;
  }
  return value;
}

__global__ void softmax(SoftmaxArguments p) {
  const Index row = static_cast<Index>(blockIdx.x) * (kThreads / 32) + threadIdx.x / 32;
  if (row >= p.rows) return;  // whole warps
  float* scores = p.scores + row * p.length;
  const int lane = static_cast<int>(threadIdx.x % 32);
  float largest = -INFINITY;
  for (int j = lane; j < p.length; j += 32) largest = scores[j] > largest ? scores[j] : largest;
  largest = warp_max(largest);
  float total = 0.0F;
  for (int j = lane; j < p.length; j += 32) total += expf(scores[j] - largest);
  const float log_sum_exp = largest + logf(warp_sum(total));
  for (int j = lane; j < p.length; j += 32) scores[j] = expf(scores[j] - log_sum_exp);
  if (lane == 0) p.log_sum_exp[row] = log_sum_exp;
}

__global__ void softmax_backward(SoftmaxBackwardArguments p) {
  const Index row = static_cast<Index>(blockIdx.x) * (kThreads / 32) + threadIdx.x / 32;
  if (row >= p.rows) return;
  float *scores = p.scores + row * p.length, *dp = p.dp + row * p.length;
  const int lane = static_cast<int>(threadIdx.x % 32);
  const float log_sum_exp = p.log_sum_exp[row];
  float sum = 0.0F;
  for (int j = lane; j < p.length; j += 32) {
    scores[j] = expf(scores[j] - log_sum_exp);
    sum += scores[j] * dp[j];
  }
  sum = warp_sum(sum);
  for (int j = lane; j < p.length; j += 32) dp[j] = scores[j] * (dp[j] - sum);
}

}  // namespace

void add_norm_kernels(KernelTable& table) {
  table.put(entry_of(group_norm));
  table.put(entry_of(group_norm_backward));
  table.put(entry_of(group_norm_sums));
  table.put(entry_of(softmax));
  table.put(entry_of(softmax_backward));
}

}  // namespace ddim::engine::cuda
