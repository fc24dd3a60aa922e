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

struct DatasetOptions {
  Split split = Split::train;
  Fit fit = Fit::none;
  std::int64_t resolution = 0;  ///< height and width of every image; 0 = as they are (Fit::none)
  std::int64_t channels = 0;    ///< 1 or 3; 0 = as they are
  bool skip_corrupt = false;    ///< leave out files that cannot be read, instead of stopping
};

struct Dataset {
  Images images;
  std::string kind;                  ///< "idx", "cifar10" or "folder"
  std::vector<std::string> skipped;  ///< one line for each file left out: name and reason
};

/// Loads the data set in `dir` into memory; its kind follows from the files that are there:
///   idx       train-images-idx3-ubyte[.gz], t10k-images-idx3-ubyte[.gz]   (MNIST, Fashion-MNIST)
///   cifar10   data_batch_1.bin .. data_batch_5.bin, test_batch.bin
///   folder    *.png, *.jpg, *.jpeg, searched through all sub-folders, sorted by name; when there
///   is
///             a sub-folder named "train" or "test" like the split, only that one
/// Throws Error(user) when none of them is there (saying what was looked for) or the images do not
/// have the size asked for, Error(corrupt) naming the file that is damaged, Error(io) when the
/// system refuses to read.
Dataset load_dataset(const std::filesystem::path& dir, const DatasetOptions& options);

/// A number that differs between data sets: CRC-32 over sizes and pixels. What a checkpoint keeps
/// to notice that a run is resumed on other data.
std::uint32_t fingerprint(const Images& images);

}  // namespace ddim::data
