#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "ddim/names.h"

namespace ddim {

enum class DataSplit { train, test };

template <>
struct Names<DataSplit> {
  static constexpr Named<DataSplit> kAll[] = {{DataSplit::train, "train"},
                                              {DataSplit::test, "test"}};
  static constexpr std::span<const Named<DataSplit>> all() { return kAll; }
};

/// How pictures of another size get to the size that is needed.
enum class Fit {
  none,         ///< not at all: they must have it already
  pad,          ///< a black border, centred; for smaller ones only
  crop_resize,  ///< the largest centred part of the wanted proportions, resized
};

template <>
struct Names<Fit> {
  static constexpr Named<Fit> kAll[] = {
      {Fit::none, "none"}, {Fit::pad, "pad"}, {Fit::crop_resize, "crop-resize"}};
  static constexpr std::span<const Named<Fit>> all() { return kAll; }
};

/// Pictures of a data set.
struct DataOptions {
  std::filesystem::path data = {};  ///< a folder or an .npz file, as for training
  DataSplit split = DataSplit::test;
  std::optional<std::int64_t> max_images = {};  ///< the first pictures only; default: all
};

}  // namespace ddim
