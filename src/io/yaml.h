#pragma once

#include <string>
#include <string_view>

#include "io/json_fields.h"

namespace ddim::engine::io {

/// Whether this build can read YAML: whether yaml-cpp was there.
bool has_yaml() noexcept;

/// The fields of a YAML mapping. Scalars are what PyYAML makes of them (numbers, booleans, null,
/// text), numbers without a point such as 1e-4 too. Tags such as !!python/object are ignored, and
/// nothing is made that they name. Error(corrupt), naming `file_name`, for text that is not YAML or
/// no mapping, nests deeper than 32, or has more than 100,000 values, aliases counted wherever they
/// stand; Error(user) where this build cannot read YAML.
JsonFields parse_yaml(std::string_view text, const std::string& file_name);

}  // namespace ddim::engine::io
