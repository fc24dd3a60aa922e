#include <ddim/sample.h>
#include <ddim/version.h>

#include <cmath>
#include <span>

#include "api/number_text.h"
#include "base/error.h"
#include "base/sha256.h"

namespace ddim {
namespace {

/// "drawn", or the SHA-256 of what a sampler starts from instead of drawn noise.
std::string start_text(const SampleOptions& options) {
  std::vector<float> values;
  if (options.x_T) values = options.x_T->values;
  if (options.init) {
    values = options.init->images.values;
    if (options.init->mask) {
      const std::vector<float>& mask = options.init->mask->values;
      values.insert(values.end(), mask.begin(), mask.end());
    }
  }
  return values.empty() ? "drawn" : sha256_hex(std::as_bytes(std::span(values)));
}

/// "3,1,4"
std::string list_text(const std::vector<std::int64_t>& numbers) {
  std::string text;
  for (const std::int64_t number : numbers) text += concat(text.empty() ? "" : ",", number);
  return text;
}

void add_steps(const SampleOptions& options, Recipe& recipe) {
  recipe["sampler"] = to_string(options.sampler);
  if (options.sampler == Sampler::adaptive) {  // which chooses them
    recipe["tolerance"] = number_text(options.details.tolerance);
    return;
  }
  recipe["tau"] = to_string(options.tau);
  const bool is_list = std::holds_alternative<std::vector<double>>(options.tau);
  if (!is_list) recipe["steps"] = std::to_string(options.steps);
  if (options.details.steps_offset != 0)
    recipe["steps_offset"] = std::to_string(options.details.steps_offset);
}

void add_noise(const SampleOptions& options, Recipe& recipe) {
  if (std::holds_alternative<SigmaHat>(options.eta)) {
    recipe["sigma_hat"] = "true";
  } else if (options.sampler == Sampler::ddim || options.sampler == Sampler::euler) {
    recipe["eta"] = number_text(std::get<double>(options.eta));
  }
}

void add_clip(const SampleOptions& options, Recipe& recipe) {
  const SamplerDetails& details = options.details;
  recipe["clip"] = to_string(options.clip);
  if (options.clip == Clip::keep_eps || options.clip == Clip::rederive_eps)
    recipe["clip_range"] = number_text(details.clip_range);
  if (options.clip == Clip::threshold_keep_eps || options.clip == Clip::threshold_rederive_eps) {
    recipe["threshold"] = number_text(details.threshold_ratio);
    if (std::isfinite(details.threshold_max))
      recipe["threshold_max"] = number_text(details.threshold_max);
  }
  if (details.final_alpha == FinalAlpha::first) recipe["final_alpha"] = "first";
}

void add_class(const ClassChoice& choice, Recipe& recipe) {
  if (!choice.classes.empty()) recipe["class"] = list_text(choice.classes);
  if (!choice.vectors.empty()) recipe["class"] = "given";
  if (choice.guidance != 1.0) recipe["guidance"] = number_text(choice.guidance);
  if (choice.null_class) recipe["null_class"] = std::to_string(*choice.null_class);
}

/// Image `index` of them.
FloatImages only_image(const FloatImages& images, std::int64_t index) {
  FloatImages one = images;  // [1,C,H,W]
  const std::int64_t size = images.channels * images.height * images.width;
  const auto first = images.values.begin() + index * size;
  one.values.assign(first, first + size);
  one.count = 1;
  return one;
}

}  // namespace

Recipe make_recipe(const Model& model, const SampleOptions& options) {
  const ModelInfo& info = model.info();
  Recipe recipe = {
      {"model", info.name},
      {"model_hash", model.weights_hash()},
      {"size", concat(info.resolution, "x", info.resolution, "x", info.channels)},
      {"precision", info.precision == Precision::bf16 ? "bf16" : "fp32"},
      {"seed", std::to_string(options.seed)},
      {"first_image", std::to_string(options.first_image)},
      {"count", std::to_string(options.count)},
      {"x_T", start_text(options)},
      {"Software", concat("ddim ", version())},
  };
  add_steps(options, recipe);
  add_noise(options, recipe);
  add_clip(options, recipe);
  add_class(options.class_choice, recipe);
  if (options.init) {
    recipe["strength"] = number_text(options.init->strength);
    recipe["init_by"] = options.init->by == InitBy::noise ? "noise" : "encoding";
  }
  return recipe;
}

SampleOptions only_picture(const SampleOptions& options, std::int64_t index) {
  require(index >= 0 && index < options.count, "only_picture: index ", index, " of ", options.count,
          " pictures");
  SampleOptions result = options;
  result.first_image += index;
  result.count = 1;
  if (result.x_T) result.x_T = only_image(*options.x_T, index);
  if (result.init && options.init->images.count > 1)
    result.init->images = only_image(options.init->images, index);
  return result;
}

}  // namespace ddim
