#include <ddim/quality.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "api/model_implementation.h"
#include "backend/make_device.h"
#include "base/error.h"
#include "base/file_output.h"
#include "base/sha256.h"
#include "base/workers.h"
#include "data/dataset.h"
#include "eval/bootstrap.h"
#include "eval/feature_network.h"
#include "eval/feature_statistics.h"
#include "eval/set_distances.h"
#include "io/npz.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "run/image_workers.h"

namespace ddim {

using namespace engine;
namespace fs = std::filesystem;

struct FeatureExtractor::Implementation {
  Device device;
  eval::FeatureNetwork network;
  std::string hash;

  /// The features of pictures `first` to first + count - 1 of `images`, into their rows of `set`.
  void extract(const Device& worker, const data::Images& images, std::int64_t first,
               std::int64_t count, std::int64_t row, FeatureSet& set) const {
    std::vector<float> pictures;
    for (std::int64_t i = first; i < first + count; ++i)
      for (const std::uint8_t byte : images[i]) pictures.push_back(byte / 255.0F);
    const eval::FeatureNetwork::Output output = network(worker, pictures);
    std::ranges::copy(output.features, set.features.begin() + row * set.dimensions);
    std::ranges::copy(output.probabilities, set.probabilities.begin() + row * set.classes);
  }

  FeatureSet empty_set(std::string source, std::int64_t count, Fit fit) const {
    FeatureSet set{.source = std::move(source),
                   .recipe = {.extractor = eval::kExtractorName,
                              .extractor_hash = hash,
                              .resizing = std::string(to_string(fit)),
                              .rounding = "nearest"},
                   .count = count,
                   .dimensions = eval::FeatureNetwork::kFeatures,
                   .classes = eval::FeatureNetwork::kClasses};
    set.features.resize(static_cast<std::size_t>(count * set.dimensions));
    set.probabilities.resize(static_cast<std::size_t>(count * set.classes));
    return set;
  }
};

namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 30;
constexpr std::int64_t kNeighbours = 3;
constexpr std::int64_t kNumSubsets = 100;
constexpr std::int64_t kSubsetSize = 1000;

/// As the extractor takes them: 32x32 in colour.
data::Images prepare(data::Images images, Fit fit, const std::string& source) {
  constexpr std::int64_t kSize = eval::FeatureNetwork::kSize;
  require(images.channels == 1 || images.channels == 3, source, ": pictures have ", images.channels,
          " channels; the extractor resnet56-cifar10 takes 1 or 3");
  require(fit != Fit::none || (images.height == kSize && images.width == kSize), source,
          ": pictures are ", images.width, "x", images.height,
          ", and the extractor resnet56-cifar10 takes 32x32; add --resize (crop-resize) or "
          "--resize=pad, for both sets alike");
  images = data::fit_to(std::move(images), fit, kSize, kSize, source);
  if (images.channels == 3) return images;
  std::vector<std::uint8_t> pixels;
  for (const std::uint8_t byte : images.pixels) pixels.insert(pixels.end(), 3, byte);
  images.pixels = std::move(pixels);
  images.channels = 3;
  return images;
}

void fill_statistics(FeatureSet& set) {
  eval::FeatureMoments moments(set.dimensions);
  const eval::FeatureRows rows{.dimensions = set.dimensions, .values = set.features};
  for (std::int64_t i = 0; i < set.count; ++i) moments.add(rows[i]);
  const eval::FeatureStatistics statistics = moments.statistics();
  set.mean = statistics.mean;
  set.covariance = statistics.covariance;
}

eval::FeatureStatistics statistics_of(const FeatureSet& set) {
  return {.count = set.count, .mean = set.mean, .covariance = set.covariance};
}

/// Of a bootstrap sample of the set; of one without features the set's own.
eval::FeatureStatistics resampled(const FeatureSet& set, std::uint64_t seed, std::int64_t index,
                                  std::uint32_t which) {
  if (set.features.empty()) return statistics_of(set);
  const std::vector<double> weights = eval::bootstrap_weights(set.count, seed, index, which);
  const eval::FeatureRows rows{.dimensions = set.dimensions, .values = set.features};
  eval::FeatureMoments moments(set.dimensions);
  for (std::int64_t i = 0; i < set.count; ++i)
    for (double n = weights[static_cast<std::size_t>(i)]; n > 0; --n) moments.add(rows[i]);
  return moments.statistics();
}

void check_pair(const FeatureSet& first, const FeatureSet& second) {
  const auto agree = [&](const char* what, const std::string& a, const std::string& b) {
    require(a == b, "evaluate: the sets have different ", what, "s: ", first.source, " has ", a,
            ", ", second.source, " has ", b, "; make the features of both in the same way");
  };
  agree("extractor", first.recipe.extractor, second.recipe.extractor);
  agree("hashe", first.recipe.extractor_hash, second.recipe.extractor_hash);
  agree("resizing", first.recipe.resizing, second.recipe.resizing);
  agree("rounding", first.recipe.rounding, second.recipe.rounding);
  for (const FeatureSet* set : {&first, &second})
    require(set->count > set->dimensions, "evaluate: ", set->source, " has ", set->count,
            " pictures; a covariance of ", set->dimensions, " features needs at least ",
            set->dimensions + 1, " (10,000 for a figure that others can compare)");
}

Measure measure_of(const eval::Interval& interval) {
  return {.value = interval.mean, .half_width_95 = interval.half_width_95};
}

std::span<const std::byte> bytes_of(const auto& values) { return std::as_bytes(std::span(values)); }

}  // namespace

FeatureExtractor FeatureExtractor::load(const fs::path& folder, DeviceKind kind) {
  const fs::path path = folder / "model.safetensors";
  require(fs::is_regular_file(path), "--extractor ", folder.string(),
          ": has no model.safetensors; the extractor resnet56-cifar10 comes with ddim in "
          "models/features/resnet56-cifar10");
  const std::string hash = sha256_hex(bytes_of(io::read_file(path, kMaxFileBytes)));
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
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

FeatureSet FeatureExtractor::extract(const DataOptions& options, Fit fit,
                                     const RunOptions& run) const {
  const std::string source = options.data.string();
  data::Images images = data::load_dataset(options.data, {.split = options.split}).images;
  const std::int64_t count = std::min(images.count, options.max_images.value_or(images.count));
  require(count >= 2, "evaluate: ", source, ": a covariance needs at least 2 pictures; got ",
          count);
  images.count = count;
  images.pixels.resize(static_cast<std::size_t>(count) * images.image_bytes());
  images = prepare(std::move(images), fit, source);
  FeatureSet set = implementation_->empty_set(source, count, fit);
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
                                     const SampleOptions& options, Fit fit) const {
  require(options.count >= 2, "--count: a covariance needs at least 2 pictures; got ",
          options.count);
  const std::string source = concat("--model ", model.info().name);
  FeatureSet set = implementation_->empty_set(source, options.count, fit);
  const Device worker = implementation_->device.worker(1);
  sample(model, plan, options, [&](std::int64_t first, const FloatImages& drawn) {
    data::Images images{.count = drawn.count,
                        .height = drawn.shape.height,
                        .width = drawn.shape.width,
                        .channels = drawn.shape.channels,
                        .pixels = {}};
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

bool holds_statistics(const fs::path& path) {
  if (path.extension() != ".npz" || !fs::is_regular_file(path)) return false;
  const std::string bytes = io::read_file(path, std::size_t{16} << 30);
  return std::ranges::any_of(io::parse_npz(std::as_bytes(std::span(bytes)), path.string()),
                             [](const io::NpzArray& array) { return array.name == "mu"; });
}

FeatureSet read_statistics(const fs::path& path) {
  const std::string bytes = io::read_file(path, kMaxFileBytes);
  FeatureSet set{.source = path.string()};
  const std::vector<io::NpzArray> arrays =
      io::parse_npz(std::as_bytes(std::span(bytes)), set.source);
  const auto get = [&](const char* name, const char* type) -> const io::NpzArray& {
    const auto found = std::ranges::find(arrays, name, &io::NpzArray::name);
    if (found == arrays.end() || found->type != type)
      fail(ErrorCode::corrupt, set.source, ": has no array ", name, " of type ", type,
           ", as statistics that ddim evaluate --save-statistics wrote have");
    return *found;
  };
  const io::NpzArray &mu = get("mu", "<f8"), &sigma = get("sigma", "<f8");
  const io::NpzArray &count = get("count", "<i8"), &recipe = get("recipe", "|u1");
  if (mu.shape.size() != 1 || mu.shape[0] == 0 ||
      sigma.shape != std::vector{mu.shape[0], mu.shape[0]} || count.bytes.size() != 8)
    fail(ErrorCode::corrupt, set.source, ": mu must be [D] and sigma [D,D]");
  set.dimensions = mu.shape[0];
  set.mean.resize(mu.bytes.size() / 8);
  std::memcpy(set.mean.data(), mu.bytes.data(), mu.bytes.size());
  set.covariance.resize(sigma.bytes.size() / 8);
  std::memcpy(set.covariance.data(), sigma.bytes.data(), sigma.bytes.size());
  std::memcpy(&set.count, count.bytes.data(), 8);
  std::string_view text(reinterpret_cast<const char*>(recipe.bytes.data()), recipe.bytes.size());
  std::map<std::string_view, std::string*> fields{{"extractor", &set.recipe.extractor},
                                                  {"extractor_hash", &set.recipe.extractor_hash},
                                                  {"resizing", &set.recipe.resizing},
                                                  {"rounding", &set.recipe.rounding}};
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t equals = line.find('=');
    const auto field = fields.find(line.substr(0, equals));
    if (equals != std::string_view::npos && field != fields.end())
      *field->second = line.substr(equals + 1);
  }
  return set;
}

void write_statistics(const fs::path& path, const FeatureSet& set, Overwrite overwrite) {
  const std::string recipe =
      concat("extractor=", set.recipe.extractor, "\nextractor_hash=", set.recipe.extractor_hash,
             "\nresizing=", set.recipe.resizing, "\nrounding=", set.recipe.rounding, "\n");
  const auto size = static_cast<std::int64_t>(recipe.size());
  const std::int64_t d = set.dimensions;
  write_file_durably(
      path,
      io::npz_content(
          {{.name = "mu", .type = "<f8", .shape = {d}, .bytes = bytes_of(set.mean)},
           {.name = "sigma", .type = "<f8", .shape = {d, d}, .bytes = bytes_of(set.covariance)},
           {.name = "count",
            .type = "<i8",
            .shape = {1},
            .bytes = std::as_bytes(std::span(&set.count, 1))},
           {.name = "recipe", .type = "|u1", .shape = {size}, .bytes = bytes_of(recipe)}}),
      overwrite);
}

Quality compare_sets(const FeatureSet& first, const FeatureSet& second,
                     const QualityOptions& options) {
  check_pair(first, second);
  require(options.resamples >= 2, "resamples must be 2 or greater; got ", options.resamples);
  const int threads = num_threads_of(options.threads);
  Quality result;
  result.frechet_distance = {
      .value = eval::frechet_distance(statistics_of(first), statistics_of(second)),
      .half_width_95 =
          eval::bootstrap_half_width(options.resamples, threads, [&](std::int64_t index) {
            return eval::frechet_distance(resampled(first, options.seed, index, 0),
                                          resampled(second, options.seed, index, 1));
          })};
  if (!first.probabilities.empty()) {
    const eval::FeatureRows classes{.dimensions = first.classes, .values = first.probabilities};
    const std::vector<double> once(static_cast<std::size_t>(first.count), 1.0);
    result.inception_score = {
        .value = eval::inception_score(classes, once),
        .half_width_95 =
            eval::bootstrap_half_width(options.resamples, threads, [&](std::int64_t index) {
              return eval::inception_score(
                  classes, eval::bootstrap_weights(first.count, options.seed, index, 0));
            })};
  }
  if (first.features.empty() || second.features.empty()) return result;
  const eval::FeatureRows x{.dimensions = first.dimensions, .values = first.features};
  const eval::FeatureRows y{.dimensions = second.dimensions, .values = second.features};
  result.subset_size = std::min(kSubsetSize, std::min(first.count, second.count) / 2);
  result.kernel_distance = measure_of(eval::kernel_distance(
      x, y, {.subset_size = result.subset_size, .num_subsets = kNumSubsets, .seed = options.seed}));
  result.precision = measure_of(eval::part_within(x, y, kNeighbours, threads));
  result.recall = measure_of(eval::part_within(y, x, kNeighbours, threads));
  return result;
}

}  // namespace ddim
