#include <ddim/error.h>
#include <ddim/model.h>
#include <ddim/plan.h>
#include <fmt/core.h>

#include <filesystem>
#include <memory>

#include "commands.h"
#include "convention_flag.h"
#include "model_flag.h"
#include "model_override_flags.h"
#include "number_list.h"
#include "plan_flags.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

struct PlanCommandFlags {
  ModelFlag model;
  ModelOverrideFlags overrides;
  std::string betas;
  bool zero_terminal_snr = false;
  PlanFlags plan;
  ConventionFlag convention;
  bool json = false;
};

ForwardProcess process_of(const PlanCommandFlags& flags) {
  const ModelOverrides given = flags.overrides.overrides();
  if (given.height)
    throw Error(ErrorCode::user, "--size needs --model: a plan does not depend on the size");
  ForwardProcess process;
  process.schedule = given.schedule.value_or(process.schedule);
  process.beta_start = given.beta_start.value_or(process.beta_start);
  process.beta_end = given.beta_end.value_or(process.beta_end);
  process.T = given.T.value_or(process.T);
  process.prediction = given.prediction.value_or(process.prediction);
  if (!flags.betas.empty()) {
    process.schedule = BetaKind::list;
    process.betas = flags.betas.starts_with('@') ? read_numbers(flags.betas.substr(1))
                                                 : parse_numbers(flags.betas, "--betas");
  }
  if (flags.zero_terminal_snr) process.terminal_snr = TerminalSnr::zero;
  return process;
}

Plan plan_of_model(const PlanCommandFlags& flags, const PlanOptions& asked) {
  const Model model =
      Model::without_weights(flags.model.folder(), {.overrides = flags.overrides.overrides()});
  const auto [options, convention] = flags.convention.preset(flags.plan, asked, model);
  if (!flags.json) print_err("ddim: sampling {}\n", convention);
  return make_plan(model, options);
}

Plan plan_of_process(const PlanCommandFlags& flags, const PlanOptions& asked) {
  const ForwardProcess process = process_of(flags);
  const std::int64_t T = process.schedule == BetaKind::list ? std::ssize(process.betas) : process.T;
  return make_plan(process, flags.plan.fitted_to(T, asked));
}

void run(const PlanCommandFlags& flags) {
  const PlanOptions options = flags.plan.options();
  if (flags.convention.given() && !flags.model.given())
    throw Error(ErrorCode::user, "--as needs --model, because it reads the model's scheduler file");
  const Plan plan =
      flags.model.given() ? plan_of_model(flags, options) : plan_of_process(flags, options);
  if (!plan.note.empty()) print_err("ddim: {}\n", plan.note);
  if (flags.json) {
    print_out("{}\n", to_json(plan));
  } else {
    print_out("{}", to_table(plan));
  }
}

}  // namespace

void add_plan_command(Command root) {
  const Command command = root.add_command(
      "plan",
      "Print the steps of a sampler: t, sqrt(alpha_bar), sigma and number of network calls");
  const auto flags = std::make_shared<PlanCommandFlags>();
  const Option model = flags->model.add_model_to(command);
  flags->model.add_pull_to(command).needs(model);
  flags->overrides.add_to(command);
  const Option betas = command
                           .add_option("--betas", flags->betas,
                                       "Comma-separated betas, or @FILE, if no --model is given")
                           .type_name("LIST")
                           .excludes(model);
  for (const char* name : {"--T", "--beta-start", "--beta-end", "--schedule"})
    betas.excludes(*command.find_option(name));
  command
      .add_flag("--zero-terminal-snr", flags->zero_terminal_snr,
                "Without --model: rescale the betas so that the last step is pure noise")
      .excludes(model);
  flags->plan.add_to(command);
  flags->convention.add_to(command, flags->plan);
  command.add_flag("--json", flags->json, "Print one JSON object");
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
