#pragma once

#include <span>
#include <string>
#include <vector>

#include "api/reproduction.h"
#include "api/reproduction_figures.h"

namespace ddim::reproduction {

/// By how much `next` is below `first`. The interval leaves 0 out where each is outside the other's
/// interval.
Figure fall_between(const Figure& first, const Figure& next);
/// The same of figures of the same pictures, by the differences of each picture. As many of both.
Figure mean_fall(std::span<const double> first, std::span<const double> next);

/// Of the claim that figures fall, by the falls from each to the next: it holds where the interval
/// of each is above 0, does not where that of one is below, and is open otherwise, for the reason
/// `why_open`.
std::string verdict_on_falling(const std::vector<Figure>& falls, const std::string& why_open);

/// A claim of the paper, and what the cells say about it.
struct Finding {
  std::string claim = {};
  std::string verdict = "not finished";
  std::string found = {};
  std::vector<std::string> differences = {};  ///< that the verdict is by, where it is by some
};
/// Of the claims that cells of such steps can be asked about, with this tau in table 1.
std::vector<Finding> findings_of(const ReproduceSize& size, TauKind tau, const Cells& cells);

}  // namespace ddim::reproduction
