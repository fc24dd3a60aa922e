#pragma once

#include <ddim/reconstruct.h>

namespace ddim::engine::eval {

/// How Gaussian codes are, over all elements together. Error(user) for none.
CodeStatistics code_statistics(const FloatImages& codes);

}  // namespace ddim::engine::eval
