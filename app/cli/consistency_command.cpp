#include <ddim/consistency.h>
#include <ddim/error.h>
#include <ddim/interpolate.h>
#include <fmt/core.h>

#include <algorithm>
#include <memory>

#include "commands.h"
#include "interrupts.h"
#include "json_object.h"
#include "picture_output.h"
#include "plan_flags.h"
#include "run_flags.h"
#include "tau_flags.h"
#include "terminal.h"

namespace ddim::cli {
namespace {

struct ConsistencyCommandFlags {
  RunFlags run;
  ConsistencyOptions options;
  Option steps_option, reference_option;
  TauKindFlag tau;
  ClipFlag clip;
  OverwriteFlag overwrite;
  PictureOutput out;
};

/// A row for each number of steps, which says it.
GridOptions grid_of(const ConsistencyCommandFlags& flags, const PictureShape& shape) {
  const std::int64_t count = flags.options.sample.count;
  std::vector<std::string> labels;
  for (const std::int64_t steps : flags.options.steps)
    labels.push_back(fmt::format("S = {}", steps));
  labels.push_back(fmt::format("S = {}", flags.options.reference_steps));
  GridOptions grid = flags.out.grid(count * std::ssize(labels), shape, count);
  grid.row_labels = labels;
  return grid;
}

void write_rows(const ConsistencyCommandFlags& flags, const std::vector<ConsistencyAt>& rows,
                const GridOptions& grid) {
  FloatImages pictures = rows.front().x_0;
  std::string steps = std::to_string(rows.front().steps);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    pictures = join(pictures, rows[i].x_0);
    steps += "," + std::to_string(rows[i].steps);
  }
  flags.out.write(pictures, grid,
                  {{"ddim", "consistency: seed " + std::to_string(flags.options.sample.seed) +
                                ", rows of " + steps + " steps"}},
                  flags.overwrite.value());
}

void print_table(const std::vector<ConsistencyAt>& rows) {
  print_out(
      "Distance to the {}-step pictures from the same noise:\n"
      "root mean squared error per element, black 0 and white 1,\n"
      "mean of {} {} with its 95 % interval\n\n{:>6}  {:>8}\n",
      rows.back().steps, rows.back().x_0.count, rows.back().x_0.count == 1 ? "picture" : "pictures",
      "S", "distance");
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    print_out("{:>6}  {:>8.4f}  {}\n", rows[i].steps, rows[i].distance,
              number_or_dash("+- {:.4f}", rows[i].half_width_95));
  }
}

void print_json(const std::vector<ConsistencyAt>& rows, const std::string& out) {
  std::string text;
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    text += (i == 0 ? "" : ",") + JsonObject()
                                      .add("steps", rows[i].steps)
                                      .add("distance", rows[i].distance)
                                      .add("half_width_95", rows[i].half_width_95)
                                      .text();
  }
  print_out("{}\n", JsonObject()
                        .add("images", rows.back().x_0.count)
                        .add("reference_steps", rows.back().steps)
                        .add_text("distances", "[" + text + "]")
                        .add("out", out)
                        .text());
}

/// Defaults that a model of T steps can take. Error(user), naming --reference, where that is more.
void fit_to(std::int64_t T, ConsistencyCommandFlags& flags) {
  ConsistencyOptions& options = flags.options;
  if (!flags.reference_option.given())
    options.reference_steps = std::min(options.reference_steps, T);
  if (options.reference_steps > T)
    throw Error(ErrorCode::user,
                fmt::format("{} must be between 1 and {}, the model's T; got {}",
                            flags.reference_option.cause(), T, options.reference_steps));
  if (flags.steps_option.given()) return;
  options.steps = usual_steps(options.steps, options.reference_steps);
  // It would be the same row as the reference.
  if (options.steps.size() > 1) std::erase(options.steps, options.reference_steps);
}

void run(ConsistencyCommandFlags& flags) {
  const Interrupts interrupts;
  flags.out.check(flags.overwrite.value());
  const Model described = flags.run.model_without_weights(interrupts.token());
  const PictureShape shape = described.info().shape;
  fit_to(described.info().process.T, flags);
  ConsistencyOptions options = flags.options;
  options.sample.plan = {.tau = flags.tau.value(), .clip = flags.clip.value()};
  options.sample.class_choice = flags.run.class_choice(described);
  options.sample.run = flags.run.options(interrupts.token());
  std::vector<std::int64_t> all_steps = options.steps;
  all_steps.push_back(options.reference_steps);
  for (const std::int64_t steps : all_steps) {
    PlanOptions plan = options.sample.plan;
    plan.steps = steps;
    flags.run.checked_plan(described, plan, options.sample.class_choice);
  }
  const GridOptions grid = grid_of(flags, shape);
  flags.out.check(shape, options.sample.count * std::ssize(grid.row_labels), grid);
  const Model model = flags.run.load_model(interrupts.token());
  const std::vector<ConsistencyAt> rows = consistency(model, options);
  write_rows(flags, rows, grid);
  if (flags.run.json()) {
    print_json(rows, flags.out.path().string());
  } else {
    print_table(rows);
  }
}

}  // namespace

void add_consistency_command(Command root) {
  const Command command = root.add_command(
      "consistency", "Draw the same noise with different numbers of steps (the paper's figure 5)");
  const auto flags = std::make_shared<ConsistencyCommandFlags>();
  ConsistencyOptions& options = flags->options;
  flags->steps_option =
      command.add_option("--steps", options.steps, "Numbers of steps, each 1 to T; one row each")
          .delimiter(',')
          .positive()
          .show_default("10,20,50,100,200,500")
          .type_name("LIST");
  flags->reference_option =
      command
          .add_option("--reference", options.reference_steps,
                      "Number of steps of the last row, the reference for the others; at most T")
          .positive()
          .show_default();
  flags->out.add_to(command, "one row per number of steps").required();
  command.add_option("--count", options.sample.count, "Pictures per row")
      .within(1, kMostPictures)
      .show_default();
  command.add_option("--seed", options.sample.seed, "Random seed")
      .envname("DDIM_SEED")
      .non_negative()
      .show_default();
  flags->tau.add_to(command);
  flags->clip.add_to(command, "Clamp the predicted x_0 in each step, as in ddim sample");
  flags->run.add_to(command).required();
  flags->overwrite.add_to(command);
  command.callback([flags] { run(*flags); });
}

}  // namespace ddim::cli
