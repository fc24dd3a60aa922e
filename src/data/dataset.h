#pragma once

#include <ddim/data_options.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/fit.h"
#include "data/images.h"

namespace ddim::engine::data {

/// Whether to read the class of each image too.
enum class Labels { ignore, read };

struct DatasetOptions {
  DataSplit split = DataSplit::train;
  Fit fit = Fit::none;
  std::int64_t height = 0;  ///< of every image; 0 = as they are (Fit::none)
  std::int64_t width = 0;
  std::int64_t channels = 0;  ///< 0 = as they are
  bool skip_corrupt = false;  ///< skip files that cannot be read, instead of stopping
  Labels labels = Labels::ignore;
};

struct Dataset {
  Images images = {};
  std::vector<std::int64_t> labels = {};  ///< the class of each image, from 0; empty when ignored
  std::string kind;                       ///< "idx", "cifar10", "folder" or "npz"
  std::vector<std::string> skipped = {};  ///< one line for each skipped file: name and reason
};

/// Loads the data set in `dir` into memory; its files determine its kind:
///   idx       train-images-idx3-ubyte[.gz], t10k-images-idx3-ubyte[.gz]   (MNIST, Fashion-MNIST)
///   cifar10   data_batch_1.bin .. data_batch_5.bin, test_batch.bin
///   folder    *.png, *.jpg, *.jpeg in all sub-folders, sorted by name
/// If a folder has a sub-folder with the name of the split, "train" or "test", only that one is
/// read. Labels come from train-labels-idx1-ubyte[.gz] (t10k-...) beside the images, or from the
/// records of CIFAR-10. In a folder, each sub-folder is a class, numbered in the order of the
/// names. `dir` can also be an .npz file (load_npz()), which has no splits. Throws Error(user) if
/// the folder holds none of these (the message lists them), if images do not have the requested
/// size, or if labels are requested and there are none; Error(corrupt) with the name of a damaged
/// file; Error(io) if the system refuses to read.
Dataset load_dataset(const std::filesystem::path& dir, const DatasetOptions& options);

/// A number that identifies a data set: the CRC-32 of sizes, pixels and, if they were read, labels.
/// A checkpoint keeps it, to detect that a run is resumed with different data.
std::uint32_t fingerprint(const Dataset& dataset);

}  // namespace ddim::engine::data
