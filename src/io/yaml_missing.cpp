#include "base/error.h"
#include "io/yaml.h"

namespace ddim::engine::io {

bool has_yaml() noexcept { return false; }

JsonFields parse_yaml(std::string_view, const std::string& file_name) {
  fail(ErrorCode::user, file_name,
       ": this build cannot read YAML; install yaml-cpp (Debian: apt-get install "
       "libyaml-cpp-dev) and build again, or write the same as JSON, config.json");
}

}  // namespace ddim::engine::io
