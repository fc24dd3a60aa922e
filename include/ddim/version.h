#pragma once

#include <string>

#include "ddim/export.h"

namespace ddim {

/// "0.1.0"
DDIM_API const char* version() noexcept;

/// Lines for people: version, how it was built, the instruction set that is used, and the
/// libraries. Error(user) for a DDIM_ISA that is none.
DDIM_API std::string version_details();

}  // namespace ddim
