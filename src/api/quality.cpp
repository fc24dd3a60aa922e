#include <ddim/quality.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "api/shipped.h"
#include "backend/make_device.h"
#include "base/error.h"
#include "base/sha256.h"
#include "base/workers.h"
#include "data/dataset.h"
#include "eval/feature_network.h"
#include "eval/feature_statistics.h"
#include "eval/frechet_distance.h"
#include "eval/set_distances.h"
#include "io/mapped_file.h"
#include "io/safetensors.h"
#include "run/image_workers.h"

namespace ddim {

using namespace engine;
namespace fs = std::filesystem;

namespace {

constexpr const char* kFileName = "model.safetensors";
constexpr std::int64_t kNeighbours = kFewestPictures - 1;
constexpr std::size_t kPictureBytes = 3 * eval::FeatureNetwork::kSize * eval::FeatureNetwork::kSize;
constexpr std::int64_t kNumSubsets = 100;
constexpr std::int64_t kSubsetSize = 1000;

/// As the extractor takes them: 32x32 in colour, as bytes.
data::Images prepare(data::Images images, Fit fit, const std::string& source) {
  constexpr std::int64_t kSize = eval::FeatureNetwork::kSize;
  require(fit != Fit::none || (images.height == kSize && images.width == kSize), source,
          ": pictures are ", images.width, "x", images.height, ", and the extractor ",
          eval::kExtractorName,
          " takes 32x32; add --resize (crop-resize) or --resize pad, for both sets alike");
  images = data::fit_to(std::move(images), fit, kSize, kSize, source);
  if (!images.has_bytes()) {
    for (const float value : images.values)
      images.pixels.push_back(static_cast<std::uint8_t>(
          std::lround(std::clamp(127.5F * (value + 1.0F), 0.0F, 255.0F))));
    images.values = {};
  }
  if (images.channels == 1) {
    std::vector<std::uint8_t> spread;
    for (const std::uint8_t byte : images.pixels) spread.insert(spread.end(), 3, byte);
    images.pixels = std::move(spread);
    images.channels = 3;
  }
  return images;
}

/// data::load_dataset(), of a set that no field called "data" names.
data::Dataset load_set(const fs::path& set, const data::DatasetOptions& options) {
  constexpr std::string_view kField = "data: ";
  try {
    return data::load_dataset(set, options);
  } catch (const Error& error) {
    const std::string message = error.what();
    if (!message.starts_with(kField)) throw;
    fail(error.code(), "evaluate: ", message.substr(kField.size()));
  }
}

/// A digest of the pictures that does not depend on their order.
std::string hash_of(const data::Images& images) {
  std::vector<std::string> of_pictures;
  for (std::int64_t i = 0; i < images.count; ++i)
    of_pictures.push_back(sha256_hex(std::as_bytes(images[i])));
  std::ranges::sort(of_pictures);
  Sha256 hash;
  for (const std::string& of_picture : of_pictures)
    hash.update(std::as_bytes(std::span(of_picture)));
  return hash.finish_hex();
}

void fill_statistics(FeatureSet& set) {
  eval::FeatureMoments moments(set.dimensions);
  const eval::FeatureRows rows{.dimensions = set.dimensions, .values = set.features};
  for (std::int64_t i = 0; i < set.count; ++i) moments.add(rows[i]);
  const eval::FeatureStatistics statistics = moments.statistics();
  set.mean = statistics.mean;
  set.covariance = statistics.covariance;
}

eval::FrechetSide side_of(const FeatureSet& set, const QualityOptions& options) {
  eval::FrechetSide side{
      .statistics = {.count = set.count, .mean = set.mean, .covariance = set.covariance},
      .rows = {.dimensions = set.dimensions, .values = set.features}};
  // Statistics without a count are published ones, of enough pictures.
  if (options.few_pictures == FewPictures::shrink && set.count > 0)
    side.shrinkage = eval::shrink(side.statistics);
  return side;
}

void check_pair(const FeatureSet& first, const FeatureSet& second, FewPictures few_pictures) {
  const auto agree = [&](const char* what, const auto& a, const auto& b) {
    require(a == b, "evaluate: the sets have different ", what, ": ", first.source, " has ", a,
            ", ", second.source, " has ", b, "; make the features of both in the same way");
  };
  const auto agree_if_known = [&](const char* what, const std::string& a, const std::string& b) {
    if (!a.empty() && !b.empty()) agree(what, a, b);
  };
  agree_if_known("extractors", first.recipe.extractor, second.recipe.extractor);
  agree("numbers of features", first.dimensions, second.dimensions);
  agree_if_known("extractor hashes", first.recipe.extractor_hash, second.recipe.extractor_hash);
  agree_if_known("resizings", first.recipe.resizing, second.recipe.resizing);
  agree_if_known("roundings", first.recipe.rounding, second.recipe.rounding);
  require(first.pictures_hash.empty() || first.pictures_hash != second.pictures_hash,
          "evaluate: both sets are the same ", first.count, " pictures: ", first.source, " and ",
          second.source, "; give another set, or another split (--second-split)");
  for (const FeatureSet* set : {&first, &second})
    require(set->count == 0 || set->count >= kFewestPictures, "evaluate: ", set->source, " has ",
            set->count, " pictures; at least ", kFewestPictures, " are needed");
  if (few_pictures == FewPictures::shrink) return;
  for (const FeatureSet* set : {&first, &second})
    require(set->count == 0 || set->count > set->dimensions, "evaluate: ", set->source, " has ",
            set->count, " pictures; a covariance of ", set->dimensions, " features needs at least ",
            set->dimensions + 1,
            " (10,000 for a figure that others can compare); or shrink the covariances with "
            "--shrink");
}

Measure measure_of(const eval::Interval& interval) {
  return {.value = interval.mean, .half_width_95 = interval.half_width_95};
}

}  // namespace

struct FeatureExtractor::Implementation {
  Device device;
  eval::FeatureNetwork network;
  std::string hash;

  /// The features of pictures `first` to first + count - 1 of `images`, into their rows of `set`.
  void extract(const Device& worker, const data::Images& images, std::int64_t first,
               std::int64_t count, std::int64_t row, FeatureSet& set) const {
    if (!set.pictures.empty())
      std::ranges::copy(std::span(images.pixels)
                            .subspan(static_cast<std::size_t>(first) * images.image_bytes(),
                                     static_cast<std::size_t>(count) * images.image_bytes()),
                        set.pictures.begin() + row * static_cast<std::int64_t>(kPictureBytes));
    std::vector<float> pictures;
    pictures.reserve(static_cast<std::size_t>(count) * images.image_bytes());
    for (std::int64_t i = first; i < first + count; ++i)
      for (const std::uint8_t byte : images[i])
        pictures.push_back(static_cast<float>(byte) / 255.0F);
    const eval::FeatureNetwork::Output output = network(worker, pictures);
    std::ranges::copy(output.features, set.features.begin() + row * set.dimensions);
    std::ranges::copy(output.probabilities, set.probabilities.begin() + row * set.classes);
  }

  FeatureRecipe recipe(Fit fit) const {
    return {.extractor = eval::kExtractorName,
            .extractor_hash = hash,
            .resizing = std::string(to_string(fit)),
            .rounding = "nearest"};
  }

  FeatureSet empty_set(std::string source, std::int64_t count, Fit fit, KeepPictures keep) const {
    FeatureSet set{.source = std::move(source),
                   .recipe = recipe(fit),
                   .count = count,
                   .dimensions = eval::FeatureNetwork::kFeatures,
                   .classes = eval::FeatureNetwork::kClasses};
    set.features.resize(static_cast<std::size_t>(count * set.dimensions));
    set.probabilities.resize(static_cast<std::size_t>(count * set.classes));
    if (keep == KeepPictures::yes)
      set.pictures.resize(static_cast<std::size_t>(count) * kPictureBytes);
    return set;
  }
};

fs::path find_extractor(const std::string& extractor) {
  if (fs::is_directory(extractor)) return extractor;
  std::vector<fs::path> folders = shipped_folders();
  folders.insert(folders.begin(), "models");
  std::vector<std::string> places;
  for (const fs::path& folder : folders) {
    const fs::path place = folder / "features";
    if (fs::is_regular_file(place / extractor / kFileName)) return place / extractor;
    places.push_back(place.string());
  }
  fail(ErrorCode::user, "--extractor ", extractor, ": no such folder, and none of this name in ",
       join(places, ", "));
}

FeatureExtractor FeatureExtractor::load(const fs::path& folder, DeviceKind kind) {
  const fs::path path = folder / kFileName;
  require(fs::is_regular_file(path), "--extractor ", folder.string(), ": has no ", kFileName,
          "; the extractor ", eval::kExtractorName, " comes with ddim");
  const auto content = std::make_shared<const io::MappedFile>(path);
  const std::string hash = sha256_hex(content->bytes());
  const io::SafetensorsFile file = io::SafetensorsFile::open(path, content);
  std::map<std::string, NamedTensor> tensors;
  for (const io::TensorEntry& entry : file.entries()) {
    if (entry.shape.empty()) continue;  // num_batches_tracked
    tensors[entry.name] = {.shape = entry.shape, .values = file.read(entry.name)};
  }
  const Device device = make_device(kind);
  eval::FeatureNetwork network(device, tensors, path.string());
  return FeatureExtractor(std::make_shared<const Implementation>(
      Implementation{.device = device, .network = std::move(network), .hash = hash}));
}

std::optional<std::int64_t> FeatureExtractor::picture_size() const {
  return eval::FeatureNetwork::kSize;
}

FeatureRecipe FeatureExtractor::recipe(Fit fit) const { return implementation_->recipe(fit); }

std::int64_t FeatureExtractor::dimensions() const { return eval::FeatureNetwork::kFeatures; }

FeatureSet FeatureExtractor::extract(const DataOptions& options, Fit fit, const RunOptions& run,
                                     KeepPictures keep) const {
  const std::string source = options.data.string();
  data::DatasetOptions reading{.split = options.split,
                               .fit = fit,
                               .channels = 3,
                               .skip_corrupt = options.read.skip_corrupt,
                               .background = options.read.background};
  if (fit != Fit::none) reading.height = reading.width = eval::FeatureNetwork::kSize;
  data::Dataset dataset = load_set(options.data, reading);
  if (options.read.report) options.read.report(dataset.report);
  data::Images images = prepare(std::move(dataset.images), fit, source);
  const std::int64_t count = std::min(images.count, options.max_images.value_or(images.count));
  require(count >= 2, "evaluate: ", source, ": a covariance needs at least 2 pictures; got ",
          count);
  images.count = count;
  FeatureSet set = implementation_->empty_set(source, count, fit, keep);
  set.pictures_hash = hash_of(images);
  const run::ImageWorkers workers(
      implementation_->device,
      {.num_images = count, .batch = run.batch, .num_threads = num_threads_of(run.threads)});
  workers.run([&](const Device& worker, std::int64_t first, std::int64_t num_images) {
    if (run.stop.stop_requested()) fail(ErrorCode::interrupted, "evaluate: stopped");
    implementation_->extract(worker, images, first, num_images, first, set);
  });
  fill_statistics(set);
  return set;
}

FeatureSet FeatureExtractor::extract(const Model& model, const Plan& plan,
                                     const SampleOptions& options, Fit fit,
                                     KeepPictures keep) const {
  require(options.count >= 2, "--count: a covariance needs at least 2 pictures; got ",
          options.count);
  const std::int64_t channels = model.info().shape.channels;
  require(channels == 1 || channels == 3, "--model ", model.info().name, " draws pictures with ",
          channels, " channels; the extractor ", eval::kExtractorName, " takes 1 or 3");
  const std::string source = concat("--model ", model.info().name);
  FeatureSet set = implementation_->empty_set(source, options.count, fit, keep);
  const Device worker = implementation_->device.worker(1);
  sample(model, plan, options, [&](std::int64_t first, const FloatImages& drawn) {
    data::Images images{.count = drawn.count,
                        .height = drawn.shape.height,
                        .width = drawn.shape.width,
                        .channels = drawn.shape.channels};
    for (std::int64_t i = 0; i < drawn.count; ++i) {
      const Image image = to_image(drawn, i);
      images.pixels.insert(images.pixels.end(), image.pixels.begin(), image.pixels.end());
    }
    images = prepare(std::move(images), fit, source);
    implementation_->extract(worker, images, 0, images.count, first, set);
  });
  fill_statistics(set);
  return set;
}

bool is_training_data(const Model& model, const DataOptions& options) {
  const ModelInfo& info = model.info();
  if (!info.training_data) return false;
  data::DatasetOptions reading{.split = options.split,
                               .channels = info.shape.channels,
                               .skip_corrupt = options.read.skip_corrupt,
                               .background = options.read.background};
  if (info.num_classes > 0) reading.labels = data::Labels::read;
  try {
    data::Dataset dataset = data::load_dataset(options.data, reading);
    const Fit fit = data::fit_for(dataset.images, info.shape.height, info.shape.width);
    dataset.images = data::fit_to(std::move(dataset.images), fit, info.shape.height,
                                  info.shape.width, options.data.string());
    return data::fingerprint(dataset) == info.training_data;
  } catch (const Error& error) {
    // It has other channels, or no classes: the model cannot have been trained on it.
    if (error.code() == ErrorCode::user) return false;
    throw;
  }
}

Quality compare_sets(const FeatureSet& first, const FeatureSet& second,
                     const QualityOptions& options) {
  check_pair(first, second, options.few_pictures);
  const int threads = num_threads_of(options.threads);
  const eval::FrechetSide a = side_of(first, options), b = side_of(second, options);
  Quality result{.frechet_distance = measure_of(eval::frechet_interval(a, b)),
                 .first_shrinkage = a.shrinkage,
                 .second_shrinkage = b.shrinkage};
  if (!first.probabilities.empty())
    result.inception_score = measure_of(
        eval::inception_score({.dimensions = first.classes, .values = first.probabilities}));
  if (first.features.empty() || second.features.empty()) return result;
  result.subset_size = std::min(kSubsetSize, std::min(first.count, second.count) / 2);
  result.kernel_distance = measure_of(eval::kernel_distance(
      a.rows, b.rows,
      {.subset_size = result.subset_size, .num_subsets = kNumSubsets, .seed = options.seed}));
  if (options.manifolds == Manifolds::leave_out) return result;
  result.precision = measure_of(eval::part_within(a.rows, b.rows, kNeighbours, threads));
  result.recall = measure_of(eval::part_within(b.rows, a.rows, kNeighbours, threads));
  return result;
}

Image nearest_neighbours(const FeatureSet& first, const FeatureSet& second, std::int64_t rows,
                         std::int64_t neighbours) {
  for (const FeatureSet* set : {&first, &second})
    require(!set->pictures.empty(), "neighbours: ", set->source, " has no pictures to show");
  require(rows >= 1 && first.count >= rows, "neighbours: ", rows, " rows need as many pictures; ",
          first.source, " has ", first.count);
  const eval::FeatureRows points{.dimensions = first.dimensions, .values = first.features};
  const eval::FeatureRows reference{.dimensions = second.dimensions, .values = second.features};
  constexpr std::int64_t kSize = eval::FeatureNetwork::kSize;
  std::vector<Image> cells;
  const auto add = [&](const FeatureSet& set, std::int64_t index) {
    const auto begin = set.pictures.begin() + index * static_cast<std::int64_t>(kPictureBytes);
    cells.push_back({.width = kSize,
                     .height = kSize,
                     .channels = 3,
                     .pixels = {begin, begin + static_cast<std::int64_t>(kPictureBytes)}});
  };
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t index = row * first.count / rows;
    add(first, index);
    for (const std::int64_t nearest : eval::nearest_rows(points[index], reference, neighbours))
      add(second, nearest);
  }
  return make_grid(cells, {.columns = neighbours + 1, .scale = 2});
}

}  // namespace ddim
