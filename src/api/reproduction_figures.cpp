#include "api/reproduction_figures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/text.h"

namespace ddim::reproduction {

using namespace engine;

double value_of(const ReproducedCell& cell, const std::string& key) {
  const auto found = cell.values.find(key);
  return found == cell.values.end() ? std::nan("") : found->second;
}

Figure figure_of(const ReproducedCell& cell, const std::string& measure) {
  return {value_of(cell, measure), value_of(cell, measure + "_half_width_95")};
}

std::string formatted(const char* format, double value) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

std::string with_interval(const Figure& figure) {
  if (std::isnan(figure.half_width)) return formatted("%.4f", figure.value);
  int decimals = 4;
  if (figure.half_width > 0.0)
    decimals = std::clamp(1 - static_cast<int>(std::floor(std::log10(figure.half_width))), 0, 6);
  const std::string format = concat("%.", decimals, "f");
  return concat(formatted(format.c_str(), figure.value), " \u00b1 ",
                formatted(format.c_str(), figure.half_width));
}

}  // namespace ddim::reproduction
