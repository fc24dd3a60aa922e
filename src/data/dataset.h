#pragma once

#include <ddim/data_options.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/fit.h"
#include "data/images.h"

namespace ddim::engine::data {

/// Whether to read the class of each image too.
enum class Labels { ignore, read };

struct DatasetOptions {
  /// Default: the test split; of a data set that is not split, all.
  std::optional<DataSplit> split = DataSplit::train;
  /// Nothing: a border where no image is larger than wanted, otherwise Fit::crop_resize.
  std::optional<Fit> fit = Fit::none;
  std::int64_t height = 0;  ///< of every image; 0 = as they are (Fit::none)
  std::int64_t width = 0;
  std::int64_t channels = 0;  ///< 0 = as they are
  /// Skip files that cannot be read, instead of stopping; not those that can and do not fit.
  bool skip_corrupt = false;
  Colour background = {};  ///< behind images with alpha, where channels has none
  Labels labels = Labels::ignore;
  std::optional<std::int64_t> max_images = {};  ///< the first only; files behind are not looked at
};

struct Dataset {
  Images images = {};
  std::vector<std::int64_t> labels = {};  ///< the class of each image, from 0; empty when ignored
  std::string kind;                       ///< "idx", "cifar10", "folder", "npz" or "npy"
  bool is_split = false;                  ///< images are those of one of its splits
  Fitted fitted = {};                     ///< where a size was wanted
  DataReport report = {};                 ///< of folders; the classes also of CIFAR-10
};

/// Loads the data set in `dir` into memory; its files determine its kind:
///   idx       train-images-idx3-ubyte[.gz], t10k-images-idx3-ubyte[.gz]   (MNIST, Fashion-MNIST)
///   cifar10   data_batch_1.bin .. data_batch_5.bin, test_batch.bin; or, without .bin, the pickles;
///             the classes' names from batches.meta.txt or batches.meta, where they are there
///   folder    pictures in all sub-folders, sorted by name (folder_walk.h)
/// The first two are also found where torchvision puts them: in `dir`/FashionMNIST/raw,
/// `dir`/cifar-10-batches-bin. If the sub-folders of a folder are splits ("train"; "val", "valid",
/// "validation"; "test"), only the wanted one is read; a single one of these names beside others
/// that hold pictures is a class like them. A data set without splits is training data. Labels come
/// from train-labels-idx1-ubyte[.gz] (t10k-...) beside the images, from the records of CIFAR-10, or
/// for a folder from folder_labels.h. `dir` can also be an .npz or .npy file (npz_set.h). Throws
/// Error(user) if the folder holds none of these (the message lists them), for a split that is not
/// there, or if labels are requested and there are none; DoesNotFit for images that `fit` does not
/// bring to the requested size, and for several sizes where none is requested; Error(corrupt) with
/// the name of a damaged file; Error(io) if the system refuses to read.
Dataset load_dataset(const std::filesystem::path& dir, const DatasetOptions& options);

/// A number that identifies a data set: the CRC-32 of sizes, pixels and, if they were read, labels.
/// A checkpoint keeps it, to detect that a run is resumed with different data.
std::uint32_t fingerprint(const Dataset& dataset);

}  // namespace ddim::engine::data
