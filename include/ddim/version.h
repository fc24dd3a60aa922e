#pragma once

namespace ddim {

/// "0.1.0"
const char* version() noexcept;

}  // namespace ddim
