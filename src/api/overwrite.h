#pragma once

#include <ddim/image.h>

#include "base/file_output.h"

namespace ddim {

inline Existing existing_of(Overwrite overwrite) {
  return overwrite == Overwrite::allow ? Existing::replace : Existing::refuse;
}

}  // namespace ddim
