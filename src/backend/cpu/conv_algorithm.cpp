#include "backend/cpu/conv_algorithm.h"

#include <cstdlib>
#include <string_view>

#include "base/error.h"

namespace ddim::engine::cpu {

ConvAlgorithm conv_algorithm_of_environment() {
  const char* const value = std::getenv("DDIM_CONV");
  const std::string_view wanted = value == nullptr ? "any" : value;
  require(wanted == "any" || wanted == "direct", "DDIM_CONV is \"", wanted,
          "\"; it must be any or direct, or unset");
  return wanted == "direct" ? ConvAlgorithm::direct : ConvAlgorithm::any;
}

}  // namespace ddim::engine::cpu
