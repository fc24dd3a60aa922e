#pragma once

#include "backend/ref/elements.h"

namespace ddim::engine::ref {

/// The elements of one or two parts that lie side by side: x(n, i, j, c).
template <class T>
class ChannelElements {
 public:
  explicit ChannelElements(const ChannelParts& x)
      : first_(elements<T, 4>(x.first)),
        second_(elements<T, 4>(x.second.defined() ? x.second : x.first)),
        split_(x.first.dim(3)) {}

  const T& operator()(std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t c) const {
    return c < split_ ? first_(n, i, j, c) : second_(n, i, j, c - split_);
  }

 private:
  Elements<const T, 4> first_, second_;
  std::int64_t split_;
};

/// Writes or adds a gradient to the part that element (n, i, j, c) of C channels is in, if somebody
/// wants it.
template <class T>
class ChannelGradients {
 public:
  ChannelGradients(const ChannelGrads& dx, std::int64_t C) : dx_(dx), split_(dx.split(C)) {}

  void put(double value, std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t c) {
    if (c < split_) {
      put_in(dx_.first, value, n, i, j, c);
    } else {
      put_in(dx_.second, value, n, i, j, c - split_);
    }
  }

 private:
  static void put_in(Grad& part, double value, std::int64_t n, std::int64_t i, std::int64_t j,
                     std::int64_t c) {
    if (part) ref::put(value, part.write, elements<T, 4>(part.tensor)(n, i, j, c));
  }

  ChannelGrads dx_;
  std::int64_t split_;
};

}  // namespace ddim::engine::ref
