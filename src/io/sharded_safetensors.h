#pragma once

#include <filesystem>

#include "io/file_tree.h"
#include "io/tensor_table.h"

namespace ddim::engine::io {

/// Weights in several safetensors files, as NAME.safetensors.index.json lists them: an object with
/// `weight_map`, tensor -> file. Files must be plain names of files beside the index, and each must
/// contain exactly the tensors that the index lists. Error(corrupt) naming the file and what
/// differs, Error(io) when one cannot be read.
TensorTable open_sharded_safetensors(const std::filesystem::path& index,
                                     const FileTree& tree = files_on_disk());

}  // namespace ddim::engine::io
