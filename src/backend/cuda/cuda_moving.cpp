#include <algorithm>
#include <vector>

#include "backend/cuda/cuda_kernels.h"

namespace ddim::engine::cuda {
namespace {

Repeat2xArguments repeat_2x(const Tensor& x, const Slot& y, float factor) {
  return {values_of(x),     y,     4 * x.size(), narrow(x.dim(1)), narrow(x.dim(2)),
          narrow(x.dim(3)), factor};
}
Sum2x2Arguments sum_2x2(const Tensor& x, const Slot& y, float factor) {
  return {values_of(x),     y,     x.size() / 4, narrow(x.dim(1) / 2), narrow(x.dim(2) / 2),
          narrow(x.dim(3)), factor};
}

}  // namespace

void CudaKernels::upsample_nearest_2x(const Tensor& x, Tensor& y) {
  launch_elements(y.size(), repeat_2x(x, overwrite(y), 1.0F));
}
void CudaKernels::upsample_nearest_2x_backward(const Tensor& dy, Grad dx) {
  if (dx) launch_elements(dx.tensor.size(), sum_2x2(dy, slot_of(dx), 1.0F));
}
void CudaKernels::downsample_mean_2x(const Tensor& x, Tensor& y) {
  launch_elements(y.size(), sum_2x2(x, overwrite(y), 0.25F));
}
void CudaKernels::downsample_mean_2x_backward(const Tensor& dy, Grad dx) {
  if (dx) launch_elements(dx.tensor.size(), repeat_2x(dy, slot_of(dx), 0.25F));
}

void CudaKernels::pool(const Tensor& x, const PoolGeometry& geometry, Tensor& y) {
  launch_elements(y.size(), PoolArguments{.x = values_of(x),
                                          .y = overwrite(y),
                                          .size = y.size(),
                                          .height = narrow(x.dim(1)),
                                          .width = narrow(x.dim(2)),
                                          .channels = narrow(x.dim(3)),
                                          .rows = narrow(y.dim(1)),
                                          .columns = narrow(y.dim(2)),
                                          .kernel = narrow(geometry.kernel),
                                          .stride = narrow(geometry.stride),
                                          .padding = narrow(geometry.padding),
                                          .takes_mean = geometry.pooling == Pooling::mean ? 1 : 0});
}

void CudaKernels::join_channels(std::span<const Tensor> parts, Tensor& y) {
  assert(parts.size() <= kMaxParts);
  JoinArguments arguments{.parts = {},
                          .ends = {},
                          .num_parts = narrow(std::ssize(parts)),
                          .channels = narrow(y.dim(3)),
                          .y = overwrite(y),
                          .size = y.size()};
  std::int32_t end = 0;
  for (std::size_t k = 0; k < parts.size(); ++k) {
    arguments.parts[k] = values_of(parts[k]);
    arguments.ends[k] = end += narrow(parts[k].dim(3));
  }
  launch_elements(y.size(), arguments);
}

void CudaKernels::gather_rows(const Tensor& table, std::span<const std::int64_t> rows, Tensor& y) {
  GatherArguments arguments{.table = data_of(table),
                            .y = data_of(y),
                            .num_rows = std::ssize(rows),
                            .channels = narrow(table.dim(1)),
                            .rows = {},
                            .more_rows = nullptr};
  if (std::ssize(rows) <= kMaxImages) {
    std::ranges::transform(rows, arguments.rows, narrow);
  } else {  // of pixels
    std::vector<std::int32_t> all(rows.size());
    std::ranges::transform(rows, all.begin(), narrow);
    arguments.more_rows = in_scratch(std::span<const std::int32_t>(all));
  }
  launch_elements(y.size(), arguments);
}
void CudaKernels::gather_rows_backward(const Tensor& dy, std::span<const std::int64_t> rows,
                                       Grad dtable) {
  if (!dtable) return;
  if (rows.empty() && dtable.write == Write::overwrite) return fill(0.0, dtable.tensor);
  GatherBackwardArguments arguments{.dy = data_of(dy),
                                    .dtable = slot_of(dtable),
                                    .size = dtable.tensor.size(),
                                    .num_rows = 0,
                                    .channels = narrow(dy.dim(1)),
                                    .rows = {}};
  for (; !rows.empty(); rows = rows.subspan(static_cast<std::size_t>(arguments.num_rows))) {
    arguments.dy += arguments.num_rows * dy.dim(1);
    arguments.num_rows = narrow(std::min<std::int64_t>(kMaxImages, std::ssize(rows)));
    std::ranges::transform(rows.first(static_cast<std::size_t>(arguments.num_rows)), arguments.rows,
                           narrow);
    launch_elements(arguments.size, arguments);
    arguments.dtable.accumulates = 1;
  }
}

}  // namespace ddim::engine::cuda
