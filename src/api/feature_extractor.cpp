#include <ddim/counts.h>
#include <ddim/quality.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>

#include "api/data_for_model.h"
#include "api/feature_log.h"
#include "api/picture_progress.h"
#include "api/shared_work.h"
#include "api/shipped.h"
#include "backend/make_device.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/sha256.h"
#include "base/workers.h"
#include "data/dataset.h"
#include "eval/feature_network.h"
#include "eval/feature_rows.h"
#include "eval/feature_statistics.h"
#include "hub/settings.h"
#include "io/mapped_file.h"
#include "io/safetensors.h"
#include "io/torch_file.h"
#include "run/image_workers.h"
#include "run/reporter.h"

namespace ddim {

using namespace engine;
namespace fs = std::filesystem;

namespace {

using io::PictureRange;

constexpr const char* kResNet56File = "model.safetensors";

void check_size_for(const eval::FeatureNetwork& network, std::int64_t height, std::int64_t width,
                    Fit fit, const std::string& source) {
  if (const std::optional<std::int64_t> size = network.picture_size()) {
    require(fit != Fit::none || (height == *size && width == *size), source, ": pictures are ",
            width, "x", height, ", and the extractor ", network.name(), " takes ", *size, "x",
            *size, "; add --resize (crop-resize) or --resize pad, for both sets alike");
    return;
  }
  require(fit == Fit::none, "resize: the extractor ", network.name(),
          " resizes pictures itself, by a rule of its own (resizing); leave it out");
}

/// As the extractor takes them: of its size, in colour, as bytes.
data::Images prepare(data::Images images, const eval::FeatureNetwork& network, Fit fit,
                     const std::string& source) {
  check_size_for(network, images.height, images.width, fit, source);
  if (const std::optional<std::int64_t> size = network.picture_size())
    images = data::fit_to(std::move(images), fit, *size, *size, source);
  if (!images.has_bytes()) {
    for (const float value : images.values)
      images.pixels.push_back(static_cast<std::uint8_t>(
          std::lround(std::clamp(127.5F * (value + 1.0F), 0.0F, 255.0F))));
    images.values = {};
  }
  if (images.channels == 1) data::repeat_channel(images, 3);
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

/// Digests of the pictures, one that does not depend on their order and one that does.
struct PicturesHashes {
  std::string of_set, of_list;
};
PicturesHashes hashes_of(const data::Images& images) {
  const auto of_all = [](const std::vector<std::string>& of_pictures) {
    Sha256 hash;
    for (const std::string& of_picture : of_pictures)
      hash.update(std::as_bytes(std::span(of_picture)));
    return hash.finish_hex();
  };
  std::vector<std::string> of_pictures;
  for (std::int64_t i = 0; i < images.count; ++i)
    of_pictures.push_back(sha256_hex(std::as_bytes(images[i])));
  const std::string of_list = of_all(of_pictures);
  std::ranges::sort(of_pictures);
  return {.of_set = of_all(of_pictures), .of_list = of_list};
}

void fill_statistics(FeatureSet& set) {
  eval::FeatureMoments moments(set.dimensions);
  const eval::FeatureRows rows{.dimensions = set.dimensions, .values = set.features};
  for (std::int64_t i = 0; i < set.count; ++i) moments.add(rows[i]);
  const eval::FeatureStatistics statistics = moments.statistics();
  set.mean = statistics.mean;
  set.covariance = statistics.covariance;
}

NamedTensors tensors_of(const io::SafetensorsFile& file) {
  NamedTensors tensors;
  for (const io::TensorEntry& entry : file.entries()) {
    if (entry.shape.empty()) continue;  // num_batches_tracked
    tensors[entry.name] = {.shape = entry.shape, .values = file.read(entry.name)};
  }
  return tensors;
}

NamedTensors tensors_of(const io::TorchFile& file) {
  NamedTensors tensors;
  const std::string name = file.path.string();
  if (!file.contents.damage.empty()) fail(ErrorCode::corrupt, file.contents.damage);
  const io::PickleValue root = file.root();
  if (!root.is(io::PickleKind::dict))
    fail(ErrorCode::corrupt, name, ": holds ", root.describe(), ", no dictionary of tensors");
  for (std::size_t i = 0; i < root.size(); ++i) {
    const auto [key, value] = root.pair(i);
    if (!key.is(io::PickleKind::text) || !io::is_tensor(value) ||
        !io::has_numbers(file.contents, value))
      continue;
    const io::TensorEntry entry =
        io::tensor_of(file.contents, value, std::string(key.text()), name);
    constexpr std::array kFloats{io::StoredType::f16, io::StoredType::bf16, io::StoredType::f32,
                                 io::StoredType::f64};
    if (entry.shape.empty() || std::ranges::find(kFloats, entry.type) == kFloats.end())
      continue;  // num_batches_tracked
    NamedTensor& tensor = tensors[entry.name];
    tensor.shape = entry.shape;
    tensor.values.resize(static_cast<std::size_t>(entry.num_elements()));
    io::read_f32(entry, tensor.values);
  }
  return tensors;
}

}  // namespace

struct FeatureExtractor::Implementation {
  Device device;
  std::unique_ptr<const eval::FeatureNetwork> network;
  std::string hash;
  Resizing resizing = Resizing::pytorch;

  FeatureRecipe recipe(Fit fit) const {
    return {.extractor = network->name(),
            .extractor_hash = hash,
            .resizing = std::string(network->picture_size() ? to_string(fit) : to_string(resizing)),
            .rounding = "nearest"};
  }

  FeatureSet known_set(std::string source, std::int64_t count, Fit fit) const {
    return {.source = std::move(source),
            .recipe = recipe(fit),
            .count = count,
            .dimensions = network->num_features(),
            .classes = network->num_classes()};
  }
  static void make_room(FeatureSet& set) {
    const std::int64_t count = set.count;
    set.features.resize(static_cast<std::size_t>(count * set.dimensions));
    set.probabilities.resize(static_cast<std::size_t>(count * set.classes));
  }

  /// The features of pictures that are as the network takes them.
  FeatureSet extract_all(data::Images images, const FeatureOptions& options, const RunOptions& run,
                         const std::string& source) const;

  /// The features of `images`, into the rows of `set` from `row` on.
  void extract(const Device& worker, const data::Images& images, std::int64_t row,
               FeatureSet& set) const {
    const eval::FeatureNetwork::Output output = (*network)(worker, images);
    std::ranges::copy(output.features, set.features.begin() + row * set.dimensions);
    std::ranges::copy(output.probabilities, set.probabilities.begin() + row * set.classes);
  }

  FeatureLog::Settings settings_of(const FeatureSet& set) const {
    const std::string device_name = device.describe();
    return {{"extractor", set.recipe.extractor},
            {"extractor_hash", set.recipe.extractor_hash},
            {"resizing", set.recipe.resizing},
            {"rounding", set.recipe.rounding},
            {"device", device_name.substr(0, device_name.find(','))}};
  }
};

FeatureSet FeatureExtractor::Implementation::extract_all(data::Images images,
                                                         const FeatureOptions& options,
                                                         const RunOptions& run,
                                                         const std::string& source) const {
  const std::int64_t count = images.count;
  require(count >= 2, "evaluate: ", source, ": a covariance needs at least 2 pictures; got ",
          count);
  FeatureSet set = known_set(source, count, options.fit);
  make_room(set);
  set.height = images.height;
  set.width = images.width;
  const PicturesHashes hashes = hashes_of(images);
  set.pictures_hash = hashes.of_set;

  if (options.check) options.check(set);

  FeatureLog::Settings settings = settings_of(set);
  settings["pictures"] = hashes.of_list;
  settings["size"] = concat(images.width, "x", images.height);
  FeatureLog log(options, settings, set);
  Progress display(std::clog, run::style_of(run.show_progress), "pictures");
  bool begun = false;
  const auto compute = [&](const FeatureLog::Rows& ranges) {
    if (!begun) display.begin(log.num_done(), count);
    begun = true;
    std::vector<std::int64_t> missing;
    for (const PictureRange& range : ranges)
      for (std::int64_t k = 0; k < range.count; ++k) missing.push_back(range.first + k);
    std::mutex mutex;
    run::ImageWorkers workers(
        device, {.num_images = std::ssize(missing),
                 .batch = run.batch,
                 .num_threads = num_threads_of(options_of_part(run, options.sharing).threads)});
    workers.run([&](const Device& worker, std::int64_t first, std::int64_t num_images) {
      if (run.stop.stop_requested()) {
        const std::lock_guard lock(mutex);
        log.fail_stopped();
      }
      // Pictures that follow each other are taken together.
      for (std::int64_t i = first; i < first + num_images;) {
        const std::int64_t begin = missing[static_cast<std::size_t>(i)];
        std::int64_t together = 1;
        while (i + together < first + num_images &&
               missing[static_cast<std::size_t>(i + together)] == begin + together)
          ++together;
        const auto bytes = static_cast<std::ptrdiff_t>(images.image_bytes());
        const auto pixels = images.pixels.begin() + begin * bytes;
        const data::Images some{.count = together,
                                .height = images.height,
                                .width = images.width,
                                .channels = 3,
                                .pixels = {pixels, pixels + together * bytes}};
        extract(worker, some, begin, set);
        i += together;
        const std::lock_guard lock(mutex);
        log.keep(begin, together);
        const std::int64_t num_done = log.num_done();
        display.update(
            num_done, "",
            concat("features: ", with_thousands(num_done), "/", count_of(count, "pictures")));
        if (run.progress) run.progress({.evaluations_done = num_done, .evaluations = count});
      }
    });
  };
  log.fill(compute, run.stop);
  if (options.keep == KeepPictures::yes) set.pictures = std::move(images.pixels);
  fill_statistics(set);
  return set;
}

fs::path find_extractor(const std::string& extractor) {
  if (fs::is_directory(extractor) || fs::is_regular_file(extractor)) return extractor;
  std::vector<fs::path> folders = shipped_folders();
  folders.insert(folders.begin(), "models");
  std::vector<std::string> places;
  for (const fs::path& folder : folders) {
    const fs::path place = folder / "features";
    for (const char* file : {kResNet56File, kInceptionFile})
      if (fs::is_regular_file(place / extractor / file)) return place / extractor;
    places.push_back(place.string());
  }
  const bool is_inception = extractor == "inception";
  if (is_inception) {
    const fs::path pulled = hub::torch_checkpoints_of_process() / kInceptionFile;
    if (fs::is_regular_file(pulled)) return pulled;
    places.push_back(pulled.parent_path().string());
  }
  fail(ErrorCode::user, "extractor ", extractor, ": no such file or folder, and none of this ",
       "name in ", join(places, ", "),
       is_inception ? concat("; the network of the FID does not come with ddim: `ddim pull "
                             "inception` fetches it, or say where its file ",
                             kInceptionFile, " is, as the extractor or in DDIM_EXTRACTOR")
                    : "");
}

FeatureExtractor FeatureExtractor::load(const fs::path& path, Resizing resizing, DeviceKind kind) {
  fs::path file = path;
  if (fs::is_directory(path)) {
    file = path / kResNet56File;
    if (!fs::is_regular_file(file)) file = path / kInceptionFile;
    require(fs::is_regular_file(file), "extractor ", path.string(), ": has neither ", kResNet56File,
            " nor ", kInceptionFile, "; the extractor resnet56-cifar10 comes with ddim");
  }
  const auto content = std::make_shared<const io::MappedFile>(file);
  const bool is_torch = io::looks_like_torch(content->bytes());
  const NamedTensors tensors = is_torch ? tensors_of(io::open_torch_file(file, content))
                                        : tensors_of(io::SafetensorsFile::open(file, content));
  auto implementation = std::make_shared<Implementation>(Implementation{
      .device = make_device(kind), .network = nullptr, .hash = sha256_hex(content->bytes())});
  content->require_whole();
  implementation->resizing = resizing;
  const std::string name = file.string();
  implementation->network =
      is_torch ? eval::make_inception_network(implementation->device, tensors, name, resizing)
               : eval::make_resnet56_network(implementation->device, tensors, name);
  return FeatureExtractor(std::move(implementation));
}

std::optional<std::int64_t> FeatureExtractor::picture_size() const {
  return implementation_->network->picture_size();
}

FeatureSet FeatureExtractor::set_to_draw(const Model& model, std::int64_t count, Fit fit,
                                         const std::string& source) const {
  const PictureShape& shape = model.info().shape;
  require(shape.channels == 1 || shape.channels == 3, "model ", model.info().name,
          " draws pictures with ", shape.channels, " channels; the extractor ",
          implementation_->network->name(), " takes 1 or 3");
  check_size_for(*implementation_->network, shape.height, shape.width, fit, source);
  FeatureSet set = implementation_->known_set(source, count, fit);
  set.height = picture_size().value_or(shape.height);
  set.width = picture_size().value_or(shape.width);
  return set;
}

FeatureRecipe FeatureExtractor::recipe(Fit fit) const { return implementation_->recipe(fit); }

std::int64_t FeatureExtractor::dimensions() const {
  return implementation_->network->num_features();
}

FeatureSet FeatureExtractor::extract(const DataOptions& pictures, const FeatureOptions& options,
                                     const RunOptions& run) const {
  const std::string source = pictures.data.string();
  const std::optional<std::int64_t> size = picture_size();
  data::DatasetOptions reading{.split = pictures.split,
                               .fit = options.fit,
                               .channels = 3,
                               .skip_corrupt = pictures.read.skip_corrupt,
                               .background = pictures.read.background.value_or(Colour()),
                               .max_images = pictures.max_images};
  if (size && options.fit != Fit::none) reading.height = reading.width = *size;
  if (!size) reading.fit = Fit::none;
  if (options.first.height > 0) {
    reading.fit = options.first.fit;
    reading.height = options.first.height;
    reading.width = options.first.width;
  }
  data::Dataset dataset = load_set(pictures.data, reading);
  if (pictures.read.report) pictures.read.report(dataset.report);
  data::Images images =
      prepare(std::move(dataset.images), *implementation_->network, options.fit, source);
  FeatureSet set = implementation_->extract_all(std::move(images), options, run, source);
  set.part = part_text(pictures, dataset);
  return set;
}

FeatureSet FeatureExtractor::extract(const FloatImages& pictures, const FeatureOptions& options,
                                     const RunOptions& run, const std::string& source) const {
  data::Images images{.count = pictures.count,
                      .height = pictures.shape.height,
                      .width = pictures.shape.width,
                      .channels = pictures.shape.channels};
  images.values = pictures.values;
  return implementation_->extract_all(
      prepare(std::move(images), *implementation_->network, options.fit, source), options, run,
      source);
}

FeatureSet FeatureExtractor::extract(const Model& model, const Plan& plan,
                                     const SampleOptions& drawing,
                                     const FeatureOptions& options) const {
  require(drawing.count >= 2, "count: a covariance needs at least 2 pictures; got ", drawing.count);
  const std::string source = concat("--model ", model.info().name);
  FeatureSet set = set_to_draw(model, drawing.count, options.fit, source);
  Implementation::make_room(set);
  set.drawing = make_recipe(model, drawing);
  const auto bytes = static_cast<std::int64_t>(3 * set.height * set.width);
  const bool keeps = options.keep == KeepPictures::yes;
  if (keeps) set.pictures.resize(static_cast<std::size_t>(drawing.count * bytes));

  FeatureLog::Settings settings = implementation_->settings_of(set);
  for (const auto& [key, value] : set.drawing)
    if (key != "model") settings["drawn_" + key] = value;
  FeatureOptions kept = options;
  if (keeps) {
    require(
        !options.sharing.is_shared(),
        "neighbours: pictures that several processes draw are in none of them; draw them into a "
        "folder first (ddim sample)");
    kept.folder.clear();
  }
  FeatureLog log(kept, settings, set);
  PictureProgress progress(drawing.run, drawing.count, plan.nfe, log.num_done());
  const Device worker = implementation_->device.worker(1);
  const auto compute = [&](const FeatureLog::Rows& ranges) {
    for (const PictureRange& range : ranges) {
      SampleOptions part = only_pictures(drawing, range.first, range.count);
      part.run = options_of_part(progress.part(log.num_done(), range.count), options.sharing);
      try {
        sample(model, plan, part, [&](std::int64_t begin, const FloatImages& drawn) {
          data::Images images{.count = drawn.count,
                              .height = drawn.shape.height,
                              .width = drawn.shape.width,
                              .channels = drawn.shape.channels};
          for (std::int64_t i = 0; i < drawn.count; ++i) {
            const Image image = to_image(drawn, i);
            images.pixels.insert(images.pixels.end(), image.pixels.begin(), image.pixels.end());
          }
          images = prepare(std::move(images), *implementation_->network, options.fit, source);
          const std::int64_t first = range.first + begin;
          if (keeps) std::ranges::copy(images.pixels, set.pictures.begin() + first * bytes);
          implementation_->extract(worker, images, first, set);
          log.keep(first, drawn.count);
          progress.finished(drawn.count);
        });
      } catch (const Error& error) {
        if (error.code() != ErrorCode::interrupted) throw;
        log.fail_stopped();
      }
    }
  };
  log.fill(compute, drawing.run.stop);
  fill_statistics(set);
  return set;
}

}  // namespace ddim
