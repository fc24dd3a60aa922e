#pragma once

namespace ddim {

/// What a network may keep beside its weights. Never changes a result.
enum class MemoryUse {
  normal,  ///< 3x3 weights as Winograd's algorithm wants them too: up to four times their size, and
           ///< up to 0.7 GB of them
  low,     ///< those are made anew in each call, which takes a little longer
};

}  // namespace ddim
