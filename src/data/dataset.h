#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/fit.h"
#include "data/images.h"

namespace ddim::data {

enum class Split { train, test };
std::string_view to_string(Split split);

/// Whether the class of each image is wanted too.
enum class Labels { ignore, read };

struct DatasetOptions {
  Split split = Split::train;
  Fit fit = Fit::none;
  std::int64_t resolution = 0;  ///< height and width of every image; 0 = as they are (Fit::none)
  std::int64_t channels = 0;    ///< 1 or 3; 0 = as they are
  bool skip_corrupt = false;    ///< leave out files that cannot be read, instead of stopping
  Labels labels = Labels::ignore;
};

struct Dataset {
  Images images = {};
  std::vector<std::int64_t> labels = {};  ///< the class of each image, from 0; empty when ignored
  std::string kind;                       ///< "idx", "cifar10" or "folder"
  std::vector<std::string> skipped = {};  ///< one line for each file left out: name and reason
};

/// Loads the data set in `dir` into memory; its kind follows from the files that are there:
///   idx       train-images-idx3-ubyte[.gz], t10k-images-idx3-ubyte[.gz]   (MNIST, Fashion-MNIST)
///   cifar10   data_batch_1.bin .. data_batch_5.bin, test_batch.bin
///   folder    *.png, *.jpg, *.jpeg, searched through all sub-folders, sorted by name; when there
///   is
///             a sub-folder named "train" or "test" like the split, only that one
/// Labels come from train-labels-idx1-ubyte[.gz] (t10k-...) beside the images, from the records of
/// CIFAR-10, or are the sub-folder that an image lies in, the sub-folders being counted by name.
/// Throws Error(user) when none of them is there (saying what was looked for), the images do not
/// have the size asked for, or labels are wanted and there are none; Error(corrupt) naming the file
/// that is damaged, Error(io) when the system refuses to read.
Dataset load_dataset(const std::filesystem::path& dir, const DatasetOptions& options);

/// A number that differs between data sets: CRC-32 over sizes, pixels and, where they were read,
/// labels. What a checkpoint keeps to notice that a run is resumed on other data.
std::uint32_t fingerprint(const Dataset& dataset);

}  // namespace ddim::data
