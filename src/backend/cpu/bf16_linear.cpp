#include "backend/cpu/bf16_linear.h"

#include <algorithm>

#include "backend/cpu/conv_shape.h"
#include "backend/cpu/engine.h"
#include "backend/cpu/parallel.h"
#include "base/thread_team.h"

namespace ddim::cpu {
namespace {

using bf16::kPanel;

/// Rows that are multiplied with one panel at a time.
constexpr std::int64_t kRowsPerBlock = 240;

bf16::PanelSource source_of(const Bf16Linear& linear) {
  const std::int64_t C_out = linear.weight.dim(0);
  const std::int64_t K = linear.weight.dim(1);
  const float* const b = linear.weight.data<float>();
  if (linear.role == WeightRole::transposed)
    return {.b = b, .row_stride = 1, .column_stride = K, .num_k = K, .num_columns = C_out};
  return {.b = b, .row_stride = K, .column_stride = 1, .num_k = C_out, .num_columns = K};
}

/// All panels of the weight, kept as long as it does not change. The two roles have formats of
/// different rank, so that those of a square weight are not taken for each other.
std::shared_ptr<const dnnl::memory> packed_weight(Engine& engine, const Bf16Linear& linear) {
  using dnnl::memory;
  const bf16::PanelSource source = source_of(linear);
  const std::int64_t num_panels = (source.num_columns + kPanel - 1) / kPanel;
  const std::int64_t panel_size = bf16::padded(source.num_k) * kPanel;
  const memory::desc format =
      linear.role == WeightRole::transposed
          ? memory::desc({num_panels, panel_size}, memory::data_type::bf16, memory::format_tag::ab)
          : memory::desc({1, num_panels, panel_size}, memory::data_type::bf16,
                         memory::format_tag::abc);
  return engine.packed_parameters().get(
      linear.weight, format, engine.onednn(), [&](memory& packed) {
        auto* const to = static_cast<Bf16*>(packed.get_data_handle());
        parallel_for(engine.team(), num_panels, [&](std::int64_t panel) {
          bf16::pack_panel(source, panel, to + panel * panel_size);
        });
      });
}

}  // namespace

void bf16_linear(Engine& engine, const Bf16Linear& linear) {
  const bf16::PanelSource source = source_of(linear);
  const std::int64_t num_k = bf16::padded(source.num_k);
  const std::int64_t num_columns = source.num_columns;
  const std::int64_t num_panels = (num_columns + kPanel - 1) / kPanel;
  const std::int64_t num_blocks = (linear.num_rows + kRowsPerBlock - 1) / kRowsPerBlock;
  const auto packed = packed_weight(engine, linear);
  const auto* const panels = static_cast<const Bf16*>(packed->get_data_handle());

  // The rows of x as bf16, then each thread's products of one block and one panel.
  const std::size_t x_bytes = aligned(static_cast<std::size_t>(linear.num_rows * num_k) * 2);
  const std::size_t c_bytes = sizeof(float) * kRowsPerBlock * kPanel;
  std::byte* const workspace =
      engine.workspace().get(x_bytes + c_bytes * static_cast<std::size_t>(engine.team().size()));
  auto* const x = reinterpret_cast<Bf16*>(workspace);
  const auto rows_of = [&](std::int64_t block) {
    return std::min(kRowsPerBlock, linear.num_rows - block * kRowsPerBlock);
  };
  parallel_for(engine.team(), num_blocks, [&](std::int64_t block) {
    const std::int64_t first = block * kRowsPerBlock;
    bf16::round_rows(linear.x + first * source.num_k, rows_of(block), source.num_k,
                     x + first * num_k);
  });
  engine.team().for_each(num_blocks * num_panels, [&](int thread, std::int64_t item) {
    auto* const c =
        reinterpret_cast<float*>(workspace + x_bytes + c_bytes * static_cast<std::size_t>(thread));
    const std::int64_t block = item / num_panels;
    const std::int64_t panel = item % num_panels;
    const std::int64_t column = panel * kPanel;
    const std::int64_t at = block * kRowsPerBlock * num_columns + column;
    bf16::multiply({.a = x + block * kRowsPerBlock * num_k,
                    .b = panels + panel * num_k * kPanel,
                    .num_rows = rows_of(block),
                    .num_k = num_k,
                    .c = c});
    bf16::finish(c, rows_of(block), std::min(kPanel, num_columns - column),
                 {.bias = linear.bias == nullptr ? nullptr : linear.bias + column,
                  .residual = linear.residual == nullptr ? nullptr : linear.residual + at,
                  .write = linear.write,
                  .y = linear.y + at,
                  .row_stride = num_columns});
  });
}

}  // namespace ddim::cpu
