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

}  // namespace

void ConventionFlag::add_to(Command command) {
  option_ = convention_.add_to(
      command, "--as",
      "Whose sampler: paper (equal steps, nothing clipped), or diffusers (spacing, clipping and "
      "last step as the model's scheduler file says and DDIMScheduler computes them)");
}

void ConventionFlag::refuse_contradictions(const PlanFlags& plan) const {
  if (!given()) return;
  const bool is_paper = convention_.value() == Convention::paper;
  for (const std::string& flag : plan.given()) {
    const bool is_free =
        std::ranges::find(kAlwaysFree, flag) != std::end(kAlwaysFree) ||
        (is_paper && std::ranges::find(kFreeInThePaper, flag) != std::end(kFreeInThePaper));
    if (is_free) continue;
    throw Error(ErrorCode::user, fmt::format("--as {} and {} contradict each other: {}",
                                             is_paper ? "paper" : "diffusers", flag,
                                             is_paper ? "the paper's sampler has no such thing"
                                                      : "the model's scheduler file says it"));
  }
}

Preset ConventionFlag::preset(const PlanFlags& plan, const Model& model) const {
  refuse_contradictions(plan);
  if (convention_.value() == Convention::diffusers) {
    const PlanOptions free = plan.options();
    Preset preset = as_diffusers(model);
    preset.options.steps = free.steps;
    preset.options.eta = free.eta;
    return preset;
  }
  const bool flags_say_all = !given() && std::ranges::any_of(plan.given(), [](const auto& flag) {
    return std::ranges::find(kAlwaysFree, flag) == std::end(kAlwaysFree);
  });
  return {.options = plan.options(),
          .description = flags_say_all ? "as the flags say" : as_paper(model).description};
}

}  // namespace ddim::cli
