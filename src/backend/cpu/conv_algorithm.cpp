#include "backend/cpu/conv_algorithm.h"

#include "base/environment.h"
#include "base/error.h"

namespace ddim::engine::cpu {

ConvAlgorithm conv_algorithm_of_environment() {
  const std::string wanted = environment("DDIM_CONV").value_or("any");
  require(wanted == "any" || wanted == "direct", "DDIM_CONV is \"", wanted,
          "\"; it must be any or direct, or unset");
  return wanted == "direct" ? ConvAlgorithm::direct : ConvAlgorithm::any;
}

}  // namespace ddim::engine::cpu
