#include "ops/gather_rows.h"

#include <utility>

#include "base/error.h"

namespace ddim::engine {

Var gather_rows(Tape& tape, const Device& device, const Var& table,
                std::vector<std::int64_t> rows) {
  const Shape& shape = table.value().shape();
  require(shape.rank() == 2, "gather_rows: table must be [K,C], found ", shape);
  for (const std::int64_t row : rows)
    require(row >= 0 && row < shape[0], "gather_rows: row ", row, " of a table of ", shape[0]);

  Kernels& k = device.kernels();
  Tensor y(device, {static_cast<std::int64_t>(rows.size()), shape[1]},
           table.value().dtype());  // [N,C]
  k.gather_rows(table.value(), rows, y);
  return tape.record(y, [&k, table, rows = std::move(rows)](const Tensor& dy) {
    k.gather_rows_backward(dy, rows, table.grad());
  });
}

}  // namespace ddim::engine
