#include "convention_flag.h"

#include <ddim/error.h>
#include <fmt/core.h>

#include <algorithm>
#include <string_view>

namespace ddim::cli {
namespace {

// What stays free under a convention.
constexpr std::string_view kAlwaysFree[] = {"--steps", "--eta"};
constexpr std::string_view kFreeInThePaper[] = {"--tau", "--sampler", "--sigma-hat", "--tolerance"};

/// "sampler unipc, 10 steps, linear, no clipping"
std::string description_of(const PlanOptions& options) {
  std::string text = fmt::format("with sampler {}", to_string(options.sampler));
  if (options.sampler != Sampler::adaptive) {
    const auto* list = std::get_if<std::vector<double>>(&options.tau);
    const std::size_t steps =
        list != nullptr ? list->size() : static_cast<std::size_t>(options.steps);
    text += fmt::format(", {} {}, {}", steps, steps == 1 ? "step" : "steps",
                        list != nullptr ? "custom" : to_string(options.tau));
  }
  const bool clips = options.clip.bound != Clip::Bound::none;
  return text + (clips ? fmt::format(", clipping {}", to_string(options.clip)) : ", no clipping");
}

}  // namespace

void ConventionFlag::add_to(Command command, const PlanFlags& plan) {
  option_ = convention_.add_to(
      command, "--as",
      "Sampling convention: paper (evenly spaced steps, no clipping) or diffusers (spacing, "
      "clipping and last step from the model's scheduler file, as in DDIMScheduler)");
  for (const Option option : plan.all())
    option_.excludes(option, [this, option] { return problem_of(option); });
}

std::string ConventionFlag::problem_of(Option option) const {
  const bool is_paper = convention_.value() == Convention::paper;
  const std::string flag = option.name();
  const bool is_free =
      std::ranges::find(kAlwaysFree, flag) != std::end(kAlwaysFree) ||
      (is_paper && std::ranges::find(kFreeInThePaper, flag) != std::end(kFreeInThePaper));
  if (is_free) return "";
  return fmt::format("{} {} and {} cannot be combined: {}", option_.cause(),
                     to_string(convention_.value()), option.cause(),
                     is_paper ? "the paper's sampler does not have this option"
                              : "--as diffusers takes this from the scheduler file");
}

Preset ConventionFlag::preset(const PlanFlags& plan, const PlanOptions& said,
                              const Model& model) const {
  const PlanOptions options = plan.fitted_to(model.info().process.T, said);
  if (convention_.value() == Convention::diffusers) {
    Preset preset = as_diffusers(model);
    preset.options.steps = options.steps;
    preset.options.eta = options.eta;
    return preset;
  }
  const bool is_the_papers = std::ranges::all_of(plan.given(), [](const auto& flag) {
    return std::ranges::find(kAlwaysFree, flag) != std::end(kAlwaysFree);
  });
  return {.options = options,
          .description = is_the_papers ? as_paper(model).description : description_of(options)};
}

}  // namespace ddim::cli
