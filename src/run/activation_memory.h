#pragma once

#include <cstddef>
#include <functional>

#include "tensor/device.h"

namespace ddim::engine::run {

/// How many bytes an arena must reserve so that `run` then asks the system for nothing. Runs it on
/// a dry device (make_dry_device) with the types of `device`, where nothing is computed: `run` must
/// make its tensors on the device it is given and ask for them in the order in which it will on the
/// real one.
std::size_t activation_bytes(const Device& device, const std::function<void(const Device&)>& run);

}  // namespace ddim::engine::run
