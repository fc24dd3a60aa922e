#include <ddim/consistency.h>
#include <ddim/interpolate.h>
#include <fmt/core.h>

#include <memory>

#include "commands.h"
#include "interrupts.h"
#include "json_object.h"
#include "picture_output.h"
#include "plan_flags.h"
#include "run_flags.h"
#include "tau_flags.h"

namespace ddim::cli {
namespace {

struct Flags {
  RunFlags run;
  ConsistencyOptions options;
  TauKindFlag tau;
  ClipFlag clip;
  OverwriteFlag overwrite;
  PictureOutput out;
};

/// A row for each number of steps.
void write_rows(const Flags& flags, const std::vector<ConsistencyAt>& rows) {
  FloatImages pictures = rows.front().x_0;
  std::string steps = std::to_string(rows.front().steps);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    pictures = join(pictures, rows[i].x_0);
    steps += "," + std::to_string(rows[i].steps);
  }
  flags.out.write(pictures, rows.front().x_0.count,
                  {{"ddim", "consistency: seed " + std::to_string(flags.options.sample.seed) +
                                ", rows of " + steps + " steps"}},
                  flags.overwrite.value());
}

void print_table(const std::vector<ConsistencyAt>& rows) {
  fmt::print(
      "Distance to the {}-step pictures from the same noise: root mean squared error per element,\n"
      "black 0 and white 1, mean of {} {} with its 95 % interval\n\n{:>6}  {:>8}\n",
      rows.back().steps, rows.back().x_0.count, rows.back().x_0.count == 1 ? "picture" : "pictures",
      "S", "distance");
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    fmt::print("{:>6}  {:>8.4f}  +- {:.4f}\n", rows[i].steps, rows[i].distance,
               rows[i].half_width_95);
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
  fmt::print("{}\n", JsonObject()
                         .add("images", rows.back().x_0.count)
                         .add("reference_steps", rows.back().steps)
                         .add_text("distances", "[" + text + "]")
                         .add("out", out)
                         .text());
}

void run(const Flags& flags) {
  const Interrupts interrupts;
  flags.out.check(flags.overwrite.value());
  ConsistencyOptions options = flags.options;
  options.sample.plan = {.tau = flags.tau.value(), .clip = flags.clip.value()};
  options.sample.class_choice = flags.run.class_choice();
  options.sample.run = flags.run.options(interrupts.token());
  const Model model = flags.run.load_model(interrupts.token());
  const std::int64_t count = options.sample.count;
  flags.out.check(model.info().shape, count * (std::ssize(options.steps) + 1), count);
  const std::vector<ConsistencyAt> rows = consistency(model, options);
  write_rows(flags, rows);
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
  const auto flags = std::make_shared<Flags>();
  ConsistencyOptions& options = flags->options;
  command.add_option("--steps", options.steps, "Numbers of steps, each 1 to T; one row each")
      .delimiter(',')
      .positive()
      .show_default("10,20,50,100,200,500")
      .type_name("LIST");
  command
      .add_option("--reference", options.reference_steps,
                  "Number of steps of the last row, the reference for the others")
      .positive()
      .show_default();
  flags->out.add_to(command, "one row per number of steps").required();
  command.add_option("--count", options.sample.count, "Pictures per row").positive().show_default();
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
