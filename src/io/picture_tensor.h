#pragma once

#include <ddim/image.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "io/safetensors.h"

namespace ddim::engine::io {

// The one border between [N,H,W,C], the order of everything inside, and [N,C,H,W], the order of
// pictures in tensor files.

/// [N,C,H,W]
std::vector<float> to_planes(const FloatImages& images);
/// The opposite; `planes` has as many numbers as `count` pictures of this shape.
FloatImages from_planes(std::vector<float> planes, std::int64_t count, const PictureShape& shape);

/// Pictures as the tensor `name` [N,C,H,W] of a safetensors file. Errors as SafetensorsFile::open()
/// and write_safetensors(), and Error(corrupt) for a tensor of another rank.
FloatImages read_pictures(const std::filesystem::path& path, const std::string& name);
void write_pictures(const std::filesystem::path& path, const std::string& name,
                    const FloatImages& images, Overwrite overwrite,
                    Metadata metadata = default_metadata());
/// The same in memory. `file_name` is for messages.
FloatImages read_pictures(const SafetensorsFile& file, const std::string& name,
                          const std::string& file_name);
std::vector<std::byte> picture_bytes(const std::string& name, const FloatImages& images,
                                     Metadata metadata = default_metadata());

}  // namespace ddim::engine::io
