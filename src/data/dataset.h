#pragma once

#include <ddim/data_options.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/fit.h"
#include "data/images.h"

namespace ddim::data {

/// Whether the class of each image is wanted too.
enum class Labels { ignore, read };

struct DatasetOptions {
  DataSplit split = DataSplit::train;
  Fit fit = Fit::none;
  std::int64_t height = 0;    ///< of every image; 0 = as they are (Fit::none)
  std::int64_t width = 0;
  std::int64_t channels = 0;  ///< 0 = as they are
  bool skip_corrupt = false;    ///< leave out files that cannot be read, instead of stopping
  Labels labels = Labels::ignore;
};

struct Dataset {
  Images images = {};
  std::vector<std::int64_t> labels = {};  ///< the class of each image, from 0; empty when ignored
  std::string kind;                       ///< "idx", "cifar10", "folder" or "npz"
  std::vector<std::string> skipped = {};  ///< one line for each file left out: name and reason
};

/// Loads the data set in `dir` into memory; its kind follows from the files that are there:
///   idx       train-images-idx3-ubyte[.gz], t10k-images-idx3-ubyte[.gz]   (MNIST, Fashion-MNIST)
///   cifar10   data_batch_1.bin .. data_batch_5.bin, test_batch.bin
///   folder    *.png, *.jpg, *.jpeg, searched through all sub-folders, sorted by name; when there
///             is a sub-folder named "train" or "test" like the split, only that one
/// or `dir` is an .npz file (load_npz()), which knows no splits.
/// Labels come from train-labels-idx1-ubyte[.gz] (t10k-...) beside the images, from the records of
/// CIFAR-10, are the sub-folder that an image lies in, the sub-folders being counted by name, or arr_1 of an
/// .npz file.
/// Throws Error(user) when none of them is there (saying what was looked for), the images do not
/// have the size asked for, or labels are wanted and there are none; Error(corrupt) naming the file
/// that is damaged, Error(io) when the system refuses to read.
Dataset load_dataset(const std::filesystem::path& dir, const DatasetOptions& options);

/// A number that differs between data sets: CRC-32 over sizes, pixels and, where they were read,
/// labels. What a checkpoint keeps to notice that a run is resumed on other data.
std::uint32_t fingerprint(const Dataset& dataset);

}  // namespace ddim::data
