#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

namespace ddim::engine::diffusion {

/// Anderson's acceleration (J. ACM 12, 1965) of the fixed-point iteration x <- x + r(x): finds x
/// with r(x) = 0, also where the iteration itself runs away, from the last `depth` steps. On a
/// linear r it needs no more steps than x has numbers (it then is GMRES).
class Anderson {
 public:
  explicit Anderson(std::size_t depth) : depth_(depth) {}

  /// Replaces x by the next one to try; `residual` is r(x).
  void advance(std::span<const double> residual, std::span<double> x);

 private:
  struct Change {
    std::vector<double> x, residual;
  };

  std::size_t depth_;
  std::deque<Change> changes_;  // the newest first
  std::vector<double> last_x_, last_residual_;
};

}  // namespace ddim::engine::diffusion
