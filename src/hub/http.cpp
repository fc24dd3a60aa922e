#include "hub/http.h"

namespace ddim::engine::hub {

const std::string& HttpHead::header(const std::string& name) const {
  static const std::string none;
  const auto found = headers.find(name);
  return found == headers.end() ? none : found->second;
}

}  // namespace ddim::engine::hub
