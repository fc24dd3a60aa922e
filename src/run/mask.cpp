#include "run/mask.h"

#include <set>

#include "base/error.h"

namespace ddim::engine::run {

void check_mask(std::span<const std::uint8_t> levels, const std::string& name,
                const std::string& note) {
  constexpr int kNearBlack = 16, kNearWhite = 239;
  const std::set<int> values(levels.begin(), levels.end());
  const int smallest = *values.begin(), largest = *values.rbegin();
  const std::string found =
      values.size() == 1
          ? concat("all its values are ", smallest)
          : concat("it has ", values.size(), " different values, from ", smallest, " to ", largest);
  require(largest > kNearBlack, name, " selects nothing: ", found, ", which is black", note,
          "; the part to be drawn must be white (255)");
  require(smallest < kNearWhite, name, " selects everything: ", found, ", which is white", note,
          "; the part to be kept must be black (0)");
}

}  // namespace ddim::engine::run
