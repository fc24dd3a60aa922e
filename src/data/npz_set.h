#pragma once

#include <filesystem>

#include "data/dataset.h"

namespace ddim::engine::data {

/// Pictures of any number of channels in an .npz file: bytes [N,H,W,C] as the array arr_0 (or the
/// only one of that kind), and the class of each as the integers arr_1 [N]. Error(corrupt) naming
/// the file and the array for what is not, Error(user) when labels are wanted and there are none,
/// Error(io) when it cannot be read.
Dataset load_npz(const std::filesystem::path& file, Labels labels);

}  // namespace ddim::engine::data
