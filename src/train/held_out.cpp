#include "train/held_out.h"

#include <cmath>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "data/class_list.h"

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
  TrainingData data{.training = load(folder, config.data.split, config), .held_out = {}};
  const Validation& validation = config.data.validation;
  if (validation.share > 0.0) {
    const std::int64_t count = data.training.images.count;
    data.held_out = hold_out(data.training, validation.share);
    require(data.held_out->images.count > 0, "data.validation: a share of ", validation.share,
            " of ", count, " images is less than one; give a larger share");
  } else if (const auto split = value_named<DataSplit>(validation.source)) {
    require(*split != config.data.split, "data.validation: \"", validation.source,
            "\" is the split that is trained on (data.split); choose the other one");
    data.held_out = load(folder, *split, config);
    // Without parts of their own, both splits are the same images.
    require(data::fingerprint(*data.held_out) != data::fingerprint(data.training),
            "data.validation: ", folder.string(), " has no \"", validation.source,
            "\" split of its own; give a share, such as 0.05, or another folder");
  } else if (validation.enabled()) {
    data.held_out = load(validation.source, std::nullopt, config);
    require(data::fingerprint(*data.held_out) != data::fingerprint(data.training),
            "data.validation: ", validation.source, " holds the training pictures");
  }
  // Without names they are numbers; Trainer looks at these.
  if (data.held_out)
    data::number_as(data::class_names_of(data.training.report.classes), *data.held_out,
                    "data.validation");
  return data;
}

}  // namespace ddim::engine::train
