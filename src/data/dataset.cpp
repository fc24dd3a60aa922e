#include "data/dataset.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "base/error.h"
#include "data/cifar10.h"
#include "data/idx.h"
#include "data/image_folder.h"
#include "data/labels.h"
#include "data/npz_set.h"
#include "io/read_file.h"

namespace ddim::engine::data {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFileBytes = std::size_t{4} << 30;

std::span<const std::uint8_t> as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// An idx file of a split, compressed or not: `what` is "images" or "labels", `type` "idx3" or
/// "idx1".
std::optional<fs::path> find_idx(const fs::path& dir, DataSplit split, const char* what,
                                 const char* type) {
  const std::string prefix = concat(split == DataSplit::train ? "train-" : "t10k-", what);
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
  const std::string file = io::read_file(path, kMaxFileBytes);
  const std::string name = path.string();
  return path.extension() == ".gz" ? parse(gunzip(as_bytes(file), kMaxFileBytes, name), name)
                                   : parse(as_bytes(file), name);
}

Dataset load_idx(const fs::path& path, const DatasetOptions& options) {
  Dataset dataset{.images = parse_idx_file(path, parse_idx), .kind = "idx"};
  if (options.labels == Labels::ignore) return dataset;
  const auto labels = find_idx(path.parent_path(), options.split, "labels", "idx1");
  require(labels.has_value(), "data: ", path.parent_path().string(), " has no labels: looked for ",
          options.split == DataSplit::train ? "train" : "t10k", "-labels-idx1-ubyte[.gz]");
  dataset.labels = parse_idx_file(*labels, parse_idx_labels);
  if (std::ssize(dataset.labels) != dataset.images.count)
    fail(ErrorCode::corrupt, labels->string(), ": ", dataset.labels.size(), " labels for ",
         dataset.images.count, " images");
  return dataset;
}

std::vector<fs::path> cifar10_files(const fs::path& dir, DataSplit split) {
  if (split == DataSplit::test) return {dir / "test_batch.bin"};
  std::vector<fs::path> files;
  for (int i = 1; i <= 5; ++i) files.push_back(dir / concat("data_batch_", i, ".bin"));
  return files;
}

Dataset load_cifar10(const std::vector<fs::path>& files, const DatasetOptions& options) {
  Dataset dataset{.kind = "cifar10"};
  for (const fs::path& file : files) {
    require(fs::is_regular_file(file), file.string(),
            ": missing; a CIFAR-10 folder has data_batch_1.bin to data_batch_5.bin and "
            "test_batch.bin");
    const auto [part, labels] =
        parse_cifar10(as_bytes(io::read_file(file, kMaxFileBytes)), file.string());
    if (options.labels == Labels::read)
      dataset.labels.insert(dataset.labels.end(), labels.begin(), labels.end());
    Images& all = dataset.images;
    all.pixels.insert(all.pixels.end(), part.pixels.begin(), part.pixels.end());
    all = {.count = all.count + part.count,
           .height = part.height,
           .width = part.width,
           .channels = part.channels,
           .pixels = std::move(all.pixels)};
  }
  return dataset;
}

Dataset load_any(const fs::path& dir, const DatasetOptions& options) {
  if (const auto idx = find_idx(dir, options.split, "images", "idx3"))
    return load_idx(*idx, options);
  const std::vector<fs::path> cifar = cifar10_files(dir, options.split);
  if (std::ranges::any_of(cifar, [](const fs::path& file) { return fs::is_regular_file(file); }))
    return load_cifar10(cifar, options);
  const fs::path split_dir = dir / to_string(options.split);
  const fs::path images_dir = fs::is_directory(split_dir) ? split_dir : dir;
  const std::vector<fs::path> files = find_image_files(images_dir);
  if (!files.empty()) return load_image_files(images_dir, files, options);
  if (fs::is_regular_file(cifar.front().string() + ".xz"))
    fail(ErrorCode::user, "data: ", dir.string(),
         " holds packed CIFAR-10 files (.bin.xz); unpack them first: xz -dk *.xz");
  fail(ErrorCode::user, "data: no images in ", dir.string(), " for the ", to_string(options.split),
       " split: looked for ", options.split == DataSplit::train ? "train" : "t10k",
       "-images-idx3-ubyte[.gz], ",
       options.split == DataSplit::train ? "data_batch_*.bin" : "test_batch.bin",
       ", *.png, *.jpg, *.jpeg");
}

/// Grey to three equal channels.
void spread_channels(Images& images, std::int64_t channels) {
  if (channels == 0 || channels == images.channels) return;
  require(images.channels == 1 && channels == 3, "data: the images have ", images.channels,
          images.channels == 1 ? " channel" : " channels", ", but the model takes ", channels);
  std::vector<std::uint8_t> pixels;
  pixels.reserve(3 * images.pixels.size());
  for (const std::uint8_t byte : images.pixels) pixels.insert(pixels.end(), 3, byte);
  images.pixels = std::move(pixels);
  images.channels = 3;
}

}  // namespace

Dataset load_dataset(const fs::path& dir, const DatasetOptions& options) {
  const bool is_npz = dir.extension() == ".npz" && fs::is_regular_file(dir);
  require(is_npz || fs::is_directory(dir), "data: ", dir.string(),
          " is neither a folder nor an .npz file");
  Dataset dataset;
  try {
    dataset = is_npz ? load_npz(dir, options.labels) : load_any(dir, options);
  } catch (const fs::filesystem_error& error) {
    fail(ErrorCode::io, "data: ", error.what());
  }
  spread_channels(dataset.images, options.channels);
  if (options.height != 0)
    dataset.images =
        fit_to(std::move(dataset.images), options.fit, options.height, options.width, dir.string());
  return dataset;
}

std::uint32_t fingerprint(const Dataset& dataset) {
  const Images& images = dataset.images;
  const std::array<std::int64_t, 4> sizes{images.count, images.height, images.width,
                                          images.channels};
  uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(sizes.data()), sizeof(sizes));
  crc = crc32_z(crc, images.pixels.data(), images.pixels.size());
  for (const std::int64_t label : dataset.labels)
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(&label), sizeof(label));
  return static_cast<std::uint32_t>(crc);
}

}  // namespace ddim::engine::data
