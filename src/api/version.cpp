#include <ddim/version.h>

#include "backend/cpu/isa.h"
#include "base/text.h"

namespace ddim {

using namespace engine;

const char* version() noexcept { return DDIM_VERSION; }

std::string version_details() {
  return concat("ddim ", version(), "\nbuild            ", DDIM_BUILD, "\ninstruction set  ",
                cpu::to_string(cpu::active_isa()), "\nlibraries        ", DDIM_LIBRARIES, "\n");
}

}  // namespace ddim
