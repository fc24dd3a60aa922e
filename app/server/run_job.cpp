#include <ddim/interpolate.h>
#include <ddim/plan.h>

#include <algorithm>
#include <cmath>

#include "job_result.h"

namespace ddim::server {
namespace {

/// `options`, told of its steps by numbers that count from its first picture.
void show_to(SampleOptions& options, const ShowPreview& show) {
  if (!show) return;
  options.preview = [first = options.first_image, &show](const StepPreview& preview) {
    show(preview.first_image - first, preview);
  };
}

/// The class of each picture.
std::vector<std::int64_t> classes_of(const SampleOptions& options) {
  const std::vector<std::int64_t>& classes = options.class_choice.classes;
  std::vector<std::int64_t> each;
  if (classes.empty()) return each;
  for (std::int64_t k = 0; k < options.count; ++k)
    each.push_back(classes[static_cast<std::size_t>(options.first_image + k) % classes.size()]);
  return each;
}

void add_recipes(const Model& model, const SampleOptions& options, JobResult& result) {
  const auto recipe_of = [&](std::int64_t k) {
    return make_recipe(model, only_pictures(options, k));
  };
  result.of_first = recipe_of(0);
  for (std::int64_t k = 0; options.x_T && k < options.count; ++k)
    result.starts.push_back(recipe_of(k).at("x_T"));
}

/// `more` after those that are in `all`.
void append(const FloatImages& more, std::optional<FloatImages>& all) {
  all = all ? join(*all, more) : more;
}

JobResult interpolate_ends(const Model& model, const JobRequest& request, SampleOptions options) {
  std::optional<FloatImages> states;
  EncodeOptions encoding = encoding_for(options);
  const std::vector<std::int64_t> numbers =
      numbers_of_ends(std::ssize(request.ends), request.frames);
  for (std::size_t i = 0; i < request.ends.size(); ++i) {
    const End& end = request.ends[i];
    if (end.seed) {
      append(draw_noise(model, *end.seed), states);
    } else if (end.picture.count == 0) {
      check_codes(model, end.codes, end.name);
      append(end.codes.x_T, states);
    } else {
      encoding.first_image = options.first_image + numbers[i];
      append(encode(model, end.picture, encoding).x_T, states);
    }
  }
  options.x_T = interpolate(*states, request.frames, options.run.stop);
  options.count = options.x_T->count;
  JobResult result{.samples = sample(model, options), .columns = request.frames};
  add_recipes(model, options, result);
  std::string& endpoints = result.samples.recipe["endpoints"];
  for (const End& end : request.ends) endpoints += (endpoints.empty() ? "" : ",") + end.name;
  result.samples.recipe["frames"] = std::to_string(request.frames);
  const auto is_picture = [](const End& end) { return end.picture.count > 0; };
  if (request.fit != Fit::none && std::ranges::any_of(request.ends, is_picture))
    result.samples.recipe["resize"] = to_string(request.fit);
  return result;
}

JobResult draw_film(const Model& model, const JobRequest& request, const SampleOptions& options) {
  Filmstrip film = filmstrip(model, {.sample = options, .frames = request.frames});
  film.samples.recipe["frames"] = std::to_string(request.frames);
  JobResult result{.samples = std::move(film.samples), .frames = std::move(film.frames)};
  add_recipes(model, options, result);
  return result;
}

JobResult encode_pictures(const Model& model, const JobRequest& request, const RunOptions& run) {
  JobResult result{.codes = encode(model, request.pictures,
                                   {.plan = request.sample.plan,
                                    .method = request.method,
                                    .dequantise = request.dequantise,
                                    .class_choice = request.sample.class_choice,
                                    .run = run})};
  result.statistics = code_statistics(result.codes.x_T);
  result.samples = {.x_0 = result.codes.x_T,
                    .nfe = std::llround(result.codes.nfe),
                    .seconds = result.codes.seconds};
  return result;
}

JobResult decode_codes(const Model& model, const JobRequest& request, const RunOptions& run) {
  JobResult result{.samples = decode(model, request.codes,
                                     {.clip = request.sample.plan.clip,
                                      .class_choice = request.sample.class_choice,
                                      .run = run})};
  SampleOptions options = options_of(result.samples.recipe);
  options.x_T = request.codes.x_T;
  add_recipes(model, options, result);
  return result;
}

}  // namespace

Recipe recipe_of_picture(const JobResult& result, std::int64_t k) {
  Recipe recipe = result.of_first;
  if (const auto number = recipe.find("first_image"); number != recipe.end())
    number->second = std::to_string(std::stoll(number->second) + k);
  if (!result.starts.empty()) recipe["x_T"] = result.starts[static_cast<std::size_t>(k)];
  return recipe;
}

JobResult run_job(const Model& model, const JobRequest& request, const RunOptions& run,
                  const ShowPreview& preview) {
  if (request.task == Task::encode) return encode_pictures(model, request, run);
  if (request.task == Task::decode) return decode_codes(model, request, run);
  SampleOptions options = request.sample;
  options.run = run;
  show_to(options, preview);
  if (request.task == Task::interpolate) return interpolate_ends(model, request, options);
  if (request.task == Task::filmstrip) return draw_film(model, request, options);
  JobResult result{.samples = sample(model, options), .classes = classes_of(options)};
  add_recipes(model, options, result);
  return result;
}

bool fit_together(const JobRequest& a, const JobRequest& b, const Model& described) {
  const auto can_be_shared = [&](const JobRequest& request) {
    if (request.task != Task::sample || request.sample.init ||
        !request.sample.class_choice.vectors.empty())
      return false;
    const Plan plan = make_plan(described, request.sample.plan);
    return !plan.is_adaptive() && !draws_noise(plan);
  };
  const ClassChoice &of_a = a.sample.class_choice, &of_b = b.sample.class_choice;
  return a.model == b.model && a.sample.plan == b.sample.plan && of_a.guidance == of_b.guidance &&
         of_a.null_class == of_b.null_class && of_a.classes.empty() == of_b.classes.empty() &&
         can_be_shared(a) && can_be_shared(b);
}

// Pictures begin with the noise that each request's own would be drawn from; nothing else in them
// depends on seeds and numbers.
std::vector<JobResult> run_together(
    const Model& model, std::span<const JobRequest* const> requests, const RunOptions& run,
    const std::function<void(std::size_t request, std::int64_t first, const StepPreview&)>&
        preview) {
  SampleOptions all = requests.front()->sample;
  all.run = run;
  all.seed = 0;
  all.first_image = all.count = 0;
  all.class_choice.classes.clear();
  std::vector<std::int64_t> ends;  // of the requests' pictures among all
  for (const JobRequest* request : requests) {
    const SampleOptions& one = request->sample;
    append(draw_noise(model, one.seed, one.count, one.first_image), all.x_T);
    const std::vector<std::int64_t> classes = classes_of(one);
    all.class_choice.classes.insert(all.class_choice.classes.end(), classes.begin(), classes.end());
    ends.push_back(all.count += one.count);
  }
  const auto begin_of = [&](std::size_t i) { return i == 0 ? 0 : ends[i - 1]; };
  if (preview) {
    all.preview = [&](const StepPreview& of_some) {
      const std::int64_t from = of_some.first_image, to = from + of_some.x_t.count;
      for (std::size_t i = 0; i < ends.size(); ++i) {
        const std::int64_t begin = std::max(from, begin_of(i)), end = std::min(to, ends[i]);
        if (begin >= end) continue;
        StepPreview part{.first_image = begin,
                         .step = of_some.step,
                         .t = of_some.t,
                         .t_prev = of_some.t_prev,
                         .is_last = of_some.is_last,
                         .x_t = slice(of_some.x_t, begin - from, end - begin),
                         .x0_pred = slice(of_some.x0_pred, begin - from, end - begin)};
        preview(i, begin - begin_of(i), part);
      }
    };
  }
  const Samples samples = sample(model, all);
  std::vector<JobResult> results;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const SampleOptions& one = requests[i]->sample;
    results.push_back({.samples = {.x_0 = slice(samples.x_0, begin_of(i), one.count),
                                   .nfe = samples.nfe,
                                   .seconds = samples.seconds,
                                   .peak_memory_bytes = samples.peak_memory_bytes,
                                   .recipe = make_recipe(model, one)},
                       .classes = classes_of(one)});
    add_recipes(model, one, results.back());
  }
  return results;
}

}  // namespace ddim::server
