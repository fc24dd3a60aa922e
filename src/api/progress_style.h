#pragma once

#include <ddim/show_progress.h>
#include <unistd.h>

#include "base/progress.h"

namespace ddim {

inline ProgressStyle style_of(ShowProgress show) {
  return show == ShowProgress::no ? ProgressStyle::silent : progress_style_for(STDERR_FILENO);
}

}  // namespace ddim
