#include "data/dataset.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/file_input.h"
#include "data/cifar10.h"
#include "data/class_list.h"
#include "data/folder_walk.h"
#include "data/idx.h"
#include "data/image_folder.h"
#include "data/labels.h"
#include "data/npz_set.h"
#include "data/split_folders.h"

namespace ddim::engine::data {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFileBytes = std::size_t{4} << 30;
constexpr std::size_t kMaxNamesBytes = std::size_t{1} << 20;

std::span<const std::uint8_t> as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// What a data set that comes as two parts is asked for.
DataSplit split_of_two(const DatasetOptions& options) {
  return options.split.value_or(DataSplit::test);
}

const char* idx_prefix(DataSplit split) { return split == DataSplit::train ? "train" : "t10k"; }

/// An idx file of a split, compressed or not: `what` is "images" or "labels", `type` "idx3" or
/// "idx1".
std::optional<fs::path> find_idx(const fs::path& dir, DataSplit split, const char* what,
                                 const char* type) {
  if (split == DataSplit::val) return std::nullopt;
  const std::string prefix = concat(idx_prefix(split), "-", what);
  for (const std::string& name :
       {concat(prefix, "-", type, "-ubyte"), concat(prefix, "-", type, "-ubyte.gz"),
        concat(prefix, ".", type, "-ubyte")}) {
    if (fs::is_regular_file(dir / name)) return dir / name;
  }
  return std::nullopt;
}

/// The result of parse(bytes, name) for a file, which is unpacked first if necessary.
template <class Parse>
auto parse_idx_file(const fs::path& path, const Parse& parse) {
  const std::string file = read_file(path, kMaxFileBytes);
  const std::string name = path.string();
  return path.extension() == ".gz" ? parse(gunzip(as_bytes(file), kMaxFileBytes, name), name)
                                   : parse(as_bytes(file), name);
}

Dataset load_idx(const fs::path& path, const DatasetOptions& options) {
  Dataset dataset{.images = parse_idx_file(path, parse_idx), .kind = "idx"};
  if (options.labels == Labels::ignore) return dataset;
  const auto labels = find_idx(path.parent_path(), split_of_two(options), "labels", "idx1");
  require(labels.has_value(), "data: ", path.parent_path().string(), " has no labels: looked for ",
          idx_prefix(split_of_two(options)), "-labels-idx1-ubyte[.gz]");
  dataset.labels = parse_idx_file(*labels, parse_idx_labels);
  if (std::ssize(dataset.labels) != dataset.images.count)
    fail(ErrorCode::corrupt, labels->string(), ": ", dataset.labels.size(), " labels for ",
         dataset.images.count, " images");
  return dataset;
}

/// `ending` is ".bin" for the binary version, nothing for the Python version.
std::vector<fs::path> cifar10_files(const fs::path& dir, DataSplit split, const char* ending) {
  if (split == DataSplit::val) return {};
  if (split == DataSplit::test) return {dir / concat("test_batch", ending)};
  std::vector<fs::path> files;
  for (int i = 1; i <= 5; ++i) files.push_back(dir / concat("data_batch_", i, ending));
  return files;
}

/// The classes of CIFAR-10 by the names that its folder has for them; none where it has not.
std::vector<DataClass> cifar10_classes(const fs::path& folder, bool is_binary,
                                       const std::vector<std::int64_t>& labels,
                                       std::vector<std::string>& notices) {
  const fs::path file = folder / (is_binary ? "batches.meta.txt" : "batches.meta");
  if (!fs::is_regular_file(file)) return {};
  const std::string text = read_file(file, kMaxNamesBytes);
  const std::vector<std::string> names =
      is_binary ? parse_cifar10_names(text)
                : parse_cifar10_names_pickle(as_bytes(text), file.string());
  if (names.empty())
    notices.push_back(file.string() + ": does not name ten classes; they have numbers only");
  return count_classes(names, labels);
}

Dataset load_cifar10(const std::vector<fs::path>& files, const DatasetOptions& options) {
  Dataset dataset{.kind = "cifar10"};
  const bool is_binary = files.front().extension() == ".bin";
  for (const fs::path& file : files) {
    require(fs::is_regular_file(file), file.string(),
            is_binary ? ": missing; a CIFAR-10 folder has data_batch_1.bin to data_batch_5.bin and "
                        "test_batch.bin"
                      : ": missing; a CIFAR-10 folder has data_batch_1 to data_batch_5 and "
                        "test_batch");
    const std::string text = read_file(file, kMaxFileBytes);
    const auto [part, labels] = is_binary ? parse_cifar10(as_bytes(text), file.string())
                                          : parse_cifar10_pickle(as_bytes(text), file.string());
    if (options.labels == Labels::read)
      dataset.labels.insert(dataset.labels.end(), labels.begin(), labels.end());
    append(dataset.images, part);
  }
  if (options.labels == Labels::read)
    dataset.report.classes = cifar10_classes(files.front().parent_path(), is_binary, dataset.labels,
                                             dataset.report.notices);
  return dataset;
}

/// `dir` and the folders below it where torchvision puts files.
std::vector<fs::path> places_of_files(const fs::path& dir) {
  std::vector<fs::path> places{dir, dir / "raw", dir / "cifar-10-batches-bin",
                               dir / "cifar-10-batches-py"};
  for (const fs::path& folder : sub_folders(dir)) places.push_back(folder / "raw");
  return places;
}

/// A data set of few large files; nothing where there is none.
std::optional<Dataset> load_files(const fs::path& dir, const DatasetOptions& options) {
  const auto is_file = [](const fs::path& file) { return fs::is_regular_file(file); };
  const DataSplit split = split_of_two(options);
  std::vector<fs::path> found;
  std::optional<Dataset> dataset;
  for (const fs::path& place : places_of_files(dir)) {
    const auto idx = find_idx(place, split, "images", "idx3");
    std::vector<fs::path> cifar = cifar10_files(place, split, ".bin");
    if (!std::ranges::any_of(cifar, is_file)) cifar = cifar10_files(place, split, "");
    if (!idx && !std::ranges::any_of(cifar, is_file)) continue;
    found.push_back(place);
    if (found.size() > 1) {
      fail(ErrorCode::user, "data: ", dir.string(), " holds several data sets, ", found[0].string(),
           " and ", found[1].string(), "; name one of these folders");
    }
    dataset = idx ? load_idx(*idx, options) : load_cifar10(cifar, options);
    dataset->is_split = true;
  }
  return dataset;
}

[[noreturn]] void fail_empty(const fs::path& dir, const DatasetOptions& options,
                             const std::vector<std::string>& notices) {
  if (fs::is_regular_file(dir / "data_batch_1.bin.xz"))
    fail(ErrorCode::user, "data: ", dir.string(),
         " holds packed CIFAR-10 files (.bin.xz); unpack them first: xz -dk *.xz");
  const DataSplit split = split_of_two(options);
  std::string left_out;
  for (const std::string& notice : notices) left_out += "; " + notice;
  if (split == DataSplit::val)
    fail(ErrorCode::user, "data: no images in ", dir.string(),
         " for the val split: MNIST's and CIFAR-10's files have train and test only, and there is "
         "no folder val of pictures",
         left_out);
  fail(ErrorCode::user, "data: no images in ", dir.string(), " for the ", to_string(split),
       " split: looked for ", idx_prefix(split), "-images-idx3-ubyte[.gz], ",
       split == DataSplit::train ? "data_batch_*.bin" : "test_batch.bin",
       ", *.png, *.jpg, *.jpeg, and other pictures", left_out);
}

Dataset load_any(const fs::path& dir, const DatasetOptions& options) {
  if (auto dataset = load_files(dir, options)) return std::move(*dataset);
  SplitFolder folder = find_split_folder(dir, options.split);
  FolderFiles files = find_pictures(folder.path);
  std::vector<std::string>& notices = folder.notices;
  notices.insert(notices.end(), files.notices.begin(), files.notices.end());
  if (files.pictures.empty()) fail_empty(dir, options, notices);
  Dataset dataset = load_image_files(folder.path, files.pictures, options);
  dataset.is_split = folder.path != dir;
  notices.insert(notices.end(), dataset.report.notices.begin(), dataset.report.notices.end());
  dataset.report.notices = std::move(notices);
  return dataset;
}

/// Alpha is laid over the background where `channels` has none; grey becomes three equal channels.
void fit_channels(Images& images, std::int64_t channels, const Colour& background) {
  lay_over_for(channels, images, background);
  if (channels == 0 || channels == images.channels) return;
  require(images.channels == 1 && channels == 3, "data: the images have ", images.channels,
          images.channels == 1 ? " channel" : " channels", ", but the model takes ", channels);
  repeat_channel(images, channels);
}

/// Leaves the first images only.
void shorten(Dataset& dataset, std::int64_t count) {
  if (dataset.images.count <= count) return;
  keep_first(dataset.images, count);
  if (dataset.labels.empty()) return;
  dataset.labels.resize(static_cast<std::size_t>(count));
  dataset.report.classes = count_classes(class_names_of(dataset.report.classes), dataset.labels);
}

}  // namespace

Dataset load_dataset(const fs::path& dir, const DatasetOptions& options) {
  const bool is_file = fs::is_regular_file(dir) && holds_arrays(dir);
  require(options.max_images.value_or(1) >= 1, "max-images must be at least 1; got ",
          options.max_images.value_or(0));
  require(is_file || fs::is_directory(dir), "data: ", dir.string(),
          " is neither a folder nor an .npz file (or .npy)");
  Dataset dataset;
  try {
    dataset = is_file ? load_npz(dir, options.labels, options.split) : load_any(dir, options);
  } catch (const fs::filesystem_error& error) {
    fail(ErrorCode::io, "data: ", error.what());
  }
  if (options.max_images) shorten(dataset, *options.max_images);
  fit_channels(dataset.images, options.channels, options.background);
  if (options.height != 0) {
    const Fit fit = options.fit.value_or(fit_for(dataset.images, options.height, options.width));
    dataset.fitted.add(dataset.images, fit, options.height, options.width);
    dataset.images =
        fit_to(std::move(dataset.images), fit, options.height, options.width, dir.string());
  }
  return dataset;
}

std::uint32_t fingerprint(const Dataset& dataset) {
  const Images& images = dataset.images;
  const std::array<std::int64_t, 4> sizes{images.count, images.height, images.width,
                                          images.channels};
  uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(sizes.data()), sizeof(sizes));
  if (images.has_bytes()) crc = crc32_z(crc, images.pixels.data(), images.pixels.size());
  if (!images.has_bytes()) {
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(images.values.data()),
                  images.values.size() * sizeof(float));
  }
  for (const std::int64_t label : dataset.labels)
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(&label), sizeof(label));
  return static_cast<std::uint32_t>(crc);
}

}  // namespace ddim::engine::data
