#include "train/held_out.h"

#include <ddim/counts.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "data/class_list.h"
#include "io/image_grid.h"
#include "train/train_config_keys.h"

namespace ddim::engine::train {
namespace {

data::Dataset load(const std::filesystem::path& folder, std::optional<DataSplit> split,
                   const TrainConfig& config) {
  return data::load_dataset(folder, {.split = split,
                                     .fit = config.data.fit,
                                     .height = config.model.height(),
                                     .width = config.model.width(),
                                     .channels = config.model.in_channels,
                                     .skip_corrupt = config.data.skip_corrupt,
                                     .background = config.data.background,
                                     .labels = config.model.class_embed_type == ClassEmbedType::none
                                                   ? data::Labels::ignore
                                                   : data::Labels::read});
}

/// The same for pictures that are held out, which errors say.
data::Dataset load_held_out(const std::filesystem::path& folder, std::optional<DataSplit> split,
                            const TrainConfig& config) {
  try {
    return load(folder, split, config);
  } catch (const Error& error) {
    constexpr std::string_view kData = "data: ";
    const std::string_view message = error.what();
    fail(error.code(),
         "data.validation: ", message.starts_with(kData) ? message.substr(kData.size()) : message);
  }
}

std::string_view content_of(const data::Images& images, std::int64_t index) {
  const std::size_t size = images.image_bytes(), first = static_cast<std::size_t>(index) * size;
  if (images.has_bytes())
    return {reinterpret_cast<const char*>(images.pixels.data() + first), size};
  return {reinterpret_cast<const char*>(images.values.data() + first), size * sizeof(float)};
}

/// Of images that have floats: the nearest bytes.
data::Images rounded(const data::Images& images) {
  const std::int64_t height = images.count * images.height;  // all of them are one tall picture
  return {.count = images.count,
          .height = images.height,
          .width = images.width,
          .channels = images.channels,
          .pixels = io::to_bytes(images.values, height, images.width, images.channels).pixels};
}

/// How many of `held_out` are among `training`, sample for sample, or byte for byte where only one
/// side has bytes.
std::int64_t count_shared(const data::Images& training, const data::Images& held_out) {
  if (training.has_bytes() && !held_out.has_bytes())
    return count_shared(training, rounded(held_out));
  if (held_out.has_bytes() && !training.has_bytes())
    return count_shared(rounded(training), held_out);
  std::unordered_set<std::string_view> wanted, found;
  for (std::int64_t k = 0; k < held_out.count; ++k) wanted.insert(content_of(held_out, k));
  for (std::int64_t k = 0; k < training.count; ++k)
    if (const auto one = wanted.find(content_of(training, k)); one != wanted.end())
      found.insert(*one);
  std::int64_t count = 0;
  for (std::int64_t k = 0; k < held_out.count; ++k)
    count += found.contains(content_of(held_out, k)) ? 1 : 0;
  return count;
}

void note_shared(const data::Images& training, data::Dataset& held_out) {
  const std::int64_t count = count_shared(training, held_out.images);
  if (count == 0) return;
  held_out.report.notices.push_back(concat(
      count, " of ", count_of(held_out.images.count, "held-out pictures"),
      count == 1 ? " is a training picture as well: its" : " are training pictures as well: their",
      " loss says nothing about new pictures"));
}

void add_report(std::string_view of, const DataReport& report, std::vector<std::string>& lines) {
  for (const std::string& notice : report.notices) lines.push_back(concat(of, ": ", notice));
  for (const std::string& skipped : report.skipped)
    lines.push_back(concat(of, ": skipped: ", skipped));
}

void add_classes(const std::vector<DataClass>& classes, std::int64_t num_rows,
                 std::vector<std::string>& lines) {
  const std::int64_t count = std::ssize(classes);
  for (std::size_t k = 0; k < classes.size(); ++k)
    lines.push_back(concat("data: class ", k, ": ", classes[k].name, ", ",
                           count_of(classes[k].images, "images")));
  if (count > 0 && num_rows > count)
    lines.push_back(concat("data: model.num_classes is ", num_rows, ", and the data have ", count,
                           count == 1 ? " class (" : " classes (", data::name_classes(classes),
                           "): from class ", count,
                           " on, nothing is learnt; set model.num_classes = ", count,
                           " unless those are to come"));
}

void append(const data::Dataset& from, std::int64_t index, data::Dataset& to) {
  const std::size_t size = from.images.image_bytes();
  const auto first = static_cast<std::ptrdiff_t>(static_cast<std::size_t>(index) * size);
  const auto copy = [&](const auto& samples, auto& result) {
    if (!samples.empty())
      result.insert(result.end(), samples.begin() + first,
                    samples.begin() + first + static_cast<std::ptrdiff_t>(size));
  };
  copy(from.images.pixels, to.images.pixels);
  copy(from.images.values, to.images.values);
  ++to.images.count;
  if (from.labels.empty()) return;
  const std::int64_t label = from.labels[static_cast<std::size_t>(index)];
  to.labels.push_back(label);
  if (label < std::ssize(to.report.classes))
    ++to.report.classes[static_cast<std::size_t>(label)].images;
}

/// The same set without its images.
data::Dataset emptied(const data::Dataset& dataset) {
  data::Dataset empty{.images = {.height = dataset.images.height,
                                 .width = dataset.images.width,
                                 .channels = dataset.images.channels},
                      .kind = dataset.kind,
                      .fitted = dataset.fitted};
  empty.report.classes = data::count_classes(data::class_names_of(dataset.report.classes), {});
  return empty;
}

}  // namespace

data::Dataset hold_out(data::Dataset& dataset, double share) {
  data::Dataset kept = emptied(dataset);
  data::Dataset held_out = emptied(dataset);
  const auto whole = [&](std::int64_t images) {
    return std::floor(static_cast<double>(images) * share);
  };
  for (std::int64_t k = 0; k < dataset.images.count; ++k)
    append(dataset, k, whole(k + 1) > whole(k) ? held_out : kept);
  kept.report.skipped = std::move(dataset.report.skipped);
  kept.report.notices = std::move(dataset.report.notices);
  dataset = std::move(kept);
  return held_out;
}

TrainingData load_training_data(const std::filesystem::path& folder, const TrainConfig& config) {
  const Validation& validation = config.data.validation;
  const auto split = value_named<DataSplit>(validation.source);
  // Before the training pictures are read, which may take long.
  if (!validation.source.empty() && !split && !std::filesystem::exists(validation.source))
    fail(ErrorCode::io, "data.validation: ", validation.source,
         ": no such file or folder; where the held-out pictures have moved, a run is resumed with "
         "--override data.validation=PATH");
  TrainingData data{.training = load(folder, config.data.split, config), .held_out = {}};
  if (validation.share > 0.0) {
    const std::int64_t count = data.training.images.count;
    data.held_out = hold_out(data.training, validation.share);
    require(data.held_out->images.count > 0, "data.validation: a share of ", validation.share,
            " of ", count, " images is less than one; give a larger share");
  } else if (split) {
    require(*split != config.data.split, "data.validation: \"", validation.source,
            "\" is the split that is trained on (data.split); choose the other one");
    data.held_out = load_held_out(folder, *split, config);
    // Without parts of their own, both splits are the same images.
    require(data::fingerprint(*data.held_out) != data::fingerprint(data.training),
            "data.validation: ", folder.string(), " has no \"", validation.source,
            "\" split of its own; give a share, such as 0.05, or another folder");
  } else if (validation.enabled()) {
    data.held_out = load_held_out(validation.source, std::nullopt, config);
    require(data::fingerprint(*data.held_out) != data::fingerprint(data.training),
            "data.validation: ", validation.source, " holds the training pictures");
  }
  // Without names they are numbers; Trainer looks at these.
  if (data.held_out) {
    data::number_as(data::class_names_of(data.training.report.classes), *data.held_out,
                    "data.validation");
    note_shared(data.training.images, *data.held_out);
  }
  return data;
}

std::vector<std::string> skipped_files(const TrainingData& data) {
  std::vector<std::string> files = data.training.report.skipped;
  if (data.held_out) std::ranges::copy(data.held_out->report.skipped, std::back_inserter(files));
  return files;
}

std::vector<std::string> lines_on(const TrainingData& data, const std::filesystem::path& folder,
                                  const TrainConfig& config) {
  const auto& [training, held_out] = data;
  const data::Images& images = training.images;
  std::vector<std::string> lines;
  add_report("data", training.report, lines);
  lines.push_back(concat("data: ", count_of(images.count, "images"), " of ", images.width, "x",
                         images.height, " pixels, ", count_of(images.channels, "channels"), " (",
                         training.kind, "), from ", folder.string()));
  add_classes(training.report.classes, num_real_classes(config.model), lines);
  if (!held_out) return lines;
  add_report("validation", held_out->report, lines);
  const std::int64_t count = held_out->images.count;
  const std::int64_t measured = std::min(count, config.output.validation_count);
  lines.push_back(concat("validation: ", measured == count ? "" : concat(measured, " of "),
                         count_of(count, "held-out images"),
                         measured == count ? "" : ", evenly spaced"));
  return lines;
}

}  // namespace ddim::engine::train
