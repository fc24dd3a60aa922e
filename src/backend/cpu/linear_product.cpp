#include "backend/cpu/linear_product.h"

#include <algorithm>

#include "backend/cpu/engine.h"
#include "backend/cpu/layout_simd.h"
#include "backend/cpu/matmul_simd.h"
#include "backend/cpu/packed_weight.h"
#include "backend/cpu/parallel.h"
#include "base/thread_team.h"

namespace ddim::engine::cpu {
namespace {

/// B of a product.
struct RightFactor {
  simd::MatrixView view;
  std::int64_t K;
  std::int64_t num_columns;
};
RightFactor right_factor(const LinearProduct& product) {
  const std::int64_t C_out = product.weight.dim(0);
  const std::int64_t K = product.weight.dim(1);
  const float* const data = product.weight.data<float>();
  if (product.pass == Pass::backward_input)
    return {.view = {.data = data, .row_stride = K}, .K = C_out, .num_columns = K};
  return {
      .view = {.data = data, .row_stride = 1, .column_stride = K}, .K = K, .num_columns = C_out};
}

/// All panels of the weight, kept as long as it does not change.
template <class Element>
std::shared_ptr<const PackedWeight> packed_panels(Engine& engine, const LinearProduct& product) {
  const RightFactor b = right_factor(product);
  const std::int64_t num_panels = simd::num_panels<Element>(b.num_columns);
  const std::int64_t panel_size = simd::panel_size<Element>(b.K);
  const DerivedKey key{
      .purpose = "linear_product", .pass = product.pass, .element = element_of<Element>()};
  return packed_weight<Element>(product.weight, key, num_panels * panel_size, [&](Element* to) {
    parallel_for(engine.team(), num_panels, [&](std::int64_t panel) {
      simd::pack_panels(b.view, b.K, b.num_columns, panel, 1, to + panel * panel_size);
    });
  });
}

/// Rows of A that are multiplied with all panels before the next are: they and the panels of a
/// layer of 256 channels stay in the second-level cache. Whole tiles.
std::int64_t rows_of_block(std::int64_t K, const Engine& engine) {
  const std::int64_t tile = engine.tile_rows();
  return std::clamp<std::int64_t>(61440 / K / tile * tile, tile, 480);
}

/// Rows first .. first+count-1 of a matrix.
struct RowRange {
  std::int64_t first, count;
};

/// Rows of x, whose columns are in two places, side by side.
void gather(const LinearProduct& product, std::int64_t K, const RowRange& rows, float* to) {
  const std::int64_t left = K - product.x_right.count;
  const std::int64_t right = product.x_right.count;
  simd::move_rows({rows.count, left, left, K}, product.x + rows.first * left, Write::overwrite, to);
  simd::move_rows({rows.count, right, right, K}, product.x_right.data + rows.first * right,
                  Write::overwrite, to + left);
}

/// Rows of y to the two places where its columns are.
void scatter(const LinearProduct& product, std::int64_t num_columns, const RowRange& rows,
             const float* from) {
  const OutputColumns& right = product.y_right;
  const std::int64_t left = num_columns - right.count;
  if (product.y != nullptr) {
    simd::move_rows({rows.count, left, num_columns, left}, from, product.write,
                    product.y + rows.first * left);
  }
  if (right.data != nullptr) {
    simd::move_rows({rows.count, right.count, num_columns, right.count}, from + left, right.write,
                    right.data + rows.first * right.count);
  }
}

template <class Element>
void multiply(Engine& engine, const LinearProduct& product) {
  const RightFactor b = right_factor(product);
  const bool gathers = product.x_right.count > 0;
  const bool scatters = product.y_right.count > 0;
  const auto packed = packed_panels<Element>(engine, product);
  const std::int64_t block_rows = std::min(rows_of_block(b.K, engine), product.num_rows);
  const std::int64_t num_blocks = divide_up(product.num_rows, block_rows);
  // Where blocks are few, threads share out the panels as well, but not of rows to be scattered.
  const std::int64_t num_panels = simd::num_panels<Element>(b.num_columns);
  const std::int64_t wanted_groups =
      scatters ? 1 : divide_up(engine.team().num_present(), num_blocks);
  const std::int64_t group_panels = divide_up(num_panels, wanted_groups);
  const std::int64_t num_groups = divide_up(num_panels, group_panels);

  const auto rows_bytes = [&](std::int64_t row_elements, std::size_t element_bytes) {
    return aligned(static_cast<std::size_t>(block_rows * row_elements) * element_bytes);
  };
  const std::size_t ready_bytes = rows_bytes(simd::padded<Element>(b.K), sizeof(Element));
  const std::size_t gathered_bytes = gathers ? rows_bytes(b.K, sizeof(float)) : 0;
  const std::size_t made_bytes = scatters ? rows_bytes(b.num_columns, sizeof(float)) : 0;
  const std::size_t thread_bytes = ready_bytes + gathered_bytes + made_bytes;
  std::byte* const workspace =
      engine.workspace().get(thread_bytes * static_cast<std::size_t>(engine.team().size()));
  engine.team().for_each(num_blocks * num_groups, [&](int thread, std::int64_t item) {
    std::byte* const scratch = workspace + thread_bytes * static_cast<std::size_t>(thread);
    auto* const ready = reinterpret_cast<Element*>(scratch);
    auto* const gathered = reinterpret_cast<float*>(scratch + ready_bytes);
    auto* const made = reinterpret_cast<float*>(scratch + ready_bytes + gathered_bytes);
    const std::int64_t row = item / num_groups * block_rows;
    const RowRange rows = {row, std::min(block_rows, product.num_rows - row)};
    const std::int64_t first_panel = item % num_groups * group_panels;
    const std::int64_t at = row * b.num_columns;
    if (gathers) gather(product, b.K, rows, gathered);
    simd::multiply(
        simd::Product<Element>{
            .a = simd::left_factor(
                {.data = gathers ? gathered : product.x + row * b.K, .row_stride = b.K}, rows.count,
                b.K, ready),
            .panels = packed->template elements<Element>(),
            .num_rows = rows.count,
            .num_columns = b.num_columns,
            .K = b.K,
            .bias = product.bias,
            .residual = product.residual == nullptr ? nullptr : product.residual + at,
            .c = scatters ? made : product.y + at,
            .c_row_stride = b.num_columns,
            .write = scatters ? Write::overwrite : product.write},
        first_panel, std::min(group_panels, num_panels - first_panel));
    if (scatters) scatter(product, b.num_columns, rows, made);
  });
}

template <class Element>
void weight_gradient(Engine& engine, const InputColumns& x, const float* dy, std::int64_t num_rows,
                     std::int64_t first_column, Grad dweight) {
  const std::int64_t C_out = dweight.tensor.dim(0);
  const std::int64_t K = dweight.tensor.size() / C_out;
  const std::int64_t num_columns = x.count;
  const std::int64_t most_rows = weight_gradient_rows(engine);
  const std::int64_t most_block_rows = 4 * engine.tile_rows();  // of dweight
  const std::int64_t num_panels = simd::num_panels<Element>(num_columns);
  const std::int64_t panels_elements = num_panels * simd::panel_size<Element>(most_rows);
  const std::int64_t scratch_elements = most_block_rows * most_rows;
  auto* const panels = reinterpret_cast<Element*>(engine.workspace().get(
      static_cast<std::size_t>(panels_elements + scratch_elements * engine.team().size()) *
      sizeof(Element)));

  for (std::int64_t first = 0; first < num_rows; first += most_rows) {
    const std::int64_t rows = std::min(most_rows, num_rows - first);
    parallel_for(engine.team(), num_panels, [&](std::int64_t panel) {
      simd::pack_panels({.data = x.data + first * num_columns, .row_stride = num_columns}, rows,
                        num_columns, panel, 1, panels + panel * simd::panel_size<Element>(rows));
    });
    const std::int64_t num_blocks = divide_up(C_out, most_block_rows);
    engine.team().for_each(num_blocks, [&](int thread, std::int64_t block) {
      const std::int64_t row = block * most_block_rows;
      const std::int64_t block_rows = std::min(most_block_rows, C_out - row);
      const simd::MatrixView dy_transposed{
          .data = dy + first * C_out + row, .row_stride = 1, .column_stride = C_out};
      simd::multiply(simd::Product<Element>{
          .a = simd::left_factor(dy_transposed, block_rows, rows,
                                 panels + panels_elements + thread * scratch_elements),
          .panels = panels,
          .num_rows = block_rows,
          .num_columns = num_columns,
          .K = rows,
          .c = dweight.tensor.data<float>() + row * K + first_column,
          .c_row_stride = K,
          .write = first == 0 ? dweight.write : Write::accumulate});
    });
  }
}

}  // namespace

void linear_product(Engine& engine, const LinearProduct& product) {
  if (engine.precision() == Precision::bf16) {
    multiply<Bf16>(engine, product);
  } else {
    multiply<float>(engine, product);
  }
}

std::int64_t weight_gradient_rows(const Engine& engine) {
  return engine.multiplies_tiles() ? 480 : 240;  // the panels of 256 channels stay in the cache
}

void linear_weight_gradient(Engine& engine, const InputColumns& x, const float* dy,
                            std::int64_t num_rows, std::int64_t first_column, Grad dweight) {
  if (engine.multiplies_tiles()) {
    weight_gradient<Bf16>(engine, x, dy, num_rows, first_column, dweight);
  } else {
    weight_gradient<float>(engine, x, dy, num_rows, first_column, dweight);
  }
}

}  // namespace ddim::engine::cpu
