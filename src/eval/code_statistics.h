#pragma once

#include <ddim/reconstruct.h>

namespace ddim::engine::eval {

/// How Gaussian codes are, over all elements together. Error(user) for none, and for codes that are
/// all the same number.
CodeStatistics code_statistics(const FloatImages& codes);

}  // namespace ddim::engine::eval
