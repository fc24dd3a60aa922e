#pragma once

#include "ddim/export.h"

namespace ddim {

/// "0.1.0"
DDIM_API const char* version() noexcept;

}  // namespace ddim
