#pragma once

#include <string>
#include <vector>

namespace ddim::reproduction {

/// A figure that is compared with another: its value and half of its interval.
struct Figure {
  double value = 0.0;
  double half_width = 0.0;
};

/// Of the claim that each figure is below the one before it: it holds where it does outside both
/// intervals of each pair, does not where one is above the one before it outside both, and is open
/// otherwise.
std::string verdict_on_falling(const std::vector<Figure>& figures);

}  // namespace ddim::reproduction
