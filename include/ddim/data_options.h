#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ddim/colour.h"
#include "ddim/names.h"

namespace ddim {

/// A part of a data set.
enum class DataSplit {
  train,
  val,  ///< a folder may be called val, valid or validation
  test,
};

template <>
struct Names<DataSplit> {
  static constexpr Named<DataSplit> kAll[] = {
      {DataSplit::train, "train"}, {DataSplit::val, "val"}, {DataSplit::test, "test"}};
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

/// A class of a data set; its place in a list is its number.
struct DataClass {
  std::string name = {};
  std::int64_t images = 0;
};

/// What was found out while pictures were read.
struct DataReport {
  std::vector<std::string> skipped = {};  ///< a line for each file left out as it cannot be read
  std::vector<std::string> notices = {};  ///< what else was left out, or was odd and was read
  std::vector<DataClass> classes = {};    ///< where classes are read that have names: of folders,
                                          ///< lists of names, CIFAR-10
};

/// What to do with files that are not as they should be.
struct ReadOptions {
  /// Behind pictures with alpha, for models without. Default: as in the model's training where its
  /// files tell (those of ddim train do), otherwise white.
  std::optional<Colour> background = {};
  /// Leave out files that cannot be read, instead of stopping; not those that do not fit.
  bool skip_corrupt = false;
  std::function<void(const DataReport&)> report = {};  ///< called once, when all are read
};

/// Pictures of a data set.
struct DataOptions {
  std::filesystem::path data = {};  ///< a folder, or an .npz or .npy file, as for training
  /// Default: the test split; of a data set that is not split, all.
  std::optional<DataSplit> split = {};
  std::optional<std::int64_t> max_images = {};  ///< the first pictures only; default: all
  ReadOptions read = {};
};

}  // namespace ddim
