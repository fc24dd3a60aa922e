#include <ddim/version.h>

namespace ddim {

const char* version() noexcept { return DDIM_VERSION; }

}  // namespace ddim
