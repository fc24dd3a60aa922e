#pragma once

#include <filesystem>
#include <optional>

#include "data/dataset.h"

namespace ddim::engine::data {

/// Whether a file of this name is for load_npz().
bool holds_arrays(const std::filesystem::path& file);

/// Pictures of any number of channels in an .npz or .npy file: [N,H,W,C], or [N,H,W] for grey. They
/// are the array arr_0, images or x, or the only one of such a shape; and the class of each, whole
/// numbers [N], is arr_1, labels, label or y. Arrays x_train, y_train, x_test and so on are splits;
/// others are not split, and count as training data (no `split`: the test split, or all). Samples
/// are bytes, 16-bit numbers, or floats that go from 0 to 1, from -1 to 1 or from 0 to 255.
/// Error(corrupt) naming the file and the array for what is not, Error(user) when labels are wanted
/// and there are none and for a split that is not there, Error(io) when it cannot be read.
Dataset load_npz(const std::filesystem::path& file, Labels labels,
                 std::optional<DataSplit> split = {});

}  // namespace ddim::engine::data
