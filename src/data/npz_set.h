#pragma once

#include <filesystem>
#include <optional>

#include "data/dataset.h"

namespace ddim::engine::data {

/// Whether a file of this name is for load_npz().
bool holds_arrays(const std::filesystem::path& file);

/// Pictures of any number of channels in the bytes of an .npz or .npy file, which `file` ends in:
/// [N,H,W,C], or [N,H,W] for grey (of an .npy file, [H,W] too). They are the array arr_0, images or
/// x, or the only one of such a shape; and the class of each, whole numbers [N], is arr_1, labels,
/// label, y or targets. Arrays x_train, y_train, x_test and so on are splits; others are not split,
/// and count as training data (no `split`: the test split, or all). Samples are bytes, booleans,
/// 16-bit numbers (not those of bytes, up to 255), or floats that go from 0 to 1, from -1 to 1 or
/// from 0 to 255. Error(corrupt)
/// naming the file and the array for what is not, Error(user) when labels are wanted and there are
/// none and for a split that is not there, Error(io) when it cannot be read.
Dataset parse_arrays(std::span<const std::byte> bytes, const std::string& file, Labels labels,
                     std::optional<DataSplit> split = {});

/// The same of a file.
Dataset load_npz(const std::filesystem::path& file, Labels labels,
                 std::optional<DataSplit> split = {});

}  // namespace ddim::engine::data
