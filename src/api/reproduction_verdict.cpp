#include "api/reproduction_verdict.h"

#include <algorithm>

namespace ddim::reproduction {
namespace {

bool is_below(const Figure& a, const Figure& b) {
  return a.value + a.half_width < b.value - b.half_width;
}

}  // namespace

std::string verdict_on_falling(const std::vector<Figure>& figures) {
  const auto all = [&](const auto& is_so) {
    return std::ranges::adjacent_find(figures, [&](const Figure& first, const Figure& next) {
             return !is_so(first, next);
           }) == figures.end();
  };
  if (all([](const Figure& first, const Figure& next) { return is_below(next, first); }))
    return "holds";
  if (!all([](const Figure& first, const Figure& next) { return !is_below(first, next); }))
    return "does not hold";
  return "open: intervals overlap";
}

}  // namespace ddim::reproduction
