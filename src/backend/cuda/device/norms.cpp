// Group norm and softmax.
#include "backend/cuda/device/column_block.h"
#include "backend/cuda/device/kernel_table.h"

namespace ddim::engine::cuda {
namespace {

/// Sums over a group are taken for each column in so many parts: pixel 0, kSlots, 2 kSlots .. is
/// the first. These are added up by a tree, then columns in their order. So the sums are the same
/// for any number of threads and of columns.
constexpr int kSlots = 64;
template <class T>
using SlotSums = T[kSlots * kMostColumns];

/// What a thread has of an image's groups: the channels of its column, which are in one group, in
/// some of the pixels.
class GroupPart {
 public:
  __device__ GroupPart(const GroupBlock& block, int C)
      : block_(block),
        row_(static_cast<int>(threadIdx.x) / block.columns),
        rows_(static_cast<int>(blockDim.x) / block.columns),
        column_(static_cast<int>(threadIdx.x) % block.columns) {
    const int channels = C / block.groups,
              g0 = static_cast<int>(blockIdx.x) * block.groups_of_block;
    const int group_of_block = channels > block.columns ? 0 : column_ / channels;
    group_ = g0 + group_of_block;
    is_idle_ = group_of_block >= block.groups_of_block || group_ >= block.groups;
    first_column_ = group_of_block * channels;
    end_column_ = channels > block.columns ? block.columns : first_column_ + channels;
    first_channel_ = g0 * channels + column_;
    end_channel_ = is_idle_ ? 0 : (group_ + 1) * channels;
    count_ = static_cast<float>(block.pixels) * static_cast<float>(channels);
    first_channel_of_block_ = g0 * channels;
    channels_of_block_ = block.groups_of_block * channels;
  }

  /// Threads of columns beyond the last channel have no group.
  __device__ bool is_idle() const { return is_idle_; }
  /// One of them all, to write what is said of the group.
  __device__ bool is_first_of_group() const {
    return !is_idle_ && row_ == 0 && column_ == first_column_;
  }
  /// The number of the group among those of all images.
  __device__ Index group() const { return static_cast<Index>(blockIdx.y) * block_.groups + group_; }
  __device__ float count() const { return count_; }

  /// Calls visitor(channel)(pixel) for each of this thread's elements, pixels counted through all
  /// images.
  template <class Visitor>
  __device__ void for_each(Visitor visitor) const {
    for (int c = first_channel_; c < end_channel_; c += block_.columns) {
      auto visit = visitor(c);
      for (int pixel = row_; pixel < block_.pixels; pixel += rows_) visit(first_pixel() + pixel);
    }
  }
  /// The place of an element among those of the block.
  __device__ int place(Index pixel, int c) const {
    return static_cast<int>(pixel - first_pixel()) * channels_of_block_ + c -
           first_channel_of_block_;
  }
  /// The sum of values(channel)(pixel) over the thread's group, which asks each thread for the
  /// elements of its for_each(). `scratch` is shared, and free again afterwards.
  template <class T, class Visitor>
  __device__ T sum(SlotSums<T>& scratch, Visitor values) const {
    for (int slot = row_; slot < kSlots; slot += rows_) {
      T sum = {};
      for (int c = first_channel_; c < end_channel_; c += block_.columns) {
        auto value = values(c);
        for (int pixel = slot; pixel < block_.pixels; pixel += kSlots)
          sum += value(first_pixel() + pixel);
      }
      scratch[slot * block_.columns + column_] = sum;
    }
    for (int half = kSlots / 2; half > 0; half /= 2) {
      __syncthreads();
      const int size = half * block_.columns;
      for (int i = static_cast<int>(threadIdx.x); i < size; i += static_cast<int>(blockDim.x))
        scratch[i] += scratch[i + size];
    }
    __syncthreads();
    T sum = {};
    if (!is_idle_)
      for (int column = first_column_; column < end_column_; ++column) sum += scratch[column];
    __syncthreads();
    return sum;
  }

 private:
  __device__ Index first_pixel() const { return static_cast<Index>(blockIdx.y) * block_.pixels; }

  const GroupBlock& block_;
  int row_, rows_, column_;
  int group_, first_column_, end_column_, first_channel_, end_channel_;
  int first_channel_of_block_, channels_of_block_;
  float count_;
  bool is_idle_;
};

__global__ void group_norm(GroupNormArguments p) {
  GPU_SHARED(SlotSums<float>, scratch);
  GPU_DYNAMIC_SHARED(char, shared);
  const int C = p.x.c_first + p.x.c_second;
  const GroupPart part(p.block, C);
  const bool is_bf16 = p.x.first.bf16 != nullptr;
  // The block's elements, as they are in memory. A thread reads only those that it wrote.
  const Slot kept{is_bf16 ? nullptr : reinterpret_cast<float*>(shared),
                  is_bf16 ? reinterpret_cast<Bf16*>(shared) : nullptr, 0};
  const auto value = [&](Index pixel, int c) {
    return p.in_shared ? load({kept.f32, kept.bf16}, part.place(pixel, c)) : element(p.x, pixel, c);
  };

  const float sum = part.sum(scratch, [&](int c) {
    return [&, c](Index pixel) {
      const float x = element(p.x, pixel, c);
      if (p.in_shared) put(kept, part.place(pixel, c), x);
      return x;
    };
  });
  const float mean = sum / part.count();
  const float squares = part.sum(scratch, [&](int c) {
    return [&, c](Index pixel) {
      const float d = value(pixel, c) - mean;
      return d * d;
    };
  });
  const float rstd = 1.0F / sqrtf(squares / part.count() + p.epsilon);
  part.for_each([&](int c) {
    return [&, c, gamma = p.gamma[c], beta = p.beta[c]](Index pixel) {
      const float pre = (value(pixel, c) - mean) * rstd * gamma + beta;
      put(p.y, pixel * C + c, curve_value(p.curve, pre));
    };
  });
  if (!part.is_first_of_group()) return;
  p.mean[part.group()] = mean;
  p.rstd[part.group()] = rstd;
}

/// Two sums at once.
struct Two {
  float a, b;
  __device__ Two& operator+=(const Two& other) {
    a += other.a;
    b += other.b;
    return *this;
  }
};

// dx = rstd (gamma d_pre - avg(gamma d_pre) - x_hat avg(gamma d_pre x_hat)), as in ref_norm.cpp.
__global__ void group_norm_backward(GroupNormBackwardArguments p) {
  GPU_SHARED(SlotSums<Two>, scratch);
  const int C = p.x.c_first + p.x.c_second;
  const GroupPart part(p.block, C);
  const float mean = part.is_idle() ? 0.0F : p.mean[part.group()];
  const float rstd = part.is_idle() ? 0.0F : p.rstd[part.group()];
  struct Terms {
    float x_hat, scaled;  // gamma d_pre
  };
  const auto terms_of = [&](int c) {
    return [&, c, gamma = p.gamma[c], beta = p.beta[c]](Index pixel) -> Terms {
      const float x_hat = (element(p.x, pixel, c) - mean) * rstd;
      const float d_pre = load(p.dy, pixel * C + c) * curve_slope(p.curve, x_hat * gamma + beta);
      return {x_hat, gamma * d_pre};
    };
  };
  const Two sums = part.sum(scratch, [&](int c) {
    return [terms = terms_of(c)](Index pixel) -> Two {
      const Terms t = terms(pixel);
      return {t.scaled, t.scaled * t.x_hat};
    };
  });
  const float average = sums.a / part.count(), average_with_x_hat = sums.b / part.count();
  part.for_each([&](int c) {
    return [&, c, terms = terms_of(c)](Index pixel) {
      const Terms t = terms(pixel);
      put(p.dx, pixel, c, rstd * (t.scaled - average - t.x_hat * average_with_x_hat));
    };
  });
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
    Index row = first + threadIdx.x / kBlockColumns;
    Index next_image = (row / p.pixels + 1) * p.pixels, group = row / p.pixels * p.groups + g;
    for (; row < end; row += kBlockRows) {
      for (; row >= next_image; next_image += p.pixels) group += p.groups;
      const float x_hat = (element(p.x, row, c) - p.mean[group]) * p.rstd[group];
      const float d_pre =
          load(p.dy, row * C + c) * curve_slope(p.curve, x_hat * p.gamma[c] + p.beta[c]);
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
