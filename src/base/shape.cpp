#include "base/shape.h"

#include "base/error.h"

namespace ddim::engine {

Shape::Shape(std::span<const std::int64_t> dims) : rank_(static_cast<int>(dims.size())) {
  require(dims.size() <= kMaxRank, "shape: ", dims.size(), " axes, at most ", kMaxRank);
  for (std::size_t i = 0; i < dims.size(); ++i) {
    require(dims[i] >= 0, "shape: axis ", i, " is negative (", dims[i], ")");
    dims_[i] = dims[i];
  }
}

std::int64_t Shape::size() const {
  std::int64_t product = 1;
  for (std::int64_t dim : dims()) product *= dim;
  return product;
}

Shape Shape::with(int axis, std::int64_t dim) const {
  assert(axis >= 0 && axis < rank_);
  Shape result = *this;
  result.dims_[static_cast<std::size_t>(axis)] = dim;
  return result;
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << '[';
  for (int i = 0; i < shape.rank(); ++i) out << (i == 0 ? "" : ",") << shape[i];
  return out << ']';
}

std::string to_string(const Shape& shape) {
  TextStream out;
  out << shape;
  return out.str();
}

}  // namespace ddim::engine
