#include <ddim/interpolate.h>
#include <ddim/model.h>
#include <ddim/sample.h>
#include <ddim/version.h>
#include <ddim/words.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>

#include "base/error.h"
#include "base/sha256.h"
#include "base/text.h"
#include "io/picture_tensor.h"

namespace ddim {

using namespace engine;
namespace {

/// "drawn", or the SHA-256 of what a sampler starts from instead of drawn noise.
std::string start_text(const SampleOptions& options) {
  if (!options.x_T && !options.init) return "drawn";
  std::vector<float> values = io::to_planes(options.x_T ? *options.x_T : options.init->images);
  if (options.init && options.init->mask) {
    const std::vector<float> mask = io::to_planes(*options.init->mask);
    values.insert(values.end(), mask.begin(), mask.end());
  }
  return sha256_hex(std::as_bytes(std::span(values)));
}

void add_steps(const PlanOptions& plan, Recipe& recipe) {
  recipe["sampler"] = to_string(plan.sampler);
  if (plan.sampler == Sampler::adaptive) {  // which chooses them
    recipe["tolerance"] = number_text(plan.tolerance);
    return;
  }
  recipe["tau"] = to_string(plan.tau);
  const bool is_list = std::holds_alternative<std::vector<double>>(plan.tau);
  if (!is_list) recipe["steps"] = std::to_string(plan.steps);
  if (plan.steps_offset != 0) recipe["steps_offset"] = std::to_string(plan.steps_offset);
}

void add_noise(const PlanOptions& plan, Recipe& recipe) {
  if (std::holds_alternative<SigmaHat>(plan.eta)) {
    recipe["sigma_hat"] = "true";
  } else if (takes_eta(plan.sampler)) {
    recipe["eta"] = number_text(std::get<double>(plan.eta));
  }
}

void add_clip(const PlanOptions& plan, Recipe& recipe) {
  const Clip& clip = plan.clip;
  recipe["clip"] = to_string(clip);
  if (clip.bound == Clip::Bound::range) recipe["clip_range"] = number_text(clip.range);
  if (clip.bound == Clip::Bound::quantile) {
    recipe["threshold"] = number_text(clip.quantile);
    if (std::isfinite(clip.max)) recipe["threshold_max"] = number_text(clip.max);
  }
  if (plan.final_alpha == FinalAlpha::first) recipe["final_alpha"] = "first";
}

void add_class(const ClassChoice& choice, Recipe& recipe) {
  if (!choice.classes.empty()) recipe["class"] = join(choice.classes, ",");
  if (!choice.vectors.empty()) recipe["class"] = "given";
  if (choice.guidance != 1.0) recipe["guidance"] = number_text(choice.guidance);
  if (choice.null_class) recipe["null_class"] = std::to_string(*choice.null_class);
}

void add_origin(const InitImage::Origin& origin, Recipe& recipe) {
  if (!origin.images.empty()) recipe["init_image"] = join(origin.images, ",");
  if (!origin.mask.empty()) recipe["mask"] = origin.mask;
  if (origin.fit != Fit::none) recipe["resize"] = to_string(origin.fit);
}

/// What the model's files do not say; the size is in every recipe.
void add_model_choices(const ModelInfo& info, Recipe& recipe) {
  if (info.weights == WeightSet::raw) recipe["weights"] = "raw";
  const ModelOverrides& given = info.overrides;
  if (given.schedule) recipe["schedule"] = to_string(*given.schedule);
  if (given.beta_start) recipe["beta_start"] = number_text(*given.beta_start);
  if (given.beta_end) recipe["beta_end"] = number_text(*given.beta_end);
  if (given.T) recipe["T"] = std::to_string(*given.T);
  if (given.prediction) recipe["prediction"] = to_string(*given.prediction);
}

template <class Value>
void add_if_new(const Value& value, std::vector<Value>& values) {
  if (std::ranges::find(values, value) == values.end()) values.push_back(value);
}

/// Takes entries out of a recipe, one after the other, as the values of options.
class RecipeReader {
 public:
  explicit RecipeReader(Recipe recipe) : rest_(std::move(recipe)) {}

  void ignore(const std::string& key) { rest_.erase(key); }
  bool has(const std::string& key) const { return rest_.contains(key); }
  const std::string& peek(const std::string& key) const { return rest_.at(key); }

  std::optional<std::string> text(const std::string& key) {
    const auto node = rest_.extract(key);
    return node ? std::optional(node.mapped()) : std::nullopt;
  }
  template <class Number>
  void number(const std::string& key, Number& value) {
    if (const auto entry = text(key)) value = parse<Number>(key, *entry);
  }
  /// A list with commas; `otherwise` where there is none.
  template <class Number>
  std::vector<Number> numbers(const std::string& key, std::vector<Number> otherwise) {
    const auto list = text(key);
    if (!list) return otherwise;
    std::vector<Number> values;
    std::size_t begin = 0;
    while (begin <= list->size()) {
      const std::size_t end = std::min(list->find(',', begin), list->size());
      values.push_back(parse<Number>(key, list->substr(begin, end - begin)));
      begin = end + 1;
    }
    return values;
  }
  bool text_is(const std::string& key, std::string_view value) const {
    const auto entry = rest_.find(key);
    return entry != rest_.end() && entry->second == value;
  }
  template <HasNames Value>
  void choice(const std::string& key, Value& value) {
    const auto entry = text(key);
    if (!entry) return;
    const auto named = value_named<Value>(*entry);
    if (!named) refuse_name<Value>(key, *entry);
    value = *named;
  }
  [[noreturn]] static void refuse(const std::string& key, const std::string& value) {
    fail(ErrorCode::corrupt, "recipe: ", key, " = ", value.substr(0, 60),
         " is not a value that it takes");
  }
  /// `also`: what it takes beside the names.
  template <HasNames Value>
  [[noreturn]] static void refuse_name(const std::string& key, const std::string& value,
                                       const std::string& also = "") {
    fail(ErrorCode::corrupt, "recipe: ", key, ": ",
         problem_of_word(value.substr(0, 60), names_of<Value>()), also);
  }
  void refuse_rest() const {
    for (const auto& [key, value] : rest_)
      fail(ErrorCode::user, "recipe: ", key, " = ", value.substr(0, 60),
           " is not supported by this version of ddim");
  }

 private:
  template <class Number>
  static Number parse(const std::string& key, const std::string& text) {
    Number value{};
    const char* const end = text.data() + text.size();
    const auto [next, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || next != end) refuse(key, text);
    return value;
  }

  Recipe rest_;
};

void read_plan(RecipeReader& recipe, PlanOptions& plan) {
  recipe.choice("sampler", plan.sampler);
  recipe.number("steps", plan.steps);
  const auto is_said = [&](const Named<TauKind>& kind) { return recipe.text_is("tau", kind.name); };
  const auto kinds = Names<TauKind>::all();
  if (const auto kind = std::ranges::find_if(kinds, is_said); kind != kinds.end()) {
    recipe.ignore("tau");
    plan.tau = kind->value;
  } else if (recipe.has("tau")) {
    if (const auto tau = recipe.peek("tau"); tau.find_first_not_of("0123456789.,eE+-") != tau.npos)
      recipe.refuse_name<TauKind>("tau", tau, ", or a list of steps with commas");
    plan.tau = recipe.numbers<double>("tau", {});
  }
  recipe.number("steps_offset", plan.steps_offset);
  recipe.number("tolerance", plan.tolerance);
  if (const auto sigma_hat = recipe.text("sigma_hat")) {
    if (*sigma_hat != "true") recipe.refuse("sigma_hat", *sigma_hat);
    plan.eta = SigmaHat{};
  } else {
    double eta = 0.0;
    recipe.number("eta", eta);
    plan.eta = eta;
  }
  recipe.choice("clip", plan.clip);
  recipe.number("clip_range", plan.clip.range);
  recipe.number("threshold", plan.clip.quantile);
  recipe.number("threshold_max", plan.clip.max);
  recipe.choice("final_alpha", plan.final_alpha);
  recipe.number("strength", plan.strength);
}

}  // namespace

Recipe model_recipe(const Model& model) {
  const ModelInfo& info = model.info();
  Recipe recipe = {
      {"model", info.name},
      {"model_hash", model.weights_hash()},
      {"size", to_string(info.shape)},
      {"precision", std::string(to_string(info.precision))},
      {"Software", concat("ddim ", version())},
  };
  add_model_choices(info, recipe);
  return recipe;
}

Recipe make_recipe(const Model& model, const SampleOptions& options) {
  Recipe recipe = model_recipe(model);
  recipe["seed"] = std::to_string(options.seed);
  recipe["first_image"] = std::to_string(options.first_image);
  recipe["count"] = std::to_string(options.count);
  recipe["x_T"] = start_text(options);
  add_steps(options.plan, recipe);
  add_noise(options.plan, recipe);
  add_clip(options.plan, recipe);
  add_class(options.class_choice, recipe);
  if (options.init || options.plan.strength != 1.0)
    recipe["strength"] = number_text(options.plan.strength);
  if (options.init) {
    recipe["init_by"] = to_string(options.init->by);
    add_origin(options.init->origin, recipe);
  }
  return recipe;
}

Recipe recipe_of_runs(const Model& model, std::span<const SampleOptions> runs) {
  require(!runs.empty(), "recipe: there is no run");
  std::vector<std::uint64_t> seeds;
  std::vector<double> guidances;
  for (const SampleOptions& run : runs) {
    add_if_new(run.seed, seeds);
    add_if_new(run.class_choice.guidance, guidances);
  }
  Recipe recipe = make_recipe(model, runs.front());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    require(runs.size() == seeds.size() * guidances.size() &&
                runs[i].seed == seeds[i / guidances.size()] &&
                runs[i].class_choice.guidance == guidances[i % guidances.size()],
            "several runs must be each of some seeds with each of some values of guidance, none "
            "of them twice");
    SampleOptions alike = runs[i];
    alike.seed = runs.front().seed;
    alike.class_choice.guidance = runs.front().class_choice.guidance;
    require(i == 0 || make_recipe(model, alike) == recipe,
            "several runs may differ in seed and guidance only");
  }
  if (seeds.size() > 1) recipe["seed"] = join(seeds, ",");
  if (guidances.size() > 1) recipe["guidance"] = join(guidances, ",", number_text);
  return recipe;
}

std::vector<SampleOptions> runs_of(const Recipe& recipe) {
  RecipeReader reader(recipe);
  for (const char* key :
       {"model", "model_hash", "size", "precision", "x_T", "Software", "columns", "scale",
        "weights", "schedule", "beta_start", "beta_end", "T", "prediction", "endpoints", "frames"})
    reader.ignore(key);
  if (!reader.has("init_by")) reader.ignore("resize");  // of endpoints
  SampleOptions options;
  read_plan(reader, options.plan);
  reader.number("first_image", options.first_image);
  reader.number("count", options.count);
  const auto seeds = reader.numbers<std::uint64_t>("seed", {options.seed});
  const auto guidances = reader.numbers<double>("guidance", {options.class_choice.guidance});
  if (reader.has("null_class"))
    reader.number("null_class", options.class_choice.null_class.emplace());
  if (reader.text_is("class", "given"))
    fail(ErrorCode::user, "recipe: the class vectors are not in it; give them again");
  options.class_choice.classes = reader.numbers<std::int64_t>("class", {});
  InitImage init;
  if (reader.has("init_by")) {
    reader.choice("init_by", init.by);
    if (const auto names = reader.text("init_image")) init.origin.images = {*names};
    init.origin.mask = reader.text("mask").value_or("");
    reader.choice("resize", init.origin.fit);
    options.init = init;
  }
  reader.refuse_rest();
  std::vector<SampleOptions> runs;
  for (const std::uint64_t seed : seeds) {
    for (const double guidance : guidances) {
      options.seed = seed;
      options.class_choice.guidance = guidance;
      runs.push_back(options);
    }
  }
  return runs;
}

SampleOptions options_of(const Recipe& recipe) {
  std::vector<SampleOptions> runs = runs_of(recipe);
  require(runs.size() == 1, "recipe: seed or guidance is a list: it is that of ", runs.size(),
          " runs; see runs_of()");
  return std::move(runs.front());
}

void check_effects(const Recipe& said) {
  const PlanOptions options = options_of(said).plan;
  for (const auto& [name, value] : said) {
    const std::string problem = why_no_effect(name, options);
    const auto is_default = [&] { return options_of({{name, value}}).plan == PlanOptions{}; };
    require(problem.empty() || is_default(), name, " ", problem);
  }
}

SampleOptions only_pictures(const SampleOptions& options, std::int64_t first, std::int64_t count) {
  require(first >= 0 && count >= 1 && first <= options.count - count, "only_pictures: ", count,
          " from ", first, " on, of ", options.count, " pictures");
  require(!options.x_T || options.x_T->count == options.count,
          "x_T: ", options.x_T ? options.x_T->count : 0, " states; expected ", options.count);
  require(!options.init || options.init->images.count == 1 ||
              options.init->images.count == options.count,
          "init image: ", options.init ? options.init->images.count : 0, " pictures for ",
          options.count, " to draw; expected one, or as many");
  // Bound by name, so that no member is forgotten, and copied one by one: x_T and the init images
  // of thousands of pictures are too large to be copied for each of them.
  const auto& [plan, all, seed, first_image, class_choice, x_T, init, run, preview] = options;
  SampleOptions result{.plan = plan,
                       .count = count,
                       .seed = seed,
                       .first_image = first_image + first,
                       .class_choice = class_choice,
                       .run = run,
                       .preview = preview};
  if (x_T) result.x_T = slice(*x_T, first, count);
  if (init) {
    const auto& [images, by, mask, origin] = *init;
    const auto& [names, mask_name, fit] = origin;
    const bool one_each = images.count > 1, named = one_each && std::ssize(names) == all;
    result.init = {.images = one_each ? slice(images, first, count) : images,
                   .by = by,
                   .mask = mask,
                   .origin = {.images = named ? std::vector(names.begin() + first,
                                                            names.begin() + first + count)
                                              : names,
                              .mask = mask_name,
                              .fit = fit}};
  }
  return result;
}

}  // namespace ddim
