#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace ddim::engine::run {

/// Error(user) for a mask that cannot be meant: nothing in it is white, or nothing black. `levels`:
/// its pixels, at least one, 0 black to 255 white; `note`: more about them, for messages.
void check_mask(std::span<const std::uint8_t> levels, const std::string& name,
                const std::string& note = "");

}  // namespace ddim::engine::run
