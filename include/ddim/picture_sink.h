#pragma once

#include <cstdint>
#include <functional>

#include "ddim/image.h"

namespace ddim {

/// Takes pictures as they are finished: numbers `first` to first + count - 1, counted from the
/// first of the call. One call at a time, from any thread, in any order. What it throws ends the
/// run.
using PictureSink = std::function<void(std::int64_t first, const FloatImages& pictures)>;

}  // namespace ddim
