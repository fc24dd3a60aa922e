#pragma once

#include <string_view>

namespace ddim::engine::data {

/// Whether `a` comes before `b` where runs of digits count as numbers: 2 before 10, "a9" before
/// "a10". Names that differ only in leading zeros are in the order of their bytes.
bool natural_less(std::string_view a, std::string_view b);

}  // namespace ddim::engine::data
