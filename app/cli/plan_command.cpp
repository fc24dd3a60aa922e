#include <ddim/plan.h>
#include <fmt/core.h>

#include <filesystem>
#include <memory>

#include "commands.h"
#include "model_flag.h"
#include "plan_flags.h"

namespace ddim::cli {
namespace {

struct Flags {
  ModelFlag model;
  LinearBetas betas;
  PlanFlags plan;
  bool json = false;
};

void run(const Flags& flags) {
  const PlanOptions options = flags.plan.options();
  const Plan plan = flags.model.given() ? make_plan(Model::load(flags.model.folder()), options)
                                        : make_plan(flags.betas, options);
  if (!plan.note.empty()) fmt::print(stderr, "ddim: {}\n", plan.note);
  if (flags.json) {
    fmt::print("{}\n", plan.json);
  } else {
    fmt::print("{}", plan.table);
  }
}

}  // namespace

void add_plan_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "plan", "Print what a sampler will do: tau, sqrt(alpha_bar), sigma, network calls");
  command->fallthrough();
  const auto flags = std::make_shared<Flags>();
  CLI::Option* model = flags->model.add_to(*command);
  command->add_option("--T", flags->betas.T, "Without a model: training steps")
      ->capture_default_str()
      ->excludes(model);
  command->add_option("--beta-start", flags->betas.beta_start, "Without a model: the first beta")
      ->capture_default_str()
      ->excludes(model);
  command->add_option("--beta-end", flags->betas.beta_end, "Without a model: the last beta")
      ->capture_default_str()
      ->excludes(model);
  flags->plan.add_to(*command);
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
