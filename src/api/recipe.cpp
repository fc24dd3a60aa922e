#include <ddim/sample.h>
#include <ddim/version.h>

#include <cmath>
#include <span>

#include "api/number_text.h"
#include "base/error.h"
#include "base/sha256.h"

namespace ddim {
namespace {

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

}  // namespace

Recipe make_recipe(const Model& model, const SampleOptions& options) {
  const ModelInfo& info = model.info();
  Recipe recipe = {
      {"model", info.name},
      {"model_hash", model.weights_hash()},
      {"size", concat(info.resolution, "x", info.resolution, "x", info.channels)},
      {"seed", std::to_string(options.seed)},
      {"first_image", std::to_string(options.first_image)},
      {"count", std::to_string(options.count)},
      {"x_T", options.x_T ? sha256_hex(std::as_bytes(std::span(options.x_T->values))) : "drawn"},
      {"Software", concat("ddim ", version())},
  };
  add_steps(options, recipe);
  add_noise(options, recipe);
  add_clip(options, recipe);
  add_class(options.class_choice, recipe);
  return recipe;
}

SampleOptions only_picture(const SampleOptions& options, std::int64_t index) {
  require(index >= 0 && index < options.count, "only_picture: index ", index, " of ", options.count,
          " pictures");
  SampleOptions result = options;
  result.first_image += index;
  result.count = 1;
  if (result.x_T) {
    FloatImages& x_T = *result.x_T;  // [1,C,H,W]
    const std::int64_t size = x_T.channels * x_T.height * x_T.width;
    const auto first = options.x_T->values.begin() + index * size;
    x_T.values.assign(first, first + size);
    x_T.count = 1;
  }
  return result;
}

}  // namespace ddim
