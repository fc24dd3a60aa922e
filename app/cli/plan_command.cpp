#include <ddim/error.h>
#include <ddim/model.h>
#include <ddim/plan.h>
#include <fmt/core.h>

#include <filesystem>
#include <memory>

#include "commands.h"
#include "convention_flag.h"
#include "model_flag.h"
#include "number_list.h"
#include "plan_flags.h"

namespace ddim::cli {
namespace {

struct Flags {
  ModelFlag model;
  ForwardProcess process;
  ChoiceFlag<BetaKind> schedule;
  std::string betas;
  bool zero_terminal_snr = false;
  ChoiceFlag<Prediction> prediction;
  PlanFlags plan;
  ConventionFlag convention;
  bool json = false;
};

ForwardProcess process_of(const Flags& flags) {
  ForwardProcess process = flags.process;
  process.schedule = flags.schedule.value();
  if (!flags.betas.empty()) {
    process.schedule = BetaKind::list;
    process.betas = flags.betas.starts_with('@') ? read_numbers(flags.betas.substr(1))
                                                 : parse_numbers(flags.betas, "--betas");
  }
  if (flags.zero_terminal_snr) process.terminal_snr = TerminalSnr::zero;
  process.prediction = flags.prediction.value();
  return process;
}

Plan plan_of_model(const Flags& flags, const PlanOptions& asked) {
  const Model model = Model::load(flags.model.folder());
  const auto [options, convention] = flags.convention.preset(flags.plan, asked, model);
  if (!flags.json) fmt::print(stderr, "ddim: sampling {}\n", convention);
  return make_plan(model, options);
}

void run(const Flags& flags) {
  const PlanOptions options = flags.plan.options();
  if (flags.convention.given() && !flags.model.given())
    throw Error(ErrorCode::user, "--as needs --model, because it reads the model's scheduler file");
  const Plan plan =
      flags.model.given() ? plan_of_model(flags, options) : make_plan(process_of(flags), options);
  if (!plan.note.empty()) fmt::print(stderr, "ddim: {}\n", plan.note);
  if (flags.json) {
    fmt::print("{}\n", to_json(plan));
  } else {
    fmt::print("{}", to_table(plan));
  }
}

}  // namespace

void add_plan_command(Command root) {
  const Command command = root.add_command(
      "plan",
      "Print the steps of a sampler: t, sqrt(alpha_bar), sigma and number of network calls");
  command.fallthrough();
  const auto flags = std::make_shared<Flags>();
  const Option model = flags->model.add_to(command);
  flags->schedule.leave_out(BetaKind::list);
  ForwardProcess& process = flags->process;
  const std::vector<Option> without_model = {
      command.add_option("--T", process.T, "Number of training steps, if no --model is given")
          .show_default(),
      command.add_option("--beta-start", process.beta_start, "First beta, if no --model is given")
          .show_default(),
      command.add_option("--beta-end", process.beta_end, "Last beta, if no --model is given")
          .show_default(),
      flags->schedule.add_to(command, "--schedule",
                             "Beta schedule, if no --model is given: linear, scaled-linear, cosine "
                             "or sigmoid")};
  for (const Option option : without_model) option.excludes(model);
  const Option betas = command
                           .add_option("--betas", flags->betas,
                                       "Comma-separated betas, or @FILE, if no --model is given")
                           .type_name("LIST")
                           .excludes(model);
  for (const Option option : without_model) betas.excludes(option);
  command
      .add_flag("--zero-terminal-snr", flags->zero_terminal_snr,
                "Without --model: rescale the betas so that the last step is pure noise")
      .excludes(model);
  flags->prediction
      .add_to(command, "--prediction", "Without --model: what the network predicts: eps, x0 or v")
      .excludes(model);
  flags->convention.add_to(command);
  flags->plan.add_to(command);
  command.add_flag("--json", flags->json, "Print one JSON object");
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
